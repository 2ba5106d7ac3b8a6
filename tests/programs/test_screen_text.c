/* Text on the screen of chat: glyphs, lines, the canvas, the composer, names of emoji. */
#include <check.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "screen/canvas.h"
#include "screen/composer.h"
#include "screen/emoji.h"
#include "screen/glyph.h"
#include "screen/wrap.h"

static struct glyph glyph_of(const char *text)
{
    struct glyph glyph;

    glyph_next(text, strlen(text), &glyph);
    return glyph;
}

/* --- glyphs --- */

START_TEST(wide_characters_take_two_columns)
{
    ck_assert_int_eq(glyph_of("a").width, 1);
    ck_assert_int_eq(glyph_of("日").width, 2);
    ck_assert_int_eq(glyph_of("\U0001f44d").width, 2);
    ck_assert_int_eq(glyph_columns("né 日本 \U0001f389", strlen("né 日本 \U0001f389")), 10);
}
END_TEST

START_TEST(marks_belong_to_the_character_before)
{
    const char *text = "e\u0301x";
    struct glyph glyph = glyph_of(text);

    ck_assert_uint_eq(glyph.len, 3);
    ck_assert_uint_eq(glyph.count, 2);
    ck_assert_int_eq(glyph.width, 1);
    ck_assert_int_eq(glyph.chars[1], 0x301);
}
END_TEST

START_TEST(more_marks_than_a_cell_takes_are_left_out)
{
    char text[1 + 2 * 100 + 1] = "e";
    struct glyph glyph;

    for (size_t i = 0; i < 100; i++)
        memcpy(text + 1 + 2 * i, "\u0301", 2);
    glyph_next(text, 201, &glyph);
    ck_assert_uint_eq(glyph.count, GLYPH_CHARS_MAX);
    ck_assert_uint_eq(glyph.len, 201);
}
END_TEST

START_TEST(mark_without_a_character_stands_on_a_circle)
{
    struct glyph glyph = glyph_of("\u0301x");

    ck_assert_int_eq(glyph.chars[0], 0x25cc);
    ck_assert_int_eq(glyph.width, 1);
    ck_assert_uint_eq(glyph.len, 2);
}
END_TEST

START_TEST(what_controls_a_terminal_is_shown_as_a_replacement)
{
    static const char *const harmful[] = {"\033",     "\001",     "\x7f",   "\r",
                                          "\xc2\x80", "\xc2\x9b", "\u202e", "\u202a",
                                          "\u2066",   "\u2069",   "\u2028"};

    for (size_t i = 0; i < sizeof(harmful) / sizeof(harmful[0]); i++) {
        struct glyph glyph = glyph_of(harmful[i]);

        ck_assert_int_eq(glyph.chars[0], 0xfffd);
        ck_assert_int_eq(glyph.width, 1);
        ck_assert_uint_eq(glyph.len, strlen(harmful[i]));
    }
}
END_TEST

static bool is_harmful(wchar_t c)
{
    return c < 0x20 || (c >= 0x7f && c <= 0x9f) || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2066 && c <= 0x2069);
}

/* Glyphs of a text that would do harm, or stand for nothing of it or more than it. */
static unsigned count_harm(const char *text, size_t len)
{
    unsigned harm = 0;

    for (size_t at = 0; at < len;) {
        struct glyph glyph;

        glyph_next(text + at, len - at, &glyph);
        if (glyph.len == 0 || glyph.len > len - at)
            return harm + 1;
        for (unsigned i = 0; i < glyph.count; i++)
            harm += is_harmful(glyph.chars[i]);
        at += glyph.len;
    }
    return harm;
}

START_TEST(no_text_at_all_brings_a_control_to_a_cell)
{
    unsigned harm = 0;

    for (unsigned pair = 0; pair < 0x10000; pair++) {
        const char text[2] = {(char)(pair >> 8), (char)(pair & 0xff)};

        harm += count_harm(text, sizeof(text));
    }
    for (wchar_t c = 1; c < 0x110000; c++) {
        char text[4];

        harm += count_harm(text, glyph_encode(c, text));
    }
    ck_assert_uint_eq(harm, 0);
}
END_TEST

START_TEST(what_joins_emoji_is_left_out)
{
    /* A family: man, joiner, woman; a thumb of some skin. */
    const char *family = "\U0001f468\u200d\U0001f469", *thumb = "\U0001f44d\U0001f3fd";
    struct glyph glyph = glyph_of(family);

    ck_assert_uint_eq(glyph.count, 1);
    ck_assert_int_eq(glyph_columns(family, strlen(family)), 4);
    ck_assert_int_eq(glyph_columns(thumb, strlen(thumb)), 2);
    ck_assert_int_eq(glyph_columns("\u200b\ufeff", strlen("\u200b\ufeff")), 0);
}
END_TEST

