/* Deaths and disks that fail, and what must not happen after them. */
#include "../support/faulty_alloc.h"
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

/* The list told how many are deleted, and which was not heard before the end. */
START_TEST(what_was_deleted_of_what_is_passed_after_a_restart_hides_nothing_unread)
{
    static WireChannelSettings settings = WIRE_CHANNEL_SETTINGS__INIT;
    uint64_t ticket;

    settings.channel_id = CH;
    rig_channel(&rig, CH)->settings = &settings;
    rig.config.keep_max = 10;
    rig_start(&rig);
    rig_cut(&rig, 1006);
    rig_store_many(&rig, CH, 100);
    rig_wait(&rig, 3000);
    ck_assert_int_eq(client_fetch_history(rig.core, CH, 1, 10, false, &ticket), CHAT_OK);
    rig_wait(&rig, 100);
    rig_cut(&rig, 1006); /* 1 to 10 and 91 to 100 are held */
    rig.on_frame = no_answers_to_reads;
    for (uint64_t seq = 6; seq <= 8; seq++) {
        rig_channel(&rig, CH)->messages[seq].deleted = true;
        rig_alter(&rig, CH, seq, "");
    }
    rig_wait(&rig, 3000);
    ck_assert_uint_eq(client_channel(rig.core, CH)->unread, 97);
    rig_crash(&rig);
    rig_open(&rig); /* without a link */
    ck_assert_uint_eq(client_channel(rig.core, CH)->unread, 97);
    ck_assert_int_eq(client_mark_read(rig.core, CH, 10), CHAT_OK);
    ck_assert_uint_eq(client_channel(rig.core, CH)->unread, 90);
}
END_TEST

/* By then the store may not know its nonce any more, and it would undo what came later. */
START_TEST(an_acknowledged_edit_is_not_sent_again_after_a_restart)
{
    own_messages(3);
    rig_start(&rig);
    rig.no_publish = true;
    rig.on_frame = no_answers_to_reads;
    ck_assert_int_eq(rig_try_edit(&rig, CH, 2, "better"), CHAT_OK);
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
    const struct chat_content content = rig_content("first", 5);
    struct chat_nonce first;

    own_messages(3);
    rig_start(&rig);
    rig_cut(&rig, 1006);
    rig.no_publish = _i == 1;
    ck_assert_int_eq(client_edit(rig.core, CH, 2, &content, &first), CHAT_OK);
    ck_assert_int_eq(rig_try_edit(&rig, CH, 3, "another"), CHAT_OK);
    ck_assert_int_eq(rig_try_edit(&rig, CH, 2, "second"), CHAT_OK);
    stale_counter = first.counter;
    rig.on_frame = forgot_the_first;
    rig_wait(&rig, 60000);
    ck_assert_uint_eq(client_outgoing_count(rig.core), 0);
    ck_assert_str_eq(rig.channels[0].messages[2].text, "second");
    ck_assert_str_eq(rig.channels[0].messages[3].text, "another");
}
END_TEST

static uint32_t stale_request; /* of the edit, not answered yet */

static bool hold_the_edit(struct rig *r, const WireClientFrame *f)
{
    (void)r;
    if (f->body_case == WIRE_CLIENT_FRAME__BODY_EDIT_MESSAGE &&
        f->edit_message->nonce->counter == stale_counter)
        stale_request = f->request_id;
    return f->request_id == stale_request || no_answers_to_reads(r, f);
}

