/*
 * The public codec says the same as the protocol: every kind and field is mapped, what is
 * written is byte for byte what protobuf-c writes, and comes back as it was.
 */
#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <libchat/codec.h>

#include "../support/faulty_alloc.h"
#include "base/arena.h"
#include "base/rng.h"
#include "wire/codec_map.h"
#include "wire/limits.h"
#include "wire/scalar.h"
#include "wire/wire.h"

static struct faulty_alloc memory;
static struct arena arena;
static struct rng rng;

static void setup(void)
{
    faulty_alloc_init(&memory);
    arena_init(&arena, &memory.allocator, 64u << 20);
}

static void teardown(void)
{
    arena_fini(&arena);
    ck_assert_uint_eq(memory.live, 0);
}

/* --- nothing is left out --- */

static void ck_field(const struct codec_map *map, const struct codec_field *field,
                     const ProtobufCFieldDescriptor *f)
{
    bool list = f->label == PROTOBUF_C_LABEL_REPEATED;
    bool text = f->type == PROTOBUF_C_TYPE_STRING || f->type == PROTOBUF_C_TYPE_BYTES;
    bool message = f->type == PROTOBUF_C_TYPE_MESSAGE;
    size_t size = list || text || message           ? sizeof(void *)
                  : f->type == PROTOBUF_C_TYPE_BOOL ? sizeof(bool)
                                                    : scalar_size(f->type);

    ck_assert_msg(field->number == f->id, "%s.%s is not mapped", map->descriptor->name, f->name);
    ck_assert_uint_eq(field->size, size);
    ck_assert_int_eq(field->len_offset != 0, list || text);
    ck_assert_int_eq(field->map != NULL, message);
    ck_assert_uint_ge(field->offset, sizeof(size_t));
    ck_assert_uint_le(field->offset + field->size, map->size);
    ck_assert_uint_le(field->len_offset + sizeof(size_t), map->size);
    if (message)
        ck_assert_ptr_eq(field->map->descriptor, f->descriptor);
    if (list && !message && !text) /* the one list of numbers that the codec knows */
        ck_assert_int_eq(f->type, PROTOBUF_C_TYPE_FIXED64);
    if (list && text) /* by NUL */
        ck_assert_int_eq(f->type, PROTOBUF_C_TYPE_STRING);
}

static void ck_map(const struct codec_map *map)
{
    const ProtobufCMessageDescriptor *m = map->descriptor;

    ck_assert_msg(map->field_count == m->n_fields, "%s: fields are missing", m->name);
    for (unsigned i = 0; i < m->n_fields; i++) {
        ck_field(map, &map->fields[i], &m->fields[i]);
        if (map->fields[i].map)
            ck_map(map->fields[i].map);
    }
}

static size_t ck_bodies(const ProtobufCMessageDescriptor *frame, uint32_t add)
{
    size_t bodies = 0;

    for (unsigned i = 0; i < frame->n_fields; i++) {
        const ProtobufCFieldDescriptor *f = &frame->fields[i];
        const struct codec_map *map = codec_map_of((chat_frame_kind)(add + f->id));

        if (!(f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF))
            continue;
        ck_assert_msg(map != NULL, "no kind for %s", f->name);
        ck_assert_ptr_eq(map->descriptor, f->descriptor);
        ck_map(map);
        bodies++;
    }
    return bodies;
}

START_TEST(every_body_of_the_protocol_is_a_kind_with_all_its_fields)
{
    size_t kinds, bodies;

    codec_kinds(&kinds);
    bodies = ck_bodies(&wire_client_frame__descriptor, 0) +
             ck_bodies(&wire_server_frame__descriptor, CODEC_SERVER_KINDS);
    ck_assert_uint_eq(bodies, kinds);
}
END_TEST

