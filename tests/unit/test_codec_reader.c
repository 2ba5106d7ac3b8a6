/* Reading: whole messages and streams, in pieces, wrong, and without memory. */
#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <libchat/codec.h>

#include "../support/faulty_alloc.h"
#include "../support/raw_pb.h"

static struct faulty_alloc memory;
static chat_codec_reader *reader;
static struct raw_pb stream;
static uint8_t bytes[4096];

static chat_status make_reader(chat_codec_side side, size_t message_max, size_t memory_max)
{
    struct chat_codec_reader_config config;

    chat_codec_reader_config_init(&config);
    config.side = side;
    config.allocator = &memory.allocator;
    config.message_max = message_max;
    config.memory_max = memory_max;
    chat_codec_reader_free(reader);
    reader = NULL;
    return chat_codec_reader_new(&config, &reader);
}

static void setup(void)
{
    faulty_alloc_init(&memory);
    raw_pb_init(&stream);
    ck_assert_int_eq(make_reader(CHAT_CODEC_FROM_CLIENT, 0, 0), CHAT_OK);
}

static void teardown(void)
{
    chat_codec_reader_free(reader);
    reader = NULL;
    raw_pb_fini(&stream);
    ck_assert_uint_eq(memory.live, 0);
}

static size_t write_send(uint8_t *out, size_t cap, uint32_t request_id, const char *text)
{
    struct chat_frame_nonce nonce = CHAT_FRAME_INIT(chat_frame_nonce);
    struct chat_frame_send_message send = CHAT_FRAME_INIT(chat_frame_send_message);
    size_t len;

    nonce.device_id = 11;
    nonce.counter = 12;
    send.channel_id = 13;
    send.nonce = &nonce;
    send.text = text;
    send.text_len = strlen(text);
    ck_assert_int_eq(chat_codec_write_send_message(&send, request_id, out, cap, &len), CHAT_OK);
    return len;
}

static const struct chat_frame *next(void)
{
    const struct chat_frame *frame;

    ck_assert_int_eq(chat_codec_reader_next(reader, &frame), CHAT_OK);
    return frame;
}

static void ck_next_is_send(uint32_t request_id, const char *text)
{
    const struct chat_frame *frame = next();

    ck_assert_ptr_nonnull(frame);
    ck_assert_int_eq(frame->kind, CHAT_FRAME_SEND_MESSAGE);
    ck_assert_uint_eq(frame->request_id, request_id);
    ck_assert_uint_eq(frame->send_message->channel_id, 13);
    ck_assert_uint_eq(frame->send_message->nonce->device_id, 11);
    ck_assert_uint_eq(frame->send_message->nonce->counter, 12);
    ck_assert_uint_eq(frame->send_message->text_len, strlen(text));
    ck_assert_str_eq(frame->send_message->text, text);
}

static void ck_fault(const char *rule, uint32_t frame, uint32_t request_id)
{
    const struct chat_codec_fault *fault = chat_codec_reader_get_fault(reader);

    ck_assert_str_eq(fault->rule, rule);
    ck_assert_uint_eq(fault->frame, frame);
    ck_assert_uint_eq(fault->request_id, request_id);
}

/* --- messages --- */

START_TEST(a_message_gives_its_frames_in_order)
{
    size_t len = write_send(bytes, sizeof(bytes), 1, "one");

    len += write_send(bytes + len, sizeof(bytes) - len, 2, "two");
    ck_assert_ptr_null(next());
    ck_assert_int_eq(chat_codec_reader_feed_message(reader, bytes, len), CHAT_OK);
    memset(bytes, 0xff, sizeof(bytes)); /* they may go */
    ck_next_is_send(1, "one");
    ck_next_is_send(2, "two");
    ck_assert_ptr_null(next());
    ck_fault("", 0, 0);
}
END_TEST

START_TEST(an_empty_message_has_no_frames)
{
    ck_assert_int_eq(chat_codec_reader_feed_message(reader, NULL, 0), CHAT_OK);
    ck_assert_ptr_null(next());
}
END_TEST

START_TEST(a_message_is_refused_while_frames_wait)
{
    size_t len = write_send(bytes, sizeof(bytes), 1, "one");

    ck_assert_int_eq(chat_codec_reader_feed_message(reader, bytes, len), CHAT_OK);
    ck_assert_int_eq(chat_codec_reader_feed_message(reader, bytes, len), CHAT_E_STATE);
    ck_next_is_send(1, "one");
    ck_assert_int_eq(chat_codec_reader_feed_message(reader, bytes, len), CHAT_OK);
    chat_codec_reader_reset(reader);
    ck_assert_ptr_null(next());
    ck_assert_int_eq(chat_codec_reader_feed_message(reader, bytes, len), CHAT_OK);
}
END_TEST