/* The reaction is known to be in before it is told that the edit is stale, or after. */
START_TEST(a_reaction_to_its_message_does_not_stand_for_a_stale_edit)
{
    const struct chat_content content = rig_content("first", 5);
    struct chat_nonce edit;

    own_messages(3);
    rig_start(&rig);
    rig_cut(&rig, 1006);
    rig.no_publish = true;
    ck_assert_int_eq(client_edit(rig.core, CH, 2, &content, &edit), CHAT_OK);
    ck_assert_int_eq(client_react(rig.core, CH, 2, "+", 1, false, NULL), CHAT_OK);
    stale_counter = edit.counter;
    rig.on_frame = _i ? hold_the_edit : forgot_the_first;
    rig_wait(&rig, 1000);
    ck_assert_uint_eq(rig_heard(&rig, WIRE_CLIENT_FRAME__BODY_REACT), 1);
    if (_i) {
        ck_assert_str_eq(rig.channels[0].messages[2].emoji, "+");
        rig.on_frame = NULL;
        rig_problem(&rig, stale_request, WIRE_PROBLEM_CODE__PROBLEM_NONCE_STALE,
                    WIRE_RETRY__RETRY_NEVER, 0);
    }
    rig_wait(&rig, 60000);
    ck_assert_uint_eq(client_outgoing_count(rig.core), 0);
    ck_assert_str_eq(rig.channels[0].messages[2].text, "first");
    ck_assert_uint_eq(rig_heard(&rig, WIRE_CLIENT_FRAME__BODY_EDIT_MESSAGE), 2);
}
END_TEST

static size_t sends_on_wire;

/* Power may fail when the service has it. */
static bool expect_synced(struct rig *r, const WireClientFrame *f)
{
    (void)r;
    if (f->body_case != WIRE_CLIENT_FRAME__BODY_SEND_MESSAGE)
        return false;
    ck_assert(memory_vfs_is_synced(&disk));
    sends_on_wire++;
    return true;
}

/* A crash between the two would send it again under another nonce, or let it be cancelled. */
START_TEST(what_is_marked_as_sent_is_synced_before_its_frame_leaves)
{
    rig_start(&rig);
    rig_cut(&rig, 1006);
    rig_type(&rig, CH, "typed offline");
    rig_type(&rig, CH, "this too");
    ck_assert(!memory_vfs_is_synced(&disk)); /* so far nothing had to be */
    rig.on_frame = expect_synced;
    sends_on_wire = 0;
    rig_wait(&rig, 2000);
    ck_assert_uint_eq(sends_on_wire, 2);
}
END_TEST

static bool fail_the_commit(struct rig *r, const WireClientFrame *f)
{
    (void)r;
    if (f->body_case == WIRE_CLIENT_FRAME__BODY_FETCH_USERS && rig.links == 1)
        memory_vfs_fail_after(&disk, 0, false);
    return false;
}

START_TEST(names_whose_turn_was_undone_are_asked_for_again)
{
    rig_store_many(&rig, CH, 1);
    rig.on_frame = fail_the_commit;
    rig_start(&rig);
    ck_assert(disk.failed);
    rig_wait(&rig, 60000);
    ck_assert_uint_eq(rig_heard(&rig, WIRE_CLIENT_FRAME__BODY_FETCH_USERS), 2);
    ck_assert_str_eq(client_user(rig.core, BOB)->name, "bob");
}
END_TEST

/* Until then the application saw a client without any channel. */
START_TEST(a_cache_that_can_be_read_again_is_shown_again)
{
    static struct faulty_alloc memory;

    faulty_alloc_init(&memory);
    rig.config.allocator = &memory.allocator;
    rig_store_many(&rig, CH, 5);
    rig_start(&rig);
    rig_pull(&rig);
    memory_vfs_fail_after(&disk, 0, true);
    faulty_alloc_fail_after(&memory, 2);
    (void)client_mark_read(rig.core, CH, 3); /* cannot be kept, and then nothing can be read */
    rig_wait(&rig, 100);
    ck_assert_int_eq(client_state(rig.core), CHAT_CONN_CLOSED);
    ck_assert_ptr_null(client_channel(rig.core, CH));
    faulty_alloc_fail_after(&memory, FAULTY_ALLOC_NEVER);
    memory_vfs_fail_after(&disk, MEMORY_VFS_NEVER, false);
    rig_pull(&rig);
    ck_assert_ptr_nonnull(rig_last(&rig, CHAT_EVENT_REREAD)); /* without any channel */

    rig_start(&rig);
    rig_pull(&rig);
    ck_assert_ptr_nonnull(rig_last(&rig, CHAT_EVENT_REREAD));
    ck_assert_uint_eq(client_channel(rig.core, CH)->stream_seq, 5);
    rig_crash(&rig);
    ck_assert_uint_eq(memory.live, 0);
}
END_TEST

