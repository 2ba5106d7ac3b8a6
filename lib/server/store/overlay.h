/*
 * overlay: what is synced but not yet seen by every read as applied, by key.
 *
 * The latest row of a key wins. Rows wait in the order of their positions:
 *
 *   put -> fresh -- capture --> captured -- applied, and no older read at work --> gone
 *
 * A captured row's bytes are lent to the engine until overlay_returned(), so a newer
 * row of its key takes its place without freeing it.
 */
#ifndef CHAT_SERVER_STORE_OVERLAY_H
#define CHAT_SERVER_STORE_OVERLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libchat/alloc.h>
#include <libchat/status.h>

#include "base/list.h"
#include "base/table.h"
#include "server/store/engine.h"

struct overlay_prefix; /* the rows of one (table, k1) */

struct overlay_row {
    struct table_node node;
    struct list_node order;  /* in fresh, captured or retired */
    struct list_node beside; /* in its prefix */
    struct overlay_prefix *prefix;
    struct engine_key key;
    uint64_t position;
    uint32_t table;
    bool deleted;
    bool captured;
    size_t len;
    size_t room;
    uint8_t bytes[];
};

struct overlay {
    const struct chat_allocator *allocator;
    struct table rows;
    struct table prefixes;
    struct list fresh, captured, retired;
    size_t fresh_count;
    size_t fresh_bytes;
    size_t bytes; /* of all rows, their structs included */
    bool lent;
};

void overlay_init(struct overlay *o, const struct chat_allocator *allocator);
void overlay_fini(struct overlay *o); /* zeroed storage is fine */

/* Puts the row; value NULL deletes it. Errors: CHAT_E_NOMEM, nothing has changed. */
chat_status overlay_put(struct overlay *o, uint32_t table, struct engine_key key,
                        const uint8_t *value, size_t len, uint64_t position);
/* Puts an encoded protobuf-c message. */
chat_status overlay_put_message(struct overlay *o, uint32_t table, struct engine_key key,
                                const void *message, uint64_t position);

/* NULL: the table knows best. Borrowed until the next put or sweep. */
const struct overlay_row *overlay_find(const struct overlay *o, uint32_t table,
                                       struct engine_key key);

/* Walks the rows of one (table, k1), in no order: NULL starts, NULL is the end. Only for
 * what is loaded with a home: MEMBER, LIST, CURSOR, RECEIPT, SETTING, DEVICE and TOMBSTONE. */
const struct overlay_row *overlay_next_under(const struct overlay *o, uint32_t table, uint64_t k1,
                                             const struct overlay_row *row);

/* Lends all fresh rows: fills out_rows, of room for fresh_count. One loan at a time. */
void overlay_capture(struct overlay *o, struct engine_row *out_rows);
void overlay_returned(struct overlay *o);

/* Drops captured rows up to `position`, at most `max`. True when more is to do. */
bool overlay_sweep(struct overlay *o, uint64_t position, size_t max);

#endif
