/*
 * engine_rows: the rows of one shard in memory, ordered by (table, key). A skip list
 * whose heights come from the keys, so the same rows make the same list everywhere.
 */
#ifndef CHAT_SERVER_STORE_ENGINE_ROWS_H
#define CHAT_SERVER_STORE_ENGINE_ROWS_H

#include "server/store/engine.h"

#define ENGINE_ROWS_LEVELS 16

struct rows_node;

struct engine_rows {
    const struct chat_allocator *allocator;
    struct rows_node *first[ENGINE_ROWS_LEVELS];
    struct rows_node *last;
    size_t count;
};

/* < 0, 0, > 0: unsigned order of the table, then k1, k2, k3. */
int engine_key_compare(uint32_t table_a, const struct engine_key *a, uint32_t table_b,
                       const struct engine_key *b);

void engine_rows_init(struct engine_rows *rows, const struct chat_allocator *allocator);
void engine_rows_fini(struct engine_rows *rows);

/* Puts and deletes all of `changes` or, on CHAT_E_NOMEM, none. A later change of the
 * same key wins. */
chat_status engine_rows_apply(struct engine_rows *rows, const struct engine_row *changes,
                              size_t count);

/* Answers one query with copies in `arena`. Errors: CHAT_E_NOMEM. */
chat_status engine_rows_read(const struct engine_rows *rows, const struct engine_query *query,
                             struct arena *arena, struct engine_result *out_result);

#endif
