/*
 * What hits the users of other SDKs most, about messages: pages, keys, order, counts. Each test
 * bears the number of its complaint: C1 short pages without an end flag, C5 an id that changes
 * after the message is sent, C7 order, vanishing echoes and skipped messages, C9 wrong unread
 * counts, duplicates, and messages missed on resume. Beside them the four bugs of Centrifugo's
 * SDKs of 2026, by theirs.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../kit/kit_app.h"

#define BREAKS 40
#define BREAKS_MIN 10 /* that must have happened: the others come after all is over */

static chat_testkit *kit;
static struct app app;
static uint64_t channel;

static void begin(uint64_t seed)
{
    kit = new_kit(seed);
    app_init(&app, kit, "phone", "alice", "alice.db");
    app_open(&app);
    app_live(&app);
    ck_assert_int_eq(chat_testkit_open_direct(kit, "bob", "alice", &channel), CHAT_OK);
    ck_assert_int_eq(chat_testkit_run_until_idle(kit), CHAT_OK);
    app.channel = channel;
}

static void setup(void) { begin(1); }

static void teardown(void)
{
    app_close(&app);
    chat_testkit_free(kit);
}

static uint64_t post(const char *text)
{
    uint64_t seq = 0;

    ck_assert_int_eq(chat_testkit_post(kit, channel, "bob", text, &seq), CHAT_OK);
    return seq;
}

static void advance(int64_t ms) { ck_assert_int_eq(chat_testkit_advance(kit, ms), CHAT_OK); }

static void set_online(bool is_online)
{
    ck_assert_int_eq(chat_testkit_set_online(kit, app.device, is_online), CHAT_OK);
    if (is_online)
        chat_conn_network_changed(app.conn);
}

static void wait_sent(void)
{
    ck_assert_int_eq(chat_testkit_wait_sent(kit, app.conn, APP_WAIT_MS), CHAT_OK);
}

/* --- C1 --- */

struct history {
    struct app *app;
    uint64_t ticket, from_seq;
    size_t count;
    bool came, complete, reached_start;
};

static void on_history_step(chat_loop *loop, void *user)
{
    struct chat_event event = CHAT_EVENT_INIT;
    struct history *h = user;

    (void)loop;
    while (chat_conn_next_event(h->app->conn, &event)) {
        app_on_event(h->app, &event);
        if (event.type != CHAT_EVENT_HISTORY || event.ticket != h->ticket)
            continue;
        ck_assert_int_eq(event.status, CHAT_OK);
        h->came = true;
        h->count = chat_page_get_count(event.page);
        h->from_seq = chat_page_get_from_seq(event.page);
        h->complete = chat_page_is_complete(event.page);
        h->reached_start = chat_page_reached_start(event.page);
    }
}

static bool has_come(void *user) { return ((struct history *)user)->came; }

START_TEST(c1_a_page_is_whole_or_says_so_and_the_start_is_flagged)
{
    struct app other;
    struct history h = {.app = &other};
    uint64_t next = 0, total = 0;

    for (int i = 0; i < 207; i++)
        post("x");
    app_init(&other, kit, "new-phone", "alice", NULL);
    app_open(&other);
    ck_assert_int_eq(chat_testkit_device_attach(other.device, other.loop, on_history_step, &h),
                     CHAT_OK);
    app_live(&other);
    do {
        h = (struct history){.app = &other};
        ck_assert_int_eq(chat_conn_fetch_history(other.conn, channel, next, 50, true, &h.ticket),
                         CHAT_OK);
        ck_assert_int_eq(chat_testkit_run_until(kit, has_come, &h, APP_WAIT_MS), CHAT_OK);
        ck_assert(h.complete);
        /* Short only when there is nothing before it, and then it says so. */
        ck_assert(h.count == 50 || h.reached_start);
        ck_assert_int_eq(h.reached_start, h.from_seq <= 1);
        total += h.count;
        next = h.from_seq - 1;
    } while (!h.reached_start);
    ck_assert_uint_eq(total, 207);
    app_close(&other);
}
END_TEST

/* --- C5 --- */

static bool same(const struct chat_nonce *a, const struct chat_nonce *b)
{
    return a->device_id == b->device_id && a->counter == b->counter;
}

static void check_key(struct app *a, const struct chat_nonce *key)
{
    chat_page *page;

    ck_assert_int_eq(chat_conn_read_messages(a->conn, channel, 0, 1, true, &page), CHAT_OK);
    ck_assert_uint_eq(chat_page_get_count(page), 1);
    ck_assert(same(&chat_page_get_message(page, 0)->nonce, key));
    chat_page_free(page);
}

