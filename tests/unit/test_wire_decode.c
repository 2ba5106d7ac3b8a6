/* Decoding: every limit at the limit and one past, every malformed byte refused. */
#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libchat/limits.h>

#include "../support/faulty_alloc.h"
#include "../support/raw_pb.h"
#include "wire/limits.h"
#include "wire/scalar.h"
#include "wire/wire.h"

#define ARENA_MAX (64u * 1024 * 1024)

static struct faulty_alloc memory;
static struct arena arena;
static struct raw_pb raw, inner, frame;
static struct wire_fault fault;

static void setup(void)
{
    faulty_alloc_init(&memory);
    arena_init(&arena, &memory.allocator, ARENA_MAX);
    raw_pb_init(&raw);
    raw_pb_init(&inner);
    raw_pb_init(&frame);
    memset(&fault, 0xee, sizeof(fault));
}

static void teardown(void)
{
    raw_pb_fini(&raw);
    raw_pb_fini(&inner);
    raw_pb_fini(&frame);
    arena_fini(&arena);
    ck_assert_uint_eq(memory.live, 0);
}

static chat_status decode_client(WireClientBatch **out_batch)
{
    return wire_decode_client(raw.bytes, raw.len, &arena, out_batch, &fault);
}

/* `raw` as a single message of this type. */
static chat_status decode_as(const ProtobufCMessageDescriptor *descriptor, void *out_message)
{
    ProtobufCMessage *message = NULL;
    chat_status status = wire_decode(descriptor, raw.bytes, raw.len, &arena, &message, &fault);

    if (status == CHAT_OK)
        memcpy(out_message, &message, sizeof(message));
    return status;
}

static void ck_refused(chat_status status, chat_status expected, const char *rule)
{
    ck_assert_str_eq(chat_status_name(status), chat_status_name(expected));
    ck_assert_str_eq(fault.rule, rule);
}

/* --- batches --- */

START_TEST(no_bytes_are_an_empty_batch)
{
    WireClientBatch *batch;

    ck_assert_int_eq(wire_decode_client(NULL, 0, &arena, &batch, &fault), CHAT_OK);
    ck_assert_uint_eq(batch->n_frames, 0);
    ck_assert_str_eq(fault.rule, "");
}
END_TEST

START_TEST(a_client_message_of_64_kib_is_read_and_one_byte_more_is_not)
{
    WireClientBatch *batch;

    raw_pb_tag(&raw, 99, 2); /* unknown: skipped */
    raw_pb_varint(&raw, CHAT_CLIENT_MESSAGE_MAX - 5);
    raw_pb_fill(&raw, 'x', CHAT_CLIENT_MESSAGE_MAX - 5);
    ck_assert_uint_eq(raw.len, CHAT_CLIENT_MESSAGE_MAX);
    ck_assert_int_eq(decode_client(&batch), CHAT_OK);
    ck_assert_uint_eq(batch->n_frames, 0);

    raw_pb_byte(&raw, 0x0a);
    ck_refused(decode_client(&batch), CHAT_E_TOO_LARGE, "message_bytes");
}
END_TEST

START_TEST(a_message_of_a_server_or_link_is_limited_to_1_mib)
{
    WireServerBatch *server;
    WireLinkBatch *link;

    raw_pb_tag(&raw, 99, 2);
    raw_pb_varint(&raw, CHAT_SERVER_MESSAGE_MAX - 5);
    raw_pb_fill(&raw, 'x', CHAT_SERVER_MESSAGE_MAX - 5);
    ck_assert_uint_eq(raw.len, CHAT_SERVER_MESSAGE_MAX);
    ck_assert_int_eq(wire_decode_server(raw.bytes, raw.len, &arena, &server, &fault), CHAT_OK);
    ck_assert_int_eq(wire_decode_link(raw.bytes, raw.len, &arena, &link, &fault), CHAT_OK);

    raw_pb_byte(&raw, 0x0a);
    ck_refused(wire_decode_server(raw.bytes, raw.len, &arena, &server, &fault), CHAT_E_TOO_LARGE,
               "message_bytes");
    ck_refused(wire_decode_link(raw.bytes, raw.len, &arena, &link, &fault), CHAT_E_TOO_LARGE,
               "message_bytes");
}
END_TEST

