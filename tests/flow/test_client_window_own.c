/* What the user does to messages shows in windows at once, and what was refused does not. */
#include "../support/faulty_alloc.h"
#include "view_copy.h"

#define SMILE "\xf0\x9f\x98\x80"

static struct rig rig;
static struct copy copy;

static void setup(void) { rig_init(&rig); }
static void teardown(void) { rig_fini(&rig); }

static void start_with(uint64_t messages)
{
    rig_store_many(&rig, CH, messages);
    rig_start(&rig);
    rig_wait(&rig, 100);
    rig_pull(&rig);
    copy_open(&copy, &rig, CH, NULL);
    rig.keep_sends = true;
}

static void settle(int64_t ms)
{
    rig_wait(&rig, ms);
    rig_pull(&rig);
    (void)copy_pull(&copy);
}

/* What was kept back goes out again, and is answered. */
static void let_through(void)
{
    rig_cut(&rig, 1006);
    rig.keep_sends = false;
    settle(60000);
    ck_assert_uint_eq(client_outgoing_count(rig.core), 0);
}

static void refuse(WireClientFrame__BodyCase body)
{
    rig_problem(&rig, rig_heard_last(&rig, body)->request_id, WIRE_PROBLEM_CODE__PROBLEM_FORBIDDEN,
                WIRE_RETRY__RETRY_NEVER, 0);
    settle(10);
}

static const struct chat_row *row_at(uint32_t index)
{
    const struct chat_row *row;

    ck_assert(view_get_row(copy.view, index, &row));
    return row;
}

/* "+2*|x1": two with +, the own one among them, one with x. Then how many are on their way. */
static const char *reactions_at(uint32_t index)
{
    static char text[256];
    const struct chat_row *row = row_at(index);
    size_t len = 0;

    text[0] = '\0';
    for (size_t i = 0; i < row->message->reactions_count; i++) {
        const struct chat_reaction *r = row->message->reactions[i];
        bool mine = false;

        for (size_t k = 0; k < r->count; k++)
            mine |= r->user_ids[k] == ME;
        ck_assert(r->mine == mine);
        ck_assert_uint_eq(strlen(r->emoji), r->emoji_len);
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s%zu%s", i ? "|" : "", r->emoji,
                                r->count, mine ? "*" : "");
    }
    snprintf(text + len, sizeof(text) - len, " %u", row->reactions_waiting);
    return text;
}

static void react(uint64_t seq, const char *emoji, bool remove)
{
    ck_assert_int_eq(client_react(rig.core, CH, seq, emoji, strlen(emoji), remove, NULL), CHAT_OK);
}

/* Somebody reacted, and it is known here. */
static void reacted(uint64_t seq, const char *emoji, uint64_t user)
{
    struct rig_message *m = &rig.channels[0].messages[seq];

    snprintf(m->emoji, sizeof(m->emoji), "%s", emoji);
    m->reactor = user;
    m->rev = ++rig.channels[0].rev;
    rig_publish(&rig, CH, seq, true);
    (void)copy_pull(&copy);
}

START_TEST(an_own_reaction_shows_before_it_is_in_and_stays)
{
    start_with(3);
    react(2, SMILE, false);
    (void)copy_pull(&copy);
    ck_assert_uint_eq(copy.diffs[CHAT_DIFF_UPDATE], 1);
    ck_assert_uint_eq(copy.diffs[CHAT_DIFF_INSERT] + copy.diffs[CHAT_DIFF_REMOVE], 0);
    ck_assert_str_eq(reactions_at(1), SMILE "1* 1");
    ck_assert_str_eq(reactions_at(0), " 0");
    ck_assert_int_eq(row_at(1)->change, 0);

    let_through();
    ck_assert_str_eq(reactions_at(1), SMILE "1* 0");
    ck_assert_uint_eq(copy_pull(&copy), 0);
}
END_TEST

START_TEST(a_reaction_joins_those_of_others)
{
    start_with(1);
    reacted(1, "+", BOB);
    react(1, "+", false);
    react(1, "x", false);
    (void)copy_pull(&copy);
    ck_assert_str_eq(reactions_at(0), "+2*|x1* 2");
    react(1, "x", true); /* the order of what the user did counts */
    react(1, "+", true);
    react(1, "+", false);
    (void)copy_pull(&copy);
    ck_assert_str_eq(reactions_at(0), "+2* 5");
}
END_TEST

