/* The wheel is compared with a plain array of deadlines over many random operations. */
#include <check.h>
#include <stdlib.h>

#include "base/moment.h"
#include "base/rng.h"
#include "base/wheel.h"

#define TIMERS 200
#define SPAN_MS (INT64_C(1) << 36) /* 64^6 */

static struct wheel w;
static struct wheel_timer timers[TIMERS];

static void setup(void)
{
    wheel_init(&w, 1000);
    for (int i = 0; i < TIMERS; i++)
        timers[i] = (struct wheel_timer){0};
}

START_TEST(empty_wheel_is_never_due)
{
    ck_assert_int_eq(wheel_next_ms(&w), MOMENT_NEVER);
    wheel_advance(&w, 5000000);
    ck_assert_ptr_null(wheel_pop(&w));
    ck_assert_int_eq(wheel_next_ms(&w), MOMENT_NEVER);
}
END_TEST

START_TEST(timer_fires_at_its_deadline_not_before)
{
    static const int64_t after[] = {
        1,           2,           63,      64,          65,
        4095,        4096,        262143,  1000000,     16777216,
        SPAN_MS / 2, SPAN_MS - 1, SPAN_MS, SPAN_MS + 1, 3 * SPAN_MS + 12345};

    wheel_set(&w, &timers[0], 1000 + after[_i]);
    ck_assert(wheel_timer_is_set(&timers[0]));
    wheel_advance(&w, 1000 + after[_i] - 1);
    ck_assert_ptr_null(wheel_pop(&w));
    ck_assert_int_le(wheel_next_ms(&w), 1000 + after[_i]);

    wheel_advance(&w, 1000 + after[_i]);
    ck_assert_ptr_eq(wheel_pop(&w), &timers[0]);
    ck_assert_ptr_null(wheel_pop(&w));
    ck_assert(!wheel_timer_is_set(&timers[0]));
}
END_TEST

START_TEST(past_deadline_is_due_at_the_next_advance_even_of_the_same_time)
{
    wheel_set(&w, &timers[0], 1000);
    wheel_set(&w, &timers[1], -50);
    ck_assert_ptr_null(wheel_pop(&w));
    ck_assert_int_eq(wheel_next_ms(&w), 1000);

    wheel_advance(&w, 1000);
    ck_assert_ptr_eq(wheel_pop(&w), &timers[0]);
    ck_assert_ptr_eq(wheel_pop(&w), &timers[1]);
    ck_assert_ptr_null(wheel_pop(&w));
}
END_TEST

START_TEST(owner_that_rearms_in_the_past_does_not_spin)
{
    int popped = 0;

    wheel_set(&w, &timers[0], 1001);
    wheel_advance(&w, 1001);
    for (struct wheel_timer *t; (t = wheel_pop(&w));) {
        wheel_set(&w, t, 900);
        ck_assert_int_lt(++popped, 2);
    }
    ck_assert_int_eq(popped, 1);
    ck_assert_int_eq(wheel_next_ms(&w), 1001);
}
END_TEST

START_TEST(clock_that_stands_or_steps_back_fires_nothing_early)
{
    wheel_set(&w, &timers[0], 1500);
    wheel_advance(&w, 1499);
    wheel_advance(&w, 10);
    ck_assert_int_eq(w.now_ms, 1499);
    ck_assert_ptr_null(wheel_pop(&w));
    wheel_advance(&w, 1500);
    ck_assert_ptr_eq(wheel_pop(&w), &timers[0]);
}
END_TEST

START_TEST(moved_timer_fires_once_at_the_new_deadline)
{
    wheel_set(&w, &timers[0], 1100);
    wheel_set(&w, &timers[0], 9000);
    wheel_advance(&w, 8999);
    ck_assert_ptr_null(wheel_pop(&w));
    wheel_advance(&w, 9000);
    ck_assert_ptr_eq(wheel_pop(&w), &timers[0]);
    ck_assert_ptr_null(wheel_pop(&w));
}
END_TEST

START_TEST(cancelled_timer_wakes_nobody)
{
    wheel_set(&w, &timers[0], 1100);
    wheel_set(&w, &timers[1], 1000 + 2 * SPAN_MS);
    wheel_cancel(&w, &timers[0]);
    wheel_cancel(&w, &timers[1]);
    wheel_cancel(&w, &timers[2]); /* was never set */
    ck_assert_int_eq(wheel_next_ms(&w), MOMENT_NEVER);

    wheel_set(&w, &timers[0], 1100);
    wheel_advance(&w, 1100);
    wheel_cancel(&w, &timers[0]); /* due, not popped yet */
    ck_assert_ptr_null(wheel_pop(&w));
    ck_assert_int_eq(wheel_next_ms(&w), MOMENT_NEVER);
}
END_TEST