START_TEST(broken_utf8_is_replaced_byte_by_byte)
{
    ck_assert_uint_eq(glyph_of("\xff").len, 1);
    ck_assert_uint_eq(glyph_of("\xe2\x82").len, 1);     /* cut */
    ck_assert_uint_eq(glyph_of("\xc0\xaf").len, 1);     /* overlong */
    ck_assert_uint_eq(glyph_of("\xed\xa0\x80").len, 1); /* surrogate */
    ck_assert_int_eq(glyph_of("\xf4\x90\x80\x80").chars[0], 0xfffd);
}
END_TEST

START_TEST(going_back_steps_over_whole_glyphs)
{
    const char *text = "ae\u0301日\n\u0301";
    const size_t len = strlen(text);

    ck_assert_uint_eq(glyph_before(text, len), 8);
    ck_assert_uint_eq(glyph_before(text, 8), 7); /* the newline */
    ck_assert_uint_eq(glyph_before(text, 7), 4);
    ck_assert_uint_eq(glyph_before(text, 4), 1);
    ck_assert_uint_eq(glyph_before(text, 1), 0);
    ck_assert_uint_eq(glyph_before(text, 0), 0);
}
END_TEST

/* --- wrapping --- */

/* The lines of a text, joined by "|". */
static const char *lines_of(const char *text, int width)
{
    static char out[1024];
    struct wrap wrap;
    struct wrap_line line;
    size_t len = 0;

    wrap_init(&wrap, text, strlen(text), width);
    while (wrap_next(&wrap, &line)) {
        ck_assert_int_le(line.columns, width);
        ck_assert_int_eq(line.columns, glyph_columns(text + line.from, line.to - line.from));
        if (len > 0 || line.from > 0)
            out[len++] = '|';
        memcpy(out + len, text + line.from, line.to - line.from);
        len += line.to - line.from;
    }
    out[len] = '\0';
    return out;
}

START_TEST(lines_break_after_spaces)
{
    ck_assert_str_eq(lines_of("", 10), "");
    ck_assert_str_eq(lines_of("one two three", 7), "one two|three");
    ck_assert_str_eq(lines_of("one two three", 8), "one two|three");
    ck_assert_str_eq(lines_of("one two   ", 7), "one two");
    ck_assert_str_eq(lines_of("a\n\nb\n", 7), "a||b|");
}
END_TEST

START_TEST(long_words_break_where_the_line_ends)
{
    ck_assert_str_eq(lines_of("abcdefgh", 3), "abc|def|gh");
    ck_assert_str_eq(lines_of("a bcdefgh", 3), "a|bcd|efg|h");
}
END_TEST

START_TEST(wide_characters_break_anywhere_but_never_in_half)
{
    ck_assert_str_eq(lines_of("日本語文", 5), "日本|語文");
    ck_assert_str_eq(lines_of("ab日本", 5), "ab日|本");
    ck_assert_str_eq(lines_of("日e\u0301本", 3), "日e\u0301|本");
    ck_assert_int_eq(wrap_measure("日本", strlen("日本"), 1, NULL), 2); /* two columns at least */
}
END_TEST

/* --- canvas --- */

static const char *row_of(const struct canvas *canvas, int y)
{
    static char out[4096];

    canvas_read_row(canvas, y, out, sizeof(out));
    return out;
}

START_TEST(text_is_cut_with_an_ellipsis)
{
    struct canvas canvas;

    ck_assert(canvas_init(&canvas, 10, 2));
    ck_assert_int_eq(canvas_puts(&canvas, 1, 0, 5, STYLE_PLAIN, "abcdefgh"), 5);
    ck_assert_str_eq(row_of(&canvas, 0), " abcd\u2026");
    ck_assert_int_eq(canvas_puts(&canvas, 0, 1, 4, STYLE_PLAIN, "日本語"), 3);
    ck_assert_str_eq(row_of(&canvas, 1), "日\u2026");
    canvas_fini(&canvas);
}
END_TEST

