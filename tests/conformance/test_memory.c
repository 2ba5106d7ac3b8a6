/* What only the memory engine has: planned failures, and no memory at any point. */
#include <check.h>
#include <stdlib.h>

#include "engine_kit.h"
#include "faulty_alloc.h"

static struct engine_kit kit;

static void setup(void)
{
    engine_kit_init(&kit, KIND_MEMORY);
    ck_assert_int_eq(kit_engine_open(&kit, NULL, NULL), CHAT_OK);
}

static void teardown(void) { engine_kit_fini(&kit); }

static uint64_t synced_after_reopening(void)
{
    struct engine_request opened;

    engine_kit_restart(&kit, false);
    ck_assert_int_eq(kit_engine_open(&kit, NULL, &opened), CHAT_OK);
    return opened.open.synced_position;
}

START_TEST(a_planned_failure_strikes_once)
{
    engine_memory_fail_next(kit.engine, ENGINE_APPEND, CHAT_E_FULL, false);
    ck_assert_int_eq(kit_engine_append(kit.engine, 1, 1, 1, 1), CHAT_E_FULL);
    ck_assert_int_eq(kit_engine_append(kit.engine, 1, 1, 1, 1), CHAT_OK);
}
END_TEST

START_TEST(a_failed_append_stops_the_shard_until_it_is_opened_again)
{
    engine_memory_fail_next(kit.engine, ENGINE_APPEND, CHAT_E_IO, false);
    ck_assert_int_eq(kit_engine_append(kit.engine, 1, 1, 1, 1), CHAT_E_IO);
    ck_assert_int_eq(kit_engine_append(kit.engine, 1, 1, 1, 1), CHAT_E_IO);
    ck_assert_uint_eq(synced_after_reopening(), 0);
    ck_assert_int_eq(kit_engine_append(kit.engine, 1, 1, 1, 1), CHAT_OK);
}
END_TEST

START_TEST(a_failed_append_may_have_happened)
{
    engine_memory_fail_next(kit.engine, ENGINE_APPEND, CHAT_E_IO, true);
    ck_assert_int_eq(kit_engine_append(kit.engine, 1, 1, 1, 2), CHAT_E_IO);
    ck_assert_int_eq(kit_engine_close(kit.engine), CHAT_OK);
    ck_assert_uint_eq(synced_after_reopening(), 2);
}
END_TEST

START_TEST(no_memory_changes_nothing)
{
    struct faulty_alloc memory;
    struct engine_memory_cluster *cluster;
    struct store_engine *engine = NULL;
    struct engine_row rows[] = {
        kit_row(TABLE_HOME, 1, 0, 0, "a"),
        kit_row(TABLE_HOME, 2, 0, 0, "b"),
    };
    chat_status opened = CHAT_E_NOMEM, appended = CHAT_E_NOMEM, applied = CHAT_E_NOMEM;

    faulty_alloc_init(&memory);
    faulty_alloc_fail_after(&memory, (size_t)_i);
    cluster = engine_memory_cluster_new(&memory.allocator);
    if (cluster)
        engine = engine_memory_new(cluster, &memory.allocator);
    if (engine)
        opened = kit_engine_open(&kit, engine, NULL);
    if (opened == CHAT_OK)
        appended = kit_engine_append(engine, 1, 1, 1, 3);
    if (appended == CHAT_OK)
        applied = kit_engine_apply(engine, rows, 2, 2);
    faulty_alloc_fail_after(&memory, FAULTY_ALLOC_NEVER);
    if (opened == CHAT_OK && appended != CHAT_OK) {
        ck_assert_int_eq(appended, CHAT_E_NOMEM);
        ck_assert_int_eq(kit_engine_append(engine, 1, 1, 1, 3), CHAT_OK);
    }
    if (appended == CHAT_OK && applied != CHAT_OK) {
        ck_assert_int_eq(applied, CHAT_E_NOMEM);
        ck_assert_int_eq(kit_engine_apply(engine, rows, 2, 2), CHAT_OK);
    }
    if (engine)
        engine->ops->free(engine);
    engine_memory_cluster_free(cluster);
    ck_assert_uint_eq(memory.live, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("memory");
    TCase *all = tcase_create("all");

    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_test(all, a_planned_failure_strikes_once);
    tcase_add_test(all, a_failed_append_stops_the_shard_until_it_is_opened_again);
    tcase_add_test(all, a_failed_append_may_have_happened);
    tcase_add_loop_test(all, no_memory_changes_nothing, 0, 24);
    suite_add_tcase(suite, all);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
