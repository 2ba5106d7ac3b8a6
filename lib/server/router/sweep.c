#include "server/router/sweep.h"

#include "server/router/core.h"

#define LOOKS_MAX (8 * SWEEP_STEP_MAX) /* in one step: most of a slab may be free */

/* --- what did not come --- */

static void settle_doubt(struct router *r, const struct sweep_doubt *doubt)
{
    struct home *h = home_find(r, doubt->home_id);
    struct user *u = h ? NULL : user_find(r, doubt->home_id);
    const uint64_t lsn = h ? h->lsn : u ? u->lsn : 0;

    if ((h && h->state != HOME_LIVE) || (u && u->lost) || (!h && !u) || lsn >= doubt->lsn ||
        shard_map_peer(&r->shards, router_shard(r, doubt->home_id)) != doubt->peer)
        return;
    r->stats.missed++;
    router_log(r, CHAT_LOG_WARN, "home %016llx stands at %llu, its store at %llu: asking anew",
               (unsigned long long)doubt->home_id, (unsigned long long)lsn,
               (unsigned long long)doubt->lsn);
    if (h)
        home_lose(r, h);
    else
        user_lose(r, u);
}

static void settle_doubts(struct router *r)
{
    for (uint32_t i = 0; i < r->sweep.doubt_count; i++)
        settle_doubt(r, &r->sweep.doubts[i]);
    r->sweep.doubt_count = 0;
}

/* --- asking --- */

/* Nobody is named, so it begins no subscription where there is none. */
static void ask_lsn(struct router *r, uint64_t home_id)
{
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireSubscribe subscribe = WIRE_SUBSCRIBE__INIT;
    const uint32_t shard = router_shard(r, home_id);
    struct ask *a = shard != SHARD_NONE ? ask_new(r, ASK_SWEEP, NULL) : NULL;

    if (!a)
        return;
    a->target = home_id;
    subscribe.home_id = home_id;
    frame.body_case = WIRE_LINK_FRAME__BODY_SUBSCRIBE;
    frame.subscribe = &subscribe;
    (void)ask_send(r, a, shard, &frame); /* without credit or link: in the next round */
}

/* How many of `count` a step takes, so that all had their turn in sweep_ms. */
static uint32_t share(const struct router *r, uint64_t count)
{
    const uint64_t ms = (uint64_t)r->limits.sweep_ms;
    const uint64_t due = (count * SWEEP_STEP_MS + ms - 1) / ms;

    return due < SWEEP_STEP_MAX / 2 ? (uint32_t)due : SWEEP_STEP_MAX / 2;
}

static void ask_homes(struct router *r)
{
    uint32_t asks = share(r, r->homes.taken);
    uint32_t looks = r->homes.made < LOOKS_MAX ? r->homes.made : LOOKS_MAX; /* once around */

    for (; asks > 0 && looks > 0; looks--) {
        const struct home *h;

        if (r->sweep.next_home >= r->homes.made)
            r->sweep.next_home = 0;
        h = home_at(&r->homes, r->sweep.next_home++);
        if (!slab_is_taken(&h->item) || h->state != HOME_LIVE || !h->subscribed || h->asking)
            continue;
        ask_lsn(r, h->home_id);
        asks--;
    }
}

static void ask_users(struct router *r)
{
    uint32_t asks = share(r, r->by_user.count);
    uint64_t user_id;
    void *user;

    while (asks > 0) {
        if (!map_next(&r->by_user, &r->sweep.next_user, &user_id, &user)) {
            r->sweep.next_user = 0;
            return; /* the next step begins anew */
        }
        if (((const struct user *)user)->lost)
            continue;
        ask_lsn(r, user_id);
        asks--;
    }
}

int64_t sweep_deadline(const struct router *r)
{
    return r->by_user.count > 0 || r->sweep.doubt_count > 0 ? r->sweep.due_ms : MOMENT_NEVER;
}

void sweep_step(struct router *r)
{
    if (r->now.mono_ms < sweep_deadline(r))
        return;
    r->sweep.due_ms = r->now.mono_ms + SWEEP_STEP_MS;
    settle_doubts(r);
    ask_homes(r);
    ask_users(r);
}

/* --- the answer --- */

void sweep_answered(struct router *r, const struct ask *a, const WireLinkFrame *frame)
{
    const struct home *h = home_find(r, a->target);
    const struct user *u = h ? NULL : user_find(r, a->target);
    uint64_t lsn;

    if ((!h && !u) || !frame || frame->body_case != WIRE_LINK_FRAME__BODY_SUBSCRIBED ||
        r->sweep.doubt_count == SWEEP_STEP_MAX)
        return;
    lsn = frame->subscribed->lsn;
    if (lsn > (h ? h->lsn : u->lsn))
        r->sweep.doubts[r->sweep.doubt_count++] = (struct sweep_doubt){a->target, lsn, a->peer};
}
