/*
 * The table of limits says what proto/libchat/v1 says, and leaves nothing out.
 */
#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libchat/v1/client.pb-c.h"
#include "libchat/v1/link.pb-c.h"
#include "libchat/v1/record.pb-c.h"
#include "wire/decode.h"
#include "wire/limits.h"

/* --- every field that grows has a limit --- */

static size_t missing;

static bool needs_limit(const ProtobufCFieldDescriptor *f)
{
    return f->label == PROTOBUF_C_LABEL_REPEATED || f->type == PROTOBUF_C_TYPE_STRING ||
           f->type == PROTOBUF_C_TYPE_BYTES;
}

static void walk(const ProtobufCMessageDescriptor *m, unsigned depth)
{
    /* The depth the decoder allows also proves that no message contains itself. */
    ck_assert_msg(depth <= DECODE_DEPTH_MAX, "%s is nested too deep", m->name);
    for (unsigned i = 0; i < m->n_fields; i++) {
        const ProtobufCFieldDescriptor *f = &m->fields[i];
        const struct limits_field *limit = limits_find(m, f->id);

        if (needs_limit(f) && !limit) {
            fprintf(stderr, "no limit for %s.%s\n", m->short_name, f->name);
            missing++;
        }
        if (f->type == PROTOBUF_C_TYPE_MESSAGE)
            walk(f->descriptor, depth + 1);
    }
}

START_TEST(every_list_string_and_bytes_field_of_the_network_has_a_limit)
{
    missing = 0;
    walk(&wire_client_batch__descriptor, 0);
    walk(&wire_server_batch__descriptor, 0);
    walk(&wire_link_batch__descriptor, 0);
    ck_assert_uint_eq(missing, 0);
}
END_TEST

START_TEST(every_line_of_the_table_fits_its_field)
{
    size_t count;
    const struct limits_message *table = limits_table(&count);

    for (size_t i = 0; i < count; i++) {
        const ProtobufCMessageDescriptor *m = table[i].descriptor;

        for (size_t k = 0; k < table[i].field_count; k++) {
            const struct limits_field *limit = &table[i].fields[k];
            const ProtobufCFieldDescriptor *f =
                protobuf_c_message_descriptor_get_field(m, limit->number);
            char rule[128];

            ck_assert_msg(f != NULL, "%s: no field %u", m->name, limit->number);
            ck_assert_msg(needs_limit(f), "%s needs no limit", limit->rule);
            ck_assert_msg((limit->count_max > 0) == (f->label == PROTOBUF_C_LABEL_REPEATED),
                          "%s: a count is for lists", limit->rule);
            ck_assert_msg((limit->bytes_max > 0) == (f->type == PROTOBUF_C_TYPE_STRING ||
                                                     f->type == PROTOBUF_C_TYPE_BYTES),
                          "%s: bytes are for strings and bytes", limit->rule);
            if (strcmp(limit->rule, "frames") == 0)
                continue;
            snprintf(rule, sizeof(rule), "%s.%s", m->short_name, f->name);
            ck_assert_str_eq(limit->rule, rule);
        }
        for (size_t k = 0; k < i; k++)
            ck_assert_msg(table[k].descriptor != m, "%s is there twice", m->name);
    }
}
END_TEST

START_TEST(an_unknown_message_or_field_has_no_line)
{
    ck_assert_ptr_null(limits_find(&wire_goodbye__descriptor, 1));
    ck_assert_ptr_null(limits_find(&wire_message__descriptor, 1));
    ck_assert_ptr_null(limits_find(&wire_message__descriptor, 99));
}
END_TEST

/* --- the numbers are those of the .proto files --- */

/* "8,192 bytes" is 8192. Returns the first character after it. */
static const char *read_number(const char *text, uint32_t *out)
{
    uint32_t n = 0;

    for (; (*text >= '0' && *text <= '9') || (*text == ',' && text[1] >= '0' && text[1] <= '9');
         text++) {
        if (*text != ',')
            n = n * 10 + (uint32_t)(*text - '0');
    }
    *out = n;
    return text;
}

