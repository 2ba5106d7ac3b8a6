/* Writing into a caller's buffer: exact room, every limit, every wrong argument. */
#include <check.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <libchat/codec.h>

static uint8_t bytes[CHAT_CLIENT_MESSAGE_MAX];
static char text[CHAT_TEXT_MAX + 1];
static struct chat_frame_send_message message;
static size_t len;

static void setup(void)
{
    memset(bytes, 0xee, sizeof(bytes));
    memset(text, 'x', sizeof(text));
    message = (struct chat_frame_send_message)CHAT_FRAME_INIT(chat_frame_send_message);
    message.channel_id = 1;
    message.text = text;
    message.text_len = 5;
    len = 99;
}

static chat_status write_message(size_t cap)
{
    return chat_codec_write_send_message(&message, 1, bytes, cap, &len);
}

START_TEST(too_little_room_states_what_is_needed)
{
    size_t needed;

    ck_assert_int_eq(chat_codec_write_send_message(&message, 1, NULL, 0, &len), CHAT_E_TOO_LARGE);
    needed = len;
    ck_assert_uint_eq(needed, 2 + 2 + 2 + 9 + 7);

    ck_assert_int_eq(write_message(needed - 1), CHAT_E_TOO_LARGE);
    ck_assert_uint_eq(len, needed);
    ck_assert_uint_eq(bytes[0], 0xee);

    ck_assert_int_eq(write_message(needed), CHAT_OK);
    ck_assert_uint_eq(len, needed);
    ck_assert_uint_eq(bytes[needed], 0xee);
}
END_TEST

START_TEST(text_is_written_up_to_its_limit)
{
    message.text_len = CHAT_TEXT_MAX;
    ck_assert_int_eq(write_message(sizeof(bytes)), CHAT_OK);
    message.text_len = CHAT_TEXT_MAX + 1;
    ck_assert_int_eq(write_message(sizeof(bytes)), CHAT_E_TOO_LARGE);
    ck_assert_uint_eq(len, 0);
}
END_TEST

START_TEST(lists_are_written_up_to_their_limit)
{
    static uint64_t ids[CHAT_WATCH_MAX + 1];
    struct chat_frame_watch_presence watch = CHAT_FRAME_INIT(chat_frame_watch_presence);

    watch.user_ids = ids;
    watch.user_ids_count = CHAT_WATCH_MAX;
    ck_assert_int_eq(chat_codec_write_watch_presence(&watch, 0, bytes, sizeof(bytes), &len),
                     CHAT_OK);
    watch.user_ids_count++;
    ck_assert_int_eq(chat_codec_write_watch_presence(&watch, 0, bytes, sizeof(bytes), &len),
                     CHAT_E_TOO_LARGE);
    ck_assert_uint_eq(len, 0);
    watch.user_ids_count = 1;
    watch.user_ids = NULL;
    ck_assert_int_eq(chat_codec_write_watch_presence(&watch, 0, bytes, sizeof(bytes), &len),
                     CHAT_E_INVALID);
}
END_TEST

START_TEST(names_in_a_list_are_held_to_their_limit)
{
    const char *features[] = {"good", text};
    struct chat_frame_hello hello = CHAT_FRAME_INIT(chat_frame_hello);

    hello.features = features;
    hello.features_count = 2;
    text[32] = '\0';
    ck_assert_int_eq(chat_codec_write_hello(&hello, 1, bytes, sizeof(bytes), &len), CHAT_OK);
    text[32] = 'x';
    text[33] = '\0';
    ck_assert_int_eq(chat_codec_write_hello(&hello, 1, bytes, sizeof(bytes), &len),
                     CHAT_E_TOO_LARGE);
    features[1] = NULL;
    ck_assert_int_eq(chat_codec_write_hello(&hello, 1, bytes, sizeof(bytes), &len), CHAT_E_INVALID);
}
END_TEST

START_TEST(a_message_longer_than_a_websocket_message_may_be_is_refused)
{
    static struct chat_frame_message full;
    const struct chat_frame_message *list[CHAT_HISTORY_PAGE_MAX];
    struct chat_frame_history_page page = CHAT_FRAME_INIT(chat_frame_history_page);

    full = (struct chat_frame_message)CHAT_FRAME_INIT(chat_frame_message);
    full.text = text;
    full.text_len = CHAT_TEXT_MAX;
    for (size_t i = 0; i < CHAT_HISTORY_PAGE_MAX; i++)
        list[i] = &full;
    page.messages = list;
    page.messages_count = 127;
    ck_assert_int_eq(chat_codec_write_history_page(&page, 1, NULL, 0, &len), CHAT_E_TOO_LARGE);
    ck_assert_uint_gt(len, 127 * CHAT_TEXT_MAX);
    page.messages_count = 128;
    ck_assert_int_eq(chat_codec_write_history_page(&page, 1, NULL, 0, &len), CHAT_E_TOO_LARGE);
    ck_assert_uint_eq(len, 0);
}
END_TEST

