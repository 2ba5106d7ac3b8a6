/* Encoding: exact sizes, one allocation, frames that join to batches; and wire_check(). */
#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <libchat/limits.h>

#include "../support/faulty_alloc.h"
#include "wire/wire.h"

static struct faulty_alloc memory;
static struct arena arena;
static struct wire_fault fault;

static void setup(void)
{
    faulty_alloc_init(&memory);
    arena_init(&arena, &memory.allocator, 1u << 20);
}

static void teardown(void)
{
    arena_fini(&arena);
    ck_assert_uint_eq(memory.live, 0);
}

START_TEST(an_encoded_frame_is_a_batch_of_one)
{
    WireMarkRead mark = WIRE_MARK_READ__INIT;
    WireClientFrame frame = WIRE_CLIENT_FRAME__INIT;
    static const uint8_t expected[] = {0x0a, 0x0f, 0x08, 0x07, 0x5a, 0x0b, 0x09, 1, 0,
                                       0,    0,    0,    0,    0,    0,    0x10, 3};

    mark.channel_id = 1;
    mark.seq = 3;
    frame.request_id = 7;
    frame.body_case = WIRE_CLIENT_FRAME__BODY_MARK_READ;
    frame.mark_read = &mark;
    struct frame *encoded = wire_encode_client(&memory.allocator, &frame);

    ck_assert_ptr_nonnull(encoded);
    ck_assert_uint_eq(memory.live, 1);
    ck_assert_uint_eq(encoded->len, sizeof(expected));
    ck_assert_mem_eq(encoded->bytes, expected, sizeof(expected));
    ck_assert_uint_eq(encoded->kind, 11);
    ck_assert_uint_eq(encoded->count, 1);
    frame_unref(encoded);
}
END_TEST

START_TEST(server_and_link_frames_carry_their_kind_and_come_back)
{
    WireSent sent = WIRE_SENT__INIT;
    WireServerFrame server = WIRE_SERVER_FRAME__INIT;
    WireLinkFrame link = WIRE_LINK_FRAME__INIT;
    WireServerBatch *server_batch;
    WireLinkBatch *link_batch;

    sent.seq = 300;
    server.body_case = WIRE_SERVER_FRAME__BODY_SENT;
    server.sent = &sent;
    struct frame *a = wire_encode_server(&memory.allocator, &server);
    ck_assert_uint_eq(a->kind, WIRE_SERVER_FRAME__BODY_SENT);
    ck_assert_int_eq(wire_decode_server(a->bytes, a->len, &arena, &server_batch, &fault), CHAT_OK);
    ck_assert_uint_eq(server_batch->frames[0]->sent->seq, 300);

    link.request_id = UINT64_MAX;
    link.user_id = 5;
    link.body_case = WIRE_LINK_FRAME__BODY_SENT;
    link.sent = &sent;
    struct frame *b = wire_encode_link(&memory.allocator, &link);
    ck_assert_uint_eq(b->kind, WIRE_LINK_FRAME__BODY_SENT);
    ck_assert_int_eq(wire_decode_link(b->bytes, b->len, &arena, &link_batch, &fault), CHAT_OK);
    ck_assert_uint_eq(link_batch->frames[0]->request_id, UINT64_MAX);
    ck_assert_uint_eq(link_batch->frames[0]->sent->seq, 300);
    frame_unref(a);
    frame_unref(b);
}
END_TEST

START_TEST(an_empty_frame_is_two_bytes)
{
    WireServerFrame frame = WIRE_SERVER_FRAME__INIT;
    struct frame *encoded = wire_encode_server(&memory.allocator, &frame);

    ck_assert_uint_eq(encoded->len, 2);
    ck_assert_mem_eq(encoded->bytes, "\x0a\x00", 2);
    ck_assert_uint_eq(encoded->kind, 0);
    frame_unref(encoded);
}
END_TEST

