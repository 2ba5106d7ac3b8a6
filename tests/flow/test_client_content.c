/* What messages are made of beside text: mentions, reactions, replies, as the cache has them. */
#include "client/inner.h"
#include "client_rig.h"

#define SMILE "\xf0\x9f\x98\x80"

static struct rig rig;

static void setup(void) { rig_init(&rig); }
static void teardown(void) { rig_fini(&rig); }

static struct chat_message first; /* what it points to is gone */
static size_t first_reactors;
static bool first_mine;

static const struct chat_message *read_one(uint64_t seq)
{
    chat_page *page = NULL;

    ck_assert_int_eq(client_read(rig.core, CH, seq, 1, false, &page), CHAT_OK);
    ck_assert_uint_eq(chat_page_get_count(page), 1);
    first = *chat_page_get_message(page, 0);
    first_reactors = first.reactions_count ? first.reactions[0]->count : 0;
    first_mine = first.reactions_count && first.reactions[0]->mine;
    if (first.reactions_count)
        ck_assert_str_eq(first.reactions[0]->emoji, SMILE);
    if (first.mentions_count)
        ck_assert_uint_eq(first.mention_ids[0], ME);
    chat_page_free(page);
    return &first;
}

static uint64_t post_to_me(void)
{
    uint64_t seq = rig_store(&rig, CH, BOB, "@me", 9, rig_channel(&rig, CH)->seq + 1);

    rig.channels[0].messages[seq].mentions_me = true;
    rig_publish(&rig, CH, seq, false);
    rig_turn(&rig);
    return seq;
}

static void tell_mentions(uint32_t count)
{
    WireMentions mentions = WIRE_MENTIONS__INIT;

    mentions.channel_id = CH;
    mentions.count = count;
    RIG_SAY(&rig, 0, MENTIONS, mentions, &mentions);
}

static uint32_t mentions(void) { return client_channel(rig.core, CH)->mentions; }

/* --- sending --- */

static size_t sent_mentions;
static uint64_t sent_reply;

static bool note_send(struct rig *r, const WireClientFrame *f)
{
    (void)r;
    if (f->body_case == WIRE_CLIENT_FRAME__BODY_SEND_MESSAGE) {
        sent_mentions = f->send_message->n_mention_ids;
        sent_reply = f->send_message->reply_to_seq;
    } else if (f->body_case == WIRE_CLIENT_FRAME__BODY_EDIT_MESSAGE) {
        sent_mentions = f->edit_message->n_mention_ids;
    }
    return false;
}

START_TEST(a_message_goes_out_with_its_mentions_and_reply_and_is_kept_so)
{
    struct chat_content content = rig_content("hello", 5);
    const uint64_t ids[2] = {ME, BOB};
    const struct chat_outgoing *out;

    rig_store_many(&rig, CH, 1);
    rig_start(&rig);
    rig.on_frame = note_send;
    rig.no_publish = true;
    content.mention_ids = ids;
    content.mentions_count = 2;
    content.reply_to_seq = 1;
    ck_assert_int_eq(client_send(rig.core, CH, &content, NULL), CHAT_OK);
    ck_assert(client_outgoing(rig.core, 0, &out));
    ck_assert_uint_eq(out->mentions_count, 2);
    ck_assert_uint_eq(out->mention_ids[1], BOB);
    rig_turn(&rig);

    ck_assert_uint_eq(sent_mentions, 2);
    ck_assert_uint_eq(sent_reply, 1);
    ck_assert_uint_eq(read_one(2)->mentions_count, 2);
    ck_assert(first.mentions_me);
    ck_assert_uint_eq(first.reply_to_seq, 1);
    sent_mentions = 0;
    content.text = "better";
    ck_assert_int_eq(client_edit(rig.core, CH, 2, &content, NULL), CHAT_OK);
    rig_turn(&rig);
    ck_assert_uint_eq(sent_mentions, 2);
}
END_TEST

