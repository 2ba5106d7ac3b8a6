#include "server/store/advance.h"

#include "base/alloc.h"
#include "base/hash.h"
#include "server/store/role.h"
#include "wire/wire.h"

struct advance {
    struct table_node node;
    struct list_node order;
    uint64_t channel, author, seq, message_id;
    uint64_t position;
};

struct advance_name {
    uint64_t channel, author;
};

static bool matches(const struct table_node *node, const void *key)
{
    const struct advance *a = (const struct advance *)(const void *)node;
    const struct advance_name *name = key;

    return a->channel == name->channel && a->author == name->author;
}

void advance_init(struct shard *s)
{
    table_init(&s->advances.entries, s->allocator, matches);
    list_init(&s->advances.order);
    s->advances.flush_at_ms = MOMENT_NEVER;
}

static void forget(struct shard *s, struct advance *a)
{
    table_remove(&s->advances.entries, &a->node);
    list_remove(&a->order);
    alloc_free(s->allocator, a);
}

void advance_fini(struct shard *s)
{
    if (!s->advances.order.head.next)
        return;
    LIST_EACH(node, &s->advances.order)
    forget(s, LIST_ENTRY(node, struct advance, order));
    table_fini(&s->advances.entries);
}

static struct advance *find_or_add(struct shard *s, uint64_t channel, uint64_t author)
{
    const struct advance_name name = {channel, author};
    const uint64_t hash = hash_pair(channel, author);
    struct advance *a = (struct advance *)(void *)table_find(&s->advances.entries, hash, &name);

    if (a || s->advances.entries.count >= ADVANCE_MAX)
        return a;
    a = alloc_zeroed(s->allocator, sizeof(*a));
    if (!a)
        return NULL;
    a->channel = channel;
    a->author = author;
    if (table_insert(&s->advances.entries, &a->node, hash) != CHAT_OK) {
        alloc_free(s->allocator, a);
        return NULL;
    }
    list_push_back(&s->advances.order, &a->order);
    return a;
}

void advance_note(struct shard *s, uint64_t channel, uint64_t author, uint64_t seq,
                  uint64_t message_id)
{
    struct advance *a = find_or_add(s, channel, author);

    if (!a)
        return;
    a->seq = seq;
    a->message_id = message_id;
    a->position = s->decided;
    if (s->advances.flush_at_ms == MOMENT_NEVER)
        s->advances.flush_at_ms = s->store->now.mono_ms + s->limits->read_flush_ms;
}

void advance_refused(struct shard *s)
{
    LIST_EACH(node, &s->advances.order)
    {
        struct advance *a = LIST_ENTRY(node, struct advance, order);

        if (a->position > s->synced)
            forget(s, a);
    }
}

static void tell(struct shard *s, const struct advance *a)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireMarkRead mark = WIRE_MARK_READ__INIT;
    struct frame *encoded;

    mark.channel_id = a->channel;
    mark.seq = a->seq;
    mark.message_id = a->message_id;
    frame.user_id = a->author;
    frame.body_case = WIRE_LINK_FRAME__BODY_MARK_READ;
    frame.mark_read = &mark;
    encoded = wire_encode_link(s->allocator, &frame);
    if (!encoded)
        return;
    if (store_send_to_shard(s->store, shard_of_id(a->author, s->store->config.shard_count),
                            encoded))
        s->stats->cursors_told++;
    frame_unref(encoded);
}

void advance_timer(struct shard *s)
{
    const int64_t now_ms = s->store->now.mono_ms;

    if (s->advances.flush_at_ms > now_ms)
        return;
    LIST_EACH(node, &s->advances.order)
    {
        struct advance *a = LIST_ENTRY(node, struct advance, order);

        if (a->position > s->synced)
            continue;
        tell(s, a);
        forget(s, a);
    }
    s->advances.flush_at_ms =
        s->advances.entries.count > 0 ? now_ms + s->limits->read_flush_ms : MOMENT_NEVER;
}

int64_t advance_deadline(const struct shard *s) { return s->advances.flush_at_ms; }
