#include "server/store/engine_rows.h"

#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"

struct rows_node {
    uint32_t table;
    uint32_t height;
    struct engine_key key;
    uint8_t *value;
    size_t value_len;
    struct rows_node *prev;
    struct rows_node *next[]; /* height of them */
};

static int compare_u64(uint64_t a, uint64_t b) { return a < b ? -1 : a > b; }

int engine_key_compare(uint32_t table_a, const struct engine_key *a, uint32_t table_b,
                       const struct engine_key *b)
{
    int order = compare_u64(table_a, table_b);
    if (order == 0)
        order = compare_u64(a->k1, b->k1);
    if (order == 0)
        order = compare_u64(a->k2, b->k2);
    if (order == 0)
        order = compare_u64(a->k3, b->k3);
    return order;
}

/* One level more for every two zero bits: a quarter of the nodes reach each next one. */
static uint32_t height_of(uint32_t table, const struct engine_key *key)
{
    uint64_t bits = hash_pair(hash_pair(key->k1, key->k2), hash_pair(key->k3, table));
    uint32_t height = 1;

    while (height < ENGINE_ROWS_LEVELS && (bits & 3) == 0) {
        height++;
        bits >>= 2;
    }
    return height;
}

void engine_rows_init(struct engine_rows *rows, const struct chat_allocator *allocator)
{
    *rows = (struct engine_rows){.allocator = allocator};
}

static void node_free(const struct chat_allocator *allocator, struct rows_node *node)
{
    if (!node)
        return;
    alloc_free(allocator, node->value);
    alloc_free(allocator, node);
}

void engine_rows_fini(struct engine_rows *rows)
{
    struct rows_node *node = rows->first[0];

    while (node) {
        struct rows_node *next = node->next[0];
        node_free(rows->allocator, node);
        node = next;
    }
    engine_rows_init(rows, rows->allocator);
}

static struct rows_node *node_new(const struct chat_allocator *allocator,
                                  const struct engine_row *row)
{
    uint32_t height = height_of(row->table, &row->key);
    struct rows_node *node =
        alloc_zeroed(allocator, sizeof(*node) + height * sizeof(struct rows_node *));

    if (!node)
        return NULL;
    node->table = row->table;
    node->key = row->key;
    node->height = height;
    node->value_len = row->value_len;
    if (row->value_len > 0) {
        node->value = alloc_copy(allocator, row->value, row->value_len);
        if (!node->value) {
            alloc_free(allocator, node);
            return NULL;
        }
    }
    return node;
}

/* For each level the last node before the key, NULL for the head of the level. */
static void find_before(const struct engine_rows *rows, uint32_t table,
                        const struct engine_key *key, struct rows_node *before[])
{
    struct rows_node *at = NULL;

    for (int level = ENGINE_ROWS_LEVELS - 1; level >= 0; level--) {
        struct rows_node *next = at ? at->next[level] : rows->first[level];
        while (next && engine_key_compare(next->table, &next->key, table, key) < 0) {
            at = next;
            next = at->next[level];
        }
        before[level] = at;
    }
}

/* The first node at or after the key. */
static struct rows_node *find_from(const struct engine_rows *rows, uint32_t table,
                                   const struct engine_key *key)
{
    struct rows_node *before[ENGINE_ROWS_LEVELS];

    find_before(rows, table, key, before);
    return before[0] ? before[0]->next[0] : rows->first[0];
}

static void remove_key(struct engine_rows *rows, uint32_t table, const struct engine_key *key)
{
    struct rows_node *before[ENGINE_ROWS_LEVELS];
    struct rows_node *node;

    find_before(rows, table, key, before);
    node = before[0] ? before[0]->next[0] : rows->first[0];
    if (!node || engine_key_compare(node->table, &node->key, table, key) != 0)
        return;

    for (uint32_t level = 0; level < node->height; level++) {
        if (before[level])
            before[level]->next[level] = node->next[level];
        else
            rows->first[level] = node->next[level];
    }
    if (node->next[0])
        node->next[0]->prev = node->prev;
    else
        rows->last = node->prev;
    rows->count--;
    node_free(rows->allocator, node);
}