START_TEST(frames_are_counted_at_the_limit)
{
    WireClientBatch *batch;
    WireServerBatch *server;
    WireLinkBatch *link;

    for (unsigned i = 0; i < CHAT_CLIENT_FRAMES_MAX; i++)
        raw_pb_text(&raw, 1, "");
    ck_assert_int_eq(decode_client(&batch), CHAT_OK);
    ck_assert_uint_eq(batch->n_frames, CHAT_CLIENT_FRAMES_MAX);
    raw_pb_text(&raw, 1, "");
    ck_refused(decode_client(&batch), CHAT_E_TOO_LARGE, "frames");

    raw.len = 0;
    for (unsigned i = 0; i < CHAT_SERVER_FRAMES_MAX; i++)
        raw_pb_text(&raw, 1, "");
    ck_assert_int_eq(wire_decode_server(raw.bytes, raw.len, &arena, &server, &fault), CHAT_OK);
    ck_assert_int_eq(wire_decode_link(raw.bytes, raw.len, &arena, &link, &fault), CHAT_OK);
    ck_assert_uint_eq(link->n_frames, WIRE_LINK_FRAMES_MAX);
    raw_pb_text(&raw, 1, "");
    ck_refused(wire_decode_server(raw.bytes, raw.len, &arena, &server, &fault), CHAT_E_TOO_LARGE,
               "frames");
    ck_refused(wire_decode_link(raw.bytes, raw.len, &arena, &link, &fault), CHAT_E_TOO_LARGE,
               "frames");
}
END_TEST

/* A frame whose body is a SendMessage with text that is not UTF-8. */
static void write_bad_frame(uint32_t request_id, bool id_last)
{
    frame.len = inner.len = 0;
    raw_pb_bytes(&inner, 3, "\xff", 1);
    if (!id_last)
        raw_pb_number(&frame, 1, request_id);
    raw_pb_message(&frame, 10, &inner);
    if (id_last)
        raw_pb_number(&frame, 1, request_id);
    raw_pb_message(&raw, 1, &frame);
}

START_TEST(a_fault_names_frame_and_request)
{
    WireClientBatch *batch;

    raw_pb_text(&raw, 1, "\x08\x03");
    raw_pb_text(&raw, 1, "\x08\x04");
    write_bad_frame(77, false);
    raw_pb_text(&raw, 1, "\x08\x05");
    ck_refused(decode_client(&batch), CHAT_E_PROTOCOL, "utf8");
    ck_assert_uint_eq(fault.frame, 2);
    ck_assert_uint_eq(fault.request_id, 77);

    raw.len = 0;
    write_bad_frame(78, true);
    ck_refused(decode_client(&batch), CHAT_E_PROTOCOL, "utf8");
    ck_assert_uint_eq(fault.frame, 0);
    ck_assert_uint_eq(fault.request_id, 78);
}
END_TEST

START_TEST(a_request_id_that_cannot_be_read_is_0)
{
    WireClientBatch *batch;

    raw_pb_text(&raw, 1, "\x0b");
    ck_refused(decode_client(&batch), CHAT_E_PROTOCOL, "malformed");
    ck_assert_uint_eq(fault.request_id, 0);
}
END_TEST

START_TEST(an_unknown_body_is_not_set)
{
    WireClientBatch *batch;

    raw_pb_number(&frame, 1, 9);
    raw_pb_text(&frame, 4000, "from the future");
    raw_pb_message(&raw, 1, &frame);

    ck_assert_int_eq(decode_client(&batch), CHAT_OK);
    ck_assert_int_eq(batch->frames[0]->body_case, WIRE_CLIENT_FRAME__BODY__NOT_SET);
    ck_assert_uint_eq(batch->frames[0]->request_id, 9);
    ck_assert_uint_eq(batch->frames[0]->base.n_unknown_fields, 0);
}
END_TEST

