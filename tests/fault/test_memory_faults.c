/* Every allocation of loop and conn within a scene fails, at each place: once it does, all do. */
#include <stdio.h>
#include <stdlib.h>

#include "stage.h"

#define PLACES_MAX 5000u

/* _i: the scene. */
START_TEST(memory_that_ends_at_any_place_loses_nothing)
{
    const struct scene *scene = &scenes[_i];
    bool failed = true;
    size_t n;

    for (n = 0; failed; n++) {
        struct stage s;

        stage_begin(&s, scene, n + 1);
        faulty_alloc_fail_after(&s.memory, n);
        scene->act(&s);
        failed = s.memory.calls > n;
        stage_check(&s);
        stage_end(&s);
        ck_assert_uint_lt(n, PLACES_MAX);
    }
    printf("%s: %zu places\n", scene->name, n - 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("memory_faults");
    TCase *all = tcase_create("all");

    tcase_add_loop_test(all, memory_that_ends_at_any_place_loses_nothing, 0, (int)SCENES);
    tcase_set_timeout(all, 600);
    suite_add_tcase(suite, all);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