START_TEST(c5_the_key_of_a_message_never_changes)
{
    const struct chat_outgoing *outgoing;
    struct chat_nonce key;
    struct app tablet;

    app_init(&tablet, kit, "tablet", "alice", "alice.db");
    app_open(&tablet);
    app_live(&tablet);
    set_online(false);
    key = app_send(&app, channel, "mine");
    ck_assert(chat_conn_get_outgoing(app.conn, 0, &outgoing));
    ck_assert(same(&outgoing->nonce, &key));

    app_close(&app); /* a restart in between */
    app_open(&app);
    ck_assert(chat_conn_get_outgoing(app.conn, 0, &outgoing));
    ck_assert(same(&outgoing->nonce, &key));
    set_online(true);
    ck_assert_int_eq(chat_testkit_drop_after(kit, app.device, 2), CHAT_OK); /* and a lost answer */
    wait_sent();
    ck_assert_uint_gt(app.backoffs, 0);
    app_has(&app, channel, 1);
    ck_assert(same(&app.shown[0], &key));
    check_key(&app, &key);

    app_has(&tablet, channel, 1); /* and elsewhere */
    ck_assert(same(&tablet.shown[0], &key));
    ck_assert_int_eq(chat_conn_edit_text(app.conn, channel, 1, "better", 6, NULL), CHAT_OK);
    wait_sent();
    ck_assert_int_eq(chat_testkit_run_until_idle(kit), CHAT_OK);
    check_key(&app, &key);
    check_key(&tablet, &key);
    app_close(&tablet);
}
END_TEST

/* --- C7 --- */

struct texts {
    char all[256];
};

static void add_text(const struct chat_message *message, void *user)
{
    struct texts *texts = user;
    const size_t len = strlen(texts->all);

    (void)snprintf(texts->all + len, sizeof(texts->all) - len, "%.*s.", (int)message->text_len,
                   message->text);
}

static void check_texts(const char *expected)
{
    struct texts texts = {{0}};

    ck_assert_int_eq(chat_testkit_read_history(kit, channel, 0, add_text, &texts), CHAT_OK);
    ck_assert_str_eq(texts.all, expected);
}

START_TEST(c7_order_holds_with_a_refused_one_in_the_middle)
{
    const struct chat_outgoing *outgoing;

    post("theirs");
    app_has(&app, channel, 1);
    set_online(false);
    app_send(&app, channel, "one");
    /* Nobody edits what another said: this one is refused for good. */
    ck_assert_int_eq(chat_conn_edit_text(app.conn, channel, 1, "forged", 6, NULL), CHAT_OK);
    app_send(&app, channel, "two");
    app_send(&app, channel, "three");
    set_online(true);
    wait_sent();
    check_texts("theirs.one.two.three.");
    ck_assert_uint_eq(app.refused, 1);

    ck_assert_uint_eq(chat_conn_get_outgoing_count(app.conn), 1); /* kept for its writer */
    ck_assert(chat_conn_get_outgoing(app.conn, 0, &outgoing));
    ck_assert_int_eq(outgoing->state, CHAT_OUTGOING_REFUSED);
    ck_assert_int_eq(outgoing->status, CHAT_E_FORBIDDEN);
    ck_assert_str_eq(outgoing->text, "forged");
    ck_assert_int_eq(chat_conn_discard(app.conn, &outgoing->nonce), CHAT_OK);
}
END_TEST

/* At every moment what was typed is in the outbox, or in the channel, or in both. */
static void check_echo(uint64_t typed)
{
    const struct chat_channel *c = chat_conn_get_channel(app.conn, channel);

    ck_assert_uint_ge(chat_conn_get_outgoing_count(app.conn) + c->head_seq, typed);
}

START_TEST(c7_an_echo_never_vanishes_and_nothing_overtakes)
{
    uint32_t broken = 0;

    for (int n = 0; n < BREAKS; n++) {
        begin((uint64_t)n + 1);
        ck_assert_int_eq(chat_testkit_drop_after(kit, app.device, (uint32_t)n), CHAT_OK);
        for (uint64_t i = 1; i <= 10; i++) {
            char text[2] = {(char)('a' + i - 1), 0};

            app_send(&app, channel, text);
            check_echo(i);
            advance(1);
            check_echo(i);
        }
        for (int ms = 0; ms < 50; ms++) {
            advance(1);
            check_echo(10);
        }
        wait_sent();
        check_echo(10);
        check_texts("a.b.c.d.e.f.g.h.i.j.");
        broken += app.backoffs > 0;
        teardown();
    }
    ck_assert_uint_ge(broken, BREAKS_MIN);
}
END_TEST