/* --- the table, line by line --- */

/* Writes `count` smallest elements of a list, one by one or packed. */
static void write_list(const ProtobufCFieldDescriptor *f, size_t count, bool packed)
{
    enum pb_type type = scalar_wire_type(f->type);
    size_t width = type == PB_FIXED64 ? 8 : type == PB_FIXED32 ? 4 : 1;

    raw.len = 0;
    if (packed) {
        raw_pb_tag(&raw, f->id, PB_BYTES);
        raw_pb_varint(&raw, count * width);
        raw_pb_fill(&raw, 0, count * width);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        raw_pb_tag(&raw, f->id, type);
        raw_pb_fill(&raw, 0, width); /* length 0 where it is a length */
    }
}

static void check_list_limit(const ProtobufCMessageDescriptor *m, const ProtobufCFieldDescriptor *f,
                             const struct limits_field *limit)
{
    ProtobufCMessage *message = NULL;

    for (int packed = 0; packed <= (scalar_is_one(f->type) ? 1 : 0); packed++) {
        size_t count = 0;

        write_list(f, limit->count_max, packed);
        ck_assert_msg(decode_as(m, &message) == CHAT_OK, "%s at its limit", limit->rule);
        memcpy(&count, (char *)message + f->quantifier_offset, sizeof(count));
        ck_assert_uint_eq(count, limit->count_max);
        write_list(f, limit->count_max + 1, packed);
        ck_refused(decode_as(m, &message), CHAT_E_TOO_LARGE, limit->rule);
        arena_reset(&arena);
    }
}

static void check_bytes_limit(const ProtobufCMessageDescriptor *m,
                              const ProtobufCFieldDescriptor *f, const struct limits_field *limit)
{
    ProtobufCMessage *message = NULL;

    for (size_t extra = 0; extra <= 1; extra++) {
        raw.len = 0;
        raw_pb_tag(&raw, f->id, PB_BYTES);
        raw_pb_varint(&raw, limit->bytes_max + extra);
        raw_pb_fill(&raw, 'x', limit->bytes_max + extra);
        if (extra == 0)
            ck_assert_msg(decode_as(m, &message) == CHAT_OK, "%s at its limit", limit->rule);
        else
            ck_refused(decode_as(m, &message), CHAT_E_TOO_LARGE, limit->rule);
        arena_reset(&arena);
    }
}

START_TEST(every_line_of_the_table_holds_at_the_limit_and_not_one_past)
{
    size_t count;
    const struct limits_message *table = limits_table(&count);

    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < table[i].field_count; k++) {
            const struct limits_field *limit = &table[i].fields[k];
            const ProtobufCFieldDescriptor *f =
                protobuf_c_message_descriptor_get_field(table[i].descriptor, limit->number);

            if (limit->count_max > 0)
                check_list_limit(table[i].descriptor, f, limit);
            if (limit->bytes_max > 0)
                check_bytes_limit(table[i].descriptor, f, limit);
        }
    }
}
END_TEST

START_TEST(a_list_is_counted_over_all_its_pieces)
{
    WireWatchPresence *watch;

    for (unsigned i = 0; i < CHAT_WATCH_MAX / 2; i++) {
        raw_pb_fixed64(&raw, 1, i + 1);
        raw_pb_bytes(&raw, 1, "\1\0\0\0\0\0\0\0", 8);
    }
    ck_assert_int_eq(decode_as(&wire_watch_presence__descriptor, &watch), CHAT_OK);
    ck_assert_uint_eq(watch->n_user_ids, CHAT_WATCH_MAX);
    ck_assert_uint_eq(watch->user_ids[198], 100);
    ck_assert_uint_eq(watch->user_ids[199], 1);

    raw_pb_text(&raw, 7, "unknown, between the pieces");
    raw_pb_fixed64(&raw, 1, 1);
    ck_refused(decode_as(&wire_watch_presence__descriptor, &watch), CHAT_E_TOO_LARGE,
               "WatchPresence.user_ids");
}
END_TEST

