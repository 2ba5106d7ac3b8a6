/*
 * The whole embedded engine on a disk that dies, lies and fills up: after every recovery
 * the log holds what was acknowledged and nothing that was cut, and the rows are exactly
 * those of the applied position.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "base/rng.h"
#include "engine_kit.h"

#define POSITIONS_MAX 4000u
#define KEYS 40u
#define VALUE_MAX 900u
#define HOMES 3u

/* What record `position` says is told by its position and the life it was written in. */
struct story {
    struct engine_kit kit;
    struct rng rng;
    uint32_t life;
    uint32_t written_in[POSITIONS_MAX]; /* life of the last attempt, 0: none that can be there */
    uint64_t acked, next, applied;
};

static size_t text_of(uint64_t position, uint32_t life, char out[VALUE_MAX])
{
    const uint64_t hash = hash_pair(position, life);
    const size_t len = 24 + hash % (VALUE_MAX - 24);

    memset(out, 'a' + (int)(hash % 26), len);
    (void)snprintf(out, 24, "%llu/%u/", (unsigned long long)position, life);
    return len;
}

static uint64_t key_of(uint64_t position) { return hash_u64(position) % KEYS; }
static bool is_delete(uint64_t position) { return hash_u64(position * 3) % 5 == 0; }

static chat_status append(struct story *s, size_t count)
{
    struct engine_request request = {.op = ENGINE_APPEND, .shard = KIT_SHARD};
    struct engine_record records[16];
    static char texts[16][VALUE_MAX];

    for (size_t i = 0; i < count; i++) {
        const uint64_t position = s->next + i;
        s->written_in[position] = s->life;
        records[i] = (struct engine_record){
            .home_id = position % HOMES,
            .lsn = (position - 1) / HOMES + 1,
            .position = position,
            .bytes = (const uint8_t *)texts[i],
            .len = text_of(position, s->life, texts[i]),
        };
    }
    request.append.records = records;
    request.append.count = count;
    s->kit.engine->ops->execute(s->kit.engine, &request);
    if (request.status == CHAT_OK) {
        s->next += count;
        s->acked = s->next - 1;
    } else if (request.status == CHAT_E_FULL) {
        for (size_t i = 0; i < count; i++)
            s->written_in[s->next + i] = 0;
    }
    return request.status;
}

/* The row of `key` as of `position`: 0 when there is none. */
static uint64_t setter_of(uint64_t key, uint64_t position)
{
    for (; position > 0; position--) {
        if (key_of(position) == key)
            return is_delete(position) ? 0 : position;
    }
    return 0;
}

static chat_status apply(struct story *s, uint64_t to)
{
    struct engine_row rows[KEYS];
    static char texts[KEYS][VALUE_MAX];
    size_t count = 0;
    chat_status status;

    for (uint64_t key = 0; key < KEYS; key++) {
        const uint64_t setter = setter_of(key, to);
        bool touched = false;
        for (uint64_t p = s->applied + 1; p <= to; p++)
            touched |= key_of(p) == key;
        if (!touched)
            continue;
        rows[count] = (struct engine_row){.table = TABLE_MESSAGE, .key = {9, key, 0}};
        if (setter > 0) {
            rows[count].value = (const uint8_t *)texts[count];
            rows[count].value_len = text_of(setter, s->written_in[setter], texts[count]);
        }
        count++;
    }
    status = kit_engine_apply(s->kit.engine, rows, count, to);
    if (status == CHAT_OK)
        s->applied = to;
    return status;
}

static void check_rows(struct story *s, uint64_t at_least)
{
    const struct engine_query query = {
        .table = TABLE_MESSAGE, .from = {9, 0, 0}, .to = {9, KEYS, 0}, .limit = KEYS + 1};
    struct engine_result result;
    uint64_t position = 0;
    size_t row = 0;

    ck_assert_int_eq(kit_engine_read(&s->kit, s->kit.engine, &query, &result, &position), CHAT_OK);
    ck_assert_uint_ge(position, at_least);
    for (uint64_t key = 0; key < KEYS; key++) {
        const uint64_t setter = setter_of(key, position);
        char text[VALUE_MAX];
        size_t len;
        if (setter == 0)
            continue;
        len = text_of(setter, s->written_in[setter], text);
        ck_assert_uint_lt(row, result.count);
        ck_assert_uint_eq(result.rows[row].key.k2, key);
        ck_assert_uint_eq(result.rows[row].value_len, len);
        ck_assert_mem_eq(result.rows[row].value, text, len);
        row++;
    }
    ck_assert_uint_eq(row, result.count);
}