START_TEST(bad_content_is_refused)
{
    struct chat_content content = rig_content("hello", 5);
    uint64_t ids[CHAT_MENTIONS_MAX + 1] = {1, 1};

    rig_start(&rig);
    content.mention_ids = ids;
    content.mentions_count = 2;
    ck_assert_int_eq(client_send(rig.core, CH, &content, NULL), CHAT_E_INVALID);
    ids[1] = 0;
    ck_assert_int_eq(client_send(rig.core, CH, &content, NULL), CHAT_E_INVALID);
    for (size_t i = 0; i <= CHAT_MENTIONS_MAX; i++)
        ids[i] = i + 1;
    content.mentions_count = CHAT_MENTIONS_MAX + 1;
    ck_assert_int_eq(client_send(rig.core, CH, &content, NULL), CHAT_E_TOO_LARGE);
    content.mentions_count = CHAT_MENTIONS_MAX;
    ck_assert_int_eq(client_send(rig.core, CH, &content, NULL), CHAT_OK);
    content.mention_ids = NULL;
    ck_assert_int_eq(client_send(rig.core, CH, &content, NULL), CHAT_E_INVALID);
    content.size = 0;
    ck_assert_int_eq(client_send(rig.core, CH, &content, NULL), CHAT_E_INVALID);
    ck_assert_int_eq(client_send(rig.core, CH, NULL, NULL), CHAT_E_INVALID);
}
END_TEST

START_TEST(fields_beyond_the_callers_size_are_not_looked_at)
{
    struct chat_content content = rig_content("hello", 5);

    rig_start(&rig);
    content.size = offsetof(struct chat_content, reply_to_seq);
    content.reply_to_seq = 99;
    content.mentions_count = 77;
    ck_assert_int_eq(client_send(rig.core, CH, &content, NULL), CHAT_OK);
}
END_TEST

/* --- counting mentions --- */

START_TEST(mentions_are_counted_here_where_all_is_held)
{
    rig_start(&rig);
    post_to_me();
    rig_post(&rig, CH, "nobody");
    post_to_me();
    ck_assert_uint_eq(mentions(), 2);
    ck_assert(read_one(1)->mentions_me);
    ck_assert(!read_one(2)->mentions_me);

    ck_assert_int_eq(client_mark_read(rig.core, CH, 1), CHAT_OK); /* at once, also offline */
    ck_assert_uint_eq(mentions(), 1);
    rig.channels[0].messages[3].mentions_me = false; /* an edit takes it back */
    rig_alter(&rig, CH, 3, "not you");
    rig_publish(&rig, CH, 3, true);
    ck_assert_uint_eq(mentions(), 0);
    rig.channels[0].messages[2].mentions_me = true; /* another one brings one */
    rig_alter(&rig, CH, 2, "you");
    rig_publish(&rig, CH, 2, true);
    ck_assert_uint_eq(mentions(), 1);
    rig.channels[0].messages[2].mentions_me = false;
    rig.channels[0].messages[2].deleted = true;
    rig_alter(&rig, CH, 2, "");
    rig_publish(&rig, CH, 2, true);
    ck_assert_uint_eq(mentions(), 0);
}
END_TEST

START_TEST(where_it_is_not_held_the_server_says)
{
    rig.config.keep_max = 10;
    rig_store_many(&rig, CH, 100);
    rig.channels[0].mentions = 7;
    rig_start(&rig);
    rig_pull(&rig);
    ck_assert_uint_eq(mentions(), 7);
    tell_mentions(8);
    rig_pull(&rig);
    ck_assert_ptr_nonnull(rig_last(&rig, CHAT_EVENT_CHANNEL));
    ck_assert_uint_eq(mentions(), 8);
    tell_mentions(8);
    rig_pull(&rig);
    ck_assert_ptr_null(rig_last(&rig, CHAT_EVENT_CHANNEL)); /* it is no news */
    tell_mentions(UINT32_MAX);
    ck_assert_uint_eq(mentions(), CHAT_MENTIONS_COUNT_MAX);
    ck_assert_int_eq(client_mark_read(rig.core, CH, 100), CHAT_OK);
    ck_assert_uint_eq(mentions(), 0);
}
END_TEST

START_TEST(a_listing_that_does_not_say_changes_nothing)
{
    rig.config.keep_max = 10;
    rig_store_many(&rig, CH, 100);
    rig.channels[0].mentions = 7;
    rig_start(&rig);
    rig.channels[0].mentions = -1;
    rig_list(&rig);
    ck_assert_uint_eq(mentions(), 7);
    rig.channels[0].mentions = 0;
    rig_list(&rig);
    ck_assert_uint_eq(mentions(), 0);
}
END_TEST

