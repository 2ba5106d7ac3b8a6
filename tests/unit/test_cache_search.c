/* Words, the index of them, and searches. */
#include "cache/search.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "base/snowflake.h"
#include "cache/inner.h"

#define DAY_MS INT64_C(86400000)
#define HITS_MAX 128

static struct cache *c;

static void setup(void)
{
    const struct cache_config config = {.device_id = 1};

    ck_assert_int_eq(cache_open(&config, &c), CHAT_OK);
}

static void teardown(void) { cache_close(c); }

/* --- messages --- */

static uint64_t id_of(int64_t day, uint64_t number)
{
    return (uint64_t)(day * DAY_MS) << (SNOWFLAKE_SHARD_BITS + SNOWFLAKE_COUNTER_BITS) | number;
}

static void put_rev(uint64_t channel_id, uint64_t seq, uint64_t id, uint64_t rev, const char *text)
{
    const struct chat_message m = {
        .channel_id = channel_id,
        .seq = seq,
        .message_id = id,
        .author_id = 2,
        .nonce = {3, seq},
        .rev = rev,
        .text = text,
        .text_len = strlen(text),
        .deleted = rev && !text[0],
    };
    cache_put out;

    ck_assert_int_eq(cache_message_put(c, &m, &out), CHAT_OK);
}

static void put(uint64_t channel_id, uint64_t seq, int64_t day, const char *text)
{
    put_rev(channel_id, seq, id_of(day, channel_id * 10000 + seq), 0, text);
}

static void settle(void)
{
    while (cache_has_remains(c))
        ck_assert_int_eq(cache_remains_step(c, 16), CHAT_OK);
    for (int i = 0; i < 100000 && !cache_index_is_done(c); i++)
        ck_assert_int_eq(cache_index_step(c, 16), CHAT_OK);
    ck_assert(cache_index_is_done(c));
    ck_assert_int_eq(cache_commit(c), CHAT_OK);
}

/* --- searching --- */

static struct {
    uint64_t channel_ids[HITS_MAX], seqs[HITS_MAX];
    uint64_t next;
    uint32_t count, steps;
} found;

static chat_status see(const struct chat_message *m, void *user)
{
    (void)user;
    ck_assert_uint_lt(found.count, HITS_MAX);
    found.channel_ids[found.count] = m->channel_id;
    found.seqs[found.count++] = m->seq;
    return CHAT_OK;
}

static uint32_t find_bytes(const char *text, size_t len, uint64_t channel_id, uint64_t before,
                           uint32_t limit)
{
    struct cache_search *s = NULL;
    bool done = false;

    memset(&found, 0, sizeof(found));
    ck_assert_int_eq(cache_search_new(c, text, len, channel_id, before, limit, &s), CHAT_OK);
    for (; !done; found.steps++) {
        ck_assert_uint_lt(found.steps, 1000);
        ck_assert_int_eq(cache_search_step(s, &done), CHAT_OK);
    }
    ck_assert_int_eq(cache_search_read(s, see, NULL), CHAT_OK);
    found.next = cache_search_next(s);
    cache_search_free(s);
    return found.count;
}

static uint32_t find(const char *text) { return find_bytes(text, strlen(text), 0, 0, 50); }

