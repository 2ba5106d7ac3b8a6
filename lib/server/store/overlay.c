#include "server/store/overlay.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "server/store/rows.h"

#define ROOM_STEP 16u /* a row's bytes may grow within it: heads do, by a varint */

struct overlay_prefix {
    struct table_node node;
    struct list rows;
    uint64_t k1;
    uint32_t table;
};

struct row_name {
    uint32_t table;
    struct engine_key key;
};

static struct overlay_row *row_of(struct list_node *node)
{
    return LIST_ENTRY(node, struct overlay_row, order);
}

static uint64_t hash_name(const struct row_name *name)
{
    return hash_pair(hash_pair(name->key.k1 + ((uint64_t)name->table << 56), name->key.k2),
                     name->key.k3);
}

static bool row_matches(const struct table_node *node, const void *key)
{
    const struct overlay_row *row = (const struct overlay_row *)(const void *)node;
    const struct row_name *name = key;

    return row->key.k2 == name->key.k2 && row->key.k1 == name->key.k1 &&
           row->key.k3 == name->key.k3 && row->table == name->table;
}

static bool prefix_matches(const struct table_node *node, const void *key)
{
    const struct overlay_prefix *prefix = (const struct overlay_prefix *)(const void *)node;
    const struct row_name *name = key;

    return prefix->k1 == name->key.k1 && prefix->table == name->table;
}

static bool has_prefix(uint32_t table)
{
    return table == TABLE_MEMBER || table == TABLE_LIST || table == TABLE_CURSOR ||
           table == TABLE_RECEIPT || table == TABLE_SETTING || table == TABLE_DEVICE ||
           table == TABLE_TOMBSTONE;
}

void overlay_init(struct overlay *o, const struct chat_allocator *allocator)
{
    *o = (struct overlay){.allocator = allocator};
    table_init(&o->rows, allocator, row_matches);
    table_init(&o->prefixes, allocator, prefix_matches);
    list_init(&o->fresh);
    list_init(&o->captured);
    list_init(&o->retired);
}

static void free_list(struct overlay *o, struct list *list)
{
    LIST_EACH(node, list)
    alloc_free(o->allocator, row_of(node));
    list_init(list);
}

void overlay_fini(struct overlay *o)
{
    struct table_node *node = NULL;

    if (!o->fresh.head.next)
        return;
    free_list(o, &o->fresh);
    free_list(o, &o->captured);
    free_list(o, &o->retired);
    while ((node = table_next(&o->prefixes, NULL)) != NULL) {
        table_remove(&o->prefixes, node);
        alloc_free(o->allocator, node);
    }
    table_fini(&o->rows);
    table_fini(&o->prefixes);
    *o = (struct overlay){0};
}

static struct overlay_row *find(const struct overlay *o, const struct row_name *name, uint64_t hash)
{
    return (struct overlay_row *)(void *)table_find(&o->rows, hash, name);
}

static struct overlay_prefix *find_prefix(const struct overlay *o, uint32_t table, uint64_t k1)
{
    const struct row_name name = {table, {k1, 0, 0}};

    return (struct overlay_prefix *)(void *)table_find(&o->prefixes, hash_name(&name), &name);
}

static chat_status join_prefix(struct overlay *o, struct overlay_row *row)
{
    struct overlay_prefix *prefix = find_prefix(o, row->table, row->key.k1);

    if (!prefix) {
        const struct row_name name = {row->table, {row->key.k1, 0, 0}};

        prefix = alloc_zeroed(o->allocator, sizeof(*prefix));
        if (!prefix)
            return CHAT_E_NOMEM;
        prefix->table = row->table;
        prefix->k1 = row->key.k1;
        list_init(&prefix->rows);
        if (table_insert(&o->prefixes, &prefix->node, hash_name(&name)) != CHAT_OK) {
            alloc_free(o->allocator, prefix);
            return CHAT_E_NOMEM;
        }
    }
    row->prefix = prefix;
    list_push_back(&prefix->rows, &row->beside);
    return CHAT_OK;
}

static void leave_prefix(struct overlay *o, struct overlay_row *row)
{
    if (!row->prefix)
        return;
    list_remove(&row->beside);
    if (list_is_empty(&row->prefix->rows)) {
        table_remove(&o->prefixes, &row->prefix->node);
        alloc_free(o->allocator, row->prefix);
    }
    row->prefix = NULL;
}