START_TEST(the_count_is_there_after_a_restart_before_any_link)
{
    char path[] = "client_content.db";

    remove(path);
    rig.config.cache_path = path;
    rig.config.keep_max = 10;
    rig_store_many(&rig, CH, 100);
    rig.channels[0].mentions = 7;
    rig_start(&rig);
    rig_crash(&rig);
    rig_open(&rig);
    ck_assert_uint_eq(mentions(), 7);
    rig_crash(&rig);
    remove(path);
}
END_TEST

/* --- reactions --- */

START_TEST(a_reaction_is_sent_and_shown_once_the_server_has_it)
{
    rig_store_many(&rig, CH, 3);
    rig_start(&rig);
    rig_pull(&rig);
    ck_assert_int_eq(client_react(rig.core, CH, 2, SMILE, 4, false, NULL), CHAT_OK);
    rig_pull(&rig);
    ck_assert_int_eq(rig_last(&rig, CHAT_EVENT_OUTGOING)->out_state, CHAT_OUTGOING_QUEUED);
    ck_assert_str_eq(rig_last(&rig, CHAT_EVENT_OUTGOING)->text, SMILE);
    ck_assert_uint_eq(read_one(2)->reactions_count, 0);
    rig_turn(&rig);
    rig_pull(&rig);
    ck_assert_int_eq(rig_last(&rig, CHAT_EVENT_OUTGOING)->out_state, CHAT_OUTGOING_DONE);
    ck_assert_uint_eq(rig_last(&rig, CHAT_EVENT_MESSAGE_CHANGED)->seq, 2);
    ck_assert_uint_eq(read_one(2)->reactions_count, 1);
    ck_assert_uint_eq(first_reactors, 1);
    ck_assert(first_mine);
    ck_assert_int_eq(first.edited_at_ms, 0);

    ck_assert_int_eq(client_react(rig.core, CH, 2, SMILE, 4, true, NULL), CHAT_OK);
    rig_turn(&rig);
    ck_assert_uint_eq(read_one(2)->reactions_count, 0);
    ck_assert_uint_eq(client_outgoing_count(rig.core), 0);
}
END_TEST

static bool changes_nothing(struct rig *r, const WireClientFrame *f)
{
    WireAltered altered = WIRE_ALTERED__INIT;

    if (f->body_case != WIRE_CLIENT_FRAME__BODY_REACT)
        return false;
    altered.channel_id = CH;
    altered.seq = f->react->seq;
    RIG_SAY(r, f->request_id, ALTERED, altered, &altered);
    return true;
}

START_TEST(a_reaction_that_changed_nothing_is_done)
{
    rig_store_many(&rig, CH, 3);
    rig_start(&rig);
    rig.on_frame = changes_nothing;
    ck_assert_int_eq(client_react(rig.core, CH, 2, SMILE, 4, true, NULL), CHAT_OK);
    rig_turn(&rig);
    rig_pull(&rig);
    ck_assert_int_eq(rig_last(&rig, CHAT_EVENT_OUTGOING)->out_state, CHAT_OUTGOING_DONE);
    ck_assert_uint_eq(client_outgoing_count(rig.core), 0);
    ck_assert_uint_ne(rig.link, 0);
}
END_TEST

START_TEST(bad_reactions_are_refused)
{
    static const char longest[CHAT_EMOJI_MAX + 2] = "123456789012345678901234567890123";

    rig_store_many(&rig, CH, 1);
    rig_start(&rig);
    ck_assert_int_eq(client_react(rig.core, CH, 1, longest, CHAT_EMOJI_MAX + 1, false, NULL),
                     CHAT_E_TOO_LARGE);
    ck_assert_int_eq(client_react(rig.core, CH, 1, longest, CHAT_EMOJI_MAX, false, NULL), CHAT_OK);
    ck_assert_int_eq(client_react(rig.core, CH, 1, "", 0, false, NULL), CHAT_E_INVALID);
    ck_assert_int_eq(client_react(rig.core, CH, 1, "\xff", 1, false, NULL), CHAT_E_INVALID);
    ck_assert_int_eq(client_react(rig.core, CH, 1, NULL, 1, false, NULL), CHAT_E_INVALID);
    ck_assert_int_eq(client_react(rig.core, CH, 0, "x", 1, false, NULL), CHAT_E_INVALID);
    ck_assert_int_eq(client_react(rig.core, CH, 2, "x", 1, false, NULL), CHAT_E_INVALID);
}
END_TEST