START_TEST(the_public_numbers_are_those_of_the_protocol)
{
    ck_assert_int_eq(CHAT_PROBLEM_WRONG_SHARD, WIRE_PROBLEM_CODE__PROBLEM_WRONG_SHARD);
    ck_assert_int_eq(CHAT_PROBLEM_NONCE_STALE, WIRE_PROBLEM_CODE__PROBLEM_NONCE_STALE);
    ck_assert_int_eq(CHAT_PROBLEM_MALFORMED, WIRE_PROBLEM_CODE__PROBLEM_MALFORMED);
    ck_assert_int_eq(CHAT_RETRY_REAUTH, WIRE_RETRY__RETRY_REAUTH);
    ck_assert_int_eq(CHAT_DURABILITY_REPLICATED, WIRE_DURABILITY__DURABILITY_REPLICATED);
    ck_assert_int_eq(CHAT_HOME_GUILD, WIRE_HOME_KIND__HOME_KIND_GUILD);
    ck_assert_int_eq(CHAT_PRESENCE_INVISIBLE, WIRE_PRESENCE_STATE__PRESENCE_STATE_INVISIBLE);
    ck_assert_uint_eq(CHAT_PERMISSION_MANAGE, WIRE_PERMISSION__PERMISSION_MANAGE);
}
END_TEST

/* --- there and back, with random contents --- */

static void *take(size_t size)
{
    void *bytes = arena_alloc(&arena, size);

    ck_assert_ptr_nonnull(bytes);
    memset(bytes, 0, size);
    return bytes;
}

static char *random_text(size_t max, size_t *out_len)
{
    size_t len =
        (size_t)rng_below(&rng, 4) == 0 ? 0 : (size_t)rng_below(&rng, max < 300 ? max : 300);
    char *text = take(len + 1);

    for (size_t i = 0; i < len; i++)
        text[i] = (char)('a' + rng_below(&rng, 26));
    *out_len = len;
    return text;
}

static uint64_t random_number(void)
{
    uint64_t n = rng_u64(&rng) >> rng_below(&rng, 64);
    return rng_below(&rng, 4) == 0 ? 0 : n;
}

static void *random_body(const struct codec_map *map);

static void random_list(const struct codec_map *map, const struct codec_field *field, char *body)
{
    const ProtobufCFieldDescriptor *f =
        protobuf_c_message_descriptor_get_field(map->descriptor, field->number);
    const struct limits_field *limit = limits_find(map->descriptor, field->number);
    size_t count = (size_t)rng_below(&rng, limit->count_max < 9 ? limit->count_max : 9), ignored;
    uint64_t *list = take((count + 1) * sizeof(uint64_t));

    for (size_t i = 0; i < count; i++) {
        const void *item = field->map ? random_body(field->map)
                           : f->type == PROTOBUF_C_TYPE_STRING
                               ? random_text(limit->bytes_max, &ignored)
                               : NULL;
        if (item)
            memcpy((char *)list + i * sizeof(item), &item, sizeof(item));
        else
            list[i] = random_number();
    }
    memcpy(body + field->offset, &list, sizeof(list));
    memcpy(body + field->len_offset, &count, sizeof(count));
}

static void *random_body(const struct codec_map *map)
{
    char *body = take(map->size);

    memcpy(body, &map->size, sizeof(map->size));
    for (size_t i = 0; i < map->field_count; i++) {
        const struct codec_field *field = &map->fields[i];
        const ProtobufCFieldDescriptor *f = &map->descriptor->fields[i];

        if (f->label == PROTOBUF_C_LABEL_REPEATED) {
            random_list(map, field, body);
        } else if (field->map) {
            void *part = rng_below(&rng, 3) ? random_body(field->map) : NULL;
            memcpy(body + field->offset, &part, sizeof(part));
        } else if (field->len_offset) {
            size_t len;
            char *text = random_text(limits_find(map->descriptor, f->id)->bytes_max, &len);
            memcpy(body + field->offset, &text, sizeof(text));
            memcpy(body + field->len_offset, &len, sizeof(len));
        } else if (field->size == sizeof(bool)) {
            bool truth = rng_below(&rng, 2) != 0;
            memcpy(body + field->offset, &truth, sizeof(truth));
        } else if (field->size == 4) {
            uint32_t n = (uint32_t)random_number();
            memcpy(body + field->offset, &n, sizeof(n));
        } else {
            uint64_t n = random_number();
            memcpy(body + field->offset, &n, sizeof(n));
        }
    }
    return body;
}

