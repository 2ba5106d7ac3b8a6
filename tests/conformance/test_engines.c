/* What a shard may rely on, whatever the engine: each promise, for every kind. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "engine_kit.h"

#define MAX_KEY ((uint64_t)INT64_MAX)

static struct engine_kit kit;

static void begin(int kind)
{
    engine_kit_init(&kit, (enum engine_kind)kind);
    ck_assert_int_eq(kit_engine_open(&kit, NULL, NULL), CHAT_OK);
}

static void end(void) { engine_kit_fini(&kit); }

static void reopen(bool in_peace, struct engine_request *opened)
{
    engine_kit_restart(&kit, in_peace);
    ck_assert_int_eq(kit_engine_open(&kit, NULL, opened), CHAT_OK);
}

/* Checks that the log holds our records from `from` to `last`, in any chunks. */
static void check_log(uint64_t from, uint64_t last)
{
    struct engine_record *records;
    size_t count = 1;

    while (count > 0) {
        ck_assert_int_eq(kit_engine_log(&kit, kit.engine, from, 50, &records, &count), CHAT_OK);
        for (size_t i = 0; i < count; i++, from++) {
            char text[KIT_TEXT_MAX];
            ck_assert_uint_eq(records[i].position, from);
            ck_assert_uint_eq(records[i].len, kit_record_text(from, text));
            ck_assert_mem_eq(records[i].bytes, text, records[i].len);
        }
    }
    ck_assert_uint_eq(from, last + 1);
}

START_TEST(a_shard_is_created_once)
{
    struct engine_request opened;

    engine_kit_init(&kit, (enum engine_kind)_i);
    ck_assert_int_eq(kit_engine_open(&kit, NULL, &opened), CHAT_OK);
    ck_assert(opened.open.created);
    ck_assert_uint_eq(opened.open.applied_position, 0);
    ck_assert_uint_eq(opened.open.synced_position, 0);
    ck_assert_uint_eq(opened.open.oldest_position, 1);
    reopen(true, &opened);
    ck_assert(!opened.open.created);
    end();
}
END_TEST

START_TEST(requests_need_an_open_shard)
{
    struct engine_row row = kit_row(TABLE_HOME, 1, 0, 0, "x");
    struct engine_query query = {.table = TABLE_HOME};
    struct engine_result result;
    struct engine_record *records;
    size_t count;

    engine_kit_init(&kit, (enum engine_kind)_i);
    ck_assert_int_eq(kit_engine_append(kit.engine, 1, 1, 1, 1), CHAT_E_STATE);
    ck_assert_int_eq(kit_engine_apply(kit.engine, &row, 1, 1), CHAT_E_STATE);
    ck_assert_int_eq(kit_engine_read(&kit, kit.engine, &query, &result, NULL), CHAT_E_STATE);
    ck_assert_int_eq(kit_engine_log(&kit, kit.engine, 1, 1, &records, &count), CHAT_E_STATE);
    ck_assert_int_eq(kit_engine_close(kit.engine), CHAT_E_STATE);
    ck_assert_int_eq(kit_engine_open(&kit, NULL, NULL), CHAT_OK);
    ck_assert_int_eq(kit_engine_open(&kit, NULL, NULL), CHAT_E_STATE);
    ck_assert_int_eq(kit_engine_close(kit.engine), CHAT_OK);
    ck_assert_int_eq(kit_engine_open(&kit, NULL, NULL), CHAT_OK);
    end();
}
END_TEST

START_TEST(requests_that_break_the_contract_are_invalid)
{
    struct engine_row row = kit_row(TABLE_MAX + 1, 1, 0, 0, "x");
    struct engine_query query = {.table = 0};
    struct engine_result result;
    struct engine_request request = {.op = ENGINE_APPEND, .shard = 3};

    begin(_i);
    ck_assert_int_eq(kit_engine_append(kit.engine, 1, 1, 0, 1), CHAT_E_INVALID);
    ck_assert_int_eq(kit_engine_append(kit.engine, 1, 0, 1, 1), CHAT_E_INVALID);
    ck_assert_int_eq(kit_engine_append(kit.engine, 1, 1, 2, 1), CHAT_E_INVALID);
    kit.engine->ops->execute(kit.engine, &request);
    ck_assert_int_eq(request.status, CHAT_E_INVALID);
    ck_assert_int_eq(kit_engine_apply(kit.engine, &row, 1, 0), CHAT_E_INVALID);
    ck_assert_int_eq(kit_engine_read(&kit, kit.engine, &query, &result, NULL), CHAT_E_INVALID);
    request.shard = 1024;
    kit.engine->ops->execute(kit.engine, &request);
    ck_assert_int_eq(request.status, CHAT_E_INVALID);
    end();
}
END_TEST

