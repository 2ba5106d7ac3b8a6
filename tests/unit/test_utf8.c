/* Which bytes are text, by the table of well-formed sequences in the Unicode standard. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

static bool valid(const char *text) { return utf8_is_valid((const uint8_t *)text, strlen(text)); }

START_TEST(well_formed_text_is_valid)
{
    static const char *const texts[] = {
        "",
        "a",
        "plain words, longer than eight bytes",
        "\x7f",
        "\xc2\x80",
        "\xdf\xbf",
        "\xe0\xa0\x80",
        "\xed\x9f\xbf",
        "\xee\x80\x80",
        "\xef\xbf\xbf",
        "\xf0\x90\x80\x80",
        "\xf4\x8f\xbf\xbf",
        "gr\xc3\xbc\xc3\x9f, \xe4\xbd\xa0\xe5\xa5\xbd, \xf0\x9f\x91\x8b",
    };
    ck_assert(valid(texts[_i]));
}
END_TEST

START_TEST(ill_formed_text_is_not)
{
    static const char *const texts[] = {
        "\x80",
        "\xbf",
        "\xc0\x80",
        "\xc1\xbf", /* tails, overlong pairs */
        "\xe0\x9f\xbf",
        "\xf0\x8f\xbf\xbf", /* overlong */
        "\xed\xa0\x80",
        "\xed\xbf\xbf", /* surrogates */
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "\xff", /* above U+10FFFF */
        "\xc2",
        "\xe2\x82",
        "\xf0\x9f\x91",
        "\xf0\x9f", /* cut short */
        "\xc2"
        "a",
        "\xe2\x82"
        "a",
        "\xf0\x9f\x91"
        "a", /* wrong tails */
        "abcdefgh\xff",
        "abcdefghijkl\xe2\x82",
        "abc\xff"
        "defghijklmnop",
    };
    ck_assert(!valid(texts[_i]));
}
END_TEST

START_TEST(nul_is_refused_at_every_place)
{
    uint8_t text[24];

    for (size_t i = 0; i < sizeof(text); i++) {
        memset(text, 'a', sizeof(text));
        ck_assert(utf8_is_valid(text, sizeof(text)));
        text[i] = 0;
        ck_assert(!utf8_is_valid(text, sizeof(text)));
        text[i] = 0x80;
        ck_assert(!utf8_is_valid(text, sizeof(text)));
    }
}
END_TEST

/* All code points, encoded by the definition, are valid exactly when they are characters. */
START_TEST(every_character_is_valid_and_no_surrogate_is)
{
    for (uint32_t c = 1; c <= 0x110000; c++) {
        uint8_t b[4];
        size_t len;
        if (c < 0x80) {
            b[0] = (uint8_t)c;
            len = 1;
        } else if (c < 0x800) {
            b[0] = (uint8_t)(0xc0 | c >> 6);
            len = 2;
        } else if (c < 0x10000) {
            b[0] = (uint8_t)(0xe0 | c >> 12);
            len = 3;
        } else {
            b[0] = (uint8_t)(0xf0 | c >> 18);
            len = 4;
        }
        for (size_t i = 1; i < len; i++)
            b[i] = (uint8_t)(0x80 | (c >> (6 * (len - 1 - i)) & 0x3f));
        if (utf8_is_valid(b, len) != (c <= 0x10ffff && (c < 0xd800 || c > 0xdfff)))
            ck_abort_msg("U+%04X", (unsigned)c);
    }
}
END_TEST

START_TEST(cut_keeps_whole_characters)
{
    static const char text[] = "a\xc3\xbc\xe4\xbd\xa0\xf0\x9f\x91\x8b"; /* 1 + 2 + 3 + 4 bytes */
    static const size_t expected[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10};

    for (size_t max = 0; max < 12; max++)
        ck_assert_uint_eq(utf8_cut(text, 10, max), expected[max]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("utf8");
    TCase *all = tcase_create("all");

    tcase_add_loop_test(all, well_formed_text_is_valid, 0, 13);
    tcase_add_loop_test(all, ill_formed_text_is_not, 0, 21);
    tcase_add_test(all, nul_is_refused_at_every_place);
    tcase_add_test(all, every_character_is_valid_and_no_surrogate_is);
    tcase_add_test(all, cut_keeps_whole_characters);
    suite_add_tcase(suite, all);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