START_TEST(a_bad_frame_refuses_its_message_and_says_why)
{
    size_t good = write_send(bytes, sizeof(bytes), 1, "one");
    size_t len = good + write_send(bytes + good, sizeof(bytes) - good, 7, "?");

    bytes[len - 1] = 0xff; /* the text */
    ck_assert_int_eq(chat_codec_reader_feed_message(reader, bytes, len), CHAT_E_PROTOCOL);
    ck_fault("utf8", 1, 7);
    ck_assert_ptr_null(next());

    ck_assert_int_eq(chat_codec_reader_feed_message(reader, bytes, good), CHAT_OK);
    ck_fault("", 0, 0);
    ck_next_is_send(1, "one");
}
END_TEST

START_TEST(limits_are_named)
{
    struct raw_pb frame, body;

    raw_pb_init(&frame);
    raw_pb_init(&body);
    raw_pb_tag(&body, 3, 2);
    raw_pb_varint(&body, CHAT_TEXT_MAX + 1);
    raw_pb_fill(&body, 'x', CHAT_TEXT_MAX + 1);
    raw_pb_number(&frame, 1, 3);
    raw_pb_message(&frame, 10, &body);
    raw_pb_message(&stream, 1, &frame);
    ck_assert_int_eq(chat_codec_reader_feed_message(reader, stream.bytes, stream.len),
                     CHAT_E_TOO_LARGE);
    ck_fault("SendMessage.text", 0, 3);
    raw_pb_fini(&frame);
    raw_pb_fini(&body);
}
END_TEST

START_TEST(an_unknown_body_is_an_unknown_frame)
{
    static const uint8_t unknown[] = {0x0a, 0x05, 0x08, 0x09, 0xfa, 0x07, 0x00};

    ck_assert_int_eq(chat_codec_reader_feed_message(reader, unknown, sizeof(unknown)), CHAT_OK);
    const struct chat_frame *frame = next();
    ck_assert_int_eq(frame->kind, CHAT_FRAME_UNKNOWN);
    ck_assert_uint_eq(frame->request_id, 9);
    ck_assert_ptr_null(frame->body);
}
END_TEST

START_TEST(the_message_limit_may_be_lowered)
{
    size_t len = write_send(bytes, sizeof(bytes), 1, "text");

    ck_assert_int_eq(make_reader(CHAT_CODEC_FROM_CLIENT, len, 0), CHAT_OK);
    ck_assert_int_eq(chat_codec_reader_feed_message(reader, bytes, len), CHAT_OK);
    ck_assert_int_eq(make_reader(CHAT_CODEC_FROM_CLIENT, len - 1, 0), CHAT_OK);
    ck_assert_int_eq(chat_codec_reader_feed_message(reader, bytes, len), CHAT_E_TOO_LARGE);
    ck_fault("message_bytes", 0, 0);
}
END_TEST

START_TEST(memory_is_limited)
{
    size_t len = write_send(bytes, sizeof(bytes), 1, "text");

    ck_assert_int_eq(make_reader(CHAT_CODEC_FROM_CLIENT, 0, 64), CHAT_OK);
    ck_assert_int_eq(chat_codec_reader_feed_message(reader, bytes, len), CHAT_E_TOO_LARGE);
    ck_assert_str_eq(chat_codec_reader_get_fault(reader)->rule, "memory");
}
END_TEST

START_TEST(a_wrong_config_is_refused)
{
    struct chat_codec_reader_config config;
    chat_codec_reader *none = NULL;

    ck_assert_int_eq(make_reader((chat_codec_side)3, 0, 0), CHAT_E_INVALID);
    ck_assert_int_eq(make_reader(CHAT_CODEC_FROM_CLIENT, CHAT_CLIENT_MESSAGE_MAX + 1, 0),
                     CHAT_E_INVALID);
    ck_assert_int_eq(make_reader(CHAT_CODEC_FROM_CLIENT, CHAT_CLIENT_MESSAGE_MAX, 0), CHAT_OK);
    ck_assert_int_eq(make_reader(CHAT_CODEC_FROM_SERVER, CHAT_SERVER_MESSAGE_MAX, 0), CHAT_OK);
    chat_codec_reader_config_init(&config);
    config.size = 0;
    ck_assert_int_eq(chat_codec_reader_new(&config, &none), CHAT_E_INVALID);
    config.size = sizeof(config) + 8;
    ck_assert_int_eq(chat_codec_reader_new(&config, &none), CHAT_E_INVALID);
    ck_assert_int_eq(chat_codec_reader_new(NULL, &none), CHAT_E_INVALID);
    ck_assert_ptr_null(none);
    chat_codec_reader_free(NULL);
}
END_TEST

