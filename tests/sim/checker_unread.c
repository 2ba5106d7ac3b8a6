/* What counts as unread: every message above the read cursor but for the deleted ones. */
#include <inttypes.h>

#include "checker_inner.h"

static struct tombstones *tombstones_of(struct checker *c, uint64_t channel_id)
{
    return index_make(&c->tombstones, &(struct index_key){{channel_id, 0, 0, 0}});
}

void checker_logged_deletion(struct checker *c, uint64_t channel_id, uint64_t seq, uint64_t rev)
{
    struct tombstones *t = tombstones_of(c, channel_id);

    for (uint32_t i = 0; i < t->count; i++) {
        if (t->items[i].seq != seq || t->items[i].rev == rev)
            continue;
        checker_violation(c, CHECK_UNREAD,
                          "seq %" PRIu64 " of %" PRIx64 " was deleted at rev %" PRIu64
                          " and again at %" PRIu64,
                          seq, channel_id, t->items[i].rev, rev);
    }
    if (t->count == CHECK_TOMBSTONES_MAX) {
        t->too_many = true;
        return;
    }
    t->items[t->count].seq = seq;
    t->items[t->count++].rev = rev;
}

void checker_told_deleted(struct checker *c, uint32_t device, uint64_t channel_id,
                          uint64_t read_seq, uint64_t rev, uint64_t deleted)
{
    const struct tombstones *t = tombstones_of(c, channel_id);
    uint64_t above = 0;

    for (uint32_t i = 0; i < t->count; i++)
        above += t->items[i].seq > read_seq && t->items[i].rev <= rev;
    if (!t->too_many && deleted != above)
        checker_violation(c, CHECK_UNREAD,
                          "device %u: was told %" PRIu64 " deleted ones above seq %" PRIu64
                          " of %" PRIx64 " at rev %" PRIu64 ", not %" PRIu64,
                          device, deleted, read_seq, channel_id, rev, above);
}

void checker_unread(struct checker *c, uint32_t device, uint64_t channel_id, uint64_t counted,
                    uint64_t exact)
{
    if (counted != exact)
        checker_violation(c, CHECK_UNREAD,
                          "device %u: counts %" PRIu64 " unread in %" PRIx64 ", not %" PRIu64,
                          device, counted, channel_id, exact);
}