START_TEST(appended_records_come_back_in_order)
{
    struct engine_request opened;

    begin(_i);
    ck_assert_int_eq(kit_engine_append(kit.engine, 7, 1, 1, 3), CHAT_OK);
    ck_assert_int_eq(kit_engine_append(kit.engine, 8, 1, 4, 1), CHAT_OK);
    ck_assert_int_eq(kit_engine_append(kit.engine, 7, 4, 5, 20), CHAT_OK);
    check_log(1, 24);
    check_log(3, 24);
    reopen(false, &opened);
    ck_assert_uint_eq(opened.open.synced_position, 24);
    check_log(1, 24);
    check_log(25, 24);
    end();
}
END_TEST

START_TEST(records_keep_home_lsn_and_bytes)
{
    static const uint8_t bytes[] = {0, 255, 0, 1};
    struct engine_record record = {
        .home_id = MAX_KEY, .lsn = 1, .position = 1, .bytes = bytes, .len = sizeof(bytes)};
    struct engine_record *records;
    size_t count;

    begin(_i);
    ck_assert_int_eq(kit_engine_append_bytes(kit.engine, &record), CHAT_OK);
    record =
        (struct engine_record){.home_id = 0, .lsn = 1, .position = 2, .bytes = bytes, .len = 0};
    ck_assert_int_eq(kit_engine_append_bytes(kit.engine, &record), CHAT_OK);
    ck_assert_int_eq(kit_engine_log(&kit, kit.engine, 1, 100, &records, &count), CHAT_OK);
    ck_assert_uint_eq(count, 2);
    ck_assert_uint_eq(records[0].home_id, MAX_KEY);
    ck_assert_uint_eq(records[0].lsn, 1);
    ck_assert_uint_eq(records[0].len, sizeof(bytes));
    ck_assert_mem_eq(records[0].bytes, bytes, sizeof(bytes));
    ck_assert_uint_eq(records[1].home_id, 0);
    ck_assert_uint_eq(records[1].len, 0);
    end();
}
END_TEST

START_TEST(a_taken_position_is_a_conflict)
{
    begin(_i);
    ck_assert_int_eq(kit_engine_append(kit.engine, 7, 1, 1, 3), CHAT_OK);
    ck_assert_int_eq(kit_engine_append(kit.engine, 7, 4, 3, 1), CHAT_E_CONFLICT);
    ck_assert_int_eq(kit_engine_append(kit.engine, 7, 4, 1, 1), CHAT_E_CONFLICT);
    ck_assert_int_eq(kit_engine_append(kit.engine, 7, 4, 4, 1), CHAT_OK);
    check_log(1, 4);
    end();
}
END_TEST

START_TEST(a_taken_lsn_is_a_conflict_and_a_hole_is_invalid)
{
    begin(_i);
    ck_assert_int_eq(kit_engine_append(kit.engine, 7, 1, 1, 3), CHAT_OK);
    ck_assert_int_eq(kit_engine_append(kit.engine, 7, 3, 4, 1), CHAT_E_CONFLICT);
    ck_assert_int_eq(kit_engine_append(kit.engine, 7, 5, 4, 1), CHAT_E_INVALID);
    check_log(1, 3);
    reopen(true, NULL);
    ck_assert_int_eq(kit_engine_append(kit.engine, 7, 3, 4, 1), CHAT_E_CONFLICT);
    ck_assert_int_eq(kit_engine_append(kit.engine, 7, 4, 4, 2), CHAT_OK);
    end();
}
END_TEST