/* --- malformed bytes --- */

struct bad {
    const char *what;
    const char *bytes;
    size_t len;
};

#define BAD(what, bytes)                                                                           \
    {                                                                                              \
        what, bytes, sizeof(bytes) - 1                                                             \
    }

/* As a SendMessage: channel_id fixed64 = 1, nonce = 2, text = 3, extra = 4, reply uint64 = 5. */
static const struct bad bad_messages[] = {
    BAD("a tag cut off", "\x80"),
    BAD("field number 0", "\x00\x00"),
    BAD("field number 0 with a length", "\x02\x00"),
    BAD("a field number past 29 bits", "\x80\x80\x80\x80\x10\x00"),
    BAD("a group", "\x33"),
    BAD("the end of a group", "\x34"),
    BAD("wire type 6", "\x36\x00"),
    BAD("wire type 7", "\x37\x00"),
    BAD("an unknown field cut off", "\x32\x05xxxx"),
    BAD("an unknown fixed64 cut off", "\x31\x01\x02\x03\x04\x05\x06\x07"),
    BAD("an unknown fixed32 cut off", "\x35\x01\x02\x03"),
    BAD("an unknown number cut off", "\x30\xff"),
    BAD("a number without bytes", "\x28"),
    BAD("a number of 11 bytes", "\x28\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00"),
    BAD("a number of 65 bits", "\x28\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"),
    BAD("a fixed64 cut off", "\x09\x01\x02\x03\x04\x05\x06\x07"),
    BAD("a length past the end", "\x1a\x05xxxx"),
    BAD("a length of 2^63", "\x1a\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"),
    BAD("a length cut off", "\x1a\x80"),
    BAD("text as a number", "\x18\x01"),
    BAD("bytes as fixed64", "\x21\x01\x02\x03\x04\x05\x06\x07\x08"),
    BAD("fixed64 as a number", "\x08\x01"),
    BAD("fixed64 as bytes", "\x0a\x08\x01\x02\x03\x04\x05\x06\x07\x08"),
    BAD("a number as fixed64", "\x29\x01\x02\x03\x04\x05\x06\x07\x08"),
    BAD("a number as fixed32", "\x2d\x01\x02\x03\x04"),
    BAD("a message as a number", "\x10\x01"),
    BAD("a message cut off inside", "\x12\x01\x10"),
    BAD("a message field given twice", "\x12\x00\x12\x00"),
};

START_TEST(malformed_bytes_are_refused)
{
    const struct bad *bad = &bad_messages[_i];
    WireSendMessage *message;

    raw_pb_copy(&raw, bad->bytes, bad->len);
    ck_assert_msg(decode_as(&wire_send_message__descriptor, &message) == CHAT_E_PROTOCOL, "%s",
                  bad->what);
    ck_assert_str_eq(fault.rule, "malformed");
}
END_TEST

static const struct bad bad_lists[] = {
    BAD("a packed list of half a fixed64", "\x0a\x04\x01\x02\x03\x04"),
    BAD("a list element cut off", "\x09\x01"),
    BAD("a list of numbers", "\x08\x01"),
    BAD("a list longer than its message", "\x0a\x10\x01\x02\x03\x04\x05\x06\x07\x08"),
    BAD("garbage behind the first element", "\x09\x01\x02\x03\x04\x05\x06\x07\x08\xff"),
    BAD("a wrong second piece", "\x09\x01\x02\x03\x04\x05\x06\x07\x08\x08\x01"),
};

START_TEST(malformed_lists_are_refused)
{
    WireWatchPresence *message;

    raw_pb_copy(&raw, bad_lists[_i].bytes, bad_lists[_i].len);
    ck_assert_msg(decode_as(&wire_watch_presence__descriptor, &message) == CHAT_E_PROTOCOL, "%s",
                  bad_lists[_i].what);
    ck_assert_str_eq(fault.rule, "malformed");
}
END_TEST