static void check_log(struct story *s, uint64_t from, uint64_t last)
{
    struct engine_record *records;
    size_t count = 1;

    while (count > 0) {
        ck_assert_int_eq(kit_engine_log(&s->kit, s->kit.engine, from, 4000, &records, &count),
                         CHAT_OK);
        for (size_t i = 0; i < count; i++, from++) {
            char text[VALUE_MAX];
            ck_assert_uint_ne(s->written_in[from], 0);
            ck_assert_uint_eq(records[i].len, text_of(from, s->written_in[from], text));
            ck_assert_mem_eq(records[i].bytes, text, records[i].len);
        }
    }
    ck_assert_uint_eq(from, last + 1);
}

/* A new process. The disk may still misbehave: false when it did. */
static bool try_open(struct story *s, struct engine_request *opened)
{
    chat_status status;

    engine_kit_restart(&s->kit, false);
    status = kit_engine_open(&s->kit, NULL, opened);
    ck_assert_msg(status == CHAT_OK || status == CHAT_E_IO || status == CHAT_E_FULL, "open: %d",
                  status);
    return status == CHAT_OK;
}

static void recover_and_check(struct story *s)
{
    struct engine_request opened;

    sim_disk_die(s->kit.storage, 0, 0, SIM_DISK_KILL);
    sim_disk_set_rates(s->kit.storage, 0, 0);
    sim_disk_set_capacity(s->kit.storage, UINT64_MAX);
    ck_assert(try_open(s, &opened));
    ck_assert_uint_ge(opened.open.synced_position, s->acked);
    ck_assert_uint_le(opened.open.applied_position, opened.open.synced_position);
    ck_assert_uint_le(opened.open.oldest_position, opened.open.applied_position + 1);
    check_log(s, opened.open.applied_position + 1, opened.open.synced_position);
    s->acked = opened.open.synced_position;
    s->applied = opened.open.applied_position;
    s->next = s->acked + 1;
    for (uint64_t p = s->next; p < POSITIONS_MAX; p++)
        s->written_in[p] = 0;
    s->life++;
    check_rows(s, s->applied);
}

static void live(struct story *s, int steps)
{
    chat_status status = CHAT_OK;

    while (steps-- > 0 && s->next + 16 < POSITIONS_MAX &&
           (status == CHAT_OK || status == CHAT_E_FULL)) {
        const uint64_t what = rng_below(&s->rng, 10);
        if (what < 6)
            status = append(s, 1 + (size_t)rng_below(&s->rng, 8));
        else if (what < 9)
            status = apply(s, s->applied + rng_below(&s->rng, s->acked - s->applied + 1));
        else if (!sim_disk_is_dead(s->kit.disk) && rng_below(&s->rng, 2) == 0)
            status = apply(s, s->acked);
    }
    ck_assert_msg(status == CHAT_OK || status == CHAT_E_IO || status == CHAT_E_FULL, "live: %d",
                  status);
}

static void story_init(struct story *s, uint64_t seed)
{
    memset(s, 0, sizeof(*s));
    engine_kit_init(&s->kit, KIND_EMBEDDED_SIM);
    rng_seed(&s->rng, seed);
    s->next = 1;
    s->life = 1;
    s->kit.config.seed = seed;
    s->kit.config.segment_bytes = 16384 + 8 * rng_below(&s->rng, 3000);
    s->kit.config.log_bytes_max = 4 * s->kit.config.segment_bytes;
    s->kit.config.checkpoint_bytes = 20000 + rng_below(&s->rng, 200000);
    s->kit.config.free_bytes_min = 0;
}

static struct story *new_story(uint64_t seed)
{
    struct story *s = malloc(sizeof(*s));

    if (!s)
        abort();
    story_init(s, seed);
    return s;
}

static void free_story(struct story *s)
{
    engine_kit_fini(&s->kit);
    free(s);
}

