/* The rows that a record makes, also of one that a newer version wrote. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "../support/faulty_alloc.h"
#include "server/store/absorb.h"
#include "server/store/rows.h"

static struct faulty_alloc memory;
static struct shard s;
static struct arena arena;

static void setup(void)
{
    faulty_alloc_init(&memory);
    arena_init(&arena, &memory.allocator, 1u << 20);
    s = (struct shard){.allocator = &memory.allocator};
    snowflake_mint_init(&s.mint, 0);
    overlay_init(&s.overlay, &memory.allocator);
}

static void teardown(void)
{
    overlay_fini(&s.overlay);
    arena_fini(&arena);
    ck_assert_uint_eq(memory.live, 0);
}

/* Field 200 of a newer version. */
static uint8_t seven[] = {7};
static ProtobufCMessageUnknownField newer = {
    .tag = 200, .wire_type = PROTOBUF_C_WIRE_TYPE_VARINT, .len = 1, .data = seven};

static void extend(ProtobufCMessage *message)
{
    message->n_unknown_fields = 1;
    message->unknown_fields = &newer;
}

/* Absorbs the record as its bytes say; its message must be the row of it, byte for byte. */
static void expect_row(const WireRecord *record, const WireMessage *message)
{
    struct engine_record bytes = {.home_id = record->home_id, .lsn = record->lsn, .position = 9};
    uint8_t *packed = arena_alloc(&arena, row_size(record));
    uint8_t *expected = arena_alloc(&arena, row_size(message));
    const struct overlay_row *row;
    const WireRecord *decoded;

    row_pack(record, packed);
    row_pack(message, expected);
    bytes.bytes = packed;
    bytes.len = row_size(record);
    decoded = row_unpack(&wire_record__descriptor, bytes.bytes, bytes.len, &arena);
    ck_assert_ptr_nonnull(decoded);
    ck_assert_int_eq(absorb(&s, decoded, &bytes, NULL, false), CHAT_OK);
    row = overlay_find(&s.overlay, TABLE_MESSAGE, row_key(message->channel_id, message->seq, 0));
    ck_assert_ptr_nonnull(row);
    ck_assert_uint_eq(row->len, row_size(message));
    ck_assert_mem_eq(row->bytes, expected, row->len);
}

/* Bit 0: the record has a newer field, bit 1: what is around the message, bit 2: the message. */
START_TEST(a_messages_row_is_the_message_whatever_a_newer_version_put_behind_it)
{
    WireRecord record = WIRE_RECORD__INIT;
    WireMessage message = WIRE_MESSAGE__INIT;
    WireMentioningRecord mentioning = WIRE_MENTIONING_RECORD__INIT;
    uint64_t told[] = {77, 78};
    const bool mentions = _i >= 8;

    message.channel_id = record.home_id = 5;
    message.seq = 3;
    message.message_id = 12;
    message.text = (char *)"the text";
    if (_i & 1)
        extend(&record.base);
    if (_i & 2)
        extend(&mentioning.base);
    if (_i & 4)
        extend(&message.base);
    mentioning.message = &message;
    mentioning.told = told;
    mentioning.n_told = 2;
    record.body_case = mentions ? WIRE_RECORD__BODY_MENTIONING : WIRE_RECORD__BODY_MESSAGE;
    if (mentions)
        record.mentioning = &mentioning;
    else
        record.message = &message;
    expect_row(&record, &message);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("absorb");
    TCase *all = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_loop_test(all, a_messages_row_is_the_message_whatever_a_newer_version_put_behind_it,
                        0, 16);
    suite_add_tcase(suite, all);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