START_TEST(a_packed_number_cut_off_is_refused)
{
    WireLinkWelcome *welcome;

    raw_pb_bytes(&raw, 8, "\x01\x80", 2);
    ck_refused(decode_as(&wire_link_welcome__descriptor, &welcome), CHAT_E_PROTOCOL, "malformed");

    raw.len = 0; /* eleven bytes that never end within a number */
    raw_pb_bytes(&raw, 8, "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", 11);
    ck_refused(decode_as(&wire_link_welcome__descriptor, &welcome), CHAT_E_PROTOCOL, "malformed");
}
END_TEST

START_TEST(every_cut_of_a_good_message_is_refused_or_shorter)
{
    WireClientBatch *batch;
    size_t full;

    raw_pb_fixed64(&inner, 1, 5);
    raw_pb_text(&inner, 3, "hello");
    raw_pb_number(&frame, 1, 3);
    raw_pb_message(&frame, 10, &inner);
    raw_pb_message(&raw, 1, &frame);
    full = raw.len;
    ck_assert_int_eq(decode_client(&batch), CHAT_OK);
    for (raw.len = 1; raw.len < full; raw.len++)
        ck_refused(decode_client(&batch), CHAT_E_PROTOCOL, "malformed");
}
END_TEST

static const struct bad bad_texts[] = {
    BAD("NUL", "a\0b"),
    BAD("a lone continuation", "\x80"),
    BAD("an overlong slash", "\xc0\xaf"),
    BAD("a surrogate", "\xed\xa0\x80"),
    BAD("past U+10FFFF", "\xf4\x90\x80\x80"),
    BAD("a character cut off", "\xe2\x82"),
};

START_TEST(text_that_is_not_utf8_without_nul_is_refused)
{
    WireSendMessage *message;

    raw_pb_bytes(&raw, 3, bad_texts[_i].bytes, bad_texts[_i].len);
    ck_refused(decode_as(&wire_send_message__descriptor, &message), CHAT_E_PROTOCOL, "utf8");
    raw.len = 0;
    raw_pb_bytes(&raw, 4, bad_texts[_i].bytes, bad_texts[_i].len); /* bytes may be anything */
    ck_assert_int_eq(decode_as(&wire_send_message__descriptor, &message), CHAT_OK);
    ck_assert_mem_eq(message->extra.data, bad_texts[_i].bytes, bad_texts[_i].len);
}
END_TEST

/* --- what Protobuf leaves open --- */

START_TEST(unknown_fields_cost_no_memory)
{
    WireSendMessage *message;
    size_t used;

    raw_pb_text(&raw, 3, "x");
    ck_assert_int_eq(decode_as(&wire_send_message__descriptor, &message), CHAT_OK);
    used = arena.used;
    arena_reset(&arena);

    for (unsigned i = 0; i < 10000; i++)
        raw_pb_number(&raw, 100 + i, i);
    raw_pb_text(&raw, 20, "text");
    raw_pb_fixed64(&raw, 21, 1);
    raw_pb_tag(&raw, 22, 5);
    raw_pb_copy(&raw, "1234", 4);
    ck_assert_int_eq(decode_as(&wire_send_message__descriptor, &message), CHAT_OK);
    ck_assert_uint_eq(arena.used, used);
    ck_assert_uint_eq(message->base.n_unknown_fields, 0);
    ck_assert_ptr_null(message->base.unknown_fields);
}
END_TEST

START_TEST(of_a_scalar_or_string_given_twice_the_last_counts)
{
    WireSendMessage *message;

    raw_pb_text(&raw, 3, "first");
    raw_pb_number(&raw, 5, 1);
    raw_pb_text(&raw, 4, "1");
    raw_pb_text(&raw, 3, "last");
    raw_pb_number(&raw, 5, 2);
    raw_pb_text(&raw, 4, "");
    ck_assert_int_eq(decode_as(&wire_send_message__descriptor, &message), CHAT_OK);
    ck_assert_str_eq(message->text, "last");
    ck_assert_uint_eq(message->reply_to_seq, 2);
    ck_assert_uint_eq(message->extra.len, 0);
}
END_TEST