/* The number after the first "at most " or "1 to " of *text, which moves on; 0 for none. */
static uint32_t next_limit(const char **text)
{
    const char *most = strstr(*text, "at most "), *to = strstr(*text, "1 to ");
    const char *at = most && (!to || most < to) ? most + strlen("at most ")
                     : to                       ? to + strlen("1 to ")
                                                : NULL;
    uint32_t n = 0;

    if (at)
        *text = read_number(at, &n);
    return n;
}

static const struct limits_field *line_of(const char *message, const char *field)
{
    size_t count;
    const struct limits_message *table = limits_table(&count);

    for (size_t i = 0; i < count; i++) {
        const ProtobufCFieldDescriptor *f;

        if (strcmp(table[i].descriptor->short_name, message) != 0)
            continue;
        f = protobuf_c_message_descriptor_get_field_by_name(table[i].descriptor, field);
        return f ? limits_find(table[i].descriptor, f->id) : NULL;
    }
    return NULL;
}

/* One field as it is written: "repeated string features = 5;  // at most 32 names of at most
 * 32 bytes". */
static bool check_field(const char *message, const char *line, bool must_have_line)
{
    char word[3][64] = {{0}};
    bool list, text;
    const char *comment = strstr(line, "//");
    const struct limits_field *limit;
    uint32_t count_max = 0, bytes_max = 0;

    list = sscanf(line, " repeated %63s %63s", word[0], word[1]) == 2;
    if (!list && sscanf(line, " %63s %63s", word[0], word[1]) != 2)
        return false;
    text = strcmp(word[0], "string") == 0 || strcmp(word[0], "bytes") == 0;
    if (!list && !text)
        return false;
    limit = line_of(message, word[1]);
    if (!limit && !must_have_line)
        return false;
    ck_assert_msg(limit != NULL, "%s.%s has no line in lib/wire/limits.c", message, word[1]);
    if (comment && list)
        count_max = next_limit(&comment);
    if (comment && text)
        bytes_max = next_limit(&comment);
    ck_assert_msg(limit->count_max == count_max && limit->bytes_max == bytes_max,
                  "%s.%s: the table says %u elements and %u bytes, the .proto %u and %u", message,
                  word[1], limit->count_max, limit->bytes_max, count_max, bytes_max);
    return true;
}

static size_t check_file(const char *name, bool must_have_lines)
{
    const char *root = getenv("CHAT_SOURCE_ROOT");
    char path[4096], line[1024], message[64] = "";
    size_t checked = 0;
    FILE *file;

    ck_assert_msg(root != NULL, "set CHAT_SOURCE_ROOT to the top of the sources");
    snprintf(path, sizeof(path), "%s/proto/libchat/v1/%s.proto", root, name);
    file = fopen(path, "r");
    ck_assert_msg(file != NULL, "cannot read %s", path);
    while (fgets(line, sizeof(line), file)) {
        const char *first = line + strspn(line, " ");

        if (sscanf(line, "message %63s", message) == 1 || strncmp(first, "//", 2) == 0)
            continue;
        if (strncmp(line, "}", 1) == 0)
            message[0] = '\0';
        if (message[0] && strchr(line, '='))
            checked += check_field(message, line, must_have_lines);
    }
    fclose(file);
    return checked;
}

START_TEST(the_numbers_stand_beside_their_fields)
{
    size_t lines = 0, messages, checked;
    const struct limits_message *table = limits_table(&messages);

    checked = check_file("types", true) + check_file("client", true) + check_file("link", true);
    checked += check_file("record", false);
    for (size_t i = 0; i < messages; i++)
        lines += table[i].field_count;
    ck_assert_uint_eq(checked, lines);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("limits");
    TCase *table = tcase_create("table");

    tcase_add_test(table, every_list_string_and_bytes_field_of_the_network_has_a_limit);
    tcase_add_test(table, every_line_of_the_table_fits_its_field);
    tcase_add_test(table, an_unknown_message_or_field_has_no_line);
    tcase_add_test(table, the_numbers_stand_beside_their_fields);
    suite_add_tcase(suite, table);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