START_TEST(of_two_owners_one_wins)
{
    struct store_engine *rival;
    const chat_status opened_by_rival = CHAT_E_CONFLICT;

    begin(_i);
    ck_assert_int_eq(kit_engine_append(kit.engine, 7, 1, 1, 3), CHAT_OK);
    rival = engine_kit_rival(&kit);
    if (engine_kit_is_shared(&kit)) {
        struct engine_request opened;
        struct engine_row row = kit_row(TABLE_HOME, 7, 0, 0, "rival");
        ck_assert_int_eq(kit_engine_open(&kit, rival, &opened), CHAT_OK);
        ck_assert_uint_eq(opened.open.synced_position, 3);
        ck_assert_int_eq(kit_engine_append(rival, 7, 4, 4, 2), CHAT_OK);
        ck_assert_int_eq(kit_engine_append(kit.engine, 7, 4, 4, 1), CHAT_E_CONFLICT);
        ck_assert_int_eq(kit_engine_append(kit.engine, 7, 4, 6, 1), CHAT_E_CONFLICT);
        ck_assert_int_eq(kit_engine_apply(rival, &row, 1, 5), CHAT_OK);
        row = kit_row(TABLE_HOME, 7, 0, 0, "stale");
        ck_assert_int_eq(kit_engine_apply(kit.engine, &row, 1, 3), CHAT_E_CONFLICT);
        ck_assert_str_eq(kit_engine_get(&kit, TABLE_HOME, 7, 0, 0), "rival");
    } else {
        ck_assert_int_eq(kit_engine_open(&kit, rival, NULL), opened_by_rival);
        ck_assert_int_eq(kit_engine_append(kit.engine, 7, 4, 4, 1), CHAT_OK);
        ck_assert_int_eq(kit_engine_close(kit.engine), CHAT_OK);
        ck_assert_int_eq(kit_engine_open(&kit, rival, NULL), CHAT_OK);
        ck_assert_int_eq(kit_engine_open(&kit, NULL, NULL), opened_by_rival);
    }
    rival->ops->free(rival);
    end();
}
END_TEST

START_TEST(rows_and_position_are_applied_together)
{
    struct engine_row rows[] = {
        kit_row(TABLE_MESSAGE, 5, 2, 0, "two"),
        kit_row(TABLE_HOME, 1, 0, 0, "home"),
        kit_row(TABLE_MESSAGE, 5, 1, 0, "one"),
    };
    const struct engine_query query = {.table = TABLE_HOME, .from = {1, 0, 0}};
    struct engine_result result;
    struct engine_request opened;
    uint64_t position = 99;

    begin(_i);
    ck_assert_int_eq(kit_engine_append(kit.engine, 7, 1, 1, 5), CHAT_OK);
    ck_assert_int_eq(kit_engine_read(&kit, kit.engine, &query, &result, &position), CHAT_OK);
    ck_assert_uint_eq(position, 0);
    ck_assert_uint_eq(result.count, 0);
    ck_assert_int_eq(kit_engine_apply(kit.engine, rows, 3, 4), CHAT_OK);
    ck_assert_int_eq(kit_engine_read(&kit, kit.engine, &query, &result, &position), CHAT_OK);
    ck_assert_uint_eq(position, 4);
    ck_assert_uint_eq(result.count, 1);

    reopen(false, &opened);
    ck_assert_uint_eq(opened.open.applied_position, 4);
    ck_assert_uint_le(opened.open.oldest_position, 5);
    check_log(5, 5);
    ck_assert_str_eq(kit_engine_get(&kit, TABLE_MESSAGE, 5, 1, 0), "one");
    ck_assert_str_eq(kit_engine_get(&kit, TABLE_MESSAGE, 5, 2, 0), "two");
    ck_assert_str_eq(kit_engine_get(&kit, TABLE_HOME, 1, 0, 0), "home");
    end();
}
END_TEST