START_TEST(of_a_oneof_the_last_member_counts)
{
    WireHomeEvent *event;

    raw_pb_text(&raw, 1, "");
    raw_pb_number(&raw, 9, 12);
    raw_pb_fixed64(&raw, 6, 34);
    ck_assert_int_eq(decode_as(&wire_home_event__descriptor, &event), CHAT_OK);
    ck_assert_int_eq(event->body_case, WIRE_HOME_EVENT__BODY_CHANNEL_REMOVED);
    ck_assert_uint_eq(event->channel_removed, 34);

    raw_pb_text(&raw, 1, ""); /* the first member again, after others: not given twice in a row */
    ck_assert_int_eq(decode_as(&wire_home_event__descriptor, &event), CHAT_OK);
    ck_assert_int_eq(event->body_case, WIRE_HOME_EVENT__BODY_MESSAGE);
    ck_assert_ptr_nonnull(event->message);

    raw_pb_text(&raw, 1, "");
    ck_refused(decode_as(&wire_home_event__descriptor, &event), CHAT_E_PROTOCOL, "malformed");
}
END_TEST

START_TEST(fields_may_come_in_any_order_and_numbers_may_be_long)
{
    WireCursor *cursor;

    raw_pb_fixed64(&raw, 3, 30);
    raw_pb_copy(&raw, "\x10\x82\x80\x80\x00", 5); /* 2 in four bytes */
    raw_pb_fixed64(&raw, 1, UINT64_MAX);
    ck_assert_int_eq(decode_as(&wire_cursor__descriptor, &cursor), CHAT_OK);
    ck_assert_uint_eq(cursor->channel_id, UINT64_MAX);
    ck_assert_uint_eq(cursor->read_seq, 2);
    ck_assert_uint_eq(cursor->read_message_id, 30);
}
END_TEST

START_TEST(numbers_are_cut_to_their_type)
{
    WireMember *member;
    WireProblem *problem;
    WireHistoryPage *page;
    WireMessage *message;

    raw_pb_number(&raw, 2, UINT64_C(0x1234567890abcdef));
    raw_pb_number(&raw, 3, (uint64_t)INT64_C(-5));
    ck_assert_int_eq(decode_as(&wire_member__descriptor, &member), CHAT_OK);
    ck_assert_uint_eq(member->permissions, 0x90abcdef);
    ck_assert_int_eq(member->joined_at_ms, -5);

    raw.len = 0;
    raw_pb_number(&raw, 1, 4242);
    raw_pb_number(&raw, 2, (uint64_t)INT64_C(-1));
    ck_assert_int_eq(decode_as(&wire_problem__descriptor, &problem), CHAT_OK);
    ck_assert_int_eq((int)problem->code, 4242); /* unknown, kept */
    ck_assert_int_eq((int)problem->retry, -1);

    raw.len = 0;
    raw_pb_number(&raw, 3, UINT64_C(1) << 40);
    ck_assert_int_eq(decode_as(&wire_history_page__descriptor, &page), CHAT_OK);
    ck_assert_int_eq(page->partial, 1);

    raw.len = 0;
    raw_pb_number(&raw, 12, 0);
    ck_assert_int_eq(decode_as(&wire_message__descriptor, &message), CHAT_OK);
    ck_assert_int_eq(message->deleted, 0);
}
END_TEST

START_TEST(what_is_not_there_has_defaults)
{
    WireMessage *message;

    ck_assert_int_eq(decode_as(&wire_message__descriptor, &message), CHAT_OK);
    ck_assert_str_eq(message->text, "");
    ck_assert_uint_eq(message->extra.len, 0);
    ck_assert_ptr_null(message->nonce);
}
END_TEST

