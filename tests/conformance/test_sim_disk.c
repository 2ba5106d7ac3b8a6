/* The simulated disk is as bad as it says, and no worse. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "faulty_alloc.h"
#include "testkit/sim_disk.h"

static struct sim_disk *storage;
static struct disk *disk;

static void setup(void)
{
    storage = sim_disk_new(NULL, 1);
    disk = sim_disk_mount(storage);
}

static void teardown(void) { sim_disk_free(storage); }

static struct disk_file *create(const char *path)
{
    struct disk_file *file = NULL;

    ck_assert_int_eq(disk_open(disk, path, DISK_CREATE, &file), CHAT_OK);
    return file;
}

static void put(struct disk_file *file, uint64_t offset, char content, size_t len)
{
    char bytes[4096];

    memset(bytes, content, sizeof(bytes));
    ck_assert_int_eq(disk_write(file, offset, bytes, len), CHAT_OK);
}

/* The byte at `offset` as a new process sees it; 0 when the file ends before. */
static char get(const char *path, uint64_t offset)
{
    uint64_t size = 0;
    const uint8_t *bytes = sim_disk_peek(storage, path, &size);

    return bytes && offset < size ? (char)bytes[offset] : '\0';
}

static void remount(void) { disk = sim_disk_mount(storage); }

START_TEST(what_is_synced_survives_a_power_loss)
{
    struct disk_file *file = create("d/a");

    put(file, 0, 'x', 1000);
    ck_assert_int_eq(disk_sync(file), CHAT_OK);
    ck_assert_int_eq(disk_sync_dir(disk, "d"), CHAT_OK);
    sim_disk_power_loss(storage);
    ck_assert_int_eq(get("d/a", 999), 'x');
}
END_TEST

START_TEST(a_kill_loses_nothing_and_frees_the_lock)
{
    struct disk_file *file = create("d/a"), *again = NULL;

    put(file, 0, 'x', 10);
    ck_assert_int_eq(disk_lock(file), CHAT_OK);
    sim_disk_kill(disk);
    ck_assert_int_eq(disk_write(file, 0, "y", 1), CHAT_E_IO);
    ck_assert_int_eq(disk_sync(file), CHAT_E_IO);
    remount();
    ck_assert_int_eq(disk_open(disk, "d/a", 0, &again), CHAT_OK);
    ck_assert_int_eq(disk_lock(again), CHAT_OK);
    ck_assert_int_eq(get("d/a", 9), 'x');
}
END_TEST

START_TEST(a_lock_is_held_once)
{
    struct disk_file *a = create("d/a"), *b = create("d/a");

    ck_assert_int_eq(disk_lock(a), CHAT_OK);
    ck_assert_int_eq(disk_lock(b), CHAT_E_CONFLICT);
    disk_close(a);
    ck_assert_int_eq(disk_lock(b), CHAT_OK);
}
END_TEST

START_TEST(unsynced_sectors_survive_in_any_combination)
{
    /* Over many power losses: all of it, none of it, and something in between. */
    int all = 0, none = 0, some = 0;

    for (uint64_t seed = 1; seed < 200; seed++) {
        struct disk_file *file;
        int kept = 0;
        sim_disk_free(storage);
        storage = sim_disk_new(NULL, seed);
        remount();
        file = create("d/a");
        put(file, 0, 'o', 2048);
        ck_assert_int_eq(disk_sync(file), CHAT_OK);
        ck_assert_int_eq(disk_sync_dir(disk, "d"), CHAT_OK);
        put(file, 100, 'n', 1800);
        sim_disk_power_loss(storage);
        for (uint64_t sector = 0; sector < 4; sector++) {
            const char byte = get("d/a", sector * 512 + 200);
            ck_assert(byte == 'o' || byte == 'n');
            kept += byte == 'n';
        }
        ck_assert_int_eq(get("d/a", 50), 'o');
        all += kept == 4;
        none += kept == 0;
        some += kept > 0 && kept < 4;
    }
    ck_assert_int_gt(all, 10);
    ck_assert_int_gt(none, 10);
    ck_assert_int_gt(some, 10);
}
END_TEST

START_TEST(names_survive_in_order_unless_their_folder_was_synced)
{
    int both = 0, none = 0;

    for (uint64_t seed = 1; seed < 100; seed++) {
        struct disk_file *a, *b;
        sim_disk_free(storage);
        storage = sim_disk_new(NULL, seed);
        remount();
        a = create("d/a");
        b = create("d/b");
        ck_assert_int_eq(disk_sync(a), CHAT_OK);
        ck_assert_int_eq(disk_sync(b), CHAT_OK);
        sim_disk_power_loss(storage);
        remount();
        bool has_a, has_b;
        ck_assert_int_eq(disk_exists(disk, "d/a", &has_a), CHAT_OK);
        ck_assert_int_eq(disk_exists(disk, "d/b", &has_b), CHAT_OK);
        ck_assert(has_a || !has_b);
        both += has_b;
        none += !has_a;
    }
    ck_assert_int_gt(both, 5);
    ck_assert_int_gt(none, 5);
}
END_TEST

START_TEST(a_failed_sync_shows_what_a_later_sync_does_not_save)
{
    int lost = 0;

    for (uint64_t seed = 1; seed < 100; seed++) {
        struct disk_file *file;
        sim_disk_free(storage);
        storage = sim_disk_new(NULL, seed);
        remount();
        file = create("d/a");
        ck_assert_int_eq(disk_sync_dir(disk, "d"), CHAT_OK);
        put(file, 0, 'x', 512);
        sim_disk_fail(storage, SIM_DISK_SYNC, 0, 1, CHAT_E_IO);
        ck_assert_int_eq(disk_sync(file), CHAT_E_IO);
        ck_assert_int_eq(get("d/a", 0), 'x');
        ck_assert_int_eq(disk_sync(file), CHAT_OK);
        sim_disk_power_loss(storage);
        lost += get("d/a", 0) != 'x';
    }
    ck_assert_int_gt(lost, 10);
}
END_TEST