static size_t write_frame(const struct chat_frame *frame, uint8_t **out_bytes)
{
    size_t len = 0, again = 0;

    ck_assert_int_eq(chat_codec_write(frame, NULL, 0, &len), CHAT_E_TOO_LARGE);
    ck_assert_uint_gt(len, 0);
    *out_bytes = take(len);
    ck_assert_int_eq(chat_codec_write(frame, *out_bytes, len, &again), CHAT_OK);
    ck_assert_uint_eq(again, len);
    return len;
}

/* Its kind's own function. */
static chat_status write_typed(const struct chat_frame *f, uint8_t *bytes, size_t cap, size_t *len)
{
#define TYPED(KIND, name)                                                                          \
    case CHAT_FRAME_##KIND: return chat_codec_write_##name(f->body, f->request_id, bytes, cap, len);
    switch ((int)f->kind) {
        TYPED(SEND_MESSAGE, send_message)
        TYPED(MARK_READ, mark_read)
        TYPED(HEARTBEAT, heartbeat)
        TYPED(FETCH_HISTORY, fetch_history)
        TYPED(TYPING, typing)
        TYPED(HELLO, hello)
        TYPED(EDIT_MESSAGE, edit_message)
        TYPED(DELETE_MESSAGE, delete_message)
        TYPED(FETCH_CHANGES, fetch_changes)
        TYPED(FETCH_MEMBERS, fetch_members)
        TYPED(FETCH_USERS, fetch_users)
        TYPED(FIND_USER, find_user)
        TYPED(OPEN_DIRECT, open_direct)
        TYPED(CREATE_GROUP, create_group)
        TYPED(SET_MEMBER, set_member)
        TYPED(WATCH_PRESENCE, watch_presence)
        TYPED(SET_PRESENCE, set_presence)
        TYPED(REFRESH_TOKEN, refresh_token)
        TYPED(GOODBYE, goodbye)
        TYPED(REACT, react)
        TYPED(MARK_RECEIPTS, mark_receipts)
        TYPED(SET_CHANNEL_SETTINGS, set_channel_settings)
        TYPED(SET_DRAFT, set_draft)
        TYPED(FETCH_RECEIPTS, fetch_receipts)
        TYPED(FETCH_DEVICES, fetch_devices)
        TYPED(SIGN_OUT_DEVICE, sign_out_device)
        TYPED(SIGN_OUT_EVERYWHERE, sign_out_everywhere)
        TYPED(MESSAGE, message)
        TYPED(SENT, sent)
        TYPED(CHANGED, changed)
        TYPED(CURSOR, cursor)
        TYPED(HEARTBEAT_ACK, heartbeat_ack)
        TYPED(PRESENCE, presence)
        TYPED(WELCOME, welcome)
        TYPED(PROBLEM, problem)
        TYPED(CHANNEL_LIST, channel_list)
        TYPED(HISTORY_PAGE, history_page)
        TYPED(CHANGES_PAGE, changes_page)
        TYPED(ALTERED, altered)
        TYPED(MEMBERS, members)
        TYPED(USERS, users)
        TYPED(OPENED, opened)
        TYPED(MEMBER_CHANGED, member_changed)
        TYPED(CHANNEL_REMOVED, channel_removed)
        TYPED(GOING_AWAY, going_away)
        TYPED(TICKET, ticket)
        TYPED(OK, ok)
        TYPED(TYPING_NOW, typing_now)
        TYPED(RECEIPTS, receipts)
        TYPED(CHANNEL_SETTINGS, channel_settings)
        TYPED(DRAFT, draft)
        TYPED(DEVICES, devices)
        TYPED(MENTIONS, mentions)
    }
#undef TYPED
    ck_abort_msg("kind %d has no function", (int)f->kind);
    return CHAT_E_INVALID;
}

