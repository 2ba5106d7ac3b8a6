/* A channel goes, and all that is held of it. */
#include "client/inner.h"
#include "client_rig.h"

#define PATH "client_removed.db"
#define PIECE 64u /* messages, of one turn */

static struct rig rig;

static void setup(void)
{
    remove(PATH);
    rig_init(&rig);
    rig.config.keep_max = 0;
    rig.config.cache_path = PATH;
}

static void teardown(void)
{
    rig_fini(&rig);
    remove(PATH);
}

static void tick(void)
{
    rig_feed(&rig, (struct event){.kind = EVENT_TIMER});
    rig_turn(&rig);
}

static chat_status count_one(const struct chat_message *m, void *user)
{
    (void)m;
    ++*(uint64_t *)user;
    return CHAT_OK;
}

static uint64_t count_rows(uint64_t channel_id)
{
    uint64_t count = 0;

    ck_assert_int_eq(cache_messages_read(rig.core->cache, channel_id, 1, RIG_MESSAGES_MAX,
                                         RIG_MESSAGES_MAX, count_one, &count),
                     CHAT_OK);
    return count;
}

static void be_removed(uint64_t channel_id)
{
    WireChannelRemoved removed = WIRE_CHANNEL_REMOVED__INIT;

    removed.channel_id = channel_id;
    RIG_SAY(&rig, 0, CHANNEL_REMOVED, channel_removed, &removed);
}

static uint64_t hits_of(const char *word)
{
    struct chat_event e = CHAT_EVENT_INIT;
    uint64_t ticket, hits = UINT64_MAX;

    ck_assert_int_eq(client_search(rig.core, word, strlen(word), 0, 0, 10, &ticket), CHAT_OK);
    for (int turns = 0; turns < 100 && hits == UINT64_MAX; turns++) {
        tick();
        while (client_next_event(rig.core, &e))
            if (e.type == CHAT_EVENT_SEARCH && e.ticket == ticket)
                hits = e.hits_count;
    }
    return hits;
}

/* _i: how it goes on. */
START_TEST(a_channel_that_goes_takes_its_history_along_in_pieces)
{
    uint64_t left, before;

    rig_start(&rig);
    rig_store_many(&rig, CH, 2000);
    rig_post(&rig, CH, "needle");
    rig_wait(&rig, 60000);
    ck_assert_uint_eq(count_rows(CH), 2001);
    ck_assert_uint_eq(hits_of("needle"), 1);
    be_removed(CH);
    rig_turn(&rig);
    rig_pull(&rig);
    ck_assert_uint_ge(count_rows(CH), 1000); /* it takes a while, */
    ck_assert_uint_eq(hits_of("needle"), 0); /* but nothing shows */
    before = left = count_rows(CH);
    if (_i == 1) { /* the process ends in between */
        rig_crash(&rig);
        rig_open(&rig);
        before = left = count_rows(CH);
    } else if (_i == 2) { /* it comes back in between */
        rig_list(&rig);
        rig_wait(&rig, 60000);
        rig_pull(&rig);
        ck_assert_uint_eq(count_rows(CH), 2001);
        ck_assert_uint_eq(hits_of("needle"), 1);
    }
    for (; _i != 2 && left > 0; before = left) {
        tick();
        left = count_rows(CH);
        ck_assert_uint_ge(left + PIECE, before);
    }
    rig_wait(&rig, 60000);
    ck_assert(!cache_has_remains(rig.core->cache) && cache_index_is_done(rig.core->cache));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client_removed");
    TCase *tc = tcase_create("removed");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, a_channel_that_goes_takes_its_history_along_in_pieces, 0, 3);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
