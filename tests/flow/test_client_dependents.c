/* Operations on messages that are not sent yet: changed in place, queued behind, cancelled. */
#include "client_rig.h"

#define SMILE "\xf0\x9f\x98\x80"

static struct rig rig;
static char path[] = "client_dependents.db";

static void setup(void)
{
    rig_init(&rig);
    remove(path);
    rig.config.cache_path = path;
}

static void teardown(void)
{
    rig_fini(&rig);
    remove(path);
}

static struct rig_message *stored(uint64_t seq) { return &rig.channels[0].messages[seq]; }

static void go_offline(void)
{
    rig.dial_fails = true;
    rig_cut(&rig, 1006);
}

static void go_online(void)
{
    rig.dial_fails = false;
    rig_wait(&rig, 60000);
}

/* The process dies, and the account is opened again without a network. */
static void restart(void)
{
    rig.dial_fails = true;
    rig_crash(&rig);
    rig_open(&rig);
    ck_assert_int_eq(client_start(rig.core), CHAT_OK);
    rig_turn(&rig);
}

static chat_status edit(const struct chat_nonce *nonce, const char *text,
                        struct chat_nonce *out_nonce)
{
    struct chat_content content = rig_content(text, strlen(text));

    return client_edit_outgoing(rig.core, nonce, &content, out_nonce);
}

static size_t count_states(chat_outgoing_state state)
{
    size_t count = 0;

    for (size_t i = 0; i < rig.seen_count; i++)
        count += rig.seen[i].type == CHAT_EVENT_OUTGOING && rig.seen[i].out_state == state;
    return count;
}

static bool same(const struct chat_nonce *a, const struct chat_nonce *b)
{
    return a->device_id == b->device_id && a->counter == b->counter;
}

/* --- what never went out --- */

START_TEST(an_edit_of_what_never_went_out_changes_it_in_place)
{
    struct chat_nonce nonce, edited;
    const struct chat_outgoing *out;

    rig_start(&rig);
    go_offline();
    nonce = rig_type(&rig, CH, "frist");
    if (_i)
        restart();
    rig_pull(&rig);
    ck_assert_int_eq(edit(&nonce, "first", &edited), CHAT_OK);
    ck_assert(same(&nonce, &edited));
    rig_pull(&rig);
    ck_assert_str_eq(rig_last(&rig, CHAT_EVENT_OUTGOING)->text, "first");
    ck_assert_uint_eq(client_outgoing_count(rig.core), 1);
    ck_assert(client_outgoing(rig.core, 0, &out));
    ck_assert_str_eq(out->text, "first");
    go_online();

    ck_assert_uint_eq(rig.channels[0].seq, 1);
    ck_assert_str_eq(stored(1)->text, "first");
    ck_assert_uint_eq(stored(1)->rev, 0);
    ck_assert_uint_eq(stored(1)->counter, nonce.counter);
}
END_TEST

START_TEST(a_message_that_never_went_out_is_cancelled_for_good)
{
    struct chat_nonce one, two, three, out_nonce;

    rig_start(&rig);
    go_offline();
    one = rig_type(&rig, CH, "one");
    two = rig_type(&rig, CH, "two");
    three = rig_type(&rig, CH, "three");
    if (_i)
        restart();
    rig_pull(&rig);
    ck_assert_int_eq(client_discard(rig.core, &two), CHAT_OK);
    ck_assert_int_eq(client_delete_outgoing(rig.core, &three, &out_nonce), CHAT_OK);
    ck_assert(same(&three, &out_nonce));
    ck_assert_int_eq(client_discard(rig.core, &two), CHAT_E_NOT_FOUND);
    rig_pull(&rig);
    ck_assert_uint_eq(count_states(CHAT_OUTGOING_DISCARDED), 2);
    restart();
    ck_assert_uint_eq(client_outgoing_count(rig.core), 1);
    go_online();

    ck_assert_uint_eq(rig.channels[0].seq, 1);
    ck_assert_str_eq(stored(1)->text, "one");
    ck_assert_uint_eq(stored(1)->counter, one.counter);
}
END_TEST