START_TEST(an_empty_packed_list_is_nothing)
{
    WireWatchPresence *watch;

    for (unsigned i = 0; i < 30000; i++)
        raw_pb_text(&raw, 1, "");
    ck_assert_int_eq(decode_as(&wire_watch_presence__descriptor, &watch), CHAT_OK);
    ck_assert_uint_eq(watch->n_user_ids, 0);
}
END_TEST

START_TEST(lists_of_strings_and_messages_keep_their_order)
{
    WireHello *hello;
    WireHeartbeat *heartbeat;

    raw_pb_text(&raw, 5, "one");
    raw_pb_text(&raw, 4, "name/1");
    raw_pb_text(&raw, 5, "");
    raw_pb_text(&raw, 5, "three");
    ck_assert_int_eq(decode_as(&wire_hello__descriptor, &hello), CHAT_OK);
    ck_assert_uint_eq(hello->n_features, 3);
    ck_assert_str_eq(hello->features[0], "one");
    ck_assert_str_eq(hello->features[1], "");
    ck_assert_str_eq(hello->features[2], "three");
    ck_assert_str_eq(hello->client, "name/1");

    raw.len = 0;
    for (uint64_t i = 1; i <= 3; i++) {
        inner.len = 0;
        raw_pb_number(&inner, 3, i);
        raw_pb_message(&raw, 1, &inner);
    }
    ck_assert_int_eq(decode_as(&wire_heartbeat__descriptor, &heartbeat), CHAT_OK);
    ck_assert_uint_eq(heartbeat->n_positions, 3);
    ck_assert_uint_eq(heartbeat->positions[2]->seq, 3);
}
END_TEST

START_TEST(nothing_points_into_the_input)
{
    WireSendMessage *message;

    raw_pb_text(&raw, 3, "text");
    raw_pb_text(&raw, 4, "more");
    ck_assert_int_eq(decode_as(&wire_send_message__descriptor, &message), CHAT_OK);
    memset(raw.bytes, 0xff, raw.len);
    ck_assert_str_eq(message->text, "text");
    ck_assert_mem_eq(message->extra.data, "more", 4);
}
END_TEST

/* --- memory --- */

/* The fullest message a client may send by the rules. */
static void write_full_client_message(void)
{
    for (unsigned i = 0; i < CHAT_CLIENT_FRAMES_MAX; i++) {
        inner.len = frame.len = 0;
        for (unsigned k = 0; k < 26; k++) {
            static const uint8_t position[] = {0x09, 1, 2, 3, 4, 5, 6, 7, 8, 0x10, 1,   0x18, 9,
                                               0x21, 1, 2, 3, 4, 5, 6, 7, 8, 0x28, 200, 1};
            raw_pb_bytes(&inner, 1, position, sizeof(position));
        }
        raw_pb_number(&frame, 1, i + 1);
        raw_pb_message(&frame, 12, &inner);
        raw_pb_message(&raw, 1, &frame);
    }
}

START_TEST(a_full_client_message_needs_at_most_eight_times_its_size)
{
    WireClientBatch *batch;

    write_full_client_message();
    ck_assert_uint_le(raw.len, CHAT_CLIENT_MESSAGE_MAX);
    arena.max = 8 * CHAT_CLIENT_MESSAGE_MAX;
    ck_assert_int_eq(decode_client(&batch), CHAT_OK);
    ck_assert_uint_le(arena.used, 8 * raw.len);
}
END_TEST

START_TEST(even_empty_elements_at_every_limit_stay_within_the_budget_of_a_message)
{
    WireClientBatch *batch;

    for (unsigned i = 0; i < CHAT_CLIENT_FRAMES_MAX; i++) {
        inner.len = frame.len = 0;
        for (unsigned k = 0; k < CHAT_HEARTBEAT_POSITIONS_MAX; k++)
            raw_pb_text(&inner, 1, "");
        raw_pb_message(&frame, 12, &inner);
        raw_pb_message(&raw, 1, &frame);
    }
    arena.max = 8 * CHAT_CLIENT_MESSAGE_MAX;
    ck_assert_int_eq(decode_client(&batch), CHAT_OK);
}
END_TEST