START_TEST(the_applied_position_never_moves_back_nor_past_the_log)
{
    struct engine_row row = kit_row(TABLE_HOME, 1, 0, 0, "x");

    begin(_i);
    ck_assert_int_eq(kit_engine_append(kit.engine, 7, 1, 1, 5), CHAT_OK);
    ck_assert_int_eq(kit_engine_apply(kit.engine, &row, 1, 6), CHAT_E_INVALID);
    ck_assert_int_eq(kit_engine_apply(kit.engine, &row, 1, 3), CHAT_OK);
    ck_assert_int_eq(kit_engine_apply(kit.engine, &row, 1, 2), CHAT_E_CONFLICT);
    ck_assert_int_eq(kit_engine_apply(kit.engine, &row, 1, 3), CHAT_OK);
    ck_assert_int_eq(kit_engine_apply(kit.engine, NULL, 0, 5), CHAT_OK);
    end();
}
END_TEST

START_TEST(rows_are_replaced_and_deleted)
{
    struct engine_row row = kit_row(TABLE_LIST, 1, 2, 0, "old");

    begin(_i);
    ck_assert_int_eq(kit_engine_append(kit.engine, 7, 1, 1, 5), CHAT_OK);
    ck_assert_int_eq(kit_engine_apply(kit.engine, &row, 1, 1), CHAT_OK);
    row = kit_row(TABLE_LIST, 1, 2, 0, "new");
    ck_assert_int_eq(kit_engine_apply(kit.engine, &row, 1, 2), CHAT_OK);
    ck_assert_str_eq(kit_engine_get(&kit, TABLE_LIST, 1, 2, 0), "new");
    row = kit_row(TABLE_LIST, 1, 2, 0, "");
    ck_assert_int_eq(kit_engine_apply(kit.engine, &row, 1, 3), CHAT_OK);
    ck_assert_str_eq(kit_engine_get(&kit, TABLE_LIST, 1, 2, 0), "");
    row = kit_row(TABLE_LIST, 1, 2, 0, NULL);
    ck_assert_int_eq(kit_engine_apply(kit.engine, &row, 1, 4), CHAT_OK);
    ck_assert_ptr_null(kit_engine_get(&kit, TABLE_LIST, 1, 2, 0));
    row = kit_row(TABLE_LIST, 1, 3, 0, NULL);
    ck_assert_int_eq(kit_engine_apply(kit.engine, &row, 1, 5), CHAT_OK);
    end();
}
END_TEST

/* Rows (TABLE_MESSAGE, channel, seq): channels 4, 5, 6, seqs 1 to 10 each. */
static void fill_channels(void)
{
    struct engine_row rows[30];

    for (size_t i = 0; i < 30; i++)
        rows[i] = kit_row(TABLE_MESSAGE, 4 + i / 10, 10 - i % 10, 0, "m");
    ck_assert_int_eq(kit_engine_append(kit.engine, 7, 1, 1, 1), CHAT_OK);
    ck_assert_int_eq(kit_engine_apply(kit.engine, rows, 30, 1), CHAT_OK);
}

static size_t range(struct engine_key from, struct engine_key to, uint32_t limit, bool descending,
                    struct engine_result *result)
{
    const struct engine_query query = {
        .table = TABLE_MESSAGE, .from = from, .to = to, .limit = limit, .descending = descending};

    ck_assert_int_eq(kit_engine_read(&kit, kit.engine, &query, result, NULL), CHAT_OK);
    return result->count;
}

#define KEY(a, b, c) ((struct engine_key){(a), (b), (c)})

