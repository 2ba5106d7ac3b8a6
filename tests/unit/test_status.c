/* Every status has a name, a text of its own, and a fixed number. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <libchat/log.h>
#include <libchat/status.h>

#define LAST (-21)

START_TEST(every_status_has_a_name_and_a_text_of_its_own)
{
    chat_status status = (chat_status)-_i;

    ck_assert_int_eq(strncmp(chat_status_name(status), "CHAT_", 5), 0);
    ck_assert_ptr_null(strstr(chat_status_name(status), "unnamed"));
    ck_assert_ptr_null(strchr(chat_status_text(status), '\n'));
    for (int other = LAST; other <= 0; other++) {
        if (other == (int)status)
            continue;
        ck_assert_str_ne(chat_status_name(status), chat_status_name((chat_status)other));
        ck_assert_str_ne(chat_status_text(status), chat_status_text((chat_status)other));
    }
}
END_TEST

START_TEST(numbers_are_the_abi)
{
    ck_assert_int_eq(CHAT_OK, 0);
    ck_assert_int_eq(CHAT_E_NOMEM, -1);
    ck_assert_int_eq(CHAT_E_CACHE, -8);
    ck_assert_int_eq(CHAT_E_UNAVAILABLE, -15);
    ck_assert_int_eq(CHAT_E_TRUNCATED, LAST);
    ck_assert_str_eq(chat_status_name(CHAT_E_NOMEM), "CHAT_E_NOMEM");
    ck_assert_str_eq(chat_status_text(CHAT_E_NOMEM), "out of memory");
}
END_TEST

START_TEST(number_of_a_later_version_is_harmless)
{
    chat_status later = (chat_status)(LAST - 1);

    ck_assert_str_eq(chat_status_name(later), "CHAT_E_(unnamed)");
    ck_assert_str_ne(chat_status_text(later), "");
    ck_assert(!chat_status_is_temporary(later));
    ck_assert_str_eq(chat_log_level_name((chat_log_level)17), "unknown");
}
END_TEST

START_TEST(what_may_pass_by_itself_is_temporary)
{
    static const chat_status temporary[] = {CHAT_E_NOMEM,       CHAT_E_NETWORK, CHAT_E_FULL,
                                            CHAT_E_UNAVAILABLE, CHAT_E_UNKNOWN, CHAT_E_LIMITED,
                                            CHAT_E_TIMEOUT};
    int count = 0;

    for (int i = LAST; i <= 0; i++)
        count += chat_status_is_temporary((chat_status)i);
    for (size_t i = 0; i < sizeof(temporary) / sizeof(temporary[0]); i++)
        ck_assert(chat_status_is_temporary(temporary[i]));
    ck_assert_int_eq(count, (int)(sizeof(temporary) / sizeof(temporary[0])));
}
END_TEST

START_TEST(log_levels_have_names)
{
    ck_assert_str_eq(chat_log_level_name(CHAT_LOG_ERROR), "error");
    ck_assert_str_eq(chat_log_level_name(CHAT_LOG_WARN), "warn");
    ck_assert_str_eq(chat_log_level_name(CHAT_LOG_INFO), "info");
    ck_assert_str_eq(chat_log_level_name(CHAT_LOG_DEBUG), "debug");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("status");
    TCase *all = tcase_create("all");

    tcase_add_loop_test(all, every_status_has_a_name_and_a_text_of_its_own, 0, -LAST + 1);
    tcase_add_test(all, numbers_are_the_abi);
    tcase_add_test(all, number_of_a_later_version_is_harmless);
    tcase_add_test(all, what_may_pass_by_itself_is_temporary);
    tcase_add_test(all, log_levels_have_names);
    suite_add_tcase(suite, all);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
