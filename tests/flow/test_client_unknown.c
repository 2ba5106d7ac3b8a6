/* What was on its way when something came between: never failed, never twice, found out. */
#include "client_rig.h"

static struct rig rig;

static void setup(void) { rig_init(&rig); }
static void teardown(void) { rig_fini(&rig); }

static void remove_channel(uint64_t id)
{
    WireChannelRemoved removed = WIRE_CHANNEL_REMOVED__INIT;

    removed.channel_id = id;
    RIG_SAY(&rig, 0, CHANNEL_REMOVED, channel_removed, &removed);
    rig_turn(&rig);
}

/* In CH2, which is listed only while the test says so; its nonces are judged anyway. */
static struct chat_nonce type_then_remove(bool arrives)
{
    struct chat_nonce nonce;

    rig_add_channel(&rig, CH2);
    rig_start(&rig);
    rig_pull(&rig);
    rig.keep_sends = !arrives;
    rig.lose_acks = arrives;
    nonce = rig_type(&rig, CH2, "perhaps");
    rig_turn(&rig);
    remove_channel(CH2);
    rig.keep_sends = rig.lose_acks = false;
    return nonce;
}

static bool list_only_the_first(struct rig *r, const WireClientFrame *f)
{
    uint32_t count = r->channel_count;

    if (f->body_case != WIRE_CLIENT_FRAME__BODY_HELLO)
        return false;
    r->channel_count = 1;
    rig_hello(r, f);
    r->channel_count = count;
    return true;
}

static void come_back(void)
{
    rig.on_frame = list_only_the_first;
    rig_cut(&rig, 1006);
    rig_wait(&rig, 3000);
}

static bool no_pages(struct rig *r, const WireClientFrame *f)
{
    (void)r;
    return f->body_case == WIRE_CLIENT_FRAME__BODY_FETCH_HISTORY;
}

START_TEST(what_was_sent_before_a_removal_is_asked_for_until_it_is_answered)
{
    struct chat_nonce nonce = type_then_remove(true);
    const struct rig_seen *seen;

    rig_pull(&rig);
    ck_assert_uint_eq(rig_count(&rig, CHAT_EVENT_CHANNEL_REMOVED), 1);
    ck_assert_uint_eq(client_outgoing_count(rig.core), 1); /* nobody knows yet */
    come_back();
    rig_pull(&rig);
    seen = rig_last(&rig, CHAT_EVENT_OUTGOING);
    ck_assert_int_eq(seen->out_state, CHAT_OUTGOING_DONE);
    ck_assert_uint_eq(seen->nonce.counter, nonce.counter);
    ck_assert_uint_eq(rig.channels[1].seq, 1);
    ck_assert_ptr_null(client_channel(rig.core, CH2));
    ck_assert_uint_eq(client_outgoing_count(rig.core), 0);
}
END_TEST

START_TEST(what_did_not_get_in_before_a_removal_is_refused_by_the_store_alone)
{
    type_then_remove(false);
    rig.op_problems = 1;
    rig.op_problem = WIRE_PROBLEM_CODE__PROBLEM_FORBIDDEN;
    rig.problem_retry = WIRE_RETRY__RETRY_NEVER;
    come_back();
    rig_pull(&rig);
    ck_assert_int_eq(rig_last(&rig, CHAT_EVENT_OUTGOING)->out_state, CHAT_OUTGOING_REFUSED);
    ck_assert_int_eq(rig_last(&rig, CHAT_EVENT_OUTGOING)->status, CHAT_E_FORBIDDEN);
    ck_assert_uint_eq(rig.channels[1].seq, 0);
}
END_TEST

START_TEST(what_was_on_its_way_belongs_to_the_channel_again_when_that_comes_back)
{
    type_then_remove(false);
    rig_cut(&rig, 1006);
    rig_wait(&rig, 3000);
    rig_pull(&rig);
    ck_assert_uint_eq(rig.channels[1].seq, 1);
    ck_assert_uint_eq(client_outgoing_count(rig.core), 0);
    rig_expect_stream(&rig, CH2, 1, 1);
}
END_TEST

START_TEST(what_was_on_its_way_is_found_out_over_a_restart)
{
    char path[] = "client_unknown.db";

    remove(path);
    rig.config.cache_path = path;
    type_then_remove(true);
    rig_crash(&rig);
    rig_open(&rig);
    ck_assert_uint_eq(client_outgoing_count(rig.core), 1);
    rig.on_frame = list_only_the_first;
    rig_start(&rig);
    rig_pull(&rig);
    ck_assert_int_eq(rig_last(&rig, CHAT_EVENT_OUTGOING)->out_state, CHAT_OUTGOING_DONE);
    ck_assert_uint_eq(rig.channels[1].seq, 1);
    rig_crash(&rig);
    remove(path);
}
END_TEST

START_TEST(nobody_can_tell_what_a_stale_nonce_became_in_a_channel_that_is_gone)
{
    type_then_remove(false);
    rig.op_problems = 1;
    rig.op_problem = WIRE_PROBLEM_CODE__PROBLEM_NONCE_STALE;
    come_back();
    rig_pull(&rig);
    ck_assert_int_eq(rig_last(&rig, CHAT_EVENT_OUTGOING)->out_state, CHAT_OUTGOING_REFUSED);
    ck_assert_int_eq(rig_last(&rig, CHAT_EVENT_OUTGOING)->status, CHAT_E_UNKNOWN);
}
END_TEST