START_TEST(want_of_memory_is_not_told_as_the_servers_fault)
{
    static struct faulty_alloc memory;

    faulty_alloc_init(&memory);
    rig.config.allocator = &memory.allocator;
    rig_store_many(&rig, CH, 5);
    for (size_t n = 0; n < 60; n++) {
        rig_open(&rig);
        faulty_alloc_fail_at(&memory, n, false);
        rig_start(&rig);
        faulty_alloc_fail_at(&memory, FAULTY_ALLOC_NEVER, false);
        rig_pull(&rig);
        for (size_t i = 0; i < rig.seen_count; i++)
            ck_assert_int_ne(rig.seen[i].status, CHAT_E_PROTOCOL);
        rig_crash(&rig);
        rig.heard_count = 0;
        memory_vfs_erase(&disk);
    }
}
END_TEST

START_TEST(an_outbox_that_cannot_be_read_is_told)
{
    const struct chat_outgoing *outgoing;
    static struct faulty_alloc memory;

    faulty_alloc_init(&memory);
    rig.config.allocator = &memory.allocator;
    rig_start(&rig);
    rig_cut(&rig, 1006);
    rig_type(&rig, CH, "typed");
    rig_pull(&rig);
    faulty_alloc_fail_at(&memory, 0, false);
    ck_assert(!client_outgoing(rig.core, 0, &outgoing));
    rig_pull(&rig);
    ck_assert_int_eq(rig_last(&rig, CHAT_EVENT_CACHE)->status, CHAT_E_NOMEM);
    ck_assert(client_outgoing(rig.core, 0, &outgoing));
    ck_assert_str_eq(outgoing->text, "typed");
    rig_crash(&rig);
}
END_TEST

START_TEST(an_edit_is_shown_as_queued_until_it_can_be_seen)
{
    const struct chat_outgoing *outgoing;

    own_messages(3);
    rig_start(&rig);
    rig.no_publish = true;
    rig.on_frame = no_answers_to_reads;
    ck_assert_int_eq(rig_try_edit(&rig, CH, 2, "better"), CHAT_OK);
    rig_turn(&rig);
    ck_assert(client_outgoing(rig.core, 0, &outgoing));
    ck_assert_int_eq(outgoing->state, CHAT_OUTGOING_QUEUED);
    restart();
    ck_assert(client_outgoing(rig.core, 0, &outgoing));
    ck_assert_int_eq(outgoing->state, CHAT_OUTGOING_QUEUED);
    ck_assert_str_eq(outgoing->text, "better");
}
END_TEST