/* Documents that the index itself names for a term. */
static int64_t postings(const char *term)
{
    char *sql = sqlite3_mprintf("SELECT count(*) FROM index_terms('\"%w\"')", term);
    sqlite3_stmt *st = NULL;
    int64_t count;

    ck_assert_int_eq(sqlite3_prepare_v2(c->db, sql, -1, &st, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(st), SQLITE_ROW);
    count = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    sqlite3_free(sql);
    return count;
}

/* --- words --- */

static const struct {
    const char *text, *folded;
} foldings[] = {
    {"Hello, WORLD!", " hello world "},
    {"", ""},
    {" ... \t", ""},
    {"na\xc3\xafve CAFE\xcc\x81", " naive cafe "},
    {"abc\xe5\x8c\x97\xe4\xba\xac"
     "def",
     " abc \xe5\x8c\x97\xe4\xba\xac def "},
    {"\xef\xbc\xa1\xef\xbc\xa2\xef\xbc\x91", " ab1 "},
    {"x's \"OR\" NEAR(a, 2)", " x s or near a 2 "},
    {"\xce\x91\xce\x92 \xd0\x99", " \xce\xb1\xce\xb2 \xd0\xb9 "},
    {"\xe0\xb8\x94\xe0\xb8\xb5", " \xe0\xb8\x94\xe0\xb8\xb5 "},
};

START_TEST(words_are_folded)
{
    struct buf out;

    ck_assert_int_eq(cache_index_open(c), CHAT_OK);
    buf_init(&out, NULL, WORDS_FOLDED_MAX);
    ck_assert_int_eq(words_fold(&c->words, foldings[_i].text, strlen(foldings[_i].text), &out),
                     CHAT_OK);
    ck_assert_uint_eq(out.len, strlen(foldings[_i].folded));
    if (out.len)
        ck_assert_mem_eq(out.bytes, foldings[_i].folded, out.len);
    buf_fini(&out);
}
END_TEST

START_TEST(a_word_counts_up_to_its_maximum)
{
    char word[400];

    memset(word, 'a', sizeof(word));
    word[sizeof(word) - 1] = '\0';
    put(5, 1, 1, word);
    settle();
    ck_assert_uint_eq(find(word), 1);
    word[WORD_MAX] = '\0';
    ck_assert_uint_eq(find(word), 1);
}
END_TEST

/* --- what is found --- */

START_TEST(all_words_in_any_order_without_case_and_accents)
{
    put(5, 1, 1, "The quick br\xc3\xb6wn fox");
    put(5, 2, 1, "a quick cat");
    settle();
    ck_assert_uint_eq(find("QUICK "), 2);
    ck_assert_uint_eq(find("brown, Quick! "), 1);
    ck_assert_uint_eq(found.seqs[0], 1);
    ck_assert_uint_eq(find("quick dog "), 0);
    ck_assert_uint_eq(find("..."), 0);
}
END_TEST

START_TEST(the_last_word_may_be_a_beginning_while_nothing_follows_it)
{
    put(5, 1, 1, "an elephant walked");
    put(5, 2, 1, "an electric walk");
    settle();
    ck_assert_uint_eq(find("an el"), 2);
    ck_assert_uint_eq(find("an ele"), 2);
    ck_assert_uint_eq(find("an elep"), 1);
    ck_assert_uint_eq(find("an elep "), 0);
    ck_assert_uint_eq(find("ele walk"), 0); /* only the last one */
    ck_assert_uint_eq(find("electric walk"), 1);
    ck_assert_uint_eq(find("e"), 0); /* too short to be one */
    ck_assert_uint_eq(find("\xc3\xa9lec"), 1);
}
END_TEST

START_TEST(scripts_without_spaces_are_found_by_any_part)
{
    put(5, 1, 1, "\xe6\x88\x91\xe4\xbb\xac\xe5\x9c\xa8\xe5\x8c\x97\xe4\xba\xac\xe8\xa7\x81");
    put(5, 2, 1, "\xe5\x8c\x97\xe6\x96\xb9 \xe4\xb8\x9c\xe4\xba\xac"); /* both characters, apart */
    put(5, 3, 1, "\xe5\x8c\x97\xe4\xba\xac\xe8\xa7\x81\xe5\x8c\x97\xe4\xba");
    settle();
    ck_assert_uint_eq(find("\xe5\x8c\x97"), 3);
    ck_assert_uint_eq(find("\xe5\x8c\x97\xe4\xba\xac"), 2);
    ck_assert_uint_eq(find("\xe5\x9c\xa8\xe5\x8c\x97\xe4\xba\xac\xe8\xa7\x81"), 1);
    ck_assert_uint_eq(found.seqs[0], 1);
    ck_assert_uint_eq(find("\xe4\xba\xac\xe5\x8c\x97"), 0);
}
END_TEST

START_TEST(pairs_that_all_occur_are_not_yet_the_text)
{
    /* ABC has the pairs of ABxBC, and is not in it. */
    put(5, 1, 1, "\xe7\x94\xb2\xe4\xb9\x99x\xe4\xb9\x99\xe4\xb8\x99");
    settle();
    ck_assert_uint_eq(find("\xe7\x94\xb2\xe4\xb9\x99"), 1);
    ck_assert_uint_eq(find("\xe7\x94\xb2\xe4\xb9\x99\xe4\xb8\x99"), 0);
}
END_TEST

/* --- in which order --- */

START_TEST(the_newest_come_first_page_by_page_whatever_came_in_which_order)
{
    uint64_t before = 0, last = 0;
    uint32_t seen = 0;

    for (uint64_t i = 0; i < 60; i++) { /* days go back and forth, within a day, too */
        uint64_t seq = 1 + i * 37 % 60;

        put(5 + i % 3, seq, (int64_t)(seq / 7), "the same");
        if (i % 10 == 0)
            settle();
    }
    settle();
    do {
        find_bytes("same ", 5, 0, before, 7);
        for (uint32_t i = 0; i < found.count; i++) {
            uint64_t id =
                id_of((int64_t)(found.seqs[i] / 7), found.channel_ids[i] * 10000 + found.seqs[i]);

            ck_assert(!last || id < last);
            last = id;
        }
        seen += found.count;
        before = found.next;
    } while (before);
    ck_assert_uint_eq(seen, 60);
}
END_TEST

START_TEST(one_channel_is_searched_by_itself)
{
    for (uint64_t seq = 1; seq <= 20; seq++) {
        put(5, seq, 1, "word");
        put(UINT64_MAX - 5, seq, 1, "word");
    }
    settle();
    ck_assert_uint_eq(find("word"), 40);
    ck_assert_uint_eq(find_bytes("word", 4, UINT64_MAX - 5, 0, 50), 20);
    ck_assert_uint_eq(found.channel_ids[19], UINT64_MAX - 5);
    ck_assert_uint_eq(find_bytes("word", 4, 77, 0, 50), 0);
}
END_TEST

START_TEST(a_channels_term_in_a_text_changes_nothing)
{
    put(5, 1, 1,
        "\xee\x80\x80"
        "6 word"); /* as the index marks channel 6 */
    put(6, 1, 1, "word");
    settle();
    ck_assert_uint_eq(find_bytes("word ", 5, 6, 0, 50), 1);
    ck_assert_uint_eq(found.channel_ids[0], 6);
}
END_TEST

START_TEST(a_step_does_a_bounded_piece)
{
    for (uint64_t seq = 1; seq <= 3000; seq++)
        put(5, seq, (int64_t)(seq % 2), seq == 3 ? "common rare" : "common");
    settle();
    ck_assert_uint_eq(find_bytes("common ", 7, 0, 0, 100), 100);
    ck_assert_uint_ge(found.steps, 1500 / SEARCH_STEP_CANDIDATES);
    ck_assert_uint_eq(found.seqs[0], 2999);
    ck_assert_uint_ne(found.next, 0);
    ck_assert_uint_eq(find("rare common "), 1);
}
END_TEST

START_TEST(what_is_in_the_index_still_counts_as_looked_at)
{
    const uint64_t many = SEARCH_STEP_CANDIDATES * 3;

    for (uint64_t seq = 1; seq <= many; seq++)
        put(5, seq, 1, "common");
    put(6, 1, 2, "common rare");
    settle();
    ck_assert_int_eq(cache_messages_drop(c, 5, 1, many), CHAT_OK);
    ck_assert_uint_eq(find("common "), 1);
    ck_assert_uint_ge(found.steps, many / SEARCH_STEP_CANDIDATES);
    ck_assert_uint_eq(find("common rare "), 1);
}
END_TEST

START_TEST(what_a_file_says_of_a_channel_that_is_there_does_not_hide_it)
{
    struct cache_channel ch = {.channel_id = 5};

    ck_assert_int_eq(cache_channel_save(c, &ch), CHAT_OK);
    put(5, 1, 1, "needle");
    put(6, 1, 1, "needle");
    settle();
    ck_assert_int_eq(cache_meta_put_u64(c, "remains:5", 5), CHAT_OK);
    ck_assert_int_eq(cache_channel_remove(c, 6), CHAT_OK);
    ck_assert_uint_eq(find("needle "), 1);
    ck_assert_uint_eq(found.channel_ids[0], 5);
}
END_TEST

/* The newest documents are many, as it seems: a search has to take a further step. */
static void pretend_a_full_day(int64_t day)
{
    const int64_t doc = (day << INDEX_DAY_BITS) + SEARCH_STEP_DOCUMENTS;
    char *sql = sqlite3_mprintf("INSERT INTO index_docs(doc,channel_id,seq) VALUES(%lld,99,1)",
                                (long long)doc);

    ck_assert_int_eq(cache_commit(c), CHAT_OK);
    ck_assert_int_eq(sqlite3_exec(c->db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_free(sql);
}

/* _i: how many of old have the word which is rare today. */
START_TEST(a_word_that_is_rare_today_and_was_not_once_is_found_throughout)
{
    const uint32_t olds[] = {11, SEARCH_RARE_CANDIDATES - 1, SEARCH_RARE_CANDIDATES * 5 + 1};
    const uint32_t old = olds[_i];
    uint64_t before = 0;
    uint32_t count = 0;

    for (uint64_t seq = 1; seq <= old; seq++)
        put(5, seq, 1, seq % 2 ? "rare common" : "rare other");
    pretend_a_full_day(2);
    for (uint64_t seq = old + 1; seq <= old + 3 * SEARCH_RARE; seq++)
        put(5, seq, 2, seq == old + 2 ? "rare common" : "common");
    settle();
    do {
        ck_assert_uint_le(find_bytes("common rare ", 12, 0, before, 50), 50);
        for (uint32_t i = 0; i < found.count; i++, count++) {
            const uint64_t expected = count ? old - 2 * (count - 1) : old + 2;

            ck_assert_uint_eq(found.seqs[i], expected);
        }
        before = found.next;
    } while (before);
    ck_assert_uint_eq(count, 1 + (old + 1) / 2);
    ck_assert_uint_eq(find("common rar"), count < 50 ? count : 50); /* a beginning, too */
    ck_assert_uint_eq(find("rar common"), 0);
}
END_TEST

/* --- what changes --- */

START_TEST(what_was_deleted_edited_or_dropped_is_not_found_and_leaves_the_index)
{
    put(5, 1, 1, "alpha one");
    put(5, 2, 1, "alpha two");
    put(5, 3, 1, "alpha three");
    put(6, 1, 1, "alpha four");
    settle();
    ck_assert_int_eq(postings("alpha"), 4);
    put_rev(5, 1, id_of(1, 50001), 1, "");         /* deleted */
    put_rev(5, 2, id_of(1, 50002), 2, "beta two"); /* edited */
    ck_assert_int_eq(cache_messages_drop(c, 5, 3, 3), CHAT_OK);
    ck_assert_int_eq(cache_channel_remove(c, 6), CHAT_OK);
    ck_assert_uint_eq(find("alpha"), 0); /* at once */
    settle();
    ck_assert_int_eq(postings("alpha"), 0); /* and then for good */
    ck_assert_int_eq(postings("one"), 0);
    ck_assert_uint_eq(find("two beta "), 1);
    put(5, 3, 1, "alpha three"); /* brought again */
    settle();
    ck_assert_uint_eq(find("three"), 1);
}
END_TEST

START_TEST(an_edit_of_what_is_not_indexed_yet_leaves_nothing_behind)
{
    put(5, 1, 1, "first");
    put_rev(5, 1, id_of(1, 50001), 1, "second");
    put_rev(5, 1, id_of(1, 50001), 2, "third");
    settle();
    ck_assert_int_eq(postings("first"), 0);
    ck_assert_int_eq(postings("second"), 0);
    ck_assert_uint_eq(find("third"), 1);
    put_rev(5, 1, id_of(1, 50001), 3, "fourth");
    put_rev(5, 1, id_of(1, 50001), 4, "fifth");
    ck_assert_int_eq(cache_messages_drop(c, 5, 1, 1), CHAT_OK);
    put(5, 1, 1, "sixth");
    settle();
    ck_assert_int_eq(postings("third"), 0);
    ck_assert_int_eq(postings("fourth"), 0);
    ck_assert_int_eq(postings("fifth"), 0);
    ck_assert_uint_eq(find("sixth"), 1);
}
END_TEST

START_TEST(what_waits_is_counted_and_survives_a_rollback)
{
    uint64_t waiting = 0;

    for (uint64_t seq = 1; seq <= 10; seq++)
        put(5, seq, 1, "word");
    ck_assert_int_eq(cache_index_count_waiting(c, &waiting), CHAT_OK);
    ck_assert_uint_eq(waiting, 10);
    ck_assert_int_eq(cache_commit(c), CHAT_OK);
    ck_assert_int_eq(cache_index_step(c, 4), CHAT_OK);
    ck_assert_int_eq(cache_index_count_waiting(c, &waiting), CHAT_OK);
    ck_assert_uint_eq(waiting, 6);
    cache_rollback(c);
    ck_assert_int_eq(cache_index_count_waiting(c, &waiting), CHAT_OK);
    ck_assert_uint_eq(waiting, 10);
    ck_assert_uint_eq(find("word"), 0);
    settle();
    ck_assert_int_eq(cache_index_count_waiting(c, &waiting), CHAT_OK);
    ck_assert_uint_eq(waiting, 0);
    ck_assert_uint_eq(find("word"), 10);
}
END_TEST

START_TEST(ids_of_all_extremes_are_indexed)
{
    put_rev(5, 1, 1, 0, "word");
    put_rev(5, 2, UINT64_MAX, 0, "word");
    put_rev(5, 3, INT64_MAX, 0, "word");
    put_rev(6, 1, 1, 0, "word"); /* an id twice */
    settle();
    ck_assert_uint_eq(find("word"), 4);
    ck_assert_uint_eq(found.seqs[0], 2);
}
END_TEST

/* --- no text is syntax --- */

static const char *const attacks[] = {
    "\"",
    "\"\"",
    "a\"b",
    "a AND b",
    "a OR b",
    "NOT a",
    "a NOT b",
    "NEAR(a b, 2)",
    "a NEAR b",
    "terms : a",
    "{terms} : a",
    "- terms : a",
    "a*",
    "*",
    "^a",
    "a + b",
    "(a",
    "a)",
    "((((((((",
    "' OR 1=1 --",
    "'; DROP TABLE messages",
    "a\\b",
    "%_%",
    "\xee\x80\x80 5",
    "rank",
    "index_terms",
    "a -b",
    "\x01\x02\x7f",
    "#$&/=?",
    "\xf0\x9f\x98\x80",
};

START_TEST(nothing_of_a_query_is_syntax)
{
    char text[200];

    put(5, 1, 1, attacks[_i]);
    put(5, 2, 1, "a b or and not near terms rank");
    settle();
    (void)find(attacks[_i]);
    for (uint32_t i = 0; i < found.count; i++) /* found for its words, and no more */
        ck_assert(found.seqs[i] <= 2);
    (void)snprintf(text, sizeof(text), "zzz %s ", attacks[_i]);
    ck_assert_uint_eq(find(text), 0);
}
END_TEST

/* Any bytes at all, of any length: an answer, and a message is found by its own text. */
START_TEST(random_texts_are_found_by_themselves)
{
    static const char *const pieces[] = {
        "\"",    "*", " ", "AND",          "NEAR(",        "a",
        "zebra", "-", ":", "\xe5\x8c\x97", "\xc3\xa9",     "\xcc\x81",
        "^",     "'", "{", "\xe0\xb8\xaa", "\xef\xbc\xa1", "\xf0\x9f\x98\x80",
        "7"};
    struct rng rng;
    char text[256];

    rng_seed(&rng, (uint64_t)_i + 1);
    for (uint64_t seq = 1; seq <= 50; seq++) {
        size_t len = 0, words;

        for (uint64_t i = rng_below(&rng, 20) + 1; i > 0; i--) {
            const char *piece = pieces[rng_below(&rng, sizeof(pieces) / sizeof(pieces[0]))];

            memcpy(text + len, piece, strlen(piece));
            len += strlen(piece);
        }
        text[len] = '\0';
        put(5, seq, 1, text);
        settle();
        ck_assert_int_eq(words_fold(&c->words, text, len, &c->folded), CHAT_OK);
        words = c->folded.len;
        (void)find_bytes(text, len, 0, 0, 100);
        for (uint32_t i = 0; i < found.count; i++)
            words = found.seqs[i] == seq ? 0 : words;
        ck_assert_msg(words == 0, "'%s' does not find itself", text);
    }
}
END_TEST

START_TEST(huge_and_broken_texts_do_no_harm)
{
    static char huge[WORDS_TEXT_MAX * 2];
    struct rng rng;

    rng_seed(&rng, 7);
    for (size_t i = 0; i < sizeof(huge); i++)
        huge[i] = (char)rng_below(&rng, 256);
    (void)find_bytes(huge, sizeof(huge), 0, 0, 10);
    for (size_t len = 1; len < 200; len++)
        (void)find_bytes(huge + len, len, 0, 0, 10);
    memset(huge, 'a', sizeof(huge));
    for (size_t i = 0; i + 4 < sizeof(huge); i += 4)
        memcpy(huge + i, "\xe5\x8c\x97 ", 4);
    ck_assert_uint_eq(find_bytes(huge, 300, 0, 0, 10), 0);
    (void)find_bytes("a\0b", 3, 0, 0, 10);
}
END_TEST

/* --- against a plain scan --- */

START_TEST(whatever_happens_it_finds_what_a_scan_finds)
{
    static const char *const words[] = {"red", "green", "blue", "grey"};
    char texts[41][64] = {{0}};
    uint64_t revs[41] = {0};
    struct rng rng;

    rng_seed(&rng, (uint64_t)_i + 100);
    for (int round = 0; round < 300; round++) {
        uint64_t seq = 1 + rng_below(&rng, 40);
        uint32_t expected = 0;
        const char *word = words[rng_below(&rng, 4)];

        if (rng_below(&rng, 5) == 0 && texts[seq][0]) {
            ck_assert_int_eq(cache_messages_drop(c, 5, seq, seq), CHAT_OK);
            texts[seq][0] = '\0';
        } else {
            (void)snprintf(texts[seq], sizeof(texts[seq]), "%s %s", words[rng_below(&rng, 4)],
                           words[rng_below(&rng, 4)]);
            put_rev(5, seq, id_of((int64_t)(seq % 5), seq), ++revs[seq], texts[seq]);
        }
        if (rng_below(&rng, 3) == 0)
            ck_assert_int_eq(cache_index_step(c, (uint32_t)rng_below(&rng, 8)), CHAT_OK);
        if (rng_below(&rng, 10) != 0)
            continue;
        settle();
        for (int i = 1; i <= 40; i++)
            expected += strstr(texts[i], word) != NULL;
        ck_assert_uint_eq(find(word), expected);
        ck_assert_int_eq(postings(word), (int64_t)expected);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cache_search");
    TCase *words = tcase_create("words"), *finds = tcase_create("finds");
    TCase *changes = tcase_create("changes"), *texts = tcase_create("texts");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(words, setup, teardown);
    tcase_add_loop_test(words, words_are_folded, 0, sizeof(foldings) / sizeof(foldings[0]));
    tcase_add_test(words, a_word_counts_up_to_its_maximum);
    suite_add_tcase(suite, words);
    tcase_add_checked_fixture(finds, setup, teardown);
    tcase_add_test(finds, all_words_in_any_order_without_case_and_accents);
    tcase_add_test(finds, the_last_word_may_be_a_beginning_while_nothing_follows_it);
    tcase_add_test(finds, scripts_without_spaces_are_found_by_any_part);
    tcase_add_test(finds, pairs_that_all_occur_are_not_yet_the_text);
    tcase_add_test(finds, the_newest_come_first_page_by_page_whatever_came_in_which_order);
    tcase_add_test(finds, one_channel_is_searched_by_itself);
    tcase_add_test(finds, a_channels_term_in_a_text_changes_nothing);
    tcase_add_test(finds, a_step_does_a_bounded_piece);
    tcase_add_test(finds, what_is_in_the_index_still_counts_as_looked_at);
    tcase_add_test(finds, what_a_file_says_of_a_channel_that_is_there_does_not_hide_it);
    tcase_add_loop_test(finds, a_word_that_is_rare_today_and_was_not_once_is_found_throughout, 0,
                        3);
    suite_add_tcase(suite, finds);
    tcase_add_checked_fixture(changes, setup, teardown);
    tcase_add_test(changes, what_was_deleted_edited_or_dropped_is_not_found_and_leaves_the_index);
    tcase_add_test(changes, an_edit_of_what_is_not_indexed_yet_leaves_nothing_behind);
    tcase_add_test(changes, what_waits_is_counted_and_survives_a_rollback);
    tcase_add_test(changes, ids_of_all_extremes_are_indexed);
    tcase_add_loop_test(changes, whatever_happens_it_finds_what_a_scan_finds, 0, 10);
    suite_add_tcase(suite, changes);
    tcase_add_checked_fixture(texts, setup, teardown);
    tcase_add_loop_test(texts, nothing_of_a_query_is_syntax, 0,
                        sizeof(attacks) / sizeof(attacks[0]));
    tcase_add_loop_test(texts, random_texts_are_found_by_themselves, 0, 10);
    tcase_add_test(texts, huge_and_broken_texts_do_no_harm);
    suite_add_tcase(suite, texts);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
