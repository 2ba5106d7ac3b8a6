/* What list.h promises. */
#include <check.h>
#include <stdlib.h>

#include "base/list.h"

struct item {
    int number;
    struct list_node link;
};

static struct list l;
static struct item items[5];

static void setup(void)
{
    list_init(&l);
    for (int i = 0; i < 5; i++)
        items[i] = (struct item){.number = i};
}

static int sum_of_walk(void)
{
    int sum = 0;
    LIST_EACH(node, &l) { sum = sum * 10 + LIST_ENTRY(node, struct item, link)->number; }
    return sum;
}

START_TEST(empty_list_has_no_first)
{
    ck_assert(list_is_empty(&l));
    ck_assert_ptr_null(list_first(&l));
    ck_assert_ptr_null(list_pop_front(&l));
}
END_TEST

START_TEST(order_is_that_of_the_pushes)
{
    list_push_back(&l, &items[2].link);
    list_push_back(&l, &items[3].link);
    list_push_front(&l, &items[1].link);
    list_insert_before(&items[3].link, &items[4].link);

    ck_assert_int_eq(sum_of_walk(), 1243);
    ck_assert_ptr_eq(list_pop_front(&l), &items[1].link);
    ck_assert_int_eq(sum_of_walk(), 243);
}
END_TEST

START_TEST(removed_node_is_in_no_list_and_may_be_removed_again)
{
    list_push_back(&l, &items[1].link);
    ck_assert(list_node_is_linked(&items[1].link));

    list_remove(&items[1].link);
    list_remove(&items[1].link);
    ck_assert(!list_node_is_linked(&items[1].link));
    ck_assert(list_is_empty(&l));
}
END_TEST

START_TEST(walk_may_remove_the_node_it_is_at)
{
    for (int i = 0; i < 5; i++)
        list_push_back(&l, &items[i].link);
    LIST_EACH(node, &l)
    {
        if (LIST_ENTRY(node, struct item, link)->number % 2 == 0)
            list_remove(node);
    }
    ck_assert_int_eq(sum_of_walk(), 13);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("list");
    TCase *all = tcase_create("all");

    tcase_add_checked_fixture(all, setup, NULL);
    tcase_add_test(all, empty_list_has_no_first);
    tcase_add_test(all, order_is_that_of_the_pushes);
    tcase_add_test(all, removed_node_is_in_no_list_and_may_be_removed_again);
    tcase_add_test(all, walk_may_remove_the_node_it_is_at);
    suite_add_tcase(suite, all);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
