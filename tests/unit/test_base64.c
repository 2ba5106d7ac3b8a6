/* One spelling for each value. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "server/base64.h"

static const char *const texts[] = {"", "Zg", "Zm8", "Zm9v", "Zm9vYg", "Zm9vYmE", "Zm9vYmFy"};

START_TEST(the_examples_of_rfc_4648_hold)
{
    for (size_t len = 0; len < 7; len++) {
        char text[16] = "";
        uint8_t bytes[16];
        size_t bytes_len;

        base64url_encode((const uint8_t *)"foobar", len, text);
        ck_assert_str_eq(text, texts[len]);
        ck_assert_uint_eq(BASE64URL_LEN(len), strlen(texts[len]));
        ck_assert(base64url_decode(text, strlen(text), bytes, sizeof(bytes), &bytes_len));
        ck_assert_uint_eq(bytes_len, len);
        ck_assert_mem_eq(bytes, "foobar", len);
    }
}
END_TEST

START_TEST(every_byte_comes_back)
{
    uint8_t bytes[256], out[256];
    char text[400] = "";
    size_t len;

    for (size_t i = 0; i < 256; i++)
        bytes[i] = (uint8_t)(255 - i);
    base64url_encode(bytes, 256, text);
    ck_assert(base64url_decode(text, strlen(text), out, sizeof(out), &len));
    ck_assert_uint_eq(len, 256);
    ck_assert_mem_eq(out, bytes, 256);
    ck_assert(!base64url_decode(text, strlen(text), out, 255, &len));
}
END_TEST

START_TEST(other_spellings_are_refused)
{
    static const char *const bad[] = {"Z",     "Zh",   "Zm9",    "Zg==",  "Zm8=", "Z g",
                                      "Zm9vY", "+/==", "Zm9v\n", "Zm9v=", "====", "\xff\xff"};
    uint8_t out[16];
    size_t len;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert(!base64url_decode(bad[i], strlen(bad[i]), out, sizeof(out), &len));
}
END_TEST

START_TEST(files_may_use_either_alphabet_and_padding)
{
    static const char *const good[] = {"-_-_", "+/+/", "-_8", "+/8=", "-_8="};
    static const char *const bad[] = {"+_+_", "Zg=", "=", "Zg===", "====", "Z==="};
    uint8_t out[16];
    size_t len;

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        ck_assert(base64_decode_any(good[i], strlen(good[i]), out, sizeof(out), &len));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        ck_assert(!base64_decode_any(bad[i], strlen(bad[i]), out, sizeof(out), &len));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base64");
    TCase *all = tcase_create("all");

    tcase_add_test(all, the_examples_of_rfc_4648_hold);
    tcase_add_test(all, every_byte_comes_back);
    tcase_add_test(all, other_spellings_are_refused);
    tcase_add_test(all, files_may_use_either_alphabet_and_padding);
    suite_add_tcase(suite, all);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
