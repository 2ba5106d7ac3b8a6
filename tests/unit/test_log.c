/* One line per call, bounded, and only the levels that were asked for. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/utf8.h"

static struct {
    int lines;
    chat_log_level level;
    char component[32];
    char text[2 * LOG_LINE_MAX];
} seen;

static void on_line(chat_log_level level, const char *component, const char *text, void *user)
{
    ck_assert_ptr_eq(user, &seen);
    seen.lines++;
    seen.level = level;
    snprintf(seen.component, sizeof(seen.component), "%s", component);
    snprintf(seen.text, sizeof(seen.text), "%s", text);
}

static struct chat_logger logger;

static void setup(void)
{
    memset(&seen, 0, sizeof(seen));
    logger = (struct chat_logger){.write = on_line, .level = CHAT_LOG_INFO, .user = &seen};
}

START_TEST(line_arrives_formatted)
{
    log_write(&logger, CHAT_LOG_WARN, "router", "%d of %s", 3, "four");

    ck_assert_int_eq(seen.lines, 1);
    ck_assert_int_eq(seen.level, CHAT_LOG_WARN);
    ck_assert_str_eq(seen.component, "router");
    ck_assert_str_eq(seen.text, "3 of four");
}
END_TEST

START_TEST(lines_above_the_level_are_dropped)
{
    log_write(&logger, CHAT_LOG_DEBUG, "router", "no");
    ck_assert_int_eq(seen.lines, 0);
    log_write(&logger, CHAT_LOG_INFO, "router", "yes");
    ck_assert_int_eq(seen.lines, 1);
}
END_TEST

START_TEST(no_logger_is_silent)
{
    logger.write = NULL;
    log_write(NULL, CHAT_LOG_ERROR, "router", "no");
    log_write(&logger, CHAT_LOG_ERROR, "router", "no");
    ck_assert_int_eq(seen.lines, 0);
}
END_TEST

START_TEST(line_of_the_maximum_is_whole_and_a_longer_one_is_cut)
{
    char text[LOG_LINE_MAX + 2];

    memset(text, 'x', sizeof(text));
    text[LOG_LINE_MAX] = '\0';
    log_write(&logger, CHAT_LOG_INFO, "router", "%s", text);
    ck_assert_uint_eq(strlen(seen.text), LOG_LINE_MAX);

    text[LOG_LINE_MAX] = 'x';
    text[LOG_LINE_MAX + 1] = '\0';
    log_write(&logger, CHAT_LOG_INFO, "router", "%s", text);
    ck_assert_uint_eq(strlen(seen.text), LOG_LINE_MAX);
}
END_TEST

START_TEST(cut_does_not_split_a_character)
{
    char text[LOG_LINE_MAX + 2];

    memset(text, 'x', sizeof(text));
    memcpy(text + LOG_LINE_MAX - 2, "\xe4\xbd\xa0", 4);
    log_write(&logger, CHAT_LOG_INFO, "router", "%s", text);

    ck_assert_uint_eq(strlen(seen.text), LOG_LINE_MAX - 2);
    ck_assert(utf8_is_valid((const uint8_t *)seen.text, strlen(seen.text)));
}
END_TEST

START_TEST(text_from_outside_cannot_start_a_line)
{
    log_write(&logger, CHAT_LOG_INFO, "router", "name: %s", "a\nerror: b\r\x1b[2J\x7f");
    ck_assert_str_eq(seen.text, "name: a error: b  [2J ");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("log");
    TCase *all = tcase_create("all");

    tcase_add_checked_fixture(all, setup, NULL);
    tcase_add_test(all, line_arrives_formatted);
    tcase_add_test(all, lines_above_the_level_are_dropped);
    tcase_add_test(all, no_logger_is_silent);
    tcase_add_test(all, line_of_the_maximum_is_whole_and_a_longer_one_is_cut);
    tcase_add_test(all, cut_does_not_split_a_character);
    tcase_add_test(all, text_from_outside_cannot_start_a_line);
    suite_add_tcase(suite, all);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