/* Takes a row out for good; lent bytes are freed when they come back. */
static void drop(struct overlay *o, struct overlay_row *row)
{
    const size_t size = sizeof(*row) + row->room;

    leave_prefix(o, row);
    table_remove(&o->rows, &row->node);
    list_remove(&row->order);
    o->bytes -= size;
    if (!row->captured) {
        o->fresh_count--;
        o->fresh_bytes -= size;
    }
    if (row->captured && o->lent)
        list_push_back(&o->retired, &row->order);
    else
        alloc_free(o->allocator, row);
}

static struct overlay_row *new_row(struct overlay *o, const struct row_name *name, size_t len)
{
    const size_t room = (len + ROOM_STEP) & ~(size_t)(ROOM_STEP - 1);
    struct overlay_row *row = alloc_bytes(o->allocator, sizeof(*row) + room);

    if (!row)
        return NULL;
    *row = (struct overlay_row){.table = name->table, .key = name->key, .room = room};
    return row;
}

/* A fresh row of this key with room for len bytes, at the end of the order. */
static struct overlay_row *make_room(struct overlay *o, const struct row_name *name, size_t len)
{
    const uint64_t hash = hash_name(name);
    struct overlay_row *old = find(o, name, hash);
    struct overlay_row *row;

    if (old && !old->captured && old->room >= len) {
        list_remove(&old->order);
        list_push_back(&o->fresh, &old->order);
        return old;
    }
    row = new_row(o, name, len);
    if (!row)
        return NULL;
    if ((has_prefix(name->table) && join_prefix(o, row) != CHAT_OK) ||
        table_insert(&o->rows, &row->node, hash) != CHAT_OK) {
        leave_prefix(o, row);
        alloc_free(o->allocator, row);
        return NULL;
    }
    if (old)
        drop(o, old);
    list_push_back(&o->fresh, &row->order);
    o->fresh_count++;
    o->fresh_bytes += sizeof(*row) + row->room;
    o->bytes += sizeof(*row) + row->room;
    return row;
}

chat_status overlay_put(struct overlay *o, uint32_t table, struct engine_key key,
                        const uint8_t *value, size_t len, uint64_t position)
{
    const struct row_name name = {table, key};
    struct overlay_row *row = make_room(o, &name, value ? len : 0);

    if (!row)
        return CHAT_E_NOMEM;
    row->position = position;
    row->deleted = !value;
    row->len = value ? len : 0;
    if (row->len > 0)
        memcpy(row->bytes, value, len);
    return CHAT_OK;
}

chat_status overlay_put_message(struct overlay *o, uint32_t table, struct engine_key key,
                                const void *message, uint64_t position)
{
    const struct row_name name = {table, key};
    const size_t len = row_size(message);
    struct overlay_row *row = make_room(o, &name, len);

    if (!row)
        return CHAT_E_NOMEM;
    row->position = position;
    row->deleted = false;
    row->len = len;
    row_pack(message, row->bytes);
    return CHAT_OK;
}

const struct overlay_row *overlay_find(const struct overlay *o, uint32_t table,
                                       struct engine_key key)
{
    const struct row_name name = {table, key};

    return find(o, &name, hash_name(&name));
}

const struct overlay_row *overlay_next_under(const struct overlay *o, uint32_t table, uint64_t k1,
                                             const struct overlay_row *row)
{
    const struct overlay_prefix *prefix = row ? row->prefix : find_prefix(o, table, k1);
    const struct list_node *next;

    assert(has_prefix(table));
    if (!prefix)
        return NULL;
    next = row ? row->beside.next : prefix->rows.head.next;
    if (next == &prefix->rows.head)
        return NULL;
    return LIST_ENTRY((struct list_node *)(uintptr_t)next, struct overlay_row, beside);
}

void overlay_capture(struct overlay *o, struct engine_row *out_rows)
{
    size_t i = 0;

    assert(!o->lent);
    LIST_EACH(node, &o->fresh)
    {
        struct overlay_row *row = row_of(node);

        out_rows[i++] = (struct engine_row){.table = row->table,
                                            .key = row->key,
                                            .value = row->deleted ? NULL : row->bytes,
                                            .value_len = row->len};
        row->captured = true;
        list_remove(&row->order);
        list_push_back(&o->captured, &row->order);
    }
    assert(i == o->fresh_count);
    o->fresh_count = 0;
    o->fresh_bytes = 0;
    o->lent = true;
}

void overlay_returned(struct overlay *o)
{
    o->lent = false;
    free_list(o, &o->retired);
}

bool overlay_sweep(struct overlay *o, uint64_t position, size_t max)
{
    struct list_node *node;

    while ((node = list_first(&o->captured)) != NULL && row_of(node)->position <= position) {
        if (max-- == 0)
            return true;
        drop(o, row_of(node));
    }
    return false;
}
