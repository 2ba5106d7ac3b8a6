/* Messages and channels in the cache. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "cache/inner.h"

static struct cache *c;

static void setup(void)
{
    const struct cache_config config = {.device_id = 1};

    ck_assert_int_eq(cache_open(&config, &c), CHAT_OK);
}

static void teardown(void) { cache_close(c); }

static cache_put put(uint64_t seq, uint64_t message_id, uint64_t rev, const char *text)
{
    const struct chat_message m = {
        .channel_id = 9,
        .seq = seq,
        .message_id = message_id,
        .author_id = UINT64_MAX,
        .nonce = {UINT64_MAX - 1, 3},
        .rev = rev,
        .text = text,
        .text_len = strlen(text),
        .extra = (const uint8_t *)"\0x",
        .extra_len = 2,
        .deleted = rev == 99,
    };
    cache_put out;

    ck_assert_int_eq(cache_message_put(c, &m, &out), CHAT_OK);
    return out;
}

struct seen {
    uint64_t seqs[8];
    char text[16];
    struct chat_message last;
    int count;
};

static chat_status see(const struct chat_message *m, void *user)
{
    struct seen *s = user;

    s->seqs[s->count++] = m->seq;
    memcpy(s->text, m->text, m->text_len + 1);
    s->last = *m;
    ck_assert_uint_eq(m->extra_len, 2);
    ck_assert_int_eq(m->extra[0], 0);
    return s->count == 7 ? CHAT_E_FULL : CHAT_OK;
}

START_TEST(a_newer_state_replaces_an_older_one_only)
{
    struct seen seen = {0};

    ck_assert_int_eq(put(1, 100, 0, "a"), CACHE_PUT_NEW);
    ck_assert_int_eq(put(1, 100, 0, "a"), CACHE_PUT_SAME);
    ck_assert_int_eq(put(1, 100, 4, "b"), CACHE_PUT_ALTERED);
    ck_assert_int_eq(put(1, 100, 3, "c"), CACHE_PUT_SAME);
    ck_assert_int_eq(put(1, 101, 9, "d"), CACHE_PUT_OTHER);
    ck_assert_int_eq(cache_messages_read(c, 9, 1, 1, 10, see, &seen), CHAT_OK);
    ck_assert_str_eq(seen.text, "b");
    ck_assert_uint_eq(seen.last.author_id, UINT64_MAX);
    ck_assert_uint_eq(seen.last.nonce.device_id, UINT64_MAX - 1);
}
END_TEST

START_TEST(reading_keeps_bounds_order_and_limit)
{
    struct seen seen = {0};

    for (uint64_t seq = 6; seq > 0; seq--)
        put(seq, seq, 0, "t");
    ck_assert_int_eq(cache_messages_read(c, 9, 2, 5, 3, see, &seen), CHAT_OK);
    ck_assert_int_eq(seen.count, 3);
    ck_assert_uint_eq(seen.seqs[0], 2);
    ck_assert_uint_eq(seen.seqs[2], 4);
    ck_assert_int_eq(cache_messages_drop(c, 9, 1, 5), CHAT_OK);
    seen.count = 0;
    ck_assert_int_eq(cache_messages_read(c, 9, 1, 9, 9, see, &seen), CHAT_OK);
    ck_assert_int_eq(seen.count, 1);
}
END_TEST

START_TEST(tombstones_are_counted)
{
    uint64_t count = 0;

    put(1, 1, 99, "");
    put(2, 2, 0, "x");
    put(3, 3, 99, "");
    ck_assert_int_eq(cache_messages_count_deleted(c, 9, 2, 3, &count), CHAT_OK);
    ck_assert_uint_eq(count, 1);
}
END_TEST

static chat_status take_channel(const struct cache_channel *channel, void *user)
{
    *(struct cache_channel *)user = *channel;
    return CHAT_OK;
}

START_TEST(a_channel_comes_back_with_its_ranges)
{
    struct cache_channel ch = {.channel_id = UINT64_MAX - 5,
                               .head_seq = 40,
                               .stream_seq = 10,
                               .name = "room",
                               .name_len = 4};
    struct cache_channel back = {0};

    ck_assert_int_eq(ranges_add(&ch.ranges, NULL, 1, 10, 2), CHAT_OK);
    ck_assert_int_eq(ranges_add(&ch.ranges, NULL, 31, 40, 3), CHAT_OK);
    ck_assert_int_eq(cache_channel_save(c, &ch), CHAT_OK);
    ck_assert_int_eq(cache_channel_save(c, &ch), CHAT_OK);
    ck_assert_int_eq(cache_channels_load(c, take_channel, &back), CHAT_OK);
    ck_assert_uint_eq(back.channel_id, UINT64_MAX - 5);
    ck_assert_str_eq(back.name, "room");
    ck_assert_uint_eq(back.ranges.count, 2);
    ck_assert_uint_eq(back.ranges.items[1].rev, 3);
    ranges_fini(&ch.ranges, NULL);
    ranges_fini(&back.ranges, NULL);
}
END_TEST

static chat_status count_message(const struct chat_message *m, void *user)
{
    (void)m;
    ++*(int *)user;
    return CHAT_OK;
}

static int held(void)
{
    int count = 0;

    ck_assert_int_eq(cache_messages_read(c, 9, 1, 99, 99, count_message, &count), CHAT_OK);
    return count;
}

static void remove_channel(int messages)
{
    struct cache_channel ch = {.channel_id = 9}, back = {0};

    ck_assert_int_eq(cache_channel_save(c, &ch), CHAT_OK);
    for (int seq = 1; seq <= messages; seq++)
        put((uint64_t)seq, (uint64_t)seq, 0, "x");
    ck_assert_int_eq(cache_channel_remove(c, 9), CHAT_OK);
    ck_assert_int_eq(cache_channels_load(c, take_channel, &back), CHAT_OK);
    ck_assert_uint_eq(back.channel_id, 0);
    ck_assert(cache_has_remains(c));
}

START_TEST(a_removed_channels_messages_go_in_pieces)
{
    remove_channel(9);
    for (int left = 9; left > 0; left -= 4) {
        ck_assert(cache_has_remains(c));
        ck_assert_int_eq(held(), left);
        ck_assert_int_eq(cache_remains_step(c, 4), CHAT_OK);
    }
    ck_assert_int_eq(held(), 0);
    ck_assert_int_eq(cache_remains_step(c, 4), CHAT_OK);
    ck_assert(!cache_has_remains(c));
    ck_assert_int_eq(cache_remains_step(c, 4), CHAT_OK);
}
END_TEST

START_TEST(what_is_left_of_a_removed_channel_goes_before_it_comes_back)
{
    remove_channel(9);
    ck_assert_int_eq(cache_remains_step(c, 4), CHAT_OK);
    ck_assert_int_eq(cache_remains_clear(c, 8), CHAT_OK); /* another */
    ck_assert_int_eq(held(), 5);
    ck_assert_int_eq(cache_remains_clear(c, 9), CHAT_OK);
    ck_assert(!cache_has_remains(c));
    put(3, 3, 0, "y");
    ck_assert_int_eq(cache_remains_step(c, 4), CHAT_OK);
    ck_assert_int_eq(held(), 1);
}
END_TEST

