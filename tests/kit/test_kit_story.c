/*
 * Two bad days of a small family of apps, as one test: three devices of two users, a direct and
 * a group, a script of bad luck, restarts of apps and of the service. At the end everybody shows
 * the same, and it is what the service has.
 */
#include <stdio.h>
#include <stdlib.h>

#include "kit_app.h"

#define APPS 3u
#define DAYS 2u
#define DAY_MS 86400000
#define TALKS_A_DAY 12

static const char bad_day[] = "at 1h drop all; at 2h refuse all overloaded 20s for 3min;"
                              "at 4h offline phone; at 7h online phone;"
                              "at 8h stall tablet 40s; at 9h mute desk down;"
                              "at 10h double phone 30s; at 11h server kill; at 11h server start;"
                              "at 12h server full; at 12h refuse tablet silent for 20min;"
                              "at 13h server room; at 14h delay desk 900ms; at 16h delay desk 1ms;"
                              "at 18h server power-loss; at 19h server start;"
                              "at 20h disk tablet full; at 21h disk tablet room";

static chat_testkit *kit;
static struct app apps[APPS];
static uint64_t direct, group;

static void setup(void)
{
    static const char *const others[] = {"alice", "dora"};

    kit = new_kit(1);
    app_init(&apps[0], kit, "phone", "alice", "alice.db");
    app_init(&apps[1], kit, "tablet", "alice", "alice.db");
    app_init(&apps[2], kit, "desk", "dora", "dora.db");
    for (uint32_t i = 0; i < APPS; i++) {
        app_open(&apps[i]);
        app_live(&apps[i]);
    }
    ck_assert_int_eq(chat_testkit_open_direct(kit, "bob", "alice", &direct), CHAT_OK);
    ck_assert_int_eq(chat_testkit_create_group(kit, "bob", "Family", others, 2, &group), CHAT_OK);
}

static void teardown(void)
{
    for (uint32_t i = 0; i < APPS; i++)
        app_close(&apps[i]);
    chat_testkit_free(kit);
}

/* Everybody says something; whoever may not queue it says so at once. Returns how many count. */
static uint64_t talk(uint32_t n)
{
    uint64_t said = 0;
    char text[32];

    for (uint32_t i = 0; i < APPS; i++) {
        int len = snprintf(text, sizeof(text), "%u from %u", n, i);

        said += chat_conn_send_text(apps[i].conn, group, text, (size_t)len, NULL) == CHAT_OK;
    }
    if (chat_testkit_server_is_up(kit))
        said += chat_testkit_post(kit, group, "bob", "and bob", NULL) == CHAT_OK;
    return said;
}

static void restart(struct app *a)
{
    app_close(a);
    app_open(a);
}

static void check_same(const struct app *a, uint64_t head)
{
    const struct chat_channel *channel = chat_conn_get_channel(a->conn, group);
    chat_page *page;

    ck_assert_ptr_nonnull(channel);
    ck_assert_uint_eq(channel->head_seq, head);
    ck_assert_uint_eq(channel->stream_seq, head);
    ck_assert_uint_eq(chat_conn_get_outgoing_count(a->conn), 0);
    ck_assert_int_eq(chat_conn_read_messages(a->conn, group, 0, CHAT_HISTORY_PAGE_MAX, true, &page),
                     CHAT_OK);
    ck_assert(chat_page_is_complete(page));
    ck_assert_uint_eq(chat_page_get_to_seq(page), head);
    chat_page_free(page);
}

START_TEST(two_bad_days_end_with_everybody_showing_the_same)
{
    uint64_t said = 0, head = 0;

    for (uint32_t day = 0; day < DAYS; day++) {
        ck_assert_int_eq(chat_testkit_run_script(kit, bad_day, NULL), CHAT_OK);
        for (uint32_t i = 0; i < TALKS_A_DAY; i++) {
            said += talk(i);
            ck_assert_int_eq(chat_testkit_advance(kit, DAY_MS / TALKS_A_DAY), CHAT_OK);
            if (i % APPS == day % APPS)
                restart(&apps[i / APPS % APPS]);
        }
    }
    for (uint32_t i = 0; i < APPS; i++) {
        app_live(&apps[i]);
        ck_assert_int_eq(chat_testkit_wait_sent(kit, apps[i].conn, APP_WAIT_MS), CHAT_OK);
        ck_assert_uint_eq(apps[i].resets, 0);
        ck_assert(apps[i].cache_status == CHAT_OK ||
                  (i == 1 && apps[i].cache_status == CHAT_E_FULL));
    }
    ck_assert_int_eq(chat_testkit_post(kit, group, "bob", "the end", &head), CHAT_OK);
    ck_assert_uint_eq(count_of(kit, group), head);
    /* What timed out at bob's may be there or not; what the apps queued all is. */
    ck_assert_uint_ge(head, said + 1);
    for (uint32_t i = 0; i < APPS; i++) {
        app_has(&apps[i], group, head);
        check_same(&apps[i], head);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kit_story");
    TCase *all = tcase_create("all");

    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_test(all, two_bad_days_end_with_everybody_showing_the_same);
    tcase_set_timeout(all, 60);
    suite_add_tcase(suite, all);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