/* The key is not there yet. */
static void insert(struct engine_rows *rows, struct rows_node *node)
{
    struct rows_node *before[ENGINE_ROWS_LEVELS];

    find_before(rows, node->table, &node->key, before);
    for (uint32_t level = 0; level < node->height; level++) {
        struct rows_node **slot = before[level] ? &before[level]->next[level] : &rows->first[level];
        node->next[level] = *slot;
        *slot = node;
    }
    node->prev = before[0];
    if (node->next[0])
        node->next[0]->prev = node;
    else
        rows->last = node;
    rows->count++;
}

chat_status engine_rows_apply(struct engine_rows *rows, const struct engine_row *changes,
                              size_t count)
{
    struct rows_node **fresh;

    if (count == 0)
        return CHAT_OK;
    fresh = alloc_array(rows->allocator, count, sizeof(struct rows_node *));
    if (!fresh)
        return CHAT_E_NOMEM;

    /* All memory first, so that the second pass cannot fail half way. */
    for (size_t i = 0; i < count; i++) {
        fresh[i] = NULL;
        if (!changes[i].value)
            continue;
        fresh[i] = node_new(rows->allocator, &changes[i]);
        if (!fresh[i]) {
            while (i-- > 0)
                node_free(rows->allocator, fresh[i]);
            alloc_free(rows->allocator, fresh);
            return CHAT_E_NOMEM;
        }
    }
    for (size_t i = 0; i < count; i++) {
        remove_key(rows, changes[i].table, &changes[i].key);
        if (fresh[i])
            insert(rows, fresh[i]);
    }
    alloc_free(rows->allocator, fresh);
    return CHAT_OK;
}

static struct rows_node *first_of(const struct engine_rows *rows, const struct engine_query *query)
{
    struct rows_node *node;

    if (!query->descending || query->limit == 0)
        return find_from(rows, query->table, &query->from);
    node = find_from(rows, query->table, &query->to);
    if (!node)
        return rows->last;
    if (engine_key_compare(node->table, &node->key, query->table, &query->to) == 0)
        return node;
    return node->prev;
}

static bool is_inside(const struct rows_node *node, const struct engine_query *query)
{
    const struct engine_key *to = query->limit == 0 ? &query->from : &query->to;

    return node && engine_key_compare(node->table, &node->key, query->table, &query->from) >= 0 &&
           engine_key_compare(node->table, &node->key, query->table, to) <= 0;
}

chat_status engine_rows_read(const struct engine_rows *rows, const struct engine_query *query,
                             struct arena *arena, struct engine_result *out_result)
{
    struct engine_result result = {0};
    const struct rows_node *start = first_of(rows, query);
    const size_t limit = query->limit == 0 ? 1 : query->limit;
    const struct rows_node *node = start;

    for (; result.count < limit && is_inside(node, query); result.count++)
        node = query->descending ? node->prev : node->next[0];

    if (result.count > 0) {
        result.rows = arena_alloc(arena, result.count * sizeof(*result.rows));
        if (!result.rows)
            return CHAT_E_NOMEM;
    }
    node = start;
    for (size_t i = 0; i < result.count; i++) {
        /* An empty value is not NULL: NULL would say that the row is gone. */
        uint8_t *value = arena_alloc(arena, node->value_len > 0 ? node->value_len : 1);
        if (!value)
            return CHAT_E_NOMEM;
        if (node->value_len > 0)
            memcpy(value, node->value, node->value_len);
        result.rows[i] = (struct engine_row){
            .table = node->table,
            .key = node->key,
            .value = value,
            .value_len = node->value_len,
        };
        node = query->descending ? node->prev : node->next[0];
    }
    *out_result = result;
    return CHAT_OK;
}
