/* A table finds by key, whatever the hash, and survives a lack of memory. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../support/faulty_alloc.h"
#include "base/hash.h"
#include "base/list.h"
#include "base/table.h"

#define PEOPLE 1000

struct person {
    struct table_node node;
    char name[16];
};

static struct faulty_alloc memory;
static struct table t;
static struct person people[PEOPLE];

static bool has_name(const struct table_node *node, const void *key)
{
    const struct person *p = LIST_ENTRY(node, const struct person, node);
    return strcmp(p->name, key) == 0;
}

static uint64_t hash_of(const char *name)
{
    static const uint64_t key[2] = {1, 2};
    return hash_bytes(key, name, strlen(name));
}

static void setup(void)
{
    faulty_alloc_init(&memory);
    table_init(&t, &memory.allocator, has_name);
    for (int i = 0; i < PEOPLE; i++) {
        memset(&people[i], 0, sizeof(people[i]));
        snprintf(people[i].name, sizeof(people[i].name), "person %d", i);
    }
}

static void teardown(void)
{
    table_fini(&t);
    ck_assert_uint_eq(memory.live, 0);
}

static void insert_all(void)
{
    for (int i = 0; i < PEOPLE; i++)
        ck_assert_int_eq(table_insert(&t, &people[i].node, hash_of(people[i].name)), CHAT_OK);
}

static struct table_node *find(const char *name) { return table_find(&t, hash_of(name), name); }

START_TEST(empty_table_finds_nothing)
{
    ck_assert_ptr_null(find("person 1"));
    ck_assert_ptr_null(table_next(&t, NULL));
    table_remove(&t, &people[0].node);
    ck_assert_uint_eq(t.count, 0);
}
END_TEST

START_TEST(what_was_inserted_is_found_until_removed)
{
    insert_all();
    for (int i = 0; i < PEOPLE; i += 2)
        table_remove(&t, &people[i].node);

    for (int i = 0; i < PEOPLE; i++) {
        struct table_node *expected = i % 2 ? &people[i].node : NULL;
        ck_assert_ptr_eq(find(people[i].name), expected);
    }
    ck_assert_uint_eq(t.count, PEOPLE / 2);
}
END_TEST

START_TEST(equal_hashes_are_told_apart_by_key)
{
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(table_insert(&t, &people[i].node, 42), CHAT_OK);
    table_remove(&t, &people[50].node);

    ck_assert_ptr_eq(table_find(&t, 42, "person 99"), &people[99].node);
    ck_assert_ptr_null(table_find(&t, 42, "person 50"));
}
END_TEST

START_TEST(walk_sees_each_once_and_may_remove_what_it_left)
{
    size_t walked = 0;
    struct table_node *node, *next;

    insert_all();
    for (node = table_next(&t, NULL); node; node = next) {
        next = table_next(&t, node);
        table_remove(&t, node);
        walked++;
    }

    ck_assert_uint_eq(walked, PEOPLE);
    ck_assert_uint_eq(t.count, 0);
}
END_TEST

START_TEST(shrinks_on_later_inserts)
{
    size_t full;

    insert_all();
    full = t.cap;
    for (int i = 0; i < PEOPLE; i++)
        table_remove(&t, &people[i].node);
    for (int i = 0; i < 10; i++) {
        ck_assert_int_eq(table_insert(&t, &people[0].node, hash_of(people[0].name)), CHAT_OK);
        table_remove(&t, &people[0].node);
    }

    ck_assert_uint_eq(full, 1024);
    ck_assert_uint_eq(t.cap, 8);
}
END_TEST

START_TEST(only_the_first_insert_needs_memory)
{
    faulty_alloc_fail_after(&memory, 0);
    ck_assert_int_eq(table_insert(&t, &people[0].node, 1), CHAT_E_NOMEM);
    ck_assert_uint_eq(t.count, 0);

    faulty_alloc_fail_after(&memory, 1);
    insert_all();
    for (int i = 0; i < PEOPLE; i++)
        ck_assert_ptr_eq(find(people[i].name), &people[i].node);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("table");
    TCase *all = tcase_create("all");

    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_test(all, empty_table_finds_nothing);
    tcase_add_test(all, what_was_inserted_is_found_until_removed);
    tcase_add_test(all, equal_hashes_are_told_apart_by_key);
    tcase_add_test(all, walk_sees_each_once_and_may_remove_what_it_left);
    tcase_add_test(all, shrinks_on_later_inserts);
    tcase_add_test(all, only_the_first_insert_needs_memory);
    suite_add_tcase(suite, all);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