START_TEST(painting_outside_the_clip_does_nothing)
{
    struct canvas canvas;

    ck_assert(canvas_init(&canvas, 6, 3));
    canvas_set_clip(&canvas, (struct rect){1, 1, 3, 1});
    for (int y = -2; y < 6; y++)
        canvas_puts(&canvas, -3, y, 100, STYLE_PLAIN, "abcdefghijkl");
    ck_assert_str_eq(row_of(&canvas, 0), "");
    ck_assert_str_eq(row_of(&canvas, 1), " efg");
    ck_assert_str_eq(row_of(&canvas, 2), "");
    canvas_fini(&canvas);
}
END_TEST

START_TEST(half_of_a_wide_glyph_never_stays)
{
    struct canvas canvas;

    ck_assert(canvas_init(&canvas, 6, 1));
    canvas_puts(&canvas, 0, 0, 6, STYLE_PLAIN, "日本語");
    canvas_puts(&canvas, 1, 0, 1, STYLE_PLAIN, "x");
    ck_assert_str_eq(row_of(&canvas, 0), " x本語");
    canvas_puts(&canvas, 2, 0, 1, STYLE_PLAIN, "y");
    ck_assert_str_eq(row_of(&canvas, 0), " xy 語");
    canvas_puts(&canvas, 5, 0, 2, STYLE_PLAIN, "本"); /* does not fit */
    ck_assert_str_eq(row_of(&canvas, 0), " xy 語");
    canvas_fini(&canvas);
}
END_TEST

START_TEST(a_canvas_has_a_greatest_size)
{
    struct canvas canvas;

    ck_assert(canvas_init(&canvas, 100000, 100000));
    ck_assert_int_eq(canvas.columns, CANVAS_COLUMNS_MAX);
    ck_assert_int_eq(canvas.rows, CANVAS_ROWS_MAX);
    canvas_fini(&canvas);
    ck_assert(canvas_init(&canvas, -1, 0));
    ck_assert_int_eq(canvas.columns, 1);
    canvas_fini(&canvas);
}
END_TEST

/* --- composer --- */

static struct composer composer_with(const char *text)
{
    struct composer c;

    composer_set(&c, text, strlen(text));
    return c;
}

START_TEST(deleting_takes_a_whole_glyph)
{
    struct composer c = composer_with("xe\u0301日");

    composer_delete(&c, COMPOSER_LEFT);
    ck_assert_str_eq(c.text, "xe\u0301");
    composer_delete(&c, COMPOSER_LEFT);
    ck_assert_str_eq(c.text, "x");
    composer_move(&c, COMPOSER_HOME);
    composer_delete(&c, COMPOSER_RIGHT);
    composer_delete(&c, COMPOSER_RIGHT);
    ck_assert_str_eq(c.text, "");
}
END_TEST

START_TEST(words_and_lines_are_deleted)
{
    struct composer c = composer_with("one two  three\nfour");

    composer_delete(&c, COMPOSER_HOME);
    ck_assert_str_eq(c.text, "one two  three\n");
    composer_delete(&c, COMPOSER_LEFT);
    composer_delete(&c, COMPOSER_WORD_LEFT);
    ck_assert_str_eq(c.text, "one two  ");
    composer_delete(&c, COMPOSER_WORD_LEFT);
    ck_assert_str_eq(c.text, "one ");
    composer_move(&c, COMPOSER_HOME);
    composer_delete(&c, COMPOSER_END);
    ck_assert_str_eq(c.text, "");
}
END_TEST

START_TEST(text_is_typed_at_the_cursor)
{
    struct composer c = composer_with("ac");

    composer_move(&c, COMPOSER_LEFT);
    ck_assert(composer_insert(&c, "b", 1));
    ck_assert_str_eq(c.text, "abc");
    ck_assert_uint_eq(c.cursor, 2);
}
END_TEST

START_TEST(a_message_is_not_written_longer_than_it_may_be)
{
    static char text[COMPOSER_MAX + 8];
    struct composer c;

    memset(text, 'x', sizeof(text));
    composer_set(&c, text, COMPOSER_MAX);
    ck_assert_uint_eq(c.len, COMPOSER_MAX);
    ck_assert(!composer_insert(&c, "y", 1));
    ck_assert_uint_eq(c.len, COMPOSER_MAX);
    composer_delete(&c, COMPOSER_LEFT);
    ck_assert(!composer_insert(&c, "é", 2));
    ck_assert(composer_insert(&c, "y", 1));
    memcpy(text + COMPOSER_MAX - 1, "é", 2);
    composer_set(&c, text, COMPOSER_MAX + 1); /* cut before the é, not in it */
    ck_assert_uint_eq(c.len, COMPOSER_MAX - 1);
}
END_TEST