START_TEST(a_full_disk_refuses_growth_only)
{
    struct disk_file *file = create("d/a");
    uint64_t room = 1;

    put(file, 0, 'x', 1000);
    sim_disk_set_capacity(storage, 1000);
    ck_assert_int_eq(disk_free_bytes(disk, "d", &room), CHAT_OK);
    ck_assert_uint_eq(room, 0);
    put(file, 0, 'y', 1000);
    ck_assert_int_eq(disk_write(file, 1000, "z", 1), CHAT_E_FULL);
    sim_disk_set_capacity(storage, 1001);
    ck_assert_int_eq(disk_write(file, 1000, "z", 1), CHAT_OK);
}
END_TEST

START_TEST(a_plan_strikes_at_its_operation)
{
    struct disk_file *file = create("d/a");

    sim_disk_fail(storage, SIM_DISK_WRITE, 2, 1, CHAT_E_IO);
    put(file, 0, 'a', 1);
    ck_assert_int_eq(disk_sync(file), CHAT_OK);
    put(file, 1, 'b', 1);
    ck_assert_int_eq(disk_write(file, 2, "c", 1), CHAT_E_IO);
    put(file, 3, 'd', 1);
    sim_disk_die(storage, SIM_DISK_SYNC, 1, SIM_DISK_KILL);
    ck_assert_int_eq(disk_sync(file), CHAT_OK);
    ck_assert(!sim_disk_is_dead(disk));
    ck_assert_int_eq(disk_sync(file), CHAT_E_IO);
    ck_assert(sim_disk_is_dead(disk));
}
END_TEST

START_TEST(the_same_seed_loses_the_same)
{
    char kept[2][64];

    for (int run = 0; run < 2; run++) {
        struct disk_file *file;
        sim_disk_free(storage);
        storage = sim_disk_new(NULL, 42);
        remount();
        file = create("d/a");
        ck_assert_int_eq(disk_sync_dir(disk, "d"), CHAT_OK);
        for (uint64_t i = 0; i < 64; i++)
            put(file, i * 512, (char)('A' + i % 26), 512);
        sim_disk_power_loss(storage);
        for (uint64_t i = 0; i < 64; i++)
            kept[run][i] = get("d/a", i * 512);
    }
    ck_assert_mem_eq(kept[0], kept[1], 64);
}
END_TEST

START_TEST(a_copy_is_what_a_process_saw_and_durable)
{
    struct sim_disk *copy = sim_disk_new(NULL, 2);
    struct disk_file *file = create("d/a");

    put(file, 0, 'x', 1000);
    ck_assert_int_eq(sim_disk_copy(storage, copy), CHAT_E_STATE); /* it is in use */
    ck_assert_int_eq(sim_disk_copy(copy, storage), CHAT_OK);
    put(file, 0, 'y', 1000);
    sim_disk_power_loss(storage);
    ck_assert_int_eq(sim_disk_copy(storage, copy), CHAT_OK);
    sim_disk_power_loss(storage);
    ck_assert_int_eq(get("d/a", 999), 'x');
    sim_disk_free(copy);
}
END_TEST

START_TEST(without_memory_everything_says_so_and_nothing_leaks)
{
    struct faulty_alloc memory;
    struct disk_file *file;
    chat_status status = CHAT_E_NOMEM;

    for (size_t after = 0; status != CHAT_OK; after++) {
        struct sim_disk *own;
        struct disk *mount;

        faulty_alloc_init(&memory);
        faulty_alloc_fail_after(&memory, after);
        own = sim_disk_new(&memory.allocator, 1);
        mount = own ? sim_disk_mount(own) : NULL;
        status = mount ? disk_open(mount, "d/a", DISK_CREATE, &file) : CHAT_E_NOMEM;
        for (uint64_t i = 0; status == CHAT_OK && i < 20; i++)
            status = disk_write(file, i * 1000, "some", 4);
        if (status == CHAT_OK)
            status = disk_sync(file);
        if (own)
            sim_disk_power_loss(own);
        if (status == CHAT_OK && !sim_disk_has_memory(own))
            status = CHAT_E_NOMEM;
        sim_disk_free(own);
        ck_assert(status == CHAT_OK || status == CHAT_E_NOMEM);
        ck_assert_uint_eq(memory.live, 0);
        ck_assert_uint_lt(after, 1000);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sim_disk");
    TCase *all = tcase_create("all");

    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_test(all, what_is_synced_survives_a_power_loss);
    tcase_add_test(all, a_kill_loses_nothing_and_frees_the_lock);
    tcase_add_test(all, a_lock_is_held_once);
    tcase_add_test(all, unsynced_sectors_survive_in_any_combination);
    tcase_add_test(all, names_survive_in_order_unless_their_folder_was_synced);
    tcase_add_test(all, a_failed_sync_shows_what_a_later_sync_does_not_save);
    tcase_add_test(all, a_full_disk_refuses_growth_only);
    tcase_add_test(all, a_plan_strikes_at_its_operation);
    tcase_add_test(all, the_same_seed_loses_the_same);
    tcase_add_test(all, a_copy_is_what_a_process_saw_and_durable);
    tcase_add_test(all, without_memory_everything_says_so_and_nothing_leaks);
    suite_add_tcase(suite, all);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
