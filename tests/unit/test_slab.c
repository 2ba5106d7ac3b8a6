/* Objects by index that never move, and whose old names find nothing. */
#include <check.h>
#include <stdlib.h>

#include "../support/faulty_alloc.h"
#include "server/router/slab.h"

struct thing {
    struct slab_item item;
    uint64_t value;
};

static struct slab s;
static struct faulty_alloc memory;

static void setup(void)
{
    faulty_alloc_init(&memory);
    slab_init(&s, &memory.allocator, sizeof(struct thing), 200);
}

static void teardown(void)
{
    slab_fini(&s);
    ck_assert_uint_eq(memory.live, 0);
}

START_TEST(an_object_is_zeroed_found_by_index_and_stays_where_it_is)
{
    struct thing *first = slab_take(&s);

    ck_assert_uint_eq(first->value, 0);
    first->value = 7;
    for (uint32_t i = 1; i < 200; i++)
        ck_assert_ptr_nonnull(slab_take(&s));
    ck_assert_ptr_eq(slab_at(&s, first->item.index), first);
    ck_assert_uint_eq(first->value, 7);
    ck_assert_ptr_eq(slab_find(&s, first->item.index, first->item.generation), first);
}
END_TEST

START_TEST(what_was_given_back_is_found_no_more)
{
    struct thing *thing = slab_take(&s);
    struct slab_item was = thing->item;
    struct thing *next;

    thing->value = 7;
    slab_give(&s, thing);
    ck_assert_ptr_null(slab_find(&s, was.index, was.generation));
    ck_assert(!slab_is_taken(&thing->item));
    next = slab_take(&s);
    ck_assert_ptr_eq(next, thing);
    ck_assert_uint_eq(next->value, 0);
    ck_assert_uint_ne(next->item.generation, was.generation);
    ck_assert_ptr_null(slab_find(&s, was.index, was.generation));
    ck_assert_ptr_null(slab_find(&s, SLAB_NONE, 1));
}
END_TEST

START_TEST(it_ends_at_its_max)
{
    struct thing *last = NULL;

    for (uint32_t i = 0; i < 200; i++)
        ck_assert_ptr_nonnull(last = slab_take(&s));
    ck_assert_ptr_null(slab_take(&s));
    slab_give(&s, last);
    ck_assert_ptr_nonnull(slab_take(&s));
}
END_TEST

START_TEST(without_memory_it_says_so_and_goes_on_later)
{
    static const size_t allowed[] = {0, 1, 1}; /* each time one more is already there */

    for (size_t i = 0; i < 3; i++) {
        faulty_alloc_fail_after(&memory, allowed[i]);
        ck_assert_ptr_null(slab_take(&s));
        ck_assert_uint_eq(s.taken, 0);
    }
    faulty_alloc_fail_after(&memory, FAULTY_ALLOC_NEVER);
    ck_assert_ptr_nonnull(slab_take(&s));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("slab");
    TCase *all = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_test(all, an_object_is_zeroed_found_by_index_and_stays_where_it_is);
    tcase_add_test(all, what_was_given_back_is_found_no_more);
    tcase_add_test(all, it_ends_at_its_max);
    tcase_add_test(all, without_memory_it_says_so_and_goes_on_later);
    suite_add_tcase(suite, all);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