START_TEST(what_waits_for_a_cancelled_message_goes_with_it)
{
    struct chat_nonce nonce, other;

    rig_start(&rig);
    go_offline();
    nonce = rig_type(&rig, CH, "one");
    other = rig_type(&rig, CH, "other");
    ck_assert_int_eq(client_react_outgoing(rig.core, &nonce, SMILE, 4, false, NULL), CHAT_OK);
    ck_assert_int_eq(client_react_outgoing(rig.core, &other, SMILE, 4, false, NULL), CHAT_OK);
    ck_assert_int_eq(client_react_outgoing(rig.core, &nonce, "x", 1, false, NULL), CHAT_OK);
    rig_pull(&rig);
    ck_assert_int_eq(client_discard(rig.core, &nonce), CHAT_OK);
    rig_pull(&rig);
    ck_assert_uint_eq(count_states(CHAT_OUTGOING_DISCARDED), 3);
    ck_assert_uint_eq(client_outgoing_count(rig.core), 2);
    go_online();
    ck_assert_uint_eq(rig.channels[0].seq, 1);
    ck_assert_str_eq(stored(1)->text, "other");
    ck_assert_str_eq(stored(1)->emoji, SMILE);
}
END_TEST

/* --- what may be in --- */

START_TEST(what_may_be_in_is_not_cancelled)
{
    struct chat_nonce nonce;

    rig_start(&rig);
    rig.keep_sends = true;
    nonce = rig_type(&rig, CH, "one");
    rig_turn(&rig);
    ck_assert_int_eq(client_discard(rig.core, &nonce), CHAT_E_STATE);
    go_offline();
    ck_assert_int_eq(client_discard(rig.core, &nonce), CHAT_E_STATE);
    restart();
    ck_assert_int_eq(client_discard(rig.core, &nonce), CHAT_E_STATE);
    rig.keep_sends = false;
    go_online();
    ck_assert_uint_eq(rig.channels[0].seq, 1);
}
END_TEST

/* Queued offline, sent after a reconnect, and then the power fails: its row says so. */
START_TEST(what_was_queued_offline_and_sent_later_may_be_in_after_a_restart)
{
    struct chat_nonce nonce;

    rig_start(&rig);
    go_offline();
    nonce = rig_type(&rig, CH, "one");
    rig.keep_sends = true;
    go_online();
    ck_assert_uint_ge(rig_heard(&rig, WIRE_CLIENT_FRAME__BODY_SEND_MESSAGE), 1);
    restart();
    ck_assert_int_eq(client_discard(rig.core, &nonce), CHAT_E_STATE);
}
END_TEST

START_TEST(an_edit_a_deletion_and_a_reaction_follow_their_message)
{
    struct chat_nonce one, two, three, dependent;
    const struct chat_outgoing *out;

    rig_start(&rig);
    rig.keep_sends = true;
    one = rig_type(&rig, CH, "one");
    two = rig_type(&rig, CH, "two");
    three = rig_type(&rig, CH, "three");
    rig_turn(&rig);
    ck_assert_int_eq(edit(&one, "ONE", &dependent), CHAT_OK);
    ck_assert(!same(&one, &dependent));
    ck_assert_int_eq(client_delete_outgoing(rig.core, &two, NULL), CHAT_OK);
    ck_assert_int_eq(client_react_outgoing(rig.core, &three, SMILE, 4, false, NULL), CHAT_OK);
    rig_type(&rig, CH, "four");
    ck_assert(client_outgoing(rig.core, 3, &out));
    ck_assert(same(&out->message_nonce, &one));
    ck_assert_uint_eq(out->seq, 0);
    rig_turn(&rig);
    ck_assert_uint_eq(rig_heard(&rig, WIRE_CLIENT_FRAME__BODY_EDIT_MESSAGE), 0);
    if (_i)
        restart();
    else
        go_offline();
    rig.keep_sends = false;
    go_online();
    rig_pull(&rig);

    ck_assert_uint_eq(client_outgoing_count(rig.core), 0);
    ck_assert_uint_eq(rig.channels[0].seq, 4);
    ck_assert_str_eq(stored(1)->text, "ONE");
    ck_assert(stored(2)->deleted);
    ck_assert_str_eq(stored(3)->emoji, SMILE);
    ck_assert_str_eq(stored(4)->text, "four");
}
END_TEST