/* --- C9 --- */

static uint64_t unread(struct app *a) { return chat_conn_get_channel(a->conn, channel)->unread; }

START_TEST(c9_unread_is_right_after_absence_deletes_and_other_devices)
{
    chat_conn *bob, *tablet;

    for (int i = 0; i < 5; i++)
        post("read");
    app_has(&app, channel, 5);
    ck_assert_uint_eq(unread(&app), 5);
    ck_assert_int_eq(chat_conn_mark_read(app.conn, channel, 5), CHAT_OK);
    ck_assert_uint_eq(unread(&app), 0);

    set_online(false);
    for (int i = 0; i < 10; i++)
        post("unread");
    ck_assert_int_eq(chat_testkit_get_conn(kit, "bob", &bob), CHAT_OK);
    ck_assert_int_eq(chat_conn_delete(bob, channel, 7, NULL), CHAT_OK);
    ck_assert_int_eq(chat_conn_delete(bob, channel, 15, NULL), CHAT_OK);
    ck_assert_int_eq(chat_testkit_wait_sent(kit, bob, APP_WAIT_MS), CHAT_OK);
    ck_assert_int_eq(chat_conn_edit_text(bob, channel, 8, "edited", 6, NULL), CHAT_OK);
    ck_assert_int_eq(chat_testkit_wait_sent(kit, bob, APP_WAIT_MS), CHAT_OK);
    set_online(true);
    app_has(&app, channel, 15);
    ck_assert_int_eq(chat_testkit_run_until_idle(kit), CHAT_OK);
    ck_assert_uint_eq(unread(&app), 8);

    ck_assert_int_eq(chat_testkit_get_conn(kit, "alice", &tablet), CHAT_OK);
    ck_assert_int_eq(chat_conn_mark_read(tablet, channel, 10), CHAT_OK);
    ck_assert_int_eq(chat_testkit_run_until_idle(kit), CHAT_OK);
    ck_assert_uint_eq(unread(&app), 4);
    app_close(&app); /* and after a restart, without a network */
    ck_assert_int_eq(chat_testkit_set_online(kit, app.device, false), CHAT_OK);
    app_open(&app);
    ck_assert_uint_eq(unread(&app), 4);
}
END_TEST

/* The link breaks before each of the first messages in turn, while both sides talk. */
START_TEST(c9_nothing_is_doubled_or_missed_wherever_the_link_breaks)
{
    uint32_t broken = 0;

    for (int n = 0; n < BREAKS; n++) {
        begin((uint64_t)n + 1);
        ck_assert_int_eq(chat_testkit_drop_after(kit, app.device, (uint32_t)n), CHAT_OK);
        for (int i = 0; i < 8; i++) {
            app_send(&app, channel, "mine");
            post("theirs");
        }
        wait_sent();
        app_has(&app, channel, 16);
        ck_assert_uint_eq(count_of(kit, channel), 16);
        ck_assert_uint_eq(app.messages, 16);
        ck_assert_uint_eq(app.gaps + app.rereads, 0);
        ck_assert(!app.out_of_order);
        broken += app.backoffs > 0;
        teardown();
    }
    ck_assert_uint_ge(broken, BREAKS_MIN);
}
END_TEST

/* --- what Centrifugo's SDKs had in 2026, by the number of their issues --- */

/* Handles one event a step, and while it does the connection is replaced. */
static void on_slow_step(chat_loop *loop, void *user)
{
    struct chat_event event = CHAT_EVENT_INIT;
    struct app *a = user;

    (void)loop;
    if (!chat_conn_next_event(a->conn, &event))
        return;
    app_on_event(a, &event);
    if (event.type == CHAT_EVENT_MESSAGE && event.message->seq % 10 == 3)
        ck_assert_int_eq(chat_testkit_double_links(kit, a->device, 3000), CHAT_OK);
}

START_TEST(centrifuge_go_150_a_connection_replaced_during_a_slow_handler_delivers_once)
{
    ck_assert_int_eq(chat_testkit_device_attach(app.device, app.loop, on_slow_step, &app), CHAT_OK);
    for (int i = 0; i < 50; i++) {
        post("x");
        advance(i % 10 == 9 ? 1500 : 3);
    }
    advance(60000);
    ck_assert_int_eq(chat_testkit_device_attach(app.device, app.loop, app_on_step, &app), CHAT_OK);
    app_has(&app, channel, 50);
    ck_assert_uint_gt(app.backoffs, 0);
    ck_assert_uint_eq(app.messages, 50);
    ck_assert(!app.out_of_order);
}
END_TEST