START_TEST(equal_deadlines_fire_in_the_order_they_were_set)
{
    for (int i = 0; i < 10; i++)
        wheel_set(&w, &timers[i], 1000000);
    wheel_advance(&w, 2000000);
    for (int i = 0; i < 10; i++)
        ck_assert_ptr_eq(wheel_pop(&w), &timers[i]);
}
END_TEST

START_TEST(times_below_zero_and_at_the_end_of_time_work)
{
    wheel_init(&w, -100000);
    wheel_set(&w, &timers[0], -5);
    wheel_set(&w, &timers[1], 5);
    wheel_set(&w, &timers[2], MOMENT_NEVER);
    wheel_advance(&w, 0);
    ck_assert_ptr_eq(wheel_pop(&w), &timers[0]);
    ck_assert_ptr_null(wheel_pop(&w));
    wheel_advance(&w, 1 + 9 * SPAN_MS);
    ck_assert_ptr_eq(wheel_pop(&w), &timers[1]);
    ck_assert_ptr_null(wheel_pop(&w));
    ck_assert(wheel_timer_is_set(&timers[2]));
}
END_TEST

/* The truth: deadlines of set timers, MOMENT_NEVER for the others. */
static int64_t truth[TIMERS];

static int64_t first_deadline(void)
{
    int64_t first = MOMENT_NEVER;
    for (int i = 0; i < TIMERS; i++)
        first = truth[i] < first ? truth[i] : first;
    return first;
}

static int64_t some_delay(struct rng *r)
{
    /* Every magnitude alike, the past too. */
    uint64_t below = UINT64_C(1) << (1 + rng_below(r, 39));
    return (int64_t)rng_below(r, below) - 3;
}

/* Advances and checks that exactly the due ones come, the later ones later. */
static void advance_and_compare(int64_t now_ms)
{
    int64_t previous = INT64_MIN;
    int64_t before_ms = w.now_ms;

    wheel_advance(&w, now_ms);
    for (struct wheel_timer *t; (t = wheel_pop(&w));) {
        int64_t at_ms = t->deadline_ms < before_ms ? before_ms : t->deadline_ms;
        ck_assert_int_eq(truth[t - timers], t->deadline_ms);
        ck_assert_int_le(t->deadline_ms, now_ms);
        ck_assert_int_ge(at_ms, previous);
        previous = at_ms;
        truth[t - timers] = MOMENT_NEVER;
    }
    ck_assert_int_gt(first_deadline(), now_ms);
}

START_TEST(equals_a_list_of_deadlines_over_random_operations)
{
    struct rng r;
    int64_t now_ms = 1000;

    rng_seed(&r, (uint64_t)_i);
    for (int i = 0; i < TIMERS; i++)
        truth[i] = MOMENT_NEVER;
    for (int step = 0; step < 10000; step++) {
        size_t i = rng_below(&r, TIMERS);
        uint64_t choice = rng_below(&r, 10);
        if (choice < 6) {
            truth[i] = now_ms + some_delay(&r);
            wheel_set(&w, &timers[i], truth[i]);
        } else if (choice < 8) {
            wheel_cancel(&w, &timers[i]);
            truth[i] = MOMENT_NEVER;
        } else {
            int64_t next_ms = wheel_next_ms(&w);
            int64_t first = first_deadline();
            ck_assert(next_ms <= first || (first < now_ms && next_ms == now_ms));
            ck_assert_int_eq(next_ms == MOMENT_NEVER, first == MOMENT_NEVER);
            /* To where the wheel asks to be woken, or by any step. */
            if (choice == 8 && next_ms != MOMENT_NEVER)
                now_ms = next_ms;
            else
                now_ms += some_delay(&r) + 3;
            advance_and_compare(now_ms);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wheel");
    TCase *all = tcase_create("all");

    tcase_add_checked_fixture(all, setup, NULL);
    tcase_add_test(all, empty_wheel_is_never_due);
    tcase_add_loop_test(all, timer_fires_at_its_deadline_not_before, 0, 15);
    tcase_add_test(all, past_deadline_is_due_at_the_next_advance_even_of_the_same_time);
    tcase_add_test(all, owner_that_rearms_in_the_past_does_not_spin);
    tcase_add_test(all, clock_that_stands_or_steps_back_fires_nothing_early);
    tcase_add_test(all, moved_timer_fires_once_at_the_new_deadline);
    tcase_add_test(all, cancelled_timer_wakes_nobody);
    tcase_add_test(all, equal_deadlines_fire_in_the_order_they_were_set);
    tcase_add_test(all, times_below_zero_and_at_the_end_of_time_work);
    tcase_add_loop_test(all, equals_a_list_of_deadlines_over_random_operations, 0, 8);
    suite_add_tcase(suite, all);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