/* The message is seen before it is acknowledged. */
START_TEST(a_publication_is_enough_for_what_waits)
{
    struct chat_nonce nonce;

    rig.ack_last = true;
    rig_start(&rig);
    rig.keep_sends = true;
    nonce = rig_type(&rig, CH, "one");
    rig_turn(&rig);
    ck_assert_int_eq(edit(&nonce, "ONE", NULL), CHAT_OK);
    rig.keep_sends = false;
    rig_store(&rig, CH, ME, "one", nonce.device_id, nonce.counter);
    rig_publish(&rig, CH, 1, false);
    rig_wait(&rig, 5000);
    ck_assert_str_eq(stored(1)->text, "ONE");
    ck_assert_uint_eq(client_outgoing_count(rig.core), 0);
}
END_TEST

/* It got in, but the application did not look yet. */
START_TEST(a_nonce_names_its_message_until_it_was_told_that_it_is_in)
{
    struct chat_nonce nonce, edited;

    rig_start(&rig);
    nonce = rig_type(&rig, CH, "one");
    rig_turn(&rig);
    ck_assert_uint_eq(rig.channels[0].seq, 1);
    ck_assert_int_eq(edit(&nonce, "ONE", &edited), CHAT_OK);
    ck_assert(!same(&nonce, &edited));
    ck_assert_int_eq(client_react_outgoing(rig.core, &nonce, SMILE, 4, false, NULL), CHAT_OK);
    rig_turn(&rig);
    ck_assert_str_eq(stored(1)->text, "ONE");
    ck_assert_str_eq(stored(1)->emoji, SMILE);
    ck_assert_int_eq(client_delete_outgoing(rig.core, &nonce, NULL), CHAT_OK);
    rig_turn(&rig);
    ck_assert(stored(1)->deleted);
    ck_assert_int_eq(client_discard(rig.core, &nonce), CHAT_E_NOT_FOUND);
    rig_pull(&rig);
    ck_assert_int_eq(edit(&nonce, "x", NULL), CHAT_E_NOT_FOUND);
}
END_TEST

START_TEST(a_refused_message_refuses_what_waits_and_takes_it_along_again)
{
    struct chat_nonce nonce, reaction, again;
    const struct chat_outgoing *out;

    rig_start(&rig);
    go_offline();
    nonce = rig_type(&rig, CH, "one");
    ck_assert_int_eq(client_react_outgoing(rig.core, &nonce, SMILE, 4, false, &reaction), CHAT_OK);
    rig.op_problems = 1;
    rig.op_problem = WIRE_PROBLEM_CODE__PROBLEM_FORBIDDEN;
    rig.problem_retry = WIRE_RETRY__RETRY_NEVER;
    go_online();
    ck_assert_uint_eq(client_outgoing_count(rig.core), 2);
    ck_assert(client_outgoing(rig.core, 0, &out));
    ck_assert_int_eq(out->status, CHAT_E_FORBIDDEN);
    ck_assert_str_eq(out->text, "one");
    ck_assert(client_outgoing(rig.core, 1, &out));
    ck_assert_int_eq(out->state, CHAT_OUTGOING_REFUSED);
    ck_assert_int_eq(out->status, CHAT_E_NOT_FOUND);
    ck_assert_str_eq(out->text, SMILE);

    ck_assert_int_eq(client_resend(rig.core, &reaction, NULL), CHAT_E_STATE);
    ck_assert_int_eq(client_resend(rig.core, &nonce, &again), CHAT_OK);
    ck_assert(client_outgoing(rig.core, 0, &out));
    ck_assert(same(&out->message_nonce, &again));
    if (_i)
        ck_assert_int_eq(client_resend(rig.core, &reaction, NULL), CHAT_OK);
    rig_wait(&rig, 5000);
    ck_assert_str_eq(stored(1)->text, "one");
    if (!_i) /* its message is in: now it is known which */
        ck_assert_int_eq(client_resend(rig.core, &reaction, NULL), CHAT_OK);
    rig_wait(&rig, 5000);
    ck_assert_str_eq(stored(1)->emoji, SMILE);
    ck_assert_uint_eq(client_outgoing_count(rig.core), 0);
}
END_TEST