/* Leaves and comes back from within the handler. */
static void on_restless_step(chat_loop *loop, void *user)
{
    struct chat_event event = CHAT_EVENT_INIT;
    struct app *a = user;

    (void)loop;
    while (chat_conn_next_event(a->conn, &event)) {
        app_on_event(a, &event);
        if (event.type != CHAT_EVENT_MESSAGE)
            continue;
        if (event.message->seq % 7 == 2) {
            chat_conn_stop(a->conn);
            ck_assert_int_eq(chat_conn_start(a->conn), CHAT_OK);
        }
        if (event.message->seq % 7 == 5) {
            chat_conn_suspend(a->conn);
            chat_conn_resume(a->conn);
        }
    }
}

START_TEST(centrifuge_dart_142_leaving_and_returning_in_a_callback_delivers_nothing_again)
{
    ck_assert_int_eq(chat_testkit_device_attach(app.device, app.loop, on_restless_step, &app),
                     CHAT_OK);
    for (int i = 0; i < 50; i++) {
        post("x");
        advance(i % 3);
    }
    app_has(&app, channel, 50);
    ck_assert_int_eq(chat_testkit_run_until_idle(kit), CHAT_OK);
    ck_assert_uint_eq(app.messages, 50);
    ck_assert(!app.out_of_order);
}
END_TEST

START_TEST(centrifuge_go_160_a_new_epoch_does_not_keep_an_old_offset)
{
    post("before");
    ck_assert_int_eq(chat_testkit_server_backup(kit), CHAT_OK);
    for (int i = 0; i < 10; i++)
        post("lost with the disk");
    app_has(&app, channel, 11);
    ck_assert_int_eq(chat_testkit_server_restore(kit), CHAT_OK);
    for (int i = 0; i < 20; i++) /* more than before: the old position looks like a good one */
        post("after");
    app_live(&app);
    app_has(&app, channel, 21);
    ck_assert_int_eq(chat_testkit_run_until_idle(kit), CHAT_OK);
    ck_assert_uint_eq(app.resets, 1);
    ck_assert(!app.out_of_order);
    ck_assert_uint_eq(app.last_seq, 21);
    ck_assert_uint_eq(app.messages, 11 + 21);
}
END_TEST

/* The history is replaced by a shorter one while nobody looks, then goes on. */
START_TEST(centrifuge_js_385_a_position_that_became_invalid_is_reset)
{
    post("before");
    ck_assert_int_eq(chat_testkit_server_backup(kit), CHAT_OK);
    for (int i = 0; i < 10; i++)
        post("lost with the disk");
    app_has(&app, channel, 11);
    app_close(&app);
    ck_assert_int_eq(chat_testkit_server_restore(kit), CHAT_OK);
    app_open(&app);
    app_live(&app);
    ck_assert_int_eq(chat_testkit_run_until_idle(kit), CHAT_OK);
    ck_assert_uint_eq(app.resets, 1);
    ck_assert_uint_eq(chat_conn_get_channel(app.conn, channel)->head_seq, 1);
    for (uint64_t seq = 2; seq <= 5; seq++) {
        ck_assert_uint_eq(post("after"), seq);
        app_has(&app, channel, seq);
    }
    ck_assert_uint_eq(app.resets, 1); /* once was enough */
    ck_assert_uint_eq(app.last_seq, 5);
    ck_assert(!app.out_of_order);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("complaints_messages");
    TCase *one = tcase_create("one");
    TCase *each = tcase_create("each");

    tcase_add_checked_fixture(one, setup, teardown);
    tcase_add_test(one, c1_a_page_is_whole_or_says_so_and_the_start_is_flagged);
    tcase_add_test(one, c5_the_key_of_a_message_never_changes);
    tcase_add_test(one, c7_order_holds_with_a_refused_one_in_the_middle);
    tcase_add_test(one, c9_unread_is_right_after_absence_deletes_and_other_devices);
    tcase_add_test(one,
                   centrifuge_go_150_a_connection_replaced_during_a_slow_handler_delivers_once);
    tcase_add_test(one,
                   centrifuge_dart_142_leaving_and_returning_in_a_callback_delivers_nothing_again);
    tcase_add_test(one, centrifuge_go_160_a_new_epoch_does_not_keep_an_old_offset);
    tcase_add_test(one, centrifuge_js_385_a_position_that_became_invalid_is_reset);
    suite_add_tcase(suite, one);
    tcase_add_test(each, c7_an_echo_never_vanishes_and_nothing_overtakes);
    tcase_add_test(each, c9_nothing_is_doubled_or_missed_wherever_the_link_breaks);
    tcase_set_timeout(each, 120);
    suite_add_tcase(suite, each);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