/* What was read does not count, so what happens to it costs no count of the messages behind. */
START_TEST(what_happens_to_messages_that_were_read_costs_no_count)
{
    struct channel *ch;

    rig_store_many(&rig, CH, 9);
    rig_start(&rig);
    ck_assert_int_eq(client_mark_read(rig.core, CH, 5), CHAT_OK);
    rig_turn(&rig);
    ck_assert_uint_eq(client_channel(rig.core, CH)->unread, 4);
    ch = channel_find(rig.core, CH);
    ck_assert(!ch->unread_stale);
    rig_alter(&rig, CH, 5, "edited");
    rig_publish(&rig, CH, 5, true);
    ck_assert(!ch->unread_stale);
    rig_alter(&rig, CH, 6, "");
    rig.channels[0].messages[6].deleted = true;
    rig_publish(&rig, CH, 6, true);
    ck_assert(ch->unread_stale);
    ck_assert_uint_eq(client_channel(rig.core, CH)->unread, 3);
}
END_TEST

/* A server that says more than the protocol allows, or nonsense. */
START_TEST(impossible_reactions_and_mentions_end_the_link)
{
    WireMessage m;
    WireNonce n;
    WireReaction reactions[2], *pointers[2] = {&reactions[0], &reactions[1]};
    static uint64_t users[CHAT_REACTIONS_MAX];
    uint64_t nobody = 0;

    rig_store_many(&rig, CH, 1);
    rig_start(&rig);
    rig_store(&rig, CH, BOB, "x", 9, 2);
    rig_wire(&rig.channels[0], 2, &m, &n);
    for (size_t i = 0; i < CHAT_REACTIONS_MAX; i++)
        users[i] = i + 1;
    for (int i = 0; i < 2; i++) {
        wire_reaction__init(&reactions[i]);
        reactions[i].emoji = (char *)(uintptr_t)(i ? "a" : "b");
        reactions[i].user_ids = users;
        reactions[i].n_user_ids = 1;
    }
    m.reactions = pointers;
    m.n_reactions = 2;
    switch (_i) {
    case 0: reactions[0].n_user_ids = CHAT_REACTIONS_MAX; break; /* one too many in all */
    case 1: reactions[0].n_user_ids = 0; break;
    case 2: reactions[0].emoji = (char *)(uintptr_t) ""; break;
    case 3: users[0] = 0; break;
    default:
        m.mention_ids = &nobody;
        m.n_mention_ids = 1;
        break;
    }
    RIG_SAY(&rig, 0, MESSAGE, message, &m);
    rig_turn(&rig);
    ck_assert_uint_gt(rig.closes, 0);
}
END_TEST

/* --- around a message --- */

static const struct rig_seen *answered(uint64_t ticket)
{
    const struct rig_seen *seen;

    rig_wait(&rig, 100);
    rig_pull(&rig);
    seen = rig_last(&rig, CHAT_EVENT_HISTORY);
    ck_assert_ptr_nonnull(seen);
    ck_assert_uint_eq(seen->ticket, ticket);
    return seen;
}

static void expect_around(uint64_t seq, uint32_t limit, uint64_t from, uint64_t to)
{
    const struct rig_seen *seen;
    uint64_t ticket;

    ck_assert_int_eq(client_fetch_around(rig.core, CH, seq, limit, &ticket), CHAT_OK);
    seen = answered(ticket);
    ck_assert_int_eq(seen->status, CHAT_OK);
    ck_assert(seen->complete);
    ck_assert_uint_eq(seen->from, from);
    ck_assert_uint_eq(seen->to, to);
    ck_assert_uint_eq(seen->count, to - from + 1);
    ck_assert_uint_eq(seen->seq, seq > 1000 ? 1000 : seq);
}

/* Complaint C1: pages come as long as was asked for, whatever the server cut. */
START_TEST(C1_a_page_around_is_as_long_as_asked_for_wherever_it_is)
{
    rig.config.keep_max = 20;
    rig.page_cut = _i ? 7 : 0;
    rig_store_many(&rig, CH, 1000);
    rig_start(&rig);
    expect_around(500, 51, 475, 525);
    rig.heard_count = 0;
    expect_around(500, 51, 475, 525); /* from the cache now */
    expect_around(500, 11, 495, 505);
    ck_assert_uint_eq(rig_heard(&rig, WIRE_CLIENT_FRAME__BODY_FETCH_HISTORY), 0);
    expect_around(540, 60, 510, 569); /* a part of it is held */
    expect_around(3, 50, 1, 50);
    expect_around(999, 50, 951, 1000);
    expect_around(5000, 50, 951, 1000);
    expect_around(1, 1, 1, 1);
    expect_around(400, 200, 300, 499);
}
END_TEST

