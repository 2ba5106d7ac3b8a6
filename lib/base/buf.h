/* A growing run of bytes with a named maximum. */
#ifndef CHAT_BASE_BUF_H
#define CHAT_BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

#include <libchat/alloc.h>
#include <libchat/status.h>

struct buf {
    const struct chat_allocator *allocator;
    uint8_t *bytes;
    size_t len;
    size_t cap;
    size_t max; /* len never exceeds it */
};

void buf_init(struct buf *b, const struct chat_allocator *allocator, size_t max);
void buf_fini(struct buf *b); /* keeps allocator and max: usable again */

/* Room for `extra` more bytes; *out_room points at the end. buf_commit() takes them in.
 * Errors: CHAT_E_TOO_LARGE past max, CHAT_E_NOMEM. The content is unchanged then. */
chat_status buf_reserve(struct buf *b, size_t extra, uint8_t **out_room);
void buf_commit(struct buf *b, size_t used);
chat_status buf_append(struct buf *b, const void *bytes, size_t len);
/* Drops the first `len` bytes. */
void buf_consume(struct buf *b, size_t len);
/* len = 0, memory is kept. */
void buf_clear(struct buf *b);

#endif