static void ck_typed_writes_the_same(const struct chat_frame *frame, const uint8_t *bytes,
                                     size_t len)
{
    uint8_t *typed = take(len);
    size_t typed_len = 0;

    ck_assert_int_eq(write_typed(frame, typed, len, &typed_len), CHAT_OK);
    ck_assert_uint_eq(typed_len, len);
    ck_assert_mem_eq(typed, bytes, len);
}

static void ck_as_protobuf_c_writes_it(const uint8_t *bytes, size_t len, bool client)
{
    struct wire_fault fault;
    WireClientBatch *from_client;
    WireServerBatch *from_server;
    struct frame *frame;

    if (client) {
        ck_assert_int_eq(wire_decode_client(bytes, len, &arena, &from_client, &fault), CHAT_OK);
        frame = wire_encode_client(&memory.allocator, from_client->frames[0]);
    } else {
        ck_assert_int_eq(wire_decode_server(bytes, len, &arena, &from_server, &fault), CHAT_OK);
        frame = wire_encode_server(&memory.allocator, from_server->frames[0]);
    }
    ck_assert_uint_eq(frame->len, len);
    ck_assert_mem_eq(frame->bytes, bytes, len);
    frame_unref(frame);
}

static void ck_read_back(const uint8_t *bytes, size_t len, const struct chat_frame *wrote,
                         bool client)
{
    struct chat_codec_reader_config config;
    chat_codec_reader *reader;
    const struct chat_frame *frame;
    uint8_t *again;
    size_t again_len;

    chat_codec_reader_config_init(&config);
    config.side = client ? CHAT_CODEC_FROM_CLIENT : CHAT_CODEC_FROM_SERVER;
    config.allocator = &memory.allocator;
    ck_assert_int_eq(chat_codec_reader_new(&config, &reader), CHAT_OK);
    ck_assert_int_eq(chat_codec_reader_feed_message(reader, bytes, len), CHAT_OK);
    ck_assert_int_eq(chat_codec_reader_next(reader, &frame), CHAT_OK);
    ck_assert_ptr_nonnull(frame);
    ck_assert_int_eq(frame->kind, wrote->kind);
    ck_assert_uint_eq(frame->request_id, wrote->request_id);

    again_len = write_frame(frame, &again);
    ck_assert_uint_eq(again_len, len);
    ck_assert_mem_eq(again, bytes, len);
    ck_assert_int_eq(chat_codec_reader_next(reader, &frame), CHAT_OK);
    ck_assert_ptr_null(frame);
    chat_codec_reader_free(reader);
}

START_TEST(random_frames_of_every_kind_are_written_and_read_alike)
{
    size_t count;
    const struct codec_kind *kinds = codec_kinds(&count);

    rng_seed(&rng, (uint64_t)_i + 1);
    for (size_t i = 0; i < count; i++) {
        struct chat_frame frame = CHAT_FRAME_INIT(chat_frame);
        bool client = (unsigned)kinds[i].kind < CODEC_SERVER_KINDS;
        uint8_t *bytes;
        size_t len;

        frame.kind = kinds[i].kind;
        frame.request_id = (uint32_t)random_number();
        frame.body = random_body(kinds[i].map);
        len = write_frame(&frame, &bytes);
        ck_typed_writes_the_same(&frame, bytes, len);
        ck_as_protobuf_c_writes_it(bytes, len, client);
        ck_read_back(bytes, len, &frame, client);
        arena_reset(&arena);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("codec");
    TCase *all = tcase_create("all kinds");

    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_test(all, every_body_of_the_protocol_is_a_kind_with_all_its_fields);
    tcase_add_test(all, the_public_numbers_are_those_of_the_protocol);
    tcase_add_loop_test(all, random_frames_of_every_kind_are_written_and_read_alike, 0, 50);
    suite_add_tcase(suite, all);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