START_TEST(a_message_is_found_by_its_id_here_and_there)
{
    const struct rig_seen *seen;
    uint64_t ticket;

    rig.config.keep_max = 20;
    rig_store_many(&rig, CH, 1000);
    rig_start(&rig);
    ck_assert_int_eq(client_find_message(rig.core, CH, 100000 + 500 * 10, 11, &ticket), CHAT_OK);
    seen = answered(ticket);
    ck_assert_uint_eq(seen->seq, 500);
    ck_assert_uint_eq(seen->from, 495);
    ck_assert_uint_eq(seen->to, 505);
    rig.heard_count = 0;
    for (uint64_t seq = 495; seq <= 505; seq++) {
        ck_assert_int_eq(client_find_message(rig.core, CH, 100000 + seq * 10, 1, &ticket), CHAT_OK);
        ck_assert_uint_eq(answered(ticket)->seq, seq);
    }
    ck_assert_uint_eq(rig_heard(&rig, WIRE_CLIENT_FRAME__BODY_FETCH_HISTORY), 0);

    ck_assert_int_eq(client_find_message(rig.core, CH, 77, 11, &ticket), CHAT_OK);
    seen = answered(ticket);
    ck_assert_int_eq(seen->status, CHAT_E_NOT_FOUND);
    ck_assert_uint_eq(seen->count, 0);
    ck_assert_int_eq(client_find_message(rig.core, CH, 0, 11, &ticket), CHAT_E_INVALID);
    ck_assert_int_eq(client_find_message(rig.core, 12345, 7, 11, &ticket), CHAT_E_NOT_FOUND);
    ck_assert_int_eq(client_fetch_around(rig.core, CH, 0, 11, &ticket), CHAT_E_INVALID);
    ck_assert_int_eq(client_fetch_around(rig.core, CH, 1, 201, &ticket), CHAT_E_INVALID);
}
END_TEST

START_TEST(around_without_a_link_there_is_what_is_held)
{
    const struct rig_seen *seen;
    uint64_t ticket;

    rig.config.keep_max = 20;
    rig_store_many(&rig, CH, 1000);
    rig_start(&rig);
    rig.dial_fails = true;
    rig_cut(&rig, 1006);
    rig_pull(&rig);
    ck_assert_int_eq(client_fetch_around(rig.core, CH, 985, 40, &ticket), CHAT_OK);
    rig_wait(&rig, 60000);
    seen = answered(ticket);
    ck_assert_int_eq(seen->status, CHAT_E_TIMEOUT);
    ck_assert(!seen->complete);
    ck_assert_uint_eq(seen->from, 981);
    ck_assert_uint_eq(seen->to, 1000);
    ck_assert_uint_eq(seen->seq, 985);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client_content");
    TCase *tc = tcase_create("content");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_message_goes_out_with_its_mentions_and_reply_and_is_kept_so);
    tcase_add_test(tc, bad_content_is_refused);
    tcase_add_test(tc, fields_beyond_the_callers_size_are_not_looked_at);
    tcase_add_test(tc, mentions_are_counted_here_where_all_is_held);
    tcase_add_test(tc, where_it_is_not_held_the_server_says);
    tcase_add_test(tc, a_listing_that_does_not_say_changes_nothing);
    tcase_add_test(tc, the_count_is_there_after_a_restart_before_any_link);
    tcase_add_test(tc, a_reaction_is_sent_and_shown_once_the_server_has_it);
    tcase_add_test(tc, a_reaction_that_changed_nothing_is_done);
    tcase_add_test(tc, bad_reactions_are_refused);
    tcase_add_test(tc, what_happens_to_messages_that_were_read_costs_no_count);
    tcase_add_loop_test(tc, impossible_reactions_and_mentions_end_the_link, 0, 5);
    tcase_add_loop_test(tc, C1_a_page_around_is_as_long_as_asked_for_wherever_it_is, 0, 2);
    tcase_add_test(tc, a_message_is_found_by_its_id_here_and_there);
    tcase_add_test(tc, around_without_a_link_there_is_what_is_held);
    suite_add_tcase(suite, tc);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