START_TEST(ranges_go_both_ways_and_stop_at_the_limit)
{
    struct engine_result r;

    begin(_i);
    fill_channels();
    ck_assert_uint_eq(range(KEY(5, 3, 0), KEY(5, 6, 0), 100, false, &r), 4);
    ck_assert_uint_eq(r.rows[0].key.k2, 3);
    ck_assert_uint_eq(r.rows[3].key.k2, 6);
    ck_assert_uint_eq(range(KEY(5, 3, 0), KEY(5, 6, 0), 2, false, &r), 2);
    ck_assert_uint_eq(r.rows[1].key.k2, 4);
    ck_assert_uint_eq(range(KEY(5, 3, 0), KEY(5, 6, 0), 2, true, &r), 2);
    ck_assert_uint_eq(r.rows[0].key.k2, 6);
    ck_assert_uint_eq(r.rows[1].key.k2, 5);
    ck_assert_uint_eq(range(KEY(5, 0, 0), KEY(5, UINT64_MAX, UINT64_MAX), 100, true, &r), 10);
    ck_assert_uint_eq(r.rows[0].key.k2, 10);
    ck_assert_uint_eq(r.rows[0].key.k1, 5);
    ck_assert_uint_eq(range(KEY(4, 9, 0), KEY(6, 2, 0), 100, false, &r), 14);
    ck_assert_uint_eq(r.rows[0].key.k1, 4);
    ck_assert_uint_eq(r.rows[13].key.k1, 6);
    ck_assert_uint_eq(range(KEY(4, 9, 0), KEY(6, 2, 0), 3, true, &r), 3);
    ck_assert_uint_eq(r.rows[0].key.k1, 6);
    ck_assert_uint_eq(r.rows[2].key.k1, 5);
    ck_assert_uint_eq(range(KEY(5, 6, 0), KEY(5, 3, 0), 100, false, &r), 0);
    ck_assert_uint_eq(range(KEY(7, 0, 0), KEY(7, 9, 0), 100, true, &r), 0);
    end();
}
END_TEST

START_TEST(tables_do_not_run_into_each_other)
{
    struct engine_row rows[TABLE_MAX];
    const struct engine_query query = {.table = TABLE_CHANNEL,
                                       .from = {0, 0, 0},
                                       .to = {UINT64_MAX, UINT64_MAX, UINT64_MAX},
                                       .limit = 100};
    struct engine_result r;

    begin(_i);
    for (uint32_t i = 0; i < TABLE_MAX; i++)
        rows[i] = kit_row(i + 1, 1, 1, 1, "t");
    ck_assert_int_eq(kit_engine_append(kit.engine, 7, 1, 1, 1), CHAT_OK);
    ck_assert_int_eq(kit_engine_apply(kit.engine, rows, TABLE_MAX, 1), CHAT_OK);
    ck_assert_int_eq(kit_engine_read(&kit, kit.engine, &query, &r, NULL), CHAT_OK);
    ck_assert_uint_eq(r.count, 1);
    ck_assert_uint_eq(r.rows[0].table, TABLE_CHANNEL);
    end();
}
END_TEST

START_TEST(keys_reach_from_0_to_the_greatest)
{
    struct engine_row rows[] = {
        kit_row(TABLE_MESSAGE, MAX_KEY, MAX_KEY, MAX_KEY, "top"),
        kit_row(TABLE_MESSAGE, 0, 0, 0, "bottom"),
        kit_row(TABLE_MESSAGE, MAX_KEY, 0, 0, "edge"),
        kit_row(TABLE_DIRECTORY, UINT64_MAX, UINT64_C(1) << 63, 0, "hash"),
    };
    struct engine_result r;

    begin(_i);
    ck_assert_int_eq(kit_engine_append(kit.engine, 7, 1, 1, 1), CHAT_OK);
    ck_assert_int_eq(kit_engine_apply(kit.engine, rows, 4, 1), CHAT_OK);
    ck_assert_str_eq(kit_engine_get(&kit, TABLE_MESSAGE, 0, 0, 0), "bottom");
    ck_assert_str_eq(kit_engine_get(&kit, TABLE_MESSAGE, MAX_KEY, MAX_KEY, MAX_KEY), "top");
    ck_assert_str_eq(kit_engine_get(&kit, TABLE_DIRECTORY, UINT64_MAX, UINT64_C(1) << 63, 0),
                     "hash");
    ck_assert_uint_eq(range(KEY(0, 0, 0), KEY(MAX_KEY, MAX_KEY, MAX_KEY), 9, false, &r), 3);
    ck_assert_uint_eq(range(KEY(0, 0, 1), KEY(MAX_KEY, UINT64_MAX, 0), 9, true, &r), 2);
    ck_assert_uint_eq(range(KEY(0, 0, 1), KEY(MAX_KEY, MAX_KEY, 0), 9, true, &r), 1);
    ck_assert_uint_eq(range(KEY(MAX_KEY, 0, 0), KEY(MAX_KEY, MAX_KEY, MAX_KEY), 9, true, &r), 2);
    ck_assert_uint_eq(r.rows[0].key.k3, MAX_KEY);
    end();
}
END_TEST