START_TEST(a_crash_at_any_operation_leaves_log_and_rows_whole)
{
    struct story *s = new_story((uint64_t)_i + 1);

    for (int life = 0; life < 4; life++) {
        recover_and_check(s);
        sim_disk_die(s->kit.storage, SIM_DISK_CHANGES, rng_below(&s->rng, 300),
                     rng_below(&s->rng, 3) == 0 ? SIM_DISK_KILL : SIM_DISK_POWER_LOSS);
        live(s, 120);
    }
    recover_and_check(s);
    free_story(s);
}
END_TEST

START_TEST(a_crash_while_opening_leaves_log_and_rows_whole)
{
    struct story *s = new_story((uint64_t)_i + 10000);
    struct engine_request opened;

    recover_and_check(s);
    for (int life = 0; life < 3; life++) {
        live(s, 60);
        for (int again = 0; again < 3; again++) {
            sim_disk_die(s->kit.storage, SIM_DISK_CHANGES, rng_below(&s->rng, 40),
                         SIM_DISK_POWER_LOSS);
            (void)try_open(s, &opened);
        }
        recover_and_check(s);
    }
    free_story(s);
}
END_TEST

START_TEST(failing_operations_leave_log_and_rows_whole)
{
    struct story *s = new_story((uint64_t)_i + 20000);

    for (int life = 0; life < 6; life++) {
        recover_and_check(s);
        sim_disk_set_rates(s->kit.storage, 60000, 3000);
        live(s, 80);
        if (rng_below(&s->rng, 2) == 0)
            sim_disk_power_loss(s->kit.storage);
    }
    recover_and_check(s);
    free_story(s);
}
END_TEST

START_TEST(a_disk_that_fills_up_refuses_and_recovers_by_itself)
{
    struct story *s = new_story((uint64_t)_i + 30000);

    for (int life = 0; life < 3; life++) {
        recover_and_check(s);
        sim_disk_set_capacity(s->kit.storage,
                              sim_disk_used(s->kit.storage) + rng_below(&s->rng, 200000));
        live(s, 100);
        sim_disk_set_capacity(s->kit.storage, UINT64_MAX);
        /* Without being opened again. */
        ck_assert_int_eq(apply(s, s->acked), CHAT_OK);
        check_rows(s, s->acked);
        ck_assert_int_eq(append(s, 3), CHAT_OK);
        check_log(s, s->applied + 1, s->acked);
        if (rng_below(&s->rng, 2) == 0)
            sim_disk_power_loss(s->kit.storage);
    }
    recover_and_check(s);
    free_story(s);
}
END_TEST

START_TEST(rows_that_a_failed_sync_left_in_memory_are_not_trusted)
{
    /* The sync before a checkpoint fails: SQLite's log is whole in memory only. The next
     * opening moves it into the file, and the power goes at its _i-th operation. */
    struct story *s = new_story((uint64_t)_i + 40000);
    struct engine_request opened;

    s->kit.config.checkpoint_bytes = UINT64_MAX;
    s->kit.config.log_bytes_max = 64 * s->kit.config.segment_bytes;
    recover_and_check(s);
    live(s, 80);
    sim_disk_fail(s->kit.storage, SIM_DISK_SYNC, 0, 1, CHAT_E_IO);
    ck_assert_int_eq(kit_engine_close(s->kit.engine), CHAT_OK);
    sim_disk_die(s->kit.storage, SIM_DISK_CHANGES, (uint64_t)_i, SIM_DISK_POWER_LOSS);
    (void)try_open(s, &opened);
    recover_and_check(s);
    free_story(s);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engine_crash");
    TCase *crash = tcase_create("crash");

    tcase_add_loop_test(crash, a_crash_at_any_operation_leaves_log_and_rows_whole, 0, 100);
    tcase_add_loop_test(crash, a_crash_while_opening_leaves_log_and_rows_whole, 0, 40);
    tcase_add_loop_test(crash, failing_operations_leave_log_and_rows_whole, 0, 40);
    tcase_add_loop_test(crash, a_disk_that_fills_up_refuses_and_recovers_by_itself, 0, 25);
    tcase_add_loop_test(crash, rows_that_a_failed_sync_left_in_memory_are_not_trusted, 0, 60);
    tcase_set_timeout(crash, 240);
    suite_add_tcase(suite, crash);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
