/* Any mix of sign-ins, losses, blocks and removals ends in the same place: members hear. */
#include "base/rng.h"
#include "router_rig.h"

#define LINKS 24u
#define ROOMS 5u
#define STEPS 160u

static struct rig g;
static struct rng rng;
static struct rig_home *rooms[ROOMS];
static bool open_links[LINKS + 1], blocked[LINKS + 1];
static link_id next_link;
static link_id link_of[LINKS + 1]; /* link ids are never used again */

static const char *const names[] = {"alice", "bob", "carol", "dave"};
#define NAMES (sizeof(names) / sizeof(names[0]))

static uint32_t below(uint32_t bound) { return (uint32_t)rng_below(&rng, bound); }

static const char *name_of(uint32_t i) { return names[i % NAMES]; }

static void come(uint32_t i)
{
    if (open_links[i])
        return;
    link_of[i] = next_link++;
    open_links[i] = true;
    blocked[i] = false;
    rig_open(&g, link_of[i]);
    rig_hello(&g, link_of[i], name_of(i), i);
}

static void go(uint32_t i)
{
    if (!open_links[i])
        return;
    open_links[i] = false;
    if (g.closed[link_of[i]] == 0)
        rig_event(&g, EVENT_LINK_CLOSED, link_of[i]);
}

static void block(uint32_t i, bool on)
{
    if (!open_links[i] || g.closed[link_of[i]] != 0 || blocked[i] == on)
        return;
    blocked[i] = on;
    rig_event(&g, on ? EVENT_LINK_BLOCKED : EVENT_LINK_DRAINED, link_of[i]);
}

static bool is_up(uint32_t peer) { return g.peer_links[peer] != 0; }

/* The note of a change in the user's own home; it may be lost, too. */
static void note(const struct rig_home *room, const char *name, bool joined)
{
    uint64_t *lsn = rig_user_lsn(&g, rig_user(name));
    WireHomeEvent event = WIRE_HOME_EVENT__INIT;
    WireUserChannel channel = WIRE_USER_CHANNEL__INIT;

    ++*lsn;
    channel.home_id = room->home_id;
    event.body_case =
        joined ? WIRE_HOME_EVENT__BODY_CHANNEL_ADDED : WIRE_HOME_EVENT__BODY_CHANNEL_REMOVED;
    if (joined)
        event.channel_added = &channel;
    else
        event.channel_removed = room->home_id;
    if (is_up(shard_of_id(rig_user(name), RIG_SHARDS)) && below(8) != 0)
        rig_user_event(&g, name, *lsn - 1, *lsn, &event);
}

static void publish(struct rig_home *room)
{
    const char *changed[4];
    bool joined[4];
    uint32_t changes = 0;
    struct rig_news *news = rig_news(room);
    uint32_t count = 1 + below(4);

    if (!is_up(shard_of_id(room->home_id, RIG_SHARDS))) {
        room->lsn += count; /* on another router, say */
        room->seq += count;
        room->published_lsn = room->lsn;
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (below(5) == 0) {
            changed[changes] = names[below(NAMES)];
            joined[changes] = below(3) != 0;
            rig_add_change(news, changed[changes], joined[changes] ? MEMBER : 0);
            changes++;
        } else {
            rig_add_message(news, "x");
        }
    }
    if (below(8) == 0)
        room->published_lsn = room->lsn; /* lost on the way */
    else
        rig_publish(&g, news);
    for (uint32_t i = 0; i < changes; i++)
        note(room, changed[i], joined[i]);
}

static void flip(uint32_t peer)
{
    if (is_up(peer)) {
        rig_down(&g, peer);
    } else {
        rig_wait(&g, 50);
        if (g.dialed[peer])
            rig_up(&g, peer);
    }
}

static void step(void)
{
    uint32_t i = 1 + below(LINKS);

    switch (below(10)) {
    case 0:
    case 1:
    case 2: come(i); break;
    case 3: go(i); break;
    case 4: block(i, true); break;
    case 5: block(i, false); break;
    case 6:
        if (below(3) == 0)
            flip(below(RIG_PEERS));
        break;
    case 7: rig_wait(&g, below(700)); break;
    default: publish(rooms[below(ROOMS)]); break;
    }
}

/* Everything is up and nobody is blocked. */
static void heal(void)
{
    for (uint32_t peer = 0; peer < RIG_PEERS; peer++) {
        for (uint32_t tries = 0; !is_up(peer) && tries < 200; tries++) {
            rig_wait(&g, 50);
            if (g.dialed[peer])
                rig_up(&g, peer);
        }
        ck_assert(is_up(peer));
    }
    for (uint32_t i = 1; i <= LINKS; i++)
        block(i, false);
    for (uint32_t n = 0; n < ROOMS; n++) { /* what was lost is noticed by what follows */
        struct rig_news *news = rig_news(rooms[n]);

        rig_add_message(news, "x");
        rig_publish(&g, news);
    }
    for (uint32_t n = 0; n < NAMES; n++) {
        uint64_t *lsn = rig_user_lsn(&g, rig_user(names[n]));
        WireHomeEvent event = WIRE_HOME_EVENT__INIT;

        ++*lsn;
        event.body_case = WIRE_HOME_EVENT__BODY_ROUTERS;
        event.routers = 1;
        rig_user_event(&g, names[n], *lsn - 1, *lsn, &event);
    }
    rig_wait(&g, 3000);
}

static void check(uint32_t seed)
{
    struct router_stats stats = rig_stats(&g);
    size_t members = 0;

    ck_assert_uint_eq(stats.homes_lost, 0);
    ck_assert_uint_eq(stats.syncing, 0);
    ck_assert_uint_eq(stats.requests, 0);
    rig_forget(&g);
    for (uint32_t n = 0; n < ROOMS; n++) {
        struct rig_news *news = rig_news(rooms[n]);

        rig_add_message(news, "x");
        rig_publish(&g, news);
    }
    for (uint32_t i = 1; i <= LINKS; i++) {
        size_t expected = 0;

        if (!open_links[i] || g.closed[link_of[i]] != 0)
            continue;
        for (uint32_t n = 0; n < ROOMS; n++)
            expected += rig_permissions(rooms[n], rig_user(name_of(i))) != 0;
        ck_assert_msg(rig_count(&g, link_of[i], SERVER(MESSAGE)) == expected,
                      "seed %u: link %u of %s heard %zu of %zu", seed, i, name_of(i),
                      rig_count(&g, link_of[i], SERVER(MESSAGE)), expected);
        members += expected;
    }
    ck_assert_uint_eq(stats.edges, members);
}

START_TEST(members_hear_whatever_happened_before)
{
    for (uint32_t seed = (uint32_t)_i * 20; seed < (uint32_t)_i * 20 + 20; seed++) {
        rng_seed(&rng, seed + 1);
        memset(open_links, 0, sizeof(open_links));
        next_link = 1;
        rig_config(&g);
        for (uint32_t n = 0; n < ROOMS; n++)
            rooms[n] = rig_group(&g, n % 2, (const char *[]){"alice", "bob", "carol", NULL});
        rig_start_all(&g);
        for (uint32_t i = 0; i < STEPS; i++)
            step();
        heal();
        check(seed);
        rig_fini(&g);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("router: storm");
    TCase *all = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(all, 300);
    tcase_add_loop_test(all, members_hear_whatever_happened_before, 0, 4);
    suite_add_tcase(suite, all);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
