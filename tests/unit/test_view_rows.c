/* The steps from one list of rows to another. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "client/view_rows.h"

#define ROWS_MAX 64u

static struct view_rows shown, wanted;
static struct view_rows copy; /* the application's */
static uint32_t at;
static uint64_t last_key;

static void setup(void)
{
    at = 0;
    last_key = 0;
    ck_assert_int_eq(view_rows_reserve(&shown, NULL, 2 * ROWS_MAX), CHAT_OK);
    ck_assert_int_eq(view_rows_reserve(&wanted, NULL, 2 * ROWS_MAX), CHAT_OK);
    ck_assert_int_eq(view_rows_reserve(&copy, NULL, 2 * ROWS_MAX), CHAT_OK);
    shown.count = wanted.count = copy.count = 0;
}

static void teardown(void)
{
    view_rows_fini(&shown, NULL);
    view_rows_fini(&wanted, NULL);
    view_rows_fini(&copy, NULL);
}

static struct view_row message(uint64_t seq, uint64_t version)
{
    return (struct view_row){.kind = CHAT_ROW_MESSAGE, .from = seq, .version = version};
}

static struct view_row own(uint64_t seq, uint64_t counter, uint64_t version)
{
    return (struct view_row){
        .kind = CHAT_ROW_MESSAGE, .from = seq, .nonce = {7, counter}, .version = version};
}

static struct view_row channel(uint64_t id, uint64_t version)
{
    return (struct view_row){.kind = CHAT_ROW_CHANNEL, .from = id, .version = version};
}

static struct view_row gap(uint64_t from, uint64_t to)
{
    return (struct view_row){.kind = CHAT_ROW_GAP, .from = from, .to = to, .version = from ^ to};
}

static void want(const struct view_row *rows, uint32_t count)
{
    memcpy(wanted.items, rows, count * sizeof(*rows));
    wanted.count = count;
    at = 0;
}

/* What an application does with its own list. */
static void apply(const struct view_step *s)
{
    struct view_row row;
    uint32_t to = s->type == CHAT_DIFF_MOVE ? s->to_index : s->index;

    if (s->type == CHAT_DIFF_UPDATE) {
        ck_assert_uint_lt(s->index, copy.count);
        ck_assert_uint_eq(copy.items[s->index].key, s->key);
        copy.items[s->index] = shown.items[s->index];
        return;
    }
    if (s->type != CHAT_DIFF_INSERT) {
        ck_assert_uint_lt(s->index, copy.count);
        row = copy.items[s->index];
        ck_assert_uint_eq(row.key, s->key);
        copy.count--;
        memmove(&copy.items[s->index], &copy.items[s->index + 1],
                (copy.count - s->index) * sizeof(row));
    } else {
        row = shown.items[s->index];
        ck_assert_uint_eq(row.key, s->key);
    }
    if (s->type == CHAT_DIFF_REMOVE)
        return;
    ck_assert_uint_le(to, copy.count);
    memmove(&copy.items[to + 1], &copy.items[to], (copy.count - to) * sizeof(row));
    copy.items[to] = row;
    copy.count++;
}

/* All steps; how many they were. The copy ends up as what was wanted, each key once. */
static uint32_t settle(void)
{
    struct view_step step;
    uint32_t steps = 0;

    while (view_rows_step(&shown, &wanted, &at, &last_key, &step)) {
        apply(&step);
        ck_assert_uint_lt(++steps, 4 * ROWS_MAX);
    }
    ck_assert_uint_eq(copy.count, wanted.count);
    for (uint32_t i = 0; i < wanted.count; i++) {
        ck_assert_int_eq(copy.items[i].kind, wanted.items[i].kind);
        ck_assert_uint_eq(copy.items[i].from, wanted.items[i].from);
        ck_assert_uint_eq(copy.items[i].version, wanted.items[i].version);
        for (uint32_t k = 0; k < i; k++)
            ck_assert_uint_ne(copy.items[i].key, copy.items[k].key);
    }
    return steps;
}

/* Shown, wanted and the one before: what docs/sdk/views.md says of the greatest window. */
START_TEST(a_thousand_rows_take_less_than_300_kb)
{
    const size_t room = 1024; /* lists grow by doubling */

    ck_assert_uint_le(CHAT_VIEW_ROWS_MAX, room);
    ck_assert_uint_lt(3 * room * sizeof(struct view_row), 300000);
}
END_TEST

START_TEST(equal_lists_need_no_step)
{
    const struct view_row rows[] = {message(1, 1), message(2, 1)};

    want(rows, 2);
    ck_assert_uint_eq(settle(), 2);
    want(rows, 2);
    ck_assert_uint_eq(settle(), 0);
}
END_TEST