START_TEST(many_frames_in_one_are_the_frames_joined)
{
    char text[CHAT_TEXT_MAX + 1];
    WireMessage message[3] = {WIRE_MESSAGE__INIT, WIRE_MESSAGE__INIT, WIRE_MESSAGE__INIT};
    WireServerFrame frame[3] = {WIRE_SERVER_FRAME__INIT, WIRE_SERVER_FRAME__INIT,
                                WIRE_SERVER_FRAME__INIT};
    const WireServerFrame *frames[3];
    size_t at = 0;

    memset(text, 'x', CHAT_TEXT_MAX);
    text[CHAT_TEXT_MAX] = '\0';
    for (int i = 0; i < 3; i++) {
        message[i].seq = (uint64_t)i + 1;
        message[i].text = i == 1 ? text : "short";
        frame[i].body_case = WIRE_SERVER_FRAME__BODY_MESSAGE;
        frame[i].message = &message[i];
        frames[i] = &frame[i];
    }
    struct frame *joined = wire_encode_server_many(&memory.allocator, frames, 3);

    ck_assert_ptr_nonnull(joined);
    ck_assert_uint_eq(memory.live, 1);
    ck_assert_uint_eq(joined->count, 3);
    ck_assert_uint_eq(joined->kind, WIRE_SERVER_FRAME__BODY_MESSAGE);
    for (int i = 0; i < 3; i++) {
        struct frame *one = wire_encode_server(&memory.allocator, &frame[i]);
        ck_assert_uint_le(at + one->len, joined->len);
        ck_assert_mem_eq(joined->bytes + at, one->bytes, one->len);
        at += one->len;
        frame_unref(one);
    }
    ck_assert_uint_eq(at, joined->len);
    frame_unref(joined);
}
END_TEST

START_TEST(a_message_is_read_frame_by_frame_as_it_is_read_whole)
{
    static const uint8_t bytes[] = {0x0a, 2, 0x08, 7,    /* a frame */
                                    0x12, 3, 1,    2, 3, /* a field of later servers */
                                    0x0a, 0,             /* an empty frame */
                                    0x18, 5};            /* another such field, at the end */
    WireServerFrame *frame = NULL;
    size_t at = 0;

    ck_assert_int_eq(wire_check_server(bytes, sizeof(bytes), &fault), CHAT_OK);
    ck_assert_int_eq(wire_next_server(bytes, sizeof(bytes), &at, &arena, &frame, &fault), CHAT_OK);
    ck_assert_uint_eq(at, 4);
    ck_assert_uint_eq(frame->request_id, 7);
    ck_assert_int_eq(wire_next_server(bytes, sizeof(bytes), &at, &arena, &frame, &fault), CHAT_OK);
    ck_assert_uint_eq(at, 11);
    ck_assert_uint_eq(frame->request_id, 0);
    ck_assert_int_eq(wire_next_server(bytes, sizeof(bytes), &at, &arena, &frame, &fault), CHAT_OK);
    ck_assert_uint_eq(at, sizeof(bytes));
    ck_assert_ptr_null(frame);
}
END_TEST

START_TEST(the_form_of_a_message_is_checked_before_its_first_frame_is_read)
{
    static const uint8_t cut_off[] = {0x0a, 2, 0x08, 7, 0x0a, 9, 1};
    static const uint8_t wrong_type[] = {0x0a, 0, 0x08, 1};
    uint8_t *many = calloc(CHAT_SERVER_FRAMES_MAX + 1, 2);

    ck_assert_int_eq(wire_check_server(cut_off, sizeof(cut_off), &fault), CHAT_E_PROTOCOL);
    ck_assert_str_eq(fault.rule, "malformed");
    ck_assert_int_eq(wire_check_server(wrong_type, sizeof(wrong_type), &fault), CHAT_E_PROTOCOL);
    for (size_t i = 0; i <= CHAT_SERVER_FRAMES_MAX; i++)
        many[2 * i] = 0x0a;
    ck_assert_int_eq(wire_check_server(many, 2 * CHAT_SERVER_FRAMES_MAX, &fault), CHAT_OK);
    ck_assert_int_eq(wire_check_server(many, 2 * CHAT_SERVER_FRAMES_MAX + 2, &fault),
                     CHAT_E_TOO_LARGE);
    ck_assert_str_eq(fault.rule, "frames");
    free(many);
}
END_TEST

START_TEST(without_memory_there_is_no_frame)
{
    WireClientFrame client = WIRE_CLIENT_FRAME__INIT;
    WireServerFrame server = WIRE_SERVER_FRAME__INIT;
    WireLinkFrame link = WIRE_LINK_FRAME__INIT;
    const WireServerFrame *frames[] = {&server};

    faulty_alloc_fail_after(&memory, 0);
    ck_assert_ptr_null(wire_encode_client(&memory.allocator, &client));
    ck_assert_ptr_null(wire_encode_server(&memory.allocator, &server));
    ck_assert_ptr_null(wire_encode_link(&memory.allocator, &link));
    ck_assert_ptr_null(wire_encode_server_many(&memory.allocator, frames, 1));
}
END_TEST

/* --- wire_check --- */

