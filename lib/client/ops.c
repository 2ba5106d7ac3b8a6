/*
 * The operations of the outbox in memory: in the order of their rows, which only rise, so a
 * row is found by bisection; and by nonce.
 */
#include <assert.h>
#include <string.h>

#include "base/hash.h"
#include "client/inner.h"

#define OPS_ROOM_MIN 16u

struct op_name {
    uint64_t device_id, counter;
};

static struct out_op *op_of(struct table_node *node)
{
    return (struct out_op *)(void *)((char *)node - offsetof(struct out_op, named));
}

static bool matches(const struct table_node *node, const void *key)
{
    const struct out_op *op =
        (const struct out_op *)(const void *)((const char *)node - offsetof(struct out_op, named));
    const struct op_name *name = key;

    return op->counter == name->counter && op->device_id == name->device_id;
}

void ops_init(struct client_core *core)
{
    core->ops = (struct ops){0};
    table_init(&core->ops.named, core->allocator, matches);
}

void ops_fini(struct client_core *core)
{
    table_fini(&core->ops.named);
    alloc_free(core->allocator, core->ops.items);
}

struct out_op *ops_at(const struct client_core *core, uint32_t index)
{
    return index < core->ops.count ? core->ops.items[core->ops.first + index] : NULL;
}

/* The first index whose row is not below `row`. */
static uint32_t index_of(const struct client_core *core, int64_t row)
{
    uint32_t low = 0, high = core->ops.count;

    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;

        if (ops_at(core, middle)->row < row)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct out_op *ops_find_row(const struct client_core *core, int64_t row)
{
    struct out_op *op = ops_at(core, index_of(core, row));

    return op && op->row == row ? op : NULL;
}

struct out_op *ops_find(const struct client_core *core, uint64_t device_id, uint64_t counter)
{
    const struct op_name name = {device_id, counter};
    struct table_node *node = table_find(&core->ops.named, hash_pair(device_id, counter), &name);

    return node ? op_of(node) : NULL;
}

static chat_status make_room(struct client_core *core)
{
    struct ops *ops = &core->ops;
    const uint32_t room = ops->room ? ops->room * 2 : OPS_ROOM_MIN;
    struct out_op **grown;

    if (ops->first + ops->count < ops->room)
        return CHAT_OK;
    if (ops->first > ops->room / 2) { /* most went from the front */
        memmove(ops->items, ops->items + ops->first, ops->count * sizeof(*ops->items));
        ops->first = 0;
        return CHAT_OK;
    }
    grown = alloc_resize(core->allocator, ops->items, ops->room * sizeof(*grown),
                         room * sizeof(*grown));
    if (!grown)
        return CHAT_E_NOMEM;
    ops->items = grown;
    ops->room = room;
    return CHAT_OK;
}

static void name(struct client_core *core, struct out_op *op)
{
    chat_status status =
        table_insert(&core->ops.named, &op->named, hash_pair(op->device_id, op->counter));

    assert(status == CHAT_OK); /* reserved */
    (void)status;
}

chat_status ops_reserve(struct client_core *core)
{
    chat_status status = make_room(core);

    return status == CHAT_OK ? table_reserve(&core->ops.named) : status;
}

void ops_add(struct client_core *core, struct out_op *op)
{
    name(core, op);
    core->ops.items[core->ops.first + core->ops.count++] = op;
}

void ops_remove(struct client_core *core, struct out_op *op)
{
    struct ops *ops = &core->ops;
    const uint32_t at = index_of(core, op->row);
    struct out_op **items = ops->items + ops->first;

    if (ops_at(core, at) != op)
        return; /* it was not added */
    table_remove(&ops->named, &op->named);
    if (at < ops->count / 2) {
        memmove(items + 1, items, at * sizeof(*items));
        ops->first++;
    } else {
        memmove(items + at, items + at + 1, (ops->count - at - 1) * sizeof(*items));
    }
    ops->count--;
}

void ops_rename(struct client_core *core, struct out_op *op, uint64_t device_id, uint64_t counter)
{
    table_remove(&core->ops.named, &op->named);
    op->device_id = device_id;
    op->counter = counter;
    name(core, op);
}