static void damage(const char *sql)
{
    sqlite3 *db;

    ck_assert_int_eq(sqlite3_open_v2("client.db", &db, SQLITE_OPEN_READWRITE, VFS), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, "PRAGMA locking_mode=EXCLUSIVE", NULL, NULL, NULL),
                     SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static const char *const damages[] = {
    "UPDATE outbox SET text=CAST(x'ff' AS TEXT) WHERE id=1",
    "UPDATE outbox SET text=printf('%.9000c', 'x') WHERE id=1",
    "UPDATE outbox SET extra=zeroblob(5000) WHERE id=1",
    "UPDATE outbox SET kind=9 WHERE id=1", /* and not a deletion */
    "UPDATE outbox SET counter=-1 WHERE id=1",
    "UPDATE outbox SET state=77 WHERE id=1",
};

/* Sent, it would end the link again and again. */
START_TEST(a_damaged_entry_of_the_outbox_is_refused_and_holds_nobody_up)
{
    const struct chat_outgoing *outgoing;

    own_messages(3);
    rig_start(&rig);
    rig_cut(&rig, 1006);
    rig_type(&rig, CH, "damaged");
    rig_type(&rig, CH, "sound");
    rig_crash(&rig);
    damage(damages[_i]);
    rig_start(&rig);
    rig_wait(&rig, 60000);
    rig_pull(&rig);
    ck_assert_uint_eq(rig.closes, 0);
    ck_assert_uint_eq(rig.channels[0].seq, 4);
    ck_assert_str_eq(rig.channels[0].messages[4].text, "sound");
    ck_assert_uint_eq(client_outgoing_count(rig.core), 1);
    ck_assert(client_outgoing(rig.core, 0, &outgoing));
    ck_assert_int_eq(outgoing->state, CHAT_OUTGOING_REFUSED);
    ck_assert_int_eq(client_discard(rig.core, &outgoing->nonce), CHAT_OK);
}
END_TEST

START_TEST(what_waits_for_a_damaged_entry_is_refused_with_it_and_others_go_on)
{
    const struct chat_outgoing *outgoing;
    struct chat_nonce nonce;

    rig_start(&rig);
    rig_cut(&rig, 1006);
    nonce = rig_type(&rig, CH, "damaged");
    ck_assert_int_eq(client_react_outgoing(rig.core, &nonce, "+", 1, false, NULL), CHAT_OK);
    ck_assert_int_eq(client_react_outgoing(rig.core, &nonce, "-", 1, false, NULL), CHAT_OK);
    rig_type(&rig, CH, "sound");
    nonce = rig_type(&rig, CH, "sound, too");
    ck_assert_int_eq(client_react_outgoing(rig.core, &nonce, "+", 1, false, NULL), CHAT_OK);
    rig_crash(&rig);
    damage("UPDATE outbox SET text=CAST(x'ff' AS TEXT) WHERE id=1");
    rig_start(&rig);
    rig_wait(&rig, 10); /* at once, not with the next heartbeat */
    ck_assert_uint_eq(rig.closes, 0);
    ck_assert_uint_eq(rig.channels[0].seq, 2);
    ck_assert_str_eq(rig.channels[0].messages[1].text, "sound");
    ck_assert_str_eq(rig.channels[0].messages[2].emoji, "+");
    ck_assert_uint_eq(client_outgoing_count(rig.core), 3);
    for (uint32_t i = 0; i < 3; i++) {
        ck_assert(client_outgoing(rig.core, i, &outgoing));
        ck_assert_int_eq(outgoing->state, CHAT_OUTGOING_REFUSED);
        ck_assert_int_eq(outgoing->status, i ? CHAT_E_NOT_FOUND : CHAT_E_CORRUPT);
    }
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
    tcase_add_test(tc, what_was_deleted_of_what_is_passed_after_a_restart_hides_nothing_unread);
    tcase_add_test(tc, an_acknowledged_edit_is_not_sent_again_after_a_restart);
    tcase_add_loop_test(tc, a_stale_edit_does_not_overtake_a_later_one_of_its_message, 0, 2);
    tcase_add_loop_test(tc, a_reaction_to_its_message_does_not_stand_for_a_stale_edit, 0, 2);
    tcase_add_test(tc, what_is_marked_as_sent_is_synced_before_its_frame_leaves);
    tcase_add_test(tc, names_whose_turn_was_undone_are_asked_for_again);
    tcase_add_test(tc, what_waits_for_a_damaged_entry_is_refused_with_it_and_others_go_on);
    tcase_add_test(tc, a_cache_that_can_be_read_again_is_shown_again);
    tcase_add_test(tc, want_of_memory_is_not_told_as_the_servers_fault);
    tcase_add_test(tc, an_outbox_that_cannot_be_read_is_told);
    tcase_add_test(tc, an_edit_is_shown_as_queued_until_it_can_be_seen);
    tcase_add_loop_test(tc, a_damaged_entry_of_the_outbox_is_refused_and_holds_nobody_up, 0,
                        sizeof(damages) / sizeof(damages[0]));
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