START_TEST(an_arena_that_is_full_is_a_limit)
{
    WireClientBatch *batch;
    size_t needed;

    write_full_client_message();
    ck_assert_int_eq(decode_client(&batch), CHAT_OK);
    needed = arena.used;
    arena_reset(&arena);

    arena.max = needed;
    ck_assert_int_eq(decode_client(&batch), CHAT_OK);
    arena_reset(&arena);
    arena.max = needed - 1;
    ck_refused(decode_client(&batch), CHAT_E_TOO_LARGE, "memory");
}
END_TEST

START_TEST(every_allocation_may_fail)
{
    WireClientBatch *batch;
    chat_status status = CHAT_E_NOMEM;
    size_t failures = 0;

    write_full_client_message();
    for (size_t allowed = 0; status != CHAT_OK; allowed++) {
        arena_fini(&arena);
        arena_init(&arena, &memory.allocator, ARENA_MAX);
        faulty_alloc_fail_after(&memory, allowed);
        status = decode_client(&batch);
        if (status != CHAT_OK) {
            ck_refused(status, CHAT_E_NOMEM, "memory");
            failures++;
        }
    }
    ck_assert_uint_gt(failures, 3);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wire_decode");
    TCase *t = tcase_create("decode");

    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, no_bytes_are_an_empty_batch);
    tcase_add_test(t, a_client_message_of_64_kib_is_read_and_one_byte_more_is_not);
    tcase_add_test(t, a_message_of_a_server_or_link_is_limited_to_1_mib);
    tcase_add_test(t, frames_are_counted_at_the_limit);
    tcase_add_test(t, a_fault_names_frame_and_request);
    tcase_add_test(t, a_request_id_that_cannot_be_read_is_0);
    tcase_add_test(t, an_unknown_body_is_not_set);
    tcase_add_test(t, every_line_of_the_table_holds_at_the_limit_and_not_one_past);
    tcase_add_test(t, a_list_is_counted_over_all_its_pieces);
    tcase_add_loop_test(t, malformed_bytes_are_refused, 0,
                        (int)(sizeof(bad_messages) / sizeof(bad_messages[0])));
    tcase_add_loop_test(t, malformed_lists_are_refused, 0,
                        (int)(sizeof(bad_lists) / sizeof(bad_lists[0])));
    tcase_add_test(t, a_packed_number_cut_off_is_refused);
    tcase_add_test(t, every_cut_of_a_good_message_is_refused_or_shorter);
    tcase_add_loop_test(t, text_that_is_not_utf8_without_nul_is_refused, 0,
                        (int)(sizeof(bad_texts) / sizeof(bad_texts[0])));
    tcase_add_test(t, unknown_fields_cost_no_memory);
    tcase_add_test(t, of_a_scalar_or_string_given_twice_the_last_counts);
    tcase_add_test(t, of_a_oneof_the_last_member_counts);
    tcase_add_test(t, fields_may_come_in_any_order_and_numbers_may_be_long);
    tcase_add_test(t, numbers_are_cut_to_their_type);
    tcase_add_test(t, what_is_not_there_has_defaults);
    tcase_add_test(t, an_empty_packed_list_is_nothing);
    tcase_add_test(t, lists_of_strings_and_messages_keep_their_order);
    tcase_add_test(t, nothing_points_into_the_input);
    tcase_add_test(t, a_full_client_message_needs_at_most_eight_times_its_size);
    tcase_add_test(t, even_empty_elements_at_every_limit_stay_within_the_budget_of_a_message);
    tcase_add_test(t, an_arena_that_is_full_is_a_limit);
    tcase_add_test(t, every_allocation_may_fail);
    suite_add_tcase(suite, t);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