/* --- streams --- */

static void append_send(uint32_t request_id, const char *text)
{
    uint8_t prefix[CHAT_CODEC_PREFIX_LEN];
    size_t len = write_send(bytes, sizeof(bytes), request_id, text);

    chat_codec_write_prefix((uint32_t)len, prefix);
    raw_pb_copy(&stream, prefix, sizeof(prefix));
    raw_pb_copy(&stream, bytes, len);
}

/* Feeds the stream in pieces of `step` bytes and reads all frames as they come. */
static void read_sends(size_t step, uint32_t count)
{
    uint32_t seen = 0;
    size_t at = 0;

    while (at < stream.len) {
        size_t left = stream.len - at, used = 0;
        const struct chat_frame *frame;

        ck_assert_int_eq(chat_codec_reader_feed_stream(reader, stream.bytes + at,
                                                       left < step ? left : step, &used),
                         CHAT_OK);
        ck_assert_uint_gt(used, 0);
        at += used;
        while ((frame = next()) != NULL) {
            seen++;
            ck_assert_int_eq(frame->kind, CHAT_FRAME_SEND_MESSAGE);
            ck_assert_uint_eq(frame->request_id, seen);
        }
    }
    ck_assert_uint_eq(seen, count);
}

START_TEST(a_stream_may_be_cut_anywhere)
{
    append_send(1, "one");
    append_send(2, "");
    raw_pb_copy(&stream, "\0\0\0\0", 4); /* an empty message */
    append_send(3, "a longer one, so that it is cut more often");
    read_sends((size_t)_i + 1, 3);
}
END_TEST

START_TEST(no_bytes_change_nothing)
{
    size_t used = 99;

    append_send(1, "one");
    ck_assert_int_eq(chat_codec_reader_feed_stream(reader, NULL, 0, &used), CHAT_OK);
    ck_assert_uint_eq(used, 0);
    read_sends(SIZE_MAX, 1);
}
END_TEST

START_TEST(one_feed_takes_one_message)
{
    size_t used, first;

    append_send(1, "one");
    first = stream.len;
    append_send(2, "two");
    ck_assert_int_eq(chat_codec_reader_feed_stream(reader, stream.bytes, stream.len, &used),
                     CHAT_OK);
    ck_assert_uint_eq(used, first);
    ck_assert_int_eq(chat_codec_reader_feed_stream(reader, stream.bytes + used, 1, &used),
                     CHAT_E_STATE);
    ck_assert_uint_eq(used, 0);
    ck_next_is_send(1, "one");
}
END_TEST

START_TEST(a_bad_message_of_a_stream_is_skipped)
{
    size_t used, bad;

    append_send(1, "one");
    bad = stream.len;
    stream.bytes[bad - 1] = 0xff;
    append_send(1, "two");
    ck_assert_int_eq(chat_codec_reader_feed_stream(reader, stream.bytes, stream.len, &used),
                     CHAT_E_PROTOCOL);
    ck_assert_uint_eq(used, bad);
    ck_fault("utf8", 0, 1);
    memmove(stream.bytes, stream.bytes + bad, stream.len - bad);
    stream.len -= bad;
    read_sends(1, 1);
}
END_TEST

START_TEST(a_length_at_the_limit_is_read_and_one_past_breaks_the_stream)
{
    uint8_t prefix[CHAT_CODEC_PREFIX_LEN];
    size_t used;

    chat_codec_write_prefix(CHAT_CLIENT_MESSAGE_MAX, prefix);
    ck_assert_mem_eq(prefix, "\x00\x01\x00\x00", 4);
    ck_assert_int_eq(chat_codec_reader_feed_stream(reader, prefix, 4, &used), CHAT_OK);
    ck_assert_uint_eq(used, 4);
    ck_assert_int_eq(chat_codec_reader_feed_message(reader, prefix, 0), CHAT_E_STATE);

    chat_codec_reader_reset(reader);
    chat_codec_write_prefix(CHAT_CLIENT_MESSAGE_MAX + 1, prefix);
    ck_assert_int_eq(chat_codec_reader_feed_stream(reader, prefix, 4, &used), CHAT_E_TOO_LARGE);
    ck_fault("message_bytes", 0, 0);
    ck_assert_int_eq(chat_codec_reader_feed_stream(reader, prefix, 4, &used), CHAT_E_STATE);
    ck_assert_int_eq(chat_codec_reader_feed_message(reader, prefix, 0), CHAT_E_STATE);

    chat_codec_reader_reset(reader);
    append_send(1, "one");
    read_sends(3, 1);
}
END_TEST