/* Sent again it has a later row than what waits for it, and that is how the file is read. */
START_TEST(an_edit_of_a_message_that_was_sent_again_waits_for_it_over_a_restart)
{
    struct chat_nonce nonce, edited, again;
    const struct chat_outgoing *out;

    rig_start(&rig);
    rig.keep_sends = true;
    nonce = rig_type(&rig, CH, "one");
    rig_turn(&rig);
    ck_assert_int_eq(edit(&nonce, "ONE", &edited), CHAT_OK); /* it is out: the edit follows it */
    ck_assert(!same(&nonce, &edited));
    rig_problem(&rig, rig_heard_last(&rig, WIRE_CLIENT_FRAME__BODY_SEND_MESSAGE)->request_id,
                WIRE_PROBLEM_CODE__PROBLEM_FORBIDDEN, WIRE_RETRY__RETRY_NEVER, 0);
    go_offline();
    ck_assert_int_eq(client_resend(rig.core, &nonce, &again), CHAT_OK);
    if (_i) /* behind it again, or with it after the restart */
        ck_assert_int_eq(client_resend(rig.core, &edited, &edited), CHAT_OK);
    restart();
    for (uint32_t i = 0; client_outgoing(rig.core, i, &out); i++)
        if (out->kind == CHAT_OUTGOING_EDIT)
            ck_assert(same(&out->message_nonce, &again));
    if (!_i)
        ck_assert_int_eq(client_resend(rig.core, &edited, NULL), CHAT_OK);
    rig.keep_sends = false;
    go_online();
    ck_assert_uint_eq(client_outgoing_count(rig.core), 0);
    ck_assert_uint_eq(rig.channels[0].seq, 1);
    ck_assert_str_eq(stored(1)->text, "ONE");
    ck_assert_uint_eq(stored(1)->rev, 1);
}
END_TEST

START_TEST(what_waited_for_a_message_that_was_discarded_stays_refused)
{
    struct chat_nonce nonce, reaction;

    rig_start(&rig);
    go_offline();
    nonce = rig_type(&rig, CH, "one");
    ck_assert_int_eq(client_react_outgoing(rig.core, &nonce, SMILE, 4, false, &reaction), CHAT_OK);
    rig.op_problems = 1;
    rig.op_problem = WIRE_PROBLEM_CODE__PROBLEM_FORBIDDEN;
    rig.problem_retry = WIRE_RETRY__RETRY_NEVER;
    go_online();
    ck_assert_int_eq(client_discard(rig.core, &nonce), CHAT_OK);
    ck_assert_uint_eq(client_outgoing_count(rig.core), 0); /* all of it */
    ck_assert_int_eq(client_resend(rig.core, &reaction, NULL), CHAT_E_NOT_FOUND);
}
END_TEST

START_TEST(a_removed_channel_refuses_both)
{
    struct chat_nonce nonce;
    WireChannelRemoved removed = WIRE_CHANNEL_REMOVED__INIT;
    const struct chat_outgoing *out;

    rig_start(&rig);
    rig.ops_per_second = 0;
    rig.keep_sends = true;
    for (int i = 0; i < 33; i++) /* the last one finds no room */
        nonce = rig_type(&rig, CH, "one");
    rig_turn(&rig);
    ck_assert_int_eq(client_react_outgoing(rig.core, &nonce, SMILE, 4, false, NULL), CHAT_OK);
    removed.channel_id = CH;
    RIG_SAY(&rig, 0, CHANNEL_REMOVED, channel_removed, &removed);
    rig_turn(&rig);
    ck_assert_uint_eq(client_outgoing_count(rig.core), 34);
    for (uint32_t i = 32; i < 34; i++) {
        ck_assert(client_outgoing(rig.core, i, &out));
        ck_assert_int_eq(out->state, CHAT_OUTGOING_REFUSED);
        ck_assert_int_eq(out->status, CHAT_E_NOT_FOUND);
    }
}
END_TEST

START_TEST(only_own_messages_that_wait_can_be_followed)
{
    struct chat_nonce nonce, reaction, unknown = {77, 1};

    rig_store_many(&rig, CH, 1);
    rig_start(&rig);
    go_offline();
    nonce = rig_type(&rig, CH, "one");
    ck_assert_int_eq(client_react_outgoing(rig.core, &nonce, SMILE, 4, false, &reaction), CHAT_OK);
    ck_assert_int_eq(edit(&unknown, "x", NULL), CHAT_E_NOT_FOUND);
    ck_assert_int_eq(edit(&reaction, "x", NULL), CHAT_E_INVALID);
    ck_assert_int_eq(client_delete_outgoing(rig.core, &reaction, NULL), CHAT_E_INVALID);
    ck_assert_int_eq(client_discard(rig.core, &reaction), CHAT_OK);
    ck_assert_int_eq(edit(&nonce, "", NULL), CHAT_E_INVALID);
    go_online();
    rig_pull(&rig);
    ck_assert_int_eq(edit(&nonce, "x", NULL), CHAT_E_NOT_FOUND); /* it is in */
}
END_TEST