static void ck_checked(const ProtobufCMessage *message, chat_status expected, const char *rule)
{
    chat_status status = wire_check(message, &fault);

    ck_assert_str_eq(chat_status_name(status), chat_status_name(expected));
    ck_assert_str_eq(fault.rule, rule);
}

START_TEST(check_holds_texts_to_the_table)
{
    char text[CHAT_TEXT_MAX + 2];
    uint8_t extra[CHAT_EXTRA_MAX + 1] = {0};
    WireSendMessage send = WIRE_SEND_MESSAGE__INIT;
    WireClientFrame frame = WIRE_CLIENT_FRAME__INIT;

    frame.body_case = WIRE_CLIENT_FRAME__BODY_SEND_MESSAGE;
    frame.send_message = &send;
    ck_checked(&frame.base, CHAT_OK, "");

    memset(text, 'x', sizeof(text));
    text[CHAT_TEXT_MAX] = '\0';
    send.text = text;
    send.extra.data = extra;
    send.extra.len = CHAT_EXTRA_MAX;
    ck_checked(&frame.base, CHAT_OK, "");

    text[CHAT_TEXT_MAX] = 'x';
    text[CHAT_TEXT_MAX + 1] = '\0';
    ck_checked(&frame.base, CHAT_E_TOO_LARGE, "SendMessage.text");
    send.text = "";
    send.extra.len++;
    ck_checked(&frame.base, CHAT_E_TOO_LARGE, "SendMessage.extra");
    send.extra.len = 1;
    send.extra.data = NULL;
    ck_checked(&frame.base, CHAT_E_INVALID, "malformed");
    send.extra.len = 0;
    send.text = "\xff";
    ck_checked(&frame.base, CHAT_E_INVALID, "utf8");
    send.text = NULL; /* as good as empty */
    ck_checked(&frame.base, CHAT_OK, "");
}
END_TEST

START_TEST(check_holds_lists_to_the_table)
{
    uint64_t ids[CHAT_WATCH_MAX + 1] = {0};
    char name[34], *features[33];
    WireWatchPresence watch = WIRE_WATCH_PRESENCE__INIT;
    WireHello hello = WIRE_HELLO__INIT;

    watch.user_ids = ids;
    watch.n_user_ids = CHAT_WATCH_MAX;
    ck_checked(&watch.base, CHAT_OK, "");
    watch.n_user_ids++;
    ck_checked(&watch.base, CHAT_E_TOO_LARGE, "WatchPresence.user_ids");
    watch.n_user_ids = 1;
    watch.user_ids = NULL;
    ck_checked(&watch.base, CHAT_E_INVALID, "malformed");

    memset(name, 'n', sizeof(name));
    name[32] = '\0';
    for (int i = 0; i < 33; i++)
        features[i] = name;
    hello.features = features;
    hello.n_features = 32;
    ck_checked(&hello.base, CHAT_OK, "");
    hello.n_features = 33;
    ck_checked(&hello.base, CHAT_E_TOO_LARGE, "Hello.features");
    hello.n_features = 32;
    name[32] = 'n';
    name[33] = '\0';
    ck_checked(&hello.base, CHAT_E_TOO_LARGE, "Hello.features");
}
END_TEST

START_TEST(check_looks_only_at_the_chosen_member_of_a_oneof)
{
    WireHomeEvent event = WIRE_HOME_EVENT__INIT;

    event.body_case = WIRE_HOME_EVENT__BODY_CHANNEL_REMOVED;
    event.channel_removed = 1; /* as a pointer it would crash */
    ck_checked(&event.base, CHAT_OK, "");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wire");
    TCase *encode = tcase_create("encode"), *check = tcase_create("check");

    tcase_add_checked_fixture(encode, setup, teardown);
    tcase_add_test(encode, an_encoded_frame_is_a_batch_of_one);
    tcase_add_test(encode, server_and_link_frames_carry_their_kind_and_come_back);
    tcase_add_test(encode, an_empty_frame_is_two_bytes);
    tcase_add_test(encode, many_frames_in_one_are_the_frames_joined);
    tcase_add_test(encode, a_message_is_read_frame_by_frame_as_it_is_read_whole);
    tcase_add_test(encode, the_form_of_a_message_is_checked_before_its_first_frame_is_read);
    tcase_add_test(encode, without_memory_there_is_no_frame);
    suite_add_tcase(suite, encode);
    tcase_add_checked_fixture(check, setup, teardown);
    tcase_add_test(check, check_holds_texts_to_the_table);
    tcase_add_test(check, check_holds_lists_to_the_table);
    tcase_add_test(check, check_looks_only_at_the_chosen_member_of_a_oneof);
    suite_add_tcase(suite, check);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