START_TEST(a_reaction_that_is_taken_back_is_gone_at_once)
{
    start_with(1);
    reacted(1, "+", ME);
    ck_assert_str_eq(reactions_at(0), "+1* 0");
    react(1, "+", true);
    (void)copy_pull(&copy);
    ck_assert_str_eq(reactions_at(0), " 1");
    react(1, "y", true); /* there is none */
    (void)copy_pull(&copy);
    ck_assert_str_eq(reactions_at(0), " 2");
    let_through();
    ck_assert_str_eq(reactions_at(0), " 0");
}
END_TEST

START_TEST(a_refused_reaction_falls_away)
{
    start_with(1);
    reacted(1, "+", BOB);
    react(1, "x", false);
    settle(10);
    ck_assert_str_eq(reactions_at(0), "+1|x1* 1");
    refuse(WIRE_CLIENT_FRAME__BODY_REACT);
    ck_assert_uint_eq(client_outgoing_count(rig.core), 1); /* the user may try again */
    ck_assert_str_eq(reactions_at(0), "+1 0");
    ck_assert_int_eq(row_at(0)->change, 0);
}
END_TEST

/* --- of messages that are on their way themselves --- */

static struct chat_nonce typed(const char *text)
{
    struct chat_nonce nonce = rig_type(&rig, CH, text);

    settle(10); /* it is out: what follows waits for it */
    return nonce;
}

START_TEST(an_edit_of_a_message_on_its_way_shows_in_its_row)
{
    const struct chat_content content = rig_content("better", 6);
    struct chat_nonce nonce, edit;
    uint64_t key;

    start_with(1);
    nonce = typed("mine");
    key = copy.rows[1].key;
    ck_assert_int_eq(client_edit_outgoing(rig.core, &nonce, &content, &edit), CHAT_OK);
    (void)copy_pull(&copy);
    ck_assert_uint_eq(copy.diffs[CHAT_DIFF_UPDATE], 1);
    ck_assert_str_eq(copy_text(&copy), "m1|better*");
    ck_assert_int_eq(row_at(1)->state, CHAT_OUTGOING_QUEUED);
    ck_assert_int_eq(row_at(1)->change, CHAT_OUTGOING_EDIT);
    ck_assert_int_eq(row_at(1)->change_state, CHAT_OUTGOING_QUEUED);
    ck_assert_uint_eq(row_at(1)->change_nonce.counter, edit.counter);
    ck_assert_uint_eq(row_at(1)->message->nonce.counter, nonce.counter);

    let_through();
    ck_assert_str_eq(copy_text(&copy), "m1|better");
    ck_assert_uint_eq(copy.rows[1].key, key);
    ck_assert_int_eq(row_at(1)->change, 0);
}
END_TEST

/* The message is in and its edit is not: never does the row show the first text again. */
START_TEST(an_edit_goes_on_showing_when_its_message_gets_in)
{
    const struct chat_content content = rig_content("better", 6);
    struct chat_nonce nonce;

    start_with(0);
    nonce = typed("mine");
    ck_assert_int_eq(client_edit_outgoing(rig.core, &nonce, &content, NULL), CHAT_OK);
    ck_assert_int_eq(client_react_outgoing(rig.core, &nonce, "+", 1, false, NULL), CHAT_OK);
    rig_store(&rig, CH, ME, "mine", nonce.device_id, nonce.counter);
    rig_publish(&rig, CH, 1, false);
    (void)copy_pull(&copy);
    ck_assert_uint_eq(copy.diffs[CHAT_DIFF_UPDATE], 1);
    ck_assert_str_eq(copy_text(&copy), "better~");
    ck_assert_str_eq(reactions_at(0), "+1* 1");
    let_through();
    ck_assert_str_eq(copy_text(&copy), "better");
    ck_assert_str_eq(reactions_at(0), "+1* 0");
}
END_TEST

/* The edit will be refused; what was deleted must not seem to come back meanwhile. */
START_TEST(an_edit_of_what_another_deleted_shows_no_text)
{
    start_with(3);
    ck_assert_int_eq(rig_try_edit(&rig, CH, 2, "better"), CHAT_OK);
    (void)copy_pull(&copy);
    ck_assert_str_eq(row_at(1)->message->text, "better");
    rig_channel(&rig, CH)->messages[2].deleted = true;
    rig_alter(&rig, CH, 2, "");
    rig_publish(&rig, CH, 2, true);
    (void)copy_pull(&copy);
    ck_assert(row_at(1)->message->deleted);
    ck_assert_str_eq(row_at(1)->message->text, "");
    ck_assert_int_eq(row_at(1)->change, CHAT_OUTGOING_EDIT);
}
END_TEST