START_TEST(text_that_is_not_utf8_without_nul_is_refused)
{
    text[2] = '\0';
    ck_assert_int_eq(write_message(sizeof(bytes)), CHAT_E_INVALID);
    text[2] = (char)0xff;
    ck_assert_int_eq(write_message(sizeof(bytes)), CHAT_E_INVALID);
    ck_assert_uint_eq(len, 0);
    ck_assert_uint_eq(bytes[0], 0xee);
}
END_TEST

START_TEST(null_with_a_length_is_refused_and_without_one_is_empty)
{
    message.text = NULL;
    ck_assert_int_eq(write_message(sizeof(bytes)), CHAT_E_INVALID);
    message.text_len = 0;
    ck_assert_int_eq(write_message(sizeof(bytes)), CHAT_OK);
}
END_TEST

START_TEST(a_size_that_is_not_ours_is_refused)
{
    struct chat_frame_nonce nonce = {0};

    message.size = 0;
    ck_assert_int_eq(write_message(sizeof(bytes)), CHAT_E_INVALID);
    message.size = sizeof(message) + 1;
    ck_assert_int_eq(write_message(sizeof(bytes)), CHAT_E_INVALID);
    message.size = sizeof(message);
    message.nonce = &nonce; /* a part without its size */
    ck_assert_int_eq(write_message(sizeof(bytes)), CHAT_E_INVALID);
}
END_TEST

START_TEST(a_caller_built_before_a_field_was_added_writes_without_it)
{
    size_t with;

    message.reply_to_seq = 1;
    ck_assert_int_eq(write_message(sizeof(bytes)), CHAT_OK);
    with = len;
    message.size = offsetof(struct chat_frame_send_message, reply_to_seq);
    ck_assert_int_eq(write_message(sizeof(bytes)), CHAT_OK);
    ck_assert_uint_eq(len, with - 2);
}
END_TEST

START_TEST(an_unknown_kind_or_no_body_is_refused)
{
    struct chat_frame frame = CHAT_FRAME_INIT(chat_frame);

    ck_assert_int_eq(chat_codec_write(&frame, bytes, sizeof(bytes), &len), CHAT_E_INVALID);
    frame.kind = (chat_frame_kind)9;
    frame.send_message = &message;
    ck_assert_int_eq(chat_codec_write(&frame, bytes, sizeof(bytes), &len), CHAT_E_INVALID);
    frame.kind = CHAT_FRAME_SEND_MESSAGE;
    ck_assert_int_eq(chat_codec_write(&frame, bytes, sizeof(bytes), &len), CHAT_OK);
    frame.send_message = NULL;
    ck_assert_int_eq(chat_codec_write(&frame, bytes, sizeof(bytes), &len), CHAT_E_INVALID);
    frame.send_message = &message;
    frame.size = 0;
    ck_assert_int_eq(chat_codec_write(&frame, bytes, sizeof(bytes), &len), CHAT_E_INVALID);
    ck_assert_int_eq(chat_codec_write_ok(NULL, 1, bytes, sizeof(bytes), &len), CHAT_E_INVALID);
}
END_TEST

START_TEST(a_frame_of_nothing_is_small)
{
    struct chat_frame_goodbye goodbye = CHAT_FRAME_INIT(chat_frame_goodbye);

    ck_assert_int_eq(chat_codec_write_goodbye(&goodbye, 0, bytes, sizeof(bytes), &len), CHAT_OK);
    ck_assert_uint_eq(len, 5);
    ck_assert_mem_eq(bytes, "\x0a\x03\xea\x01\x00", 5);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("codec_writer");
    TCase *t = tcase_create("writer");

    tcase_add_checked_fixture(t, setup, NULL);
    tcase_add_test(t, too_little_room_states_what_is_needed);
    tcase_add_test(t, text_is_written_up_to_its_limit);
    tcase_add_test(t, lists_are_written_up_to_their_limit);
    tcase_add_test(t, names_in_a_list_are_held_to_their_limit);
    tcase_add_test(t, a_message_longer_than_a_websocket_message_may_be_is_refused);
    tcase_add_test(t, text_that_is_not_utf8_without_nul_is_refused);
    tcase_add_test(t, null_with_a_length_is_refused_and_without_one_is_empty);
    tcase_add_test(t, a_size_that_is_not_ours_is_refused);
    tcase_add_test(t, a_caller_built_before_a_field_was_added_writes_without_it);
    tcase_add_test(t, an_unknown_kind_or_no_body_is_refused);
    tcase_add_test(t, a_frame_of_nothing_is_small);
    suite_add_tcase(suite, t);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
