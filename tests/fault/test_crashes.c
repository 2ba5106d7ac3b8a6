/* The process, or the machine, dies within a scene at each write, truncation and sync. */
#include <stdio.h>
#include <stdlib.h>

#include "stage.h"

#define PLACES_MAX 5000u

/* False when the scene has no n-th place any more. */
static bool play(const struct scene *scene, uint64_t n, bool by_power_loss)
{
    struct stage s;
    uint64_t before;
    bool has_more;

    stage_begin(&s, scene, n + 1);
    before = chat_testkit_disk_get_operations(s.app.device);
    ck_assert_int_eq(chat_testkit_disk_die(s.app.device, n, by_power_loss), CHAT_OK);
    scene->act(&s);
    /* It counts reads, too: some scenes are played to their end several times. */
    has_more = chat_testkit_disk_get_operations(s.app.device) - before > n;
    ck_assert_int_eq(chat_testkit_disk_die(s.app.device, UINT64_MAX, false), CHAT_OK);
    s.more_max = 1;
    s.less_max = by_power_loss ? UINT32_MAX : scene->alters;
    stage_check(&s);
    stage_end(&s);
    return has_more;
}

/* _i: the scene. */
START_TEST(a_process_killed_at_any_place_loses_nothing)
{
    for (uint64_t n = 0; play(&scenes[_i], n, false); n++)
        ck_assert_uint_lt(n, PLACES_MAX);
}
END_TEST

START_TEST(a_power_loss_at_any_place_leaves_a_whole_cache_that_catches_up)
{
    for (uint64_t n = 0; play(&scenes[_i], n, true); n++)
        ck_assert_uint_lt(n, PLACES_MAX);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("crashes");
    TCase *all = tcase_create("all");

    tcase_add_loop_test(all, a_process_killed_at_any_place_loses_nothing, 0, (int)SCENES);
    tcase_add_loop_test(all, a_power_loss_at_any_place_leaves_a_whole_cache_that_catches_up, 0,
                        (int)SCENES);
    tcase_set_timeout(all, 600);
    suite_add_tcase(suite, all);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
