/* Every call of a scene on its disk fails, at each place there is: once, or from there on. */
#include <stdio.h>
#include <stdlib.h>

#include "stage.h"

#define PLACES_MAX 5000u

struct fault {
    uint64_t times;
    chat_status status;
};

static const struct fault faults[] = {
    {1, CHAT_E_IO}, {UINT64_MAX, CHAT_E_IO}, {1, CHAT_E_FULL}, {UINT64_MAX, CHAT_E_FULL}};

#define FAULTS ((int)(sizeof(faults) / sizeof(faults[0])))

/* _i: scene * FAULTS + fault. */
START_TEST(a_disk_that_fails_at_any_place_loses_nothing)
{
    const struct scene *scene = &scenes[_i / FAULTS];
    const struct fault *fault = &faults[_i % FAULTS];
    bool failed = true;
    uint64_t n;

    for (n = 0; failed; n++) {
        struct stage s;
        uint64_t before;

        stage_begin(&s, scene, n + 1);
        before = chat_testkit_disk_get_operations(s.app.device);
        ck_assert_int_eq(chat_testkit_disk_fail(s.app.device, n, fault->times, fault->status),
                         CHAT_OK);
        scene->act(&s);
        failed = chat_testkit_disk_get_operations(s.app.device) - before > n;
        stage_check(&s);
        stage_end(&s);
        ck_assert_uint_lt(n, PLACES_MAX);
    }
    printf("%s: %llu places\n", scene->name, (unsigned long long)n - 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("disk_faults");
    TCase *all = tcase_create("all");

    tcase_add_loop_test(all, a_disk_that_fails_at_any_place_loses_nothing, 0, (int)SCENES * FAULTS);
    tcase_set_timeout(all, 600);
    suite_add_tcase(suite, all);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
