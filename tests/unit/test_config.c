/* What a program's settings are, and what it says of wrong ones. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../support/faulty_alloc.h"
#include "server/config.h"

static const struct config_key keys[] = {
    {"router", "listen", CONFIG_TEXT, "0.0.0.0:8443", 1, 64, NULL, "Address and port.", false,
     false, false},
    {"router", "name", CONFIG_TEXT, NULL, 0, 0, NULL, "A name.", false, false, false},
    {"router", "sessions", CONFIG_INTEGER, "1000", 1, 5000, NULL, "How many sessions.", false,
     false, false},
    {"router", "queue", CONFIG_SIZE, "64 KiB", 0, INT64_C(1) << 40, NULL, "Bytes.", false, false,
     false},
    {"router", "drain_time", CONFIG_DURATION, "2 min", 0, 3600000, NULL, "How long.", false, false,
     false},
    {"router", "tls", CONFIG_BOOLEAN, "yes", 0, 0, NULL, "Whether.", false, false, false},
    {"router", "store", CONFIG_LIST, NULL, 1, 4, NULL, "The stores.", false, false, false},
    {"log", "level", CONFIG_CHOICE, "info", 0, 0, "error|warn|info|debug", "How much.", false,
     false, false},
    {"log", "key", CONFIG_TEXT, NULL, 0, 8, NULL, "A secret.", false, true, false},
    {"issuer", "audience", CONFIG_TEXT, NULL, 1, 0, NULL, "Who it is for.", true, false, true},
    {"issuer", "leeway", CONFIG_DURATION, "60 s", 0, 60000, NULL, "Clocks.", true, false, false},
};
#define KEY_COUNT (sizeof(keys) / sizeof(keys[0]))

static struct config *config;
static struct faulty_alloc memory;

static void setup(void)
{
    faulty_alloc_init(&memory);
    ck_assert_int_eq(config_new(&memory.allocator, keys, KEY_COUNT, &config), CHAT_OK);
}

static void teardown(void)
{
    config_free(config);
    ck_assert_uint_eq(memory.live, 0);
}

static chat_status read_text(const char *text)
{
    return config_read_file(config, "chat.conf", (const uint8_t *)text, strlen(text));
}

static void ck_bad(const char *text, const char *error)
{
    teardown();
    setup();
    ck_assert_int_eq(read_text(text), CHAT_E_INVALID);
    ck_assert_str_eq(config_error(config), error);
}

START_TEST(defaults_hold_until_said_otherwise)
{
    ck_assert_str_eq(config_text(config, "router", "listen"), "0.0.0.0:8443");
    ck_assert_ptr_null(config_text(config, "router", "name"));
    ck_assert_int_eq(config_number(config, "router", "sessions"), 1000);
    ck_assert_int_eq(config_number(config, "router", "queue"), 65536);
    ck_assert_int_eq(config_number(config, "router", "drain_time"), 120000);
    ck_assert(config_boolean(config, "router", "tls"));
    ck_assert_uint_eq(config_list_count(config, "router", "store"), 0);
    ck_assert_uint_eq(config_instance_count(config, "issuer"), 0);
    ck_assert(!config_is_set(config, "router", "listen"));
    ck_assert_str_eq(config_origin(config, "router", "listen"), "default");
    ck_assert_int_eq(config_check(config), CHAT_OK);
}
END_TEST

START_TEST(a_file_is_read_whole)
{
    const char *text = "\xef\xbb\xbf# all of it\r\n"
                       "; and this\n"
                       "[ router ]  # the router\n"
                       "  listen=127.0.0.1:1 # near\n"
                       "name = \"a # \\\"b\\\\\\n\"   # quoted\n"
                       "sessions = 5000\n"
                       "queue = 3 MiB\n"
                       "drain_time = 40s\n"
                       "tls = off\n"
                       "store = a:9000, \"b,c\"#x\n"
                       "store = d:1\n"
                       "\n"
                       "[log]\n"
                       "level = debug\n"
                       "[issuer acme]\n"
                       "audience = chat\n"
                       "[issuer other.one]\n"
                       "audience = x#y\n"
                       "leeway = 0";

    ck_assert_int_eq(read_text(text), CHAT_OK);
    ck_assert_str_eq(config_text(config, "router", "listen"), "127.0.0.1:1");
    ck_assert_str_eq(config_text(config, "router", "name"), "a # \"b\\\n");
    ck_assert_int_eq(config_number(config, "router", "queue"), 3 << 20);
    ck_assert_int_eq(config_number(config, "router", "drain_time"), 40000);
    ck_assert(!config_boolean(config, "router", "tls"));
    ck_assert_uint_eq(config_list_count(config, "router", "store"), 3);
    ck_assert_str_eq(config_list_item(config, "router", "store", 1), "b,c");
    ck_assert_str_eq(config_list_item(config, "router", "store", 2), "d:1");
    ck_assert_str_eq(config_text(config, "log", "level"), "debug");
    ck_assert_uint_eq(config_instance_count(config, "issuer"), 2);
    ck_assert_str_eq(config_instance_name(config, "issuer", 1), "other.one");
    ck_assert_str_eq(config_text_of(config, "issuer", 1, "audience"), "x#y");
    ck_assert_int_eq(config_number_of(config, "issuer", 0, "leeway"), 60000);
    ck_assert_int_eq(config_number_of(config, "issuer", 1, "leeway"), 0);
    ck_assert_str_eq(config_origin(config, "router", "queue"), "chat.conf:7");
    ck_assert_int_eq(config_check(config), CHAT_OK);
}
END_TEST

START_TEST(errors_name_line_key_found_and_allowed)
{
    ck_bad("\n[router]\nsessions = 5001\n",
           "chat.conf:3: router.sessions: found \"5001\"; allowed: a number from 1 to 5000");
    ck_bad("[router]\nsessions = many\n",
           "chat.conf:2: router.sessions: found \"many\"; allowed: a number from 1 to 5000");
    ck_bad("[router]\nqueue = 64 Mib\n",
           "chat.conf:2: router.queue: found \"64 Mib\"; allowed: a size (B, KiB, MiB, GiB, kB, "
           "MB, GB) from 0 to 1024 GiB");
    ck_bad("[router]\ndrain_time = 40\n",
           "chat.conf:2: router.drain_time: found \"40\"; allowed: a duration (ms, s, min, h, d) "
           "from 0 to 1 h");
    ck_bad("[router]\ntls = maybe\n",
           "chat.conf:2: router.tls: found \"maybe\"; allowed: yes or no");
    ck_bad("[log]\nlevel = warning\n",
           "chat.conf:2: log.level: found \"warning\"; allowed: one of error|warn|info|debug");
    ck_bad("[router]\nstore = a,b,c,d,e\n",
           "chat.conf:2: router.store: 5 items; allowed: at most 4");
    ck_bad("[router]\nlisten = \"\"\n",
           "chat.conf:2: router.listen: found \"\"; allowed: a text of 1 to 64 bytes");
}
END_TEST

START_TEST(numbers_that_overflow_are_refused)
{
    static const char *const bad[] = {"9223372036854775808",
                                      "99999999999999999999",
                                      "-1",
                                      "9007199254740993 GiB",
                                      "1e3",
                                      "0x10",
                                      "1.5 MiB",
                                      "--1",
                                      "-"};
    char text[128];

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        teardown();
        setup();
        snprintf(text, sizeof(text), "[router]\nqueue = %s\n", bad[i]);
        ck_assert_int_eq(read_text(text), CHAT_E_INVALID);
    }
}
END_TEST

START_TEST(limits_are_allowed_and_nothing_past_them)
{
    ck_assert_int_eq(read_text("[router]\nqueue = 1024 GiB\nsessions = 1\ndrain_time = 1 h\n"),
                     CHAT_OK);
    ck_bad("[router]\nqueue = 1099511627777\n",
           "chat.conf:2: router.queue: found \"1099511627777\"; allowed: a size (B, KiB, MiB, GiB, "
           "kB, MB, GB) from 0 to 1024 GiB");
}
END_TEST

START_TEST(unknown_names_get_a_suggestion)
{
    ck_bad("[router]\nlissen = x\n",
           "chat.conf:2: router.lissen: no such key; did you mean listen?");
    ck_bad("[ruoter]\n", "chat.conf:1: [ruoter]: no such section; did you mean router?");
    ck_bad("[router]\nlevel = info\n",
           "chat.conf:2: router.level: no such key; it belongs in [log]");
    ck_bad("[router]\nquixotic = 1\n", "chat.conf:2: router.quixotic: no such key");
    ck_bad("[something_else]\n", "chat.conf:1: [something_else]: no such section");
}
END_TEST

START_TEST(malformed_lines_are_refused)
{
    ck_bad("listen = x\n", "chat.conf:1: a key before the first [section]");
    ck_bad("[router\n", "chat.conf:1: a section's closing ] is missing");
    ck_bad("[router] x\n", "chat.conf:1: something follows the section's ]");
    ck_bad("[router]\nlisten\n", "chat.conf:2: neither [section] nor key = value");
    ck_bad("[router]\nlisten =\n",
           "chat.conf:2: router.listen: no value; write \"\" for an empty text");
    ck_bad("[router]\nlisten = # x\n",
           "chat.conf:2: router.listen: no value; write \"\" for an empty text");
    ck_bad("[router]\nname = \"abc\n", "chat.conf:2: router.name: the closing quote is missing");
    ck_bad("[router]\nname = \"abc\\\n", "chat.conf:2: router.name: the closing quote is missing");
    ck_bad("[router]\nname = \"a\\q\"\n",
           "chat.conf:2: router.name: after a backslash only \" \\ n t r may stand");
    ck_bad("[router]\nname = \"a\" b\n",
           "chat.conf:2: router.name: something follows the closing quote");
    ck_bad("[router]\nstore = a,,b\n",
           "chat.conf:2: router.store: an item is empty; write \"\" for an empty text");
    ck_bad("[router]\nstore = a,\n",
           "chat.conf:2: router.store: an item is empty; write \"\" for an empty text");
    ck_bad("[router]\nname = \xff\n", "chat.conf:2: not UTF-8, or a NUL in it");
    ck_bad("[router]\ntls = no\ntls = no\n",
           "chat.conf:3: router.tls is said twice, first in line 2");
    ck_bad("[router x]\n", "chat.conf:1: [router] is there once and has no name");
    ck_bad("[issuer]\n",
           "chat.conf:1: [issuer NAME]: needs a name of a-z, A-Z, 0-9, _ - . (at most "
           "64 bytes)");
    ck_bad("[issuer a]\n[issuer a]\n", "chat.conf:2: [issuer a] is there twice");
}
END_TEST

START_TEST(a_nul_byte_is_refused)
{
    static const uint8_t bytes[] = "[router]\nname = a\0b\n";

    ck_assert_int_eq(config_read_file(config, "x", bytes, sizeof(bytes) - 1), CHAT_E_INVALID);
}
END_TEST

START_TEST(a_secret_is_not_repeated)
{
    ck_bad("[log]\nkey = supersecret\n",
           "chat.conf:2: log.key: the value is not allowed; allowed: a text of 0 to 8 bytes");
}
END_TEST

START_TEST(environment_and_flags_win_in_that_order)
{
    static const char *const environment[] = {"PATH=/bin",
                                              "LIBCHAT_ROUTER_LISTEN=e:1",
                                              "LIBCHAT_ROUTER_DRAIN_TIME=1 s",
                                              "LIBCHAT_OTHER=1",
                                              "LIBCHAT_ROUTER_STORE=x, y",
                                              "LIBCHAT_ROUTER_NAME=# \"as it stands\"",
                                              NULL};

    ck_assert_int_eq(read_text("[router]\nlisten = f:1\nsessions = 7\nstore = a\n"), CHAT_OK);
    ck_assert_int_eq(config_read_environment(config, environment), CHAT_OK);
    ck_assert_int_eq(config_read_flag(config, "--router.listen=g:1"), CHAT_OK);
    ck_assert_int_eq(config_read_flag(config, "--no-router.tls"), CHAT_OK);
    ck_assert_str_eq(config_text(config, "router", "listen"), "g:1");
    ck_assert_str_eq(config_origin(config, "router", "listen"), "flag");
    ck_assert_int_eq(config_number(config, "router", "drain_time"), 1000);
    ck_assert_str_eq(config_origin(config, "router", "drain_time"), "environment");
    ck_assert_int_eq(config_number(config, "router", "sessions"), 7);
    ck_assert_uint_eq(config_list_count(config, "router", "store"), 2);
    ck_assert_str_eq(config_text(config, "router", "name"), "# \"as it stands\"");
    ck_assert(!config_boolean(config, "router", "tls"));
    ck_assert_int_eq(config_read_flag(config, "--router.tls"), CHAT_OK);
    ck_assert(config_boolean(config, "router", "tls"));
    ck_assert_int_eq(config_read_flag(config, "--router.store="), CHAT_OK);
    ck_assert_uint_eq(config_list_count(config, "router", "store"), 0);
}
END_TEST

START_TEST(wrong_flags_say_so)
{
    static const struct {
        const char *flag, *error;
    } bad[] = {
        {"--router.lisen=x", "flag: router.lisen: no such key; did you mean listen?"},
        {"--roter.listen=x", "flag: [roter]: no such section; did you mean router?"},
        {"--router.listen", "flag: router.listen: write --router.listen=VALUE"},
        {"--no-router.tls=yes", "flag: router.tls: write --router.tls=VALUE"},
        {"--issuer.audience=x", "flag: issuer.audience: can be set in the file only"},
        {"--router.sessions=0",
         "flag: router.sessions: found \"0\"; allowed: a number from 1 to 5000"},
    };
    static const char *const environment[] = {"LIBCHAT_ROUTER_TLS=\x01\xff", NULL};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_int_eq(config_read_flag(config, bad[i].flag), CHAT_E_INVALID);
        ck_assert_str_eq(config_error(config), bad[i].error);
    }
    ck_assert_int_eq(config_read_environment(config, environment), CHAT_E_INVALID);
    ck_assert_str_eq(config_error(config),
                     "environment: router.tls: found \"??\"; allowed: yes or no");
}
END_TEST

START_TEST(a_programs_own_flags_are_left_to_it)
{
    ck_assert_int_eq(config_read_flag(config, "--help"), CHAT_E_NOT_FOUND);
    ck_assert_int_eq(config_read_flag(config, "--config=a.b"), CHAT_E_NOT_FOUND);
    ck_assert_int_eq(config_read_flag(config, "-x.y=1"), CHAT_E_NOT_FOUND);
    ck_assert_int_eq(config_read_flag(config, "file.conf"), CHAT_E_NOT_FOUND);
}
END_TEST

START_TEST(what_is_required_must_be_there)
{
    ck_assert_int_eq(read_text("[issuer a]\nleeway = 1 s\n"), CHAT_OK);
    ck_assert_int_eq(config_check(config), CHAT_E_INVALID);
    ck_assert_str_eq(config_error(config),
                     "chat.conf:1: [issuer a]: audience is required: Who it is for.");
    teardown();
    setup();
    ck_assert_int_eq(read_text("[router]\nstore =\n"), CHAT_OK);
    ck_assert_int_eq(config_check(config), CHAT_E_INVALID);
    ck_assert_str_eq(config_error(config), "[router]: store: 0 items; allowed: at least 1");
}
END_TEST

START_TEST(what_is_printed_reads_back_the_same)
{
    struct buf first, second;
    char *text;

    ck_assert_int_eq(
        read_text("[router]\nname = \"q\\\"\\\\\\t#\"\nqueue = 1000000\nstore = \"a\",b\n"
                  "[log]\nkey=hush\n[issuer x]\naudience = \xc3\xa9\n"),
        CHAT_OK);
    buf_init(&first, NULL, 65536);
    buf_init(&second, NULL, 65536);
    ck_assert_int_eq(config_print(config, &first), CHAT_OK);
    ck_assert_int_eq(buf_append(&first, "", 1), CHAT_OK);
    text = (char *)first.bytes;
    ck_assert_ptr_nonnull(strstr(text, "queue = 1 MB # chat.conf:3\n"));
    ck_assert_ptr_nonnull(strstr(text, "drain_time = 2 min # default\n"));
    ck_assert_ptr_nonnull(strstr(text, "store = \"a\", \"b\" # chat.conf:4\n"));
    ck_assert_ptr_nonnull(strstr(text, "# key = *** # chat.conf:6\n"));
    ck_assert_ptr_null(strstr(text, "hush"));

    teardown();
    setup();
    ck_assert_int_eq(read_text(text), CHAT_OK);
    ck_assert_str_eq(config_text(config, "router", "name"), "q\"\\\t#");
    ck_assert_str_eq(config_text_of(config, "issuer", 0, "audience"), "\xc3\xa9");
    ck_assert_int_eq(config_number(config, "router", "queue"), 1000000);
    buf_fini(&first);
    buf_fini(&second);
}
END_TEST

START_TEST(help_shows_every_key)
{
    struct buf out;

    buf_init(&out, NULL, 65536);
    ck_assert_int_eq(config_write_help(keys, KEY_COUNT, &out), CHAT_OK);
    ck_assert_int_eq(buf_append(&out, "", 1), CHAT_OK);
    for (size_t i = 0; i < KEY_COUNT; i++)
        ck_assert_ptr_nonnull(strstr((char *)out.bytes, keys[i].name));
    ck_assert_ptr_nonnull(strstr((char *)out.bytes, "\n[issuer NAME]"));
    ck_assert_ptr_nonnull(strstr((char *)out.bytes, "  drain_time = 2 min\n"));
    buf_fini(&out);
}
END_TEST

static void ck_bad_table(const struct config_key *table, size_t count, const char *error)
{
    struct config *bad = NULL;

    ck_assert_int_eq(config_new(&memory.allocator, table, count, &bad), CHAT_E_INVALID);
    ck_assert_str_eq(config_error(bad), error);
    config_free(bad);
}

START_TEST(a_table_that_contradicts_itself_is_refused)
{
    const struct config_key bad_default[] = {{.section = "a",
                                              .name = "b",
                                              .type = CONFIG_INTEGER,
                                              .fallback = "9",
                                              .max = 8,
                                              .help = ""}};
    const struct config_key twice[] = {
        {.section = "a", .name = "b_c", .type = CONFIG_TEXT, .help = ""},
        {.section = "a_b", .name = "c", .type = CONFIG_TEXT, .help = ""}};
    const struct config_key apart[] = {
        {.section = "a", .name = "b", .type = CONFIG_TEXT, .help = ""},
        {.section = "c", .name = "d", .type = CONFIG_TEXT, .help = ""},
        {.section = "a", .name = "e", .type = CONFIG_TEXT, .help = ""}};
    const struct config_key unnamed[] = {{.section = "A", .name = "b", .help = ""}};

    ck_bad_table(bad_default, 1, "a.b: found \"9\"; allowed: a number from 0 to 8");
    ck_bad_table(twice, 2, "a_b.c is declared twice");
    ck_bad_table(apart, 3, "[a]: its keys don't stand together");
    ck_bad_table(unnamed, 1, "the table's key 0 is not well declared");
}
END_TEST

START_TEST(every_allocation_may_fail)
{
    const char *text =
        "[router]\nname = \"x\"\nstore = a, b\nstore = c\n[issuer a]\naudience = b\n";

    for (size_t allowed = 0; allowed < 80; allowed++) {
        struct config *other = NULL;
        chat_status status;

        faulty_alloc_fail_after(&memory, allowed);
        status = config_new(&memory.allocator, keys, KEY_COUNT, &other);
        if (status == CHAT_OK)
            status = config_read_file(other, "x", (const uint8_t *)text, strlen(text));
        ck_assert(status == CHAT_OK || status == CHAT_E_NOMEM);
        config_free(other);
    }
    faulty_alloc_fail_after(&memory, FAULTY_ALLOC_NEVER);
}
END_TEST

START_TEST(sizes_are_bounded)
{
    uint8_t *bytes = calloc(1, CONFIG_FILE_MAX + 1);
    char *line = malloc(CONFIG_VALUE_MAX + 64);

    memset(bytes, '\n', CONFIG_FILE_MAX + 1);
    ck_assert_int_eq(config_read_file(config, "x", bytes, CONFIG_FILE_MAX), CHAT_OK);
    ck_assert_int_eq(config_read_file(config, "x", bytes, CONFIG_FILE_MAX + 1), CHAT_E_TOO_LARGE);
    for (size_t len = CONFIG_VALUE_MAX; len <= CONFIG_VALUE_MAX + 1; len++) {
        chat_status expected = len == CONFIG_VALUE_MAX ? CHAT_OK : CHAT_E_INVALID;

        teardown();
        setup();
        memcpy(line, "[router]\nname=\"", 15);
        memset(line + 15, 'x', len);
        memcpy(line + 15 + len, "\"", 2);
        ck_assert_int_eq(read_text(line), expected);
        teardown();
        setup();
        line[14] = 'x';
        line[14 + len] = '\0';
        ck_assert_int_eq(read_text(line), expected);
    }
    for (uint32_t i = 0; i <= CONFIG_INSTANCES_MAX; i++) {
        snprintf(line, 64, "[issuer i%u]\n", i);
        ck_assert_int_eq(read_text(line), i < CONFIG_INSTANCES_MAX ? CHAT_OK : CHAT_E_INVALID);
    }
    free(bytes);
    free(line);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config");
    TCase *all = tcase_create("all");

    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_test(all, defaults_hold_until_said_otherwise);
    tcase_add_test(all, a_file_is_read_whole);
    tcase_add_test(all, errors_name_line_key_found_and_allowed);
    tcase_add_test(all, numbers_that_overflow_are_refused);
    tcase_add_test(all, limits_are_allowed_and_nothing_past_them);
    tcase_add_test(all, unknown_names_get_a_suggestion);
    tcase_add_test(all, malformed_lines_are_refused);
    tcase_add_test(all, a_nul_byte_is_refused);
    tcase_add_test(all, a_secret_is_not_repeated);
    tcase_add_test(all, environment_and_flags_win_in_that_order);
    tcase_add_test(all, wrong_flags_say_so);
    tcase_add_test(all, a_programs_own_flags_are_left_to_it);
    tcase_add_test(all, what_is_required_must_be_there);
    tcase_add_test(all, what_is_printed_reads_back_the_same);
    tcase_add_test(all, help_shows_every_key);
    tcase_add_test(all, a_table_that_contradicts_itself_is_refused);
    tcase_add_test(all, every_allocation_may_fail);
    tcase_add_test(all, sizes_are_bounded);
    suite_add_tcase(suite, all);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