START_TEST(one_change_is_one_step)
{
    const struct view_row before[] = {message(1, 1), message(2, 1), message(3, 1)};
    const struct view_row edited[] = {message(1, 1), message(2, 2), message(3, 1)};
    const struct view_row removed[] = {message(1, 1), message(3, 1)};
    const struct view_row added[] = {message(1, 1), message(3, 1), message(4, 1)};

    want(before, 3);
    (void)settle();
    want(edited, 3);
    ck_assert_uint_eq(settle(), 1);
    want(removed, 2);
    ck_assert_uint_eq(settle(), 1);
    want(added, 3);
    ck_assert_uint_eq(settle(), 1);
}
END_TEST

START_TEST(a_channel_that_rises_or_falls_is_one_move)
{
    const struct view_row before[] = {channel(1, 1), channel(2, 1), channel(3, 1), channel(4, 1)};
    const struct view_row rises[] = {channel(4, 1), channel(1, 1), channel(2, 1), channel(3, 1)};

    want(before, 4);
    (void)settle();
    want(rises, 4);
    ck_assert_uint_eq(settle(), 1);
    want(before, 4);
    ck_assert_uint_eq(settle(), 1);
    ck_assert_uint_eq(copy.items[0].key, 1);
}
END_TEST

START_TEST(an_own_message_keeps_its_key_when_it_gets_a_seq)
{
    const struct view_row typed[] = {message(1, 1), own(0, 5, 1)};
    const struct view_row in[] = {message(1, 1), message(2, 1), own(3, 5, 2)};
    uint64_t key;

    want(typed, 2);
    (void)settle();
    key = copy.items[1].key;
    want(in, 3);
    ck_assert_uint_eq(settle(), 2);
    ck_assert_uint_eq(copy.items[2].key, key);
}
END_TEST

START_TEST(anothers_message_is_never_taken_for_an_own_one)
{
    const struct view_row typed[] = {own(0, 5, 1)};
    const struct view_row both[] = {message(5, 1), own(0, 5, 1)};
    uint64_t key;

    want(typed, 1);
    (void)settle();
    key = copy.items[0].key;
    want(both, 2);
    ck_assert_uint_eq(settle(), 1);
    ck_assert_uint_eq(copy.items[1].key, key);
}
END_TEST

START_TEST(a_gap_that_is_filled_from_an_end_stays_the_same_row)
{
    const struct view_row before[] = {gap(1, 10), message(11, 1)};
    const struct view_row after[] = {gap(1, 9), message(10, 1), message(11, 1)};

    want(before, 2);
    (void)settle();
    want(after, 3);
    ck_assert_uint_eq(settle(), 2);
    ck_assert_uint_eq(copy.items[0].key, 1);
}
END_TEST

/* Anything at all, two rows of one name included: a server may send that. */
static uint32_t some_rows(struct rng *rng, struct view_row *rows, uint32_t kind)
{
    uint32_t count = (uint32_t)rng_below(rng, ROWS_MAX);

    for (uint32_t i = 0; i < count; i++) {
        uint64_t id = 1 + rng_below(rng, ROWS_MAX), version = 1 + rng_below(rng, 3);

        rows[i] = kind == 0 ? message(id, version) : own(version % 2, id, version);
        if (kind == 2 && rng_below(rng, 4) == 0)
            rows[i] = gap(id, id + rng_below(rng, 5));
    }
    return count;
}

START_TEST(any_two_lists_lead_to_each_other)
{
    struct view_row rows[ROWS_MAX];
    struct rng rng;

    rng_seed(&rng, (uint64_t)_i + 1);
    for (int round = 0; round < 200; round++) {
        want(rows, some_rows(&rng, rows, (uint32_t)_i % 3));
        (void)settle();
    }
}
END_TEST

START_TEST(what_is_wanted_may_change_between_two_steps)
{
    struct view_row rows[ROWS_MAX];
    struct view_step step;
    struct rng rng;

    rng_seed(&rng, (uint64_t)_i + 100);
    for (int round = 0; round < 500; round++) {
        want(rows, some_rows(&rng, rows, (uint32_t)_i % 3));
        for (uint64_t steps = rng_below(&rng, 8); steps > 0; steps--)
            if (view_rows_step(&shown, &wanted, &at, &last_key, &step))
                apply(&step);
    }
    (void)settle();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("view_rows");
    TCase *steps = tcase_create("steps");

    tcase_add_checked_fixture(steps, setup, teardown);
    tcase_add_test(steps, a_thousand_rows_take_less_than_300_kb);
    tcase_add_test(steps, equal_lists_need_no_step);
    tcase_add_test(steps, one_change_is_one_step);
    tcase_add_test(steps, a_channel_that_rises_or_falls_is_one_move);
    tcase_add_test(steps, an_own_message_keeps_its_key_when_it_gets_a_seq);
    tcase_add_test(steps, anothers_message_is_never_taken_for_an_own_one);
    tcase_add_test(steps, a_gap_that_is_filled_from_an_end_stays_the_same_row);
    tcase_add_loop_test(steps, any_two_lists_lead_to_each_other, 0, 6);
    tcase_add_loop_test(steps, what_is_wanted_may_change_between_two_steps, 0, 6);
    suite_add_tcase(suite, steps);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