static void run_sql(const char *sql)
{
    ck_assert_int_eq(cache_commit(c), CHAT_OK);
    ck_assert_int_eq(sqlite3_exec(c->db, sql, NULL, NULL, NULL), SQLITE_OK);
}

/* _i: what a damaged file says. */
START_TEST(remains_of_a_damaged_file_come_to_an_end)
{
    static const char *const damage[] = {
        "UPDATE meta SET value='9abc' WHERE key='remains:9'",
        "UPDATE meta SET value=9.5 WHERE key='remains:9'",
        "UPDATE meta SET value=x'3939' WHERE key='remains:9'",
        "INSERT INTO meta(key,value) VALUES('remains:8',9)",
        "UPDATE messages SET seq=9223372036854775807 WHERE seq=2",
        "UPDATE messages SET seq=-1 WHERE seq=2",
    };

    remove_channel(9);
    run_sql(damage[_i]);
    ck_assert_int_eq(cache_remains_look(c), CHAT_OK);
    for (int steps = 0; cache_has_remains(c); steps++) {
        ck_assert_int_lt(steps, 10);
        ck_assert_int_eq(cache_remains_step(c, 4), CHAT_OK);
    }
}
END_TEST

START_TEST(a_removal_that_is_undone_leaves_nothing_to_do)
{
    ck_assert_int_eq(cache_commit(c), CHAT_OK);
    remove_channel(2);
    cache_rollback(c);
    ck_assert_int_eq(cache_remains_look(c), CHAT_OK);
    ck_assert(!cache_has_remains(c));
}
END_TEST

START_TEST(a_users_name_is_replaced)
{
    char name[CHAT_NAME_MAX + 1];
    size_t len = 0;

    ck_assert_int_eq(cache_user_get(c, 3, name, &len), CHAT_E_NOT_FOUND);
    ck_assert_int_eq(cache_user_put(c, 3, "ann", 3), CHAT_OK);
    ck_assert_int_eq(cache_user_put(c, 3, "anna", 4), CHAT_OK);
    ck_assert_int_eq(cache_user_get(c, 3, name, &len), CHAT_OK);
    ck_assert_str_eq(name, "anna");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cache_messages");
    TCase *tc = tcase_create("messages");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_newer_state_replaces_an_older_one_only);
    tcase_add_test(tc, reading_keeps_bounds_order_and_limit);
    tcase_add_test(tc, tombstones_are_counted);
    tcase_add_test(tc, a_channel_comes_back_with_its_ranges);
    tcase_add_test(tc, a_removed_channels_messages_go_in_pieces);
    tcase_add_test(tc, what_is_left_of_a_removed_channel_goes_before_it_comes_back);
    tcase_add_loop_test(tc, remains_of_a_damaged_file_come_to_an_end, 0, 6);
    tcase_add_test(tc, a_removal_that_is_undone_leaves_nothing_to_do);
    tcase_add_test(tc, a_users_name_is_replaced);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
