/* Deaths and disks that fail, and what must not happen after them. */
#include "../support/memory_vfs.h"
#include "client_rig.h"

#define VFS "memory"

static struct rig rig;
static struct memory_vfs disk;

static void setup(void)
{
    rig_init(&rig);
    rig.config.cache_path = "client.db";
    rig.config.cache_vfs = VFS;
}

static void teardown(void)
{
    rig_fini(&rig);
    memory_vfs_erase(&disk);
}

/* The process dies and comes again. */
static void restart(void)
{
    rig_crash(&rig);
    rig.heard_count = 0;
    rig.config.seed++;
    rig_start(&rig);
}

static void own_messages(uint64_t count)
{
    rig_store_many(&rig, CH, count);
    for (uint64_t seq = 1; seq <= count; seq++)
        rig.channels[0].messages[seq].author = ME;
}

static bool no_answers_to_reads(struct rig *r, const WireClientFrame *f)
{
    (void)r;
    return f->body_case == WIRE_CLIENT_FRAME__BODY_FETCH_CHANGES ||
           f->body_case == WIRE_CLIENT_FRAME__BODY_FETCH_HISTORY;
}

/* By then the store may not know its nonce any more, and it would undo what came later. */
START_TEST(an_acknowledged_edit_is_not_sent_again_after_a_restart)
{
    own_messages(3);
    rig_start(&rig);
    rig.no_publish = true;
    rig.on_frame = no_answers_to_reads;
    ck_assert_int_eq(client_edit(rig.core, CH, 2, "better", 6, NULL, 0, NULL), CHAT_OK);
    rig_turn(&rig);
    ck_assert_uint_eq(rig_heard(&rig, WIRE_CLIENT_FRAME__BODY_EDIT_MESSAGE), 1);
    ck_assert_uint_eq(client_outgoing_count(rig.core), 1); /* not to be seen yet */
    restart();
    rig_wait(&rig, 2000);
    ck_assert_uint_eq(rig_heard(&rig, WIRE_CLIENT_FRAME__BODY_EDIT_MESSAGE), 0);
    ck_assert_uint_eq(client_outgoing_count(rig.core), 1);
    rig.on_frame = NULL;
    rig_wait(&rig, 60000);
    ck_assert_uint_eq(rig_heard(&rig, WIRE_CLIENT_FRAME__BODY_EDIT_MESSAGE), 0);
    ck_assert_uint_eq(client_outgoing_count(rig.core), 0);
}
END_TEST

static uint64_t stale_counter;

/* The store has forgotten the first one's nonce; of the second it knows that it was done. */
static bool forgot_the_first(struct rig *r, const WireClientFrame *f)
{
    if (f->body_case != WIRE_CLIENT_FRAME__BODY_EDIT_MESSAGE ||
        f->edit_message->nonce->counter != stale_counter)
        return false;
    rig_problem(r, f->request_id, WIRE_PROBLEM_CODE__PROBLEM_NONCE_STALE, WIRE_RETRY__RETRY_NEVER,
                0);
    return true;
}

START_TEST(a_stale_edit_does_not_overtake_a_later_one_of_its_message)
{
    struct chat_nonce first;

    own_messages(3);
    rig_start(&rig);
    rig_cut(&rig, 1006);
    rig.no_publish = _i == 1;
    ck_assert_int_eq(client_edit(rig.core, CH, 2, "first", 5, NULL, 0, &first), CHAT_OK);
    ck_assert_int_eq(client_edit(rig.core, CH, 3, "another", 7, NULL, 0, NULL), CHAT_OK);
    ck_assert_int_eq(client_edit(rig.core, CH, 2, "second", 6, NULL, 0, NULL), CHAT_OK);
    stale_counter = first.counter;
    rig.on_frame = forgot_the_first;
    rig_wait(&rig, 60000);
    ck_assert_uint_eq(client_outgoing_count(rig.core), 0);
    ck_assert_str_eq(rig.channels[0].messages[2].text, "second");
    ck_assert_str_eq(rig.channels[0].messages[3].text, "another");
}
END_TEST

START_TEST(an_edit_is_shown_as_queued_until_it_can_be_seen)
{
    const struct chat_outgoing *outgoing;

    own_messages(3);
    rig_start(&rig);
    rig.no_publish = true;
    rig.on_frame = no_answers_to_reads;
    ck_assert_int_eq(client_edit(rig.core, CH, 2, "better", 6, NULL, 0, NULL), CHAT_OK);
    rig_turn(&rig);
    ck_assert(client_outgoing(rig.core, 0, &outgoing));
    ck_assert_int_eq(outgoing->state, CHAT_OUTGOING_QUEUED);
    restart();
    ck_assert(client_outgoing(rig.core, 0, &outgoing));
    ck_assert_int_eq(outgoing->state, CHAT_OUTGOING_QUEUED);
    ck_assert_str_eq(outgoing->text, "better");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client_restart");
    TCase *tc = tcase_create("restart");
    SRunner *runner;
    int failed;

    memory_vfs_init(&disk, VFS);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, an_acknowledged_edit_is_not_sent_again_after_a_restart);
    tcase_add_loop_test(tc, a_stale_edit_does_not_overtake_a_later_one_of_its_message, 0, 2);
    tcase_add_test(tc, an_edit_is_shown_as_queued_until_it_can_be_seen);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