START_TEST(one_read_answers_several_queries)
{
    const struct engine_query queries[] = {
        {.table = TABLE_MESSAGE, .from = {4, 1, 0}},
        {.table = TABLE_HOME, .from = {4, 1, 0}},
        {.table = TABLE_MESSAGE, .from = {5, 1, 0}, .to = {5, 10, 0}, .limit = 3},
    };
    struct engine_request request = {.op = ENGINE_READ, .shard = KIT_SHARD, .arena = &kit.arena};

    begin(_i);
    fill_channels();
    request.read.queries = queries;
    request.read.count = 3;
    kit.engine->ops->execute(kit.engine, &request);
    ck_assert_int_eq(request.status, CHAT_OK);
    ck_assert_uint_eq(request.read.results[0].count, 1);
    ck_assert_uint_eq(request.read.results[1].count, 0);
    ck_assert_uint_eq(request.read.results[2].count, 3);
    ck_assert_uint_eq(request.read.applied_position, 1);
    end();
}
END_TEST

START_TEST(large_values_survive)
{
    static uint8_t big[200000];
    struct engine_row row = {
        .table = TABLE_HOME, .key = {1, 0, 0}, .value = big, .value_len = sizeof(big)};
    struct engine_record record = {
        .home_id = 1, .lsn = 1, .position = 1, .bytes = big, .len = sizeof(big)};
    const struct engine_query query = {.table = TABLE_HOME, .from = {1, 0, 0}};
    struct engine_record *records;
    struct engine_result r;
    size_t count;

    for (size_t i = 0; i < sizeof(big); i++)
        big[i] = (uint8_t)(i * 7 + i / 256);
    begin(_i);
    ck_assert_int_eq(kit_engine_append_bytes(kit.engine, &record), CHAT_OK);
    ck_assert_int_eq(kit_engine_log(&kit, kit.engine, 1, 10, &records, &count), CHAT_OK);
    ck_assert_uint_eq(count, 1);
    ck_assert_uint_eq(records[0].len, sizeof(big));
    ck_assert_mem_eq(records[0].bytes, big, sizeof(big));
    ck_assert_int_eq(kit_engine_apply(kit.engine, &row, 1, 1), CHAT_OK);
    reopen(false, NULL);
    ck_assert_int_eq(kit_engine_read(&kit, kit.engine, &query, &r, NULL), CHAT_OK);
    ck_assert_uint_eq(r.rows[0].value_len, sizeof(big));
    ck_assert_mem_eq(r.rows[0].value, big, sizeof(big));
    end();
}
END_TEST

START_TEST(an_answer_that_does_not_fit_the_arena_is_refused)
{
    const struct engine_query query = {
        .table = TABLE_MESSAGE, .from = {4, 0, 0}, .to = {6, 99, 0}, .limit = 100};
    struct engine_request request = {.op = ENGINE_READ, .shard = KIT_SHARD};
    struct arena small;

    begin(_i);
    fill_channels();
    arena_init(&small, NULL, 256);
    request.arena = &small;
    request.read.queries = &query;
    request.read.count = 1;
    kit.engine->ops->execute(kit.engine, &request);
    ck_assert_int_eq(request.status, CHAT_E_NOMEM);
    arena_fini(&small);
    ck_assert_str_eq(kit_engine_get(&kit, TABLE_MESSAGE, 4, 1, 0), "m");
    end();
}
END_TEST

START_TEST(a_full_log_refuses_until_rows_are_applied)
{
    uint64_t position = 1;
    chat_status status = CHAT_OK;
    struct engine_row row = kit_row(TABLE_HOME, 1, 0, 0, "x");

    begin(_i);
    while (status == CHAT_OK && position < 200000) {
        status = kit_engine_append(kit.engine, 7, position, position, 100);
        position += status == CHAT_OK ? 100 : 0;
    }
    ck_assert_int_eq(status, CHAT_E_FULL);
    ck_assert_int_eq(kit_engine_append(kit.engine, 7, position, position, 100), CHAT_E_FULL);
    ck_assert_int_eq(kit_engine_apply(kit.engine, &row, 1, position - 1), CHAT_OK);
    ck_assert_int_eq(kit_engine_append(kit.engine, 7, position, position, 100), CHAT_OK);
    reopen(false, NULL);
    check_log(position, position + 99);
    end();
}
END_TEST