START_TEST(a_deletion_of_a_message_on_its_way_shows_in_its_row)
{
    struct chat_nonce nonce;

    start_with(1);
    nonce = typed("mine");
    ck_assert_int_eq(client_react_outgoing(rig.core, &nonce, "+", 1, false, NULL), CHAT_OK);
    (void)copy_pull(&copy);
    ck_assert_str_eq(reactions_at(1), "+1* 1");
    ck_assert_int_eq(client_delete_outgoing(rig.core, &nonce, NULL), CHAT_OK);
    (void)copy_pull(&copy);
    ck_assert_str_eq(copy_text(&copy), "m1|x*");
    ck_assert_int_eq(row_at(1)->change, CHAT_OUTGOING_DELETE);
    ck_assert_str_eq(reactions_at(1), " 0"); /* of what is deleted nothing shows */
    let_through();
    ck_assert_str_eq(copy_text(&copy), "m1|x");
}
END_TEST

START_TEST(what_waits_for_a_refused_message_does_not_show)
{
    const struct chat_content content = rig_content("better", 6);
    struct chat_nonce nonce;

    start_with(1);
    nonce = typed("mine");
    ck_assert_int_eq(client_edit_outgoing(rig.core, &nonce, &content, NULL), CHAT_OK);
    ck_assert_int_eq(client_react_outgoing(rig.core, &nonce, "+", 1, false, NULL), CHAT_OK);
    refuse(WIRE_CLIENT_FRAME__BODY_SEND_MESSAGE);
    ck_assert_str_eq(copy_text(&copy), "m1|mine!");
    ck_assert_str_eq(reactions_at(1), " 0");
    ck_assert_int_eq(row_at(1)->change, CHAT_OUTGOING_EDIT);
    ck_assert_int_eq(row_at(1)->change_state, CHAT_OUTGOING_REFUSED);

    ck_assert_int_eq(client_resend(rig.core, &nonce, NULL), CHAT_OK);
    (void)copy_pull(&copy);
    ck_assert_str_eq(copy_text(&copy), "m1|mine*");
}
END_TEST

/* Several wait, each with something done to it, and another channel's between. */
START_TEST(each_shows_on_its_own_row)
{
    const struct chat_content content = rig_content("B", 1);
    struct chat_nonce a, b, c;

    rig_add_channel(&rig, CH2);
    start_with(2);
    a = typed("a");
    rig_type(&rig, CH2, "elsewhere");
    b = typed("b");
    c = typed("c");
    ck_assert_int_eq(client_react_outgoing(rig.core, &c, "c", 1, false, NULL), CHAT_OK);
    ck_assert_int_eq(client_edit_outgoing(rig.core, &b, &content, NULL), CHAT_OK);
    ck_assert_int_eq(client_react_outgoing(rig.core, &a, "a", 1, false, NULL), CHAT_OK);
    react(1, "1", false);
    (void)copy_pull(&copy);
    ck_assert_str_eq(copy_text(&copy), "m1|m2|a*|B*|c*");
    ck_assert_str_eq(reactions_at(0), "11* 1");
    ck_assert_str_eq(reactions_at(1), " 0");
    ck_assert_str_eq(reactions_at(2), "a1* 1");
    ck_assert_str_eq(reactions_at(3), " 0");
    ck_assert_str_eq(reactions_at(4), "c1* 1");
    let_through();
    ck_assert_str_eq(copy_text(&copy), "m1|m2|a|B|c");
    ck_assert_str_eq(reactions_at(4), "c1* 0");
}
END_TEST

/* --- at the limits --- */

