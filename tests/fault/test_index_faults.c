/* Each call beneath a turn of the index of words fails once: later turns take out and put in. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/snowflake.h"
#include "cache/inner.h"
#include "faults.h"

#define CHANNEL 7
#define PLACES_MAX 20000u

static struct faults *faults;

static chat_status put(struct cache *c, uint64_t seq)
{
    const struct chat_message m = {
        .channel_id = CHANNEL,
        .seq = seq,
        .message_id = seq << (SNOWFLAKE_SHARD_BITS + SNOWFLAKE_COUNTER_BITS),
        .author_id = 2,
        .nonce = {3, seq},
        .text = "words of a message",
        .text_len = strlen("words of a message"),
    };
    cache_put out;

    return cache_message_put(c, &m, &out);
}

/* Message `first` leaves, the next but one comes. */
static chat_status turn(struct cache *c, uint64_t first)
{
    chat_status status = cache_messages_drop(c, CHANNEL, first, first);

    if (status == CHAT_OK)
        status = put(c, first + 2);
    if (status == CHAT_OK)
        status = cache_index_step(c, 16);
    if (status == CHAT_OK)
        status = cache_commit(c);
    if (status != CHAT_OK)
        cache_rollback(c);
    return status;
}

/* False: there was no such place. */
static bool survives(const char *path, enum fault_kind kind, size_t place)
{
    const struct cache_config config = {
        .path = path, .vfs = path ? FAULTS_VFS : NULL, .device_id = 1};
    struct cache *c;
    bool fired;

    ck_assert_int_eq(cache_open(&config, &c), CHAT_OK);
    ck_assert_int_eq(put(c, 1), CHAT_OK);
    ck_assert_int_eq(put(c, 2), CHAT_OK);
    ck_assert_int_eq(cache_index_step(c, 16), CHAT_OK);
    ck_assert_int_eq(cache_commit(c), CHAT_OK);
    /* What it has in memory it reads again. */
    ck_assert_int_eq(put(c, 3), CHAT_OK);
    ck_assert_int_eq(cache_index_step(c, 16), CHAT_OK);
    cache_rollback(c);

    faults_arm(faults, kind, place, false);
    uint64_t first = turn(c, 1) == CHAT_OK ? 2 : 1;
    fired = faults_fired(faults, kind);
    faults_disarm(faults);

    for (uint64_t last = first + 3; first <= last; first++)
        ck_assert_int_eq(turn(c, first), CHAT_OK);
    ck_assert_int_eq(cache_messages_drop(c, CHANNEL, 1, UINT32_MAX), CHAT_OK);
    while (!cache_index_is_done(c))
        ck_assert_int_eq(cache_index_step(c, 16), CHAT_OK);
    ck_assert_int_eq(cache_commit(c), CHAT_OK);
    cache_close(c);
    memory_vfs_erase(&faults->disk);
    return fired;
}

static const struct {
    const char *path;
    enum fault_kind kind;
} kinds[] = {{"client.db", FAULT_DISK}, {"client.db", FAULT_MEMORY}, {NULL, FAULT_MEMORY}};

/* _i: what fails. */
START_TEST(an_index_whose_turn_failed_anywhere_goes_on)
{
    size_t place = 0;

    while (survives(kinds[_i].path, kinds[_i].kind, place))
        ck_assert_uint_lt(++place, PLACES_MAX);
    ck_assert_uint_gt(place, 0);
    printf("%d: %zu places\n", _i, place);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("index_faults");
    TCase *all = tcase_create("all");

    faults = faults_init();
    tcase_add_loop_test(all, an_index_whose_turn_failed_anywhere_goes_on, 0,
                        (int)(sizeof(kinds) / sizeof(kinds[0])));
    tcase_set_timeout(all, 600);
    suite_add_tcase(suite, all);

    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