START_TEST(up_and_down_keep_the_column_over_wrapped_lines)
{
    struct composer c = composer_with("abcde fghij k mnopq");

    ck_assert_int_eq(composer_height(&c, 6), 4);
    composer_move(&c, COMPOSER_LEFT); /* before the q */
    ck_assert(composer_move_line(&c, -1, 6));
    ck_assert(composer_move_line(&c, -1, 6));
    ck_assert_uint_eq(c.cursor, 10); /* before the j */
    ck_assert(composer_move_line(&c, -1, 6));
    ck_assert_uint_eq(c.cursor, 4);
    ck_assert(!composer_move_line(&c, -1, 6));
    ck_assert_uint_eq(c.cursor, 4);
    ck_assert(composer_move_line(&c, 1, 6));
    ck_assert(composer_move_line(&c, 1, 6));
    ck_assert(composer_move_line(&c, 1, 6));
    ck_assert_uint_eq(c.cursor, 18);
    ck_assert(!composer_move_line(&c, 1, 6));
}
END_TEST

START_TEST(the_lines_around_the_cursor_are_painted)
{
    struct composer c = composer_with("one\ntwo\nthree");
    struct canvas canvas;
    int x, y;

    ck_assert(canvas_init(&canvas, 10, 3));
    composer_paint(&c, &canvas, (struct rect){2, 1, 8, 2}, &x, &y);
    ck_assert_str_eq(row_of(&canvas, 0), "");
    ck_assert_str_eq(row_of(&canvas, 1), "  two");
    ck_assert_str_eq(row_of(&canvas, 2), "  three");
    ck_assert_int_eq(x, 7);
    ck_assert_int_eq(y, 2);
    canvas_fini(&canvas);
}
END_TEST

/* --- emoji --- */

START_TEST(emoji_are_found_by_digit_name_and_beginning)
{
    ck_assert_str_eq(emoji_find("1"), "\U0001f44d");
    ck_assert_str_eq(emoji_find(":rocket:"), "\U0001f680");
    ck_assert_str_eq(emoji_find("rock"), "\U0001f680");
    ck_assert_str_eq(emoji_find("+1"), "\U0001f44d");
    ck_assert_str_eq(emoji_find("日"), "日");
    ck_assert_ptr_null(emoji_find("s")); /* smile, sob, star, ... */
    ck_assert_ptr_null(emoji_find("nonsense"));
    ck_assert_ptr_null(emoji_find(""));
    ck_assert_ptr_null(emoji_find("7"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("screen_text");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failed;

    if (!setlocale(LC_CTYPE, "C.UTF-8"))
        return 77; /* no UTF-8 here: skipped */
    tcase_add_test(tcase, wide_characters_take_two_columns);
    tcase_add_test(tcase, marks_belong_to_the_character_before);
    tcase_add_test(tcase, more_marks_than_a_cell_takes_are_left_out);
    tcase_add_test(tcase, mark_without_a_character_stands_on_a_circle);
    tcase_add_test(tcase, what_controls_a_terminal_is_shown_as_a_replacement);
    tcase_add_test(tcase, no_text_at_all_brings_a_control_to_a_cell);
    tcase_add_test(tcase, what_joins_emoji_is_left_out);
    tcase_add_test(tcase, broken_utf8_is_replaced_byte_by_byte);
    tcase_add_test(tcase, going_back_steps_over_whole_glyphs);
    tcase_add_test(tcase, lines_break_after_spaces);
    tcase_add_test(tcase, long_words_break_where_the_line_ends);
    tcase_add_test(tcase, wide_characters_break_anywhere_but_never_in_half);
    tcase_add_test(tcase, text_is_cut_with_an_ellipsis);
    tcase_add_test(tcase, painting_outside_the_clip_does_nothing);
    tcase_add_test(tcase, half_of_a_wide_glyph_never_stays);
    tcase_add_test(tcase, a_canvas_has_a_greatest_size);
    tcase_add_test(tcase, deleting_takes_a_whole_glyph);
    tcase_add_test(tcase, words_and_lines_are_deleted);
    tcase_add_test(tcase, text_is_typed_at_the_cursor);
    tcase_add_test(tcase, a_message_is_not_written_longer_than_it_may_be);
    tcase_add_test(tcase, up_and_down_keep_the_column_over_wrapped_lines);
    tcase_add_test(tcase, the_lines_around_the_cursor_are_painted);
    tcase_add_test(tcase, emoji_are_found_by_digit_name_and_beginning);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