START_TEST(the_greatest_message_shows_with_all_that_was_done_to_it)
{
    static char text[CHAT_TEXT_MAX];
    static uint8_t extra[CHAT_EXTRA_MAX];
    static uint64_t ids[CHAT_MENTIONS_MAX];
    struct chat_content content = rig_content(text, sizeof(text));
    const struct chat_message *m;

    start_with(0);
    rig_post_greatest(&rig, ME);
    memset(text, 'y', sizeof(text));
    for (uint64_t i = 0; i < CHAT_MENTIONS_MAX; i++)
        ids[i] = i + 1;
    content.extra = extra;
    content.extra_len = sizeof(extra);
    content.mention_ids = ids;
    content.mentions_count = CHAT_MENTIONS_MAX;
    ck_assert_int_eq(client_edit(rig.core, CH, 1, &content, NULL), CHAT_OK);
    for (int i = 0; i < 50; i++) { /* there is no room: it will be refused */
        char emoji[8];

        snprintf(emoji, sizeof(emoji), "e%d", i);
        react(1, emoji, false);
        react(1, emoji, true);
    }
    react(1, "one too many", false);
    (void)copy_pull(&copy);
    m = row_at(0)->message;
    ck_assert_uint_eq(m->text_len, CHAT_TEXT_MAX);
    ck_assert_int_eq(m->text[0], 'y');
    ck_assert_uint_eq(m->extra_len, CHAT_EXTRA_MAX);
    ck_assert_uint_eq(m->reactions_count, CHAT_REACTION_KINDS_MAX);
    for (size_t i = 0; i < m->reactions_count; i++)
        ck_assert_uint_eq(m->reactions[i]->count, CHAT_REACTIONS_MAX / CHAT_REACTION_KINDS_MAX);
    ck_assert_uint_eq(row_at(0)->reactions_waiting, 101);
}
END_TEST

START_TEST(no_more_kinds_show_than_a_message_may_have)
{
    start_with(1);
    for (unsigned i = 0; i < CHAT_REACTION_KINDS_MAX + 5; i++) {
        char emoji[8];

        snprintf(emoji, sizeof(emoji), "e%u", i);
        react(1, emoji, false);
    }
    (void)copy_pull(&copy);
    ck_assert_uint_eq(row_at(0)->message->reactions_count, CHAT_REACTION_KINDS_MAX);
    react(1, "e0", true);
    react(1, "again", false);
    (void)copy_pull(&copy);
    ck_assert_uint_eq(row_at(0)->message->reactions_count, CHAT_REACTION_KINDS_MAX);
}
END_TEST

START_TEST(memory_that_ends_while_it_is_shown_costs_nothing)
{
    const struct chat_content content = rig_content("better", 6);
    static struct faulty_alloc memory;
    struct chat_nonce nonce;

    faulty_alloc_init(&memory);
    rig.config.allocator = &memory.allocator;
    start_with(2);
    nonce = typed("mine");
    for (size_t n = 0; n < 12; n++) {
        react(1, n % 2 ? "+" : "x", n % 4 > 1);
        ck_assert_int_eq(client_edit_outgoing(rig.core, &nonce, &content, NULL), CHAT_OK);
        ck_assert_int_eq(client_react_outgoing(rig.core, &nonce, "+", 1, n % 2, NULL), CHAT_OK);
        faulty_alloc_fail_after(&memory, n);
        (void)copy_pull_some(&copy, 200);
        faulty_alloc_fail_after(&memory, FAULTY_ALLOC_NEVER);
        settle(5000);
        ck_assert_str_eq(copy_text(&copy), "m1|m2|better*");
    }
    rig_crash(&rig);
    ck_assert_uint_eq(memory.live, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client_window_own");
    TCase *own = tcase_create("own");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(own, setup, teardown);
    tcase_set_timeout(own, 60);
    tcase_add_test(own, an_own_reaction_shows_before_it_is_in_and_stays);
    tcase_add_test(own, a_reaction_joins_those_of_others);
    tcase_add_test(own, a_reaction_that_is_taken_back_is_gone_at_once);
    tcase_add_test(own, a_refused_reaction_falls_away);
    tcase_add_test(own, an_edit_of_a_message_on_its_way_shows_in_its_row);
    tcase_add_test(own, an_edit_goes_on_showing_when_its_message_gets_in);
    tcase_add_test(own, an_edit_of_what_another_deleted_shows_no_text);
    tcase_add_test(own, a_deletion_of_a_message_on_its_way_shows_in_its_row);
    tcase_add_test(own, what_waits_for_a_refused_message_does_not_show);
    tcase_add_test(own, each_shows_on_its_own_row);
    tcase_add_test(own, the_greatest_message_shows_with_all_that_was_done_to_it);
    tcase_add_test(own, no_more_kinds_show_than_a_message_may_have);
    tcase_add_test(own, memory_that_ends_while_it_is_shown_costs_nothing);
    suite_add_tcase(suite, own);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