START_TEST(an_append_tells_how_full_the_log_is)
{
    struct engine_record record = {
        .home_id = 1, .lsn = 1, .position = 1, .bytes = (const uint8_t *)"x", .len = 1};
    struct engine_request request = {.op = ENGINE_APPEND, .shard = KIT_SHARD};
    uint64_t before;

    begin(_i);
    request.append.records = &record;
    request.append.count = 1;
    kit.engine->ops->execute(kit.engine, &request);
    before = request.append.log_bytes;
    record.lsn = record.position = 2;
    kit.engine->ops->execute(kit.engine, &request);
    ck_assert_int_eq(request.status, CHAT_OK);
    ck_assert_uint_gt(request.append.log_bytes, before);
    ck_assert_uint_eq(request.append.log_bytes_max, kit.config.log_bytes_max);
    end();
}
END_TEST

START_TEST(many_rounds_of_append_apply_and_restart)
{
    uint64_t position = 0;
    struct engine_request opened;
    struct engine_row rows[50];

    begin(_i);
    for (int round = 0; round < 60; round++) {
        ck_assert_int_eq(kit_engine_append(kit.engine, 7, position + 1, position + 1, 50), CHAT_OK);
        for (size_t i = 0; i < 50; i++)
            rows[i] =
                kit_row(TABLE_MESSAGE, 1 + i % 3, position + i, 0, "a message of some length");
        if (round % 3 != 0)
            ck_assert_int_eq(kit_engine_apply(kit.engine, rows, 50, position + 50), CHAT_OK);
        position += 50;
        if (round % 10 == 9) {
            reopen(round % 20 == 9, &opened);
            ck_assert_uint_eq(opened.open.synced_position, position);
            check_log(opened.open.applied_position + 1, position);
        }
    }
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("engines");
    TCase *all = tcase_create("all");

#define FOR_EVERY_ENGINE(test) tcase_add_loop_test(all, test, 0, KIND_COUNT)
    FOR_EVERY_ENGINE(a_shard_is_created_once);
    FOR_EVERY_ENGINE(requests_need_an_open_shard);
    FOR_EVERY_ENGINE(requests_that_break_the_contract_are_invalid);
    FOR_EVERY_ENGINE(appended_records_come_back_in_order);
    FOR_EVERY_ENGINE(records_keep_home_lsn_and_bytes);
    FOR_EVERY_ENGINE(a_taken_position_is_a_conflict);
    FOR_EVERY_ENGINE(a_taken_lsn_is_a_conflict_and_a_hole_is_invalid);
    FOR_EVERY_ENGINE(of_two_owners_one_wins);
    FOR_EVERY_ENGINE(rows_and_position_are_applied_together);
    FOR_EVERY_ENGINE(the_applied_position_never_moves_back_nor_past_the_log);
    FOR_EVERY_ENGINE(rows_are_replaced_and_deleted);
    FOR_EVERY_ENGINE(ranges_go_both_ways_and_stop_at_the_limit);
    FOR_EVERY_ENGINE(tables_do_not_run_into_each_other);
    FOR_EVERY_ENGINE(keys_reach_from_0_to_the_greatest);
    FOR_EVERY_ENGINE(one_read_answers_several_queries);
    FOR_EVERY_ENGINE(large_values_survive);
    FOR_EVERY_ENGINE(an_answer_that_does_not_fit_the_arena_is_refused);
    FOR_EVERY_ENGINE(a_full_log_refuses_until_rows_are_applied);
    FOR_EVERY_ENGINE(an_append_tells_how_full_the_log_is);
    FOR_EVERY_ENGINE(many_rounds_of_append_apply_and_restart);
    tcase_set_timeout(all, 120);
    suite_add_tcase(suite, all);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
