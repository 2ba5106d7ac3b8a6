/* Numbers: every Protobuf type, also those that the schema does not use yet. */
#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "wire/scalar.h"

static const struct reading {
    ProtobufCType type;
    const char *bytes;
    size_t len;
    uint64_t value; /* the low scalar_size() bytes of it are stored */
} readings[] = {
    {PROTOBUF_C_TYPE_UINT32, "\xff\xff\xff\xff\x0f", 5, UINT32_MAX},
    {PROTOBUF_C_TYPE_UINT32, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10, UINT32_MAX},
    {PROTOBUF_C_TYPE_INT32, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10, UINT32_MAX},
    {PROTOBUF_C_TYPE_ENUM, "\x2a", 1, 42},
    {PROTOBUF_C_TYPE_BOOL, "\x80\x80\x01", 3, 1},
    {PROTOBUF_C_TYPE_BOOL, "\x00", 1, 0},
    {PROTOBUF_C_TYPE_SINT32, "\x01", 1, UINT32_MAX},
    {PROTOBUF_C_TYPE_SINT32, "\x02", 1, 1},
    {PROTOBUF_C_TYPE_SINT32, "\xff\xff\xff\xff\x0f", 5, 0x80000000u},
    {PROTOBUF_C_TYPE_SINT64, "\x03", 1, (uint64_t)-2},
    {PROTOBUF_C_TYPE_SINT64, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10, UINT64_C(1) << 63},
    {PROTOBUF_C_TYPE_INT64, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10, UINT64_MAX},
    {PROTOBUF_C_TYPE_UINT64, "\x80\x01", 2, 128},
    {PROTOBUF_C_TYPE_FIXED32, "\x01\x02\x03\x84", 4, 0x84030201u},
    {PROTOBUF_C_TYPE_SFIXED32, "\xff\xff\xff\xff", 4, UINT32_MAX},
    {PROTOBUF_C_TYPE_FLOAT, "\x00\x00\x80\x3f", 4, 0x3f800000u},
    {PROTOBUF_C_TYPE_FIXED64, "\x01\x02\x03\x04\x05\x06\x07\x88", 8, UINT64_C(0x8807060504030201)},
    {PROTOBUF_C_TYPE_SFIXED64, "\xff\xff\xff\xff\xff\xff\xff\xff", 8, UINT64_MAX},
    {PROTOBUF_C_TYPE_DOUBLE, "\x00\x00\x00\x00\x00\x00\xf0\x3f", 8, UINT64_C(0x3ff0000000000000)},
};

START_TEST(a_number_is_read_as_its_type_and_never_past_its_end)
{
    const struct reading *r = &readings[_i];
    uint8_t bytes[16];
    uint64_t value = 0;
    uint32_t narrow;
    struct pb_cursor c;

    memcpy(bytes, r->bytes, r->len);
    for (size_t len = 0; len < r->len; len++) {
        c = pb_cursor_at(bytes, len);
        ck_assert(!scalar_read(&c, r->type, &value));
    }
    c = pb_cursor_at(bytes, r->len);
    value = 0;
    ck_assert(scalar_read(&c, r->type, &value));
    ck_assert_uint_eq(pb_left(&c), 0);
    if (scalar_size(r->type) == 4) {
        memcpy(&narrow, &value, sizeof(narrow));
        value = narrow;
    }
    ck_assert_uint_eq(value, r->value);
}
END_TEST

START_TEST(texts_and_messages_are_no_scalars)
{
    ck_assert(!scalar_is_one(PROTOBUF_C_TYPE_STRING));
    ck_assert(!scalar_is_one(PROTOBUF_C_TYPE_BYTES));
    ck_assert(!scalar_is_one(PROTOBUF_C_TYPE_MESSAGE));
    ck_assert_int_eq(scalar_wire_type(PROTOBUF_C_TYPE_MESSAGE), PB_BYTES);
    ck_assert_uint_eq(scalar_size(PROTOBUF_C_TYPE_STRING), sizeof(char *));
    ck_assert_uint_eq(scalar_size(PROTOBUF_C_TYPE_BYTES), sizeof(ProtobufCBinaryData));
    ck_assert_uint_eq(scalar_size(PROTOBUF_C_TYPE_MESSAGE), sizeof(void *));
}
END_TEST

START_TEST(a_varint_is_written_as_it_is_read)
{
    uint64_t value = _i < 64 ? UINT64_C(1) << _i : UINT64_MAX >> (_i - 64), read = 0;
    uint8_t bytes[PB_VARINT_MAX];
    size_t len = (size_t)(pb_put_varint(bytes, value) - bytes);
    struct pb_cursor c = pb_cursor_at(bytes, len);

    ck_assert_uint_eq(len, pb_varint_len(value));
    ck_assert(pb_varint(&c, &read));
    ck_assert_uint_eq(read, value);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scalar");
    TCase *t = tcase_create("numbers");

    tcase_add_loop_test(t, a_number_is_read_as_its_type_and_never_past_its_end, 0,
                        (int)(sizeof(readings) / sizeof(readings[0])));
    tcase_add_test(t, texts_and_messages_are_no_scalars);
    tcase_add_loop_test(t, a_varint_is_written_as_it_is_read, 0, 128);
    suite_add_tcase(suite, t);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