START_TEST(a_claimed_length_takes_no_memory_before_its_bytes_come)
{
    size_t used, before;

    ck_assert_int_eq(make_reader(CHAT_CODEC_FROM_SERVER, 0, 0), CHAT_OK);
    before = memory.live;
    ck_assert_int_eq(
        chat_codec_reader_feed_stream(reader, (const uint8_t *)"\x00\x10\x00\x00zz", 6, &used),
        CHAT_OK);
    ck_assert_uint_le(memory.live, before + 1);
    faulty_alloc_fail_after(&memory, 0); /* and still has room for a few more */
    ck_assert_int_eq(chat_codec_reader_feed_stream(reader, (const uint8_t *)"z", 1, &used),
                     CHAT_OK);
}
END_TEST

/* --- without memory --- */

START_TEST(every_allocation_may_fail)
{
    chat_status status = CHAT_E_NOMEM;
    size_t len = write_send(bytes, sizeof(bytes), 1, "one"), failures = 0;

    for (size_t allowed = 0; status != CHAT_OK; allowed++) {
        const struct chat_frame *frame = NULL;

        faulty_alloc_fail_after(&memory, allowed);
        status = make_reader(CHAT_CODEC_FROM_CLIENT, 0, 0);
        if (status == CHAT_OK)
            status = chat_codec_reader_feed_message(reader, bytes, len);
        if (status == CHAT_OK) {
            status = chat_codec_reader_next(reader, &frame);
            if (status != CHAT_OK) { /* the same frame comes later */
                ck_assert_ptr_null(frame);
                faulty_alloc_fail_after(&memory, FAULTY_ALLOC_NEVER);
                ck_next_is_send(1, "one");
            }
        }
        if (status != CHAT_OK) {
            ck_assert_int_eq(status, CHAT_E_NOMEM);
            failures++;
        }
    }
    ck_assert_uint_ge(failures, 3);
    faulty_alloc_fail_after(&memory, FAULTY_ALLOC_NEVER);
}
END_TEST

START_TEST(a_stream_that_cannot_be_kept_is_broken_until_reset)
{
    size_t used;

    append_send(1, "one");
    faulty_alloc_fail_after(&memory, 0);
    ck_assert_int_eq(chat_codec_reader_feed_stream(reader, stream.bytes, 7, &used), CHAT_E_NOMEM);
    faulty_alloc_fail_after(&memory, FAULTY_ALLOC_NEVER);
    ck_assert_int_eq(chat_codec_reader_feed_stream(reader, stream.bytes, 7, &used), CHAT_E_STATE);
    chat_codec_reader_reset(reader);
    read_sends(7, 1);
}
END_TEST

START_TEST(a_steady_reader_allocates_nothing)
{
    size_t len = write_send(bytes, sizeof(bytes), 1, "one");

    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(chat_codec_reader_feed_message(reader, bytes, len), CHAT_OK);
        ck_next_is_send(1, "one");
        faulty_alloc_fail_after(&memory, 0);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("codec_reader");
    TCase *t = tcase_create("reader");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_message_gives_its_frames_in_order);
    tcase_add_test(t, an_empty_message_has_no_frames);
    tcase_add_test(t, a_message_is_refused_while_frames_wait);
    tcase_add_test(t, a_bad_frame_refuses_its_message_and_says_why);
    tcase_add_test(t, limits_are_named);
    tcase_add_test(t, an_unknown_body_is_an_unknown_frame);
    tcase_add_test(t, the_message_limit_may_be_lowered);
    tcase_add_test(t, memory_is_limited);
    tcase_add_test(t, a_wrong_config_is_refused);
    tcase_add_loop_test(t, a_stream_may_be_cut_anywhere, 0, 80);
    tcase_add_test(t, no_bytes_change_nothing);
    tcase_add_test(t, one_feed_takes_one_message);
    tcase_add_test(t, a_bad_message_of_a_stream_is_skipped);
    tcase_add_test(t, a_length_at_the_limit_is_read_and_one_past_breaks_the_stream);
    tcase_add_test(t, a_claimed_length_takes_no_memory_before_its_bytes_come);
    tcase_add_test(t, every_allocation_may_fail);
    tcase_add_test(t, a_stream_that_cannot_be_kept_is_broken_until_reset);
    tcase_add_test(t, a_steady_reader_allocates_nothing);
    suite_add_tcase(suite, t);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