/* Its nonce went stale: it is sent under another one, and what waits still finds it. */
static bool stale_once(struct rig *r, const WireClientFrame *f)
{
    if (f->body_case != WIRE_CLIENT_FRAME__BODY_SEND_MESSAGE ||
        f->send_message->nonce->device_id != r->keep_device)
        return false;
    rig_problem(r, f->request_id, WIRE_PROBLEM_CODE__PROBLEM_NONCE_STALE, WIRE_RETRY__RETRY_NEVER,
                0);
    return true;
}

START_TEST(a_renamed_message_keeps_what_waits_for_it)
{
    struct chat_nonce nonce;

    rig_start(&rig);
    go_offline();
    nonce = rig_type(&rig, CH, "one");
    ck_assert_int_eq(client_react_outgoing(rig.core, &nonce, SMILE, 4, false, NULL), CHAT_OK);
    rig.keep_device = nonce.device_id;
    rig.on_frame = stale_once;
    go_online();
    ck_assert_uint_eq(rig.channels[0].seq, 1);
    ck_assert_str_eq(stored(1)->emoji, SMILE);
    ck_assert_uint_eq(client_outgoing_count(rig.core), 0);
}
END_TEST

START_TEST(thousands_wait_and_each_is_found)
{
    static struct chat_nonce nonces[3000];
    const struct chat_outgoing *out;

    rig.config.outbox_max = 3000;
    rig_start(&rig);
    go_offline();
    for (int i = 0; i < 3000; i++)
        nonces[i] = rig_type(&rig, CH, "x");
    for (int i = 0; i < 3000; i += 3) /* from the front, from the end, from the middle */
        ck_assert_int_eq(client_discard(rig.core, &nonces[i]), CHAT_OK);
    for (int i = 2999; i > 0; i -= 3)
        ck_assert_int_eq(client_discard(rig.core, &nonces[i]), CHAT_OK);
    ck_assert_uint_eq(client_outgoing_count(rig.core), 1000);
    for (uint32_t i = 0; i < 1000; i++) {
        ck_assert(client_outgoing(rig.core, i, &out));
        ck_assert_uint_eq(out->nonce.counter, nonces[3 * i + 1].counter);
    }
    ck_assert(!client_outgoing(rig.core, 1000, &out));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client_dependents");
    TCase *tc = tcase_create("dependents");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, an_edit_of_what_never_went_out_changes_it_in_place, 0, 2);
    tcase_add_loop_test(tc, a_message_that_never_went_out_is_cancelled_for_good, 0, 2);
    tcase_add_test(tc, what_waits_for_a_cancelled_message_goes_with_it);
    tcase_add_test(tc, what_may_be_in_is_not_cancelled);
    tcase_add_test(tc, what_was_queued_offline_and_sent_later_may_be_in_after_a_restart);
    tcase_add_loop_test(tc, an_edit_a_deletion_and_a_reaction_follow_their_message, 0, 2);
    tcase_add_test(tc, a_publication_is_enough_for_what_waits);
    tcase_add_test(tc, a_nonce_names_its_message_until_it_was_told_that_it_is_in);
    tcase_add_loop_test(tc, a_refused_message_refuses_what_waits_and_takes_it_along_again, 0, 2);
    tcase_add_loop_test(tc, an_edit_of_a_message_that_was_sent_again_waits_for_it_over_a_restart, 0,
                        2);
    tcase_add_test(tc, what_waited_for_a_message_that_was_discarded_stays_refused);
    tcase_add_test(tc, a_removed_channel_refuses_both);
    tcase_add_test(tc, only_own_messages_that_wait_can_be_followed);
    tcase_add_test(tc, a_renamed_message_keeps_what_waits_for_it);
    tcase_add_test(tc, thousands_wait_and_each_is_found);
    suite_add_tcase(suite, tc);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