START_TEST(an_answer_that_comes_after_its_operation_is_gone_finds_nobody)
{
    struct chat_nonce nonce;
    uint32_t request_id;

    rig_start(&rig);
    rig.keep_sends = true;
    nonce = rig_type(&rig, CH, "one");
    rig_turn(&rig);
    request_id = rig_heard_last(&rig, WIRE_CLIENT_FRAME__BODY_SEND_MESSAGE)->request_id;
    rig_store(&rig, CH, ME, "one", nonce.device_id, nonce.counter);
    rig_publish(&rig, CH, 1, false); /* done by its publication */
    ck_assert_uint_eq(client_outgoing_count(rig.core), 0);
    rig_ack_send(&rig, request_id, CH, 1);
    rig_turn(&rig);
    rig_pull(&rig);
    rig_expect_stream(&rig, CH, 1, 1);
}
END_TEST

START_TEST(those_behind_a_refused_one_go_out_at_once)
{
    char text[16];

    rig_start(&rig);
    rig.op_problems = 5;
    rig.op_problem = WIRE_PROBLEM_CODE__PROBLEM_FORBIDDEN;
    rig.problem_retry = WIRE_RETRY__RETRY_NEVER;
    for (int i = 0; i < 20; i++) {
        snprintf(text, sizeof(text), "t%d", i);
        rig_type(&rig, CH, text);
    }
    rig_turn(&rig); /* no time passes */
    ck_assert_uint_eq(rig.channels[0].seq, 15);
    ck_assert_str_eq(rig.channels[0].messages[1].text, "t5");
    ck_assert_str_eq(rig.channels[0].messages[15].text, "t19");
}
END_TEST

START_TEST(after_never_names_a_later_one)
{
    struct chat_nonce first, second;

    rig_start(&rig);
    rig_pull(&rig);
    rig.lose_acks = true;
    first = rig_type(&rig, CH, "first");
    second = rig_type(&rig, CH, "second");
    rig_turn(&rig);
    ck_assert_uint_eq(rig.channels[0].seq, 2);
    rig.heard_count = 0;
    rig_publish(&rig, CH, 2, false); /* the second is known to be in, the first not yet */
    rig.keep_sends = true;
    ck_assert_uint_eq(client_outgoing_count(rig.core), 1);
    rig.on_frame = no_pages;
    rig_cut(&rig, 1006);
    rig_wait(&rig, 3000);
    ck_assert_uint_eq(rig_heard(&rig, WIRE_CLIENT_FRAME__BODY_SEND_MESSAGE), 1);
    ck_assert_uint_eq(rig_heard_last(&rig, WIRE_CLIENT_FRAME__BODY_SEND_MESSAGE)->counter,
                      first.counter);
    ck_assert_uint_lt(rig_heard_last(&rig, WIRE_CLIENT_FRAME__BODY_SEND_MESSAGE)->after,
                      first.counter);
    ck_assert_uint_gt(second.counter, first.counter);
}
END_TEST

static uint64_t stale_counter;

static bool one_is_stale(struct rig *r, const WireClientFrame *f)
{
    if (f->body_case != WIRE_CLIENT_FRAME__BODY_SEND_MESSAGE ||
        f->send_message->nonce->counter != stale_counter)
        return false;
    rig_problem(r, f->request_id, WIRE_PROBLEM_CODE__PROBLEM_NONCE_STALE, WIRE_RETRY__RETRY_NEVER,
                0);
    return true;
}

START_TEST(only_the_stale_nonce_is_given_up)
{
    struct chat_nonce stale, other;

    rig_start(&rig);
    rig_cut(&rig, 1006);
    stale = rig_type(&rig, CH, "stale");
    other = rig_type(&rig, CH, "other");
    stale_counter = stale.counter;
    rig.on_frame = one_is_stale;
    rig_wait(&rig, 20000);
    ck_assert_uint_eq(client_outgoing_count(rig.core), 0);
    ck_assert_uint_eq(rig.channels[0].seq, 2);
    ck_assert_str_eq(rig.channels[0].messages[1].text, "stale");
    ck_assert_uint_ne(rig.channels[0].messages[1].device, stale.device_id);
    ck_assert_str_eq(rig.channels[0].messages[2].text, "other");
    ck_assert_uint_eq(rig.channels[0].messages[2].counter, other.counter);
    ck_assert_uint_eq(rig.channels[0].messages[2].device, other.device_id);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client_unknown");
    TCase *tc = tcase_create("unknown");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, what_was_sent_before_a_removal_is_asked_for_until_it_is_answered);
    tcase_add_test(tc, what_did_not_get_in_before_a_removal_is_refused_by_the_store_alone);
    tcase_add_test(tc, what_was_on_its_way_belongs_to_the_channel_again_when_that_comes_back);
    tcase_add_test(tc, what_was_on_its_way_is_found_out_over_a_restart);
    tcase_add_test(tc, nobody_can_tell_what_a_stale_nonce_became_in_a_channel_that_is_gone);
    tcase_add_test(tc, an_answer_that_comes_after_its_operation_is_gone_finds_nobody);
    tcase_add_test(tc, those_behind_a_refused_one_go_out_at_once);
    tcase_add_test(tc, after_never_names_a_later_one);
    tcase_add_test(tc, only_the_stale_nonce_is_given_up);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
