/*
 * Whatever the moment of death: what was acknowledged is there, byte for byte; what is
 * there is a prefix of what was attempted; what was cut never comes back.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "journal_kit.h"

struct story {
    struct journal_kit kit;
    struct rng rng;
    uint64_t acked;   /* the last position that was acknowledged */
    uint64_t durable; /* rows up to here are in the imagined table */
};

static void story_init(struct story *s, uint64_t seed)
{
    kit_init(&s->kit, seed);
    rng_seed(&s->rng, seed);
    s->kit.config.segment_bytes = SEGMENT_BYTES_MIN + 8 * rng_below(&s->rng, 4000);
    s->acked = s->durable = 0;
}

/* Opens, with the disk working, and looks at everything. */
static void recover_and_check(struct story *s)
{
    uint64_t last = 0;

    sim_disk_die(s->kit.storage, 0, 0, SIM_DISK_KILL);
    ck_assert_int_eq(kit_open(&s->kit, s->durable), CHAT_OK);
    ck_assert_uint_ge(s->kit.found.synced_position, s->acked);
    ck_assert_uint_le(s->kit.found.oldest_position, s->durable + 1);
    ck_assert_int_eq(kit_check(&s->kit, s->durable + 1, &last), CHAT_OK);
    ck_assert_uint_eq(last, s->kit.found.synced_position);
    s->acked = s->kit.found.synced_position;
}

/* One step of a life; CHAT_E_IO when the disk died under it. */
static chat_status step(struct story *s)
{
    chat_status status;

    if (rng_below(&s->rng, 8) == 0) {
        s->durable += rng_below(&s->rng, s->acked - s->durable + 1);
        engine_journal_release(s->kit.journal, s->durable);
        engine_journal_prepare(s->kit.journal);
        return sim_disk_is_dead(s->kit.disk) ? CHAT_E_IO : CHAT_OK;
    }
    status = kit_append(&s->kit, 1 + (size_t)rng_below(&s->rng, 8));
    if (status == CHAT_E_FULL) {
        s->durable = s->acked;
        engine_journal_release(s->kit.journal, s->durable);
        return CHAT_OK;
    }
    if (status == CHAT_OK)
        s->acked = s->kit.next - 1;
    return status;
}

static void live(struct story *s, int steps)
{
    chat_status status = CHAT_OK;

    while (steps-- > 0 && status == CHAT_OK)
        status = step(s);
    if (status != CHAT_OK)
        ck_assert_int_eq(status, CHAT_E_IO);
}

START_TEST(a_crash_at_any_operation_loses_nothing)
{
    /* _i: the operation that the lights go out at, in each of three lives. */
    struct story s;

    story_init(&s, (uint64_t)_i + 1);
    for (int life = 0; life < 3; life++) {
        recover_and_check(&s);
        sim_disk_die(s.kit.storage, SIM_DISK_CHANGES, (uint64_t)_i,
                     rng_below(&s.rng, 3) == 0 ? SIM_DISK_KILL : SIM_DISK_POWER_LOSS);
        live(&s, 60);
    }
    recover_and_check(&s);
    kit_fini(&s.kit);
}
END_TEST

START_TEST(a_crash_during_recovery_loses_nothing)
{
    struct story s;

    story_init(&s, (uint64_t)_i + 1000);
    recover_and_check(&s);
    live(&s, 30);
    sim_disk_die(s.kit.storage, SIM_DISK_CHANGES, rng_below(&s.rng, 4), SIM_DISK_POWER_LOSS);
    live(&s, 5);
    for (int again = 0; again < 4; again++) {
        sim_disk_die(s.kit.storage, SIM_DISK_ANY, (uint64_t)_i, SIM_DISK_POWER_LOSS);
        if (kit_open(&s.kit, s.durable) == CHAT_OK)
            s.acked = s.kit.found.synced_position;
    }
    recover_and_check(&s);
    kit_fini(&s.kit);
}
END_TEST

START_TEST(failing_operations_lose_nothing)
{
    struct story s;

    story_init(&s, (uint64_t)_i + 2000);
    for (int life = 0; life < 8; life++) {
        sim_disk_set_rates(s.kit.storage, 0, 0);
        if (rng_below(&s.rng, 3) == 0)
            sim_disk_power_loss(s.kit.storage);
        recover_and_check(&s);
        sim_disk_set_rates(s.kit.storage, 50000, 10000);
        live(&s, 40);
    }
    kit_fini(&s.kit);
}
END_TEST

/* _i: the operation of the first opening that the process is killed at. What it made may have
 * no name that lasts; the power goes in a later life. */
START_TEST(what_a_killed_first_opening_made_does_not_go_with_the_power)
{
    for (uint64_t seed = 0; seed < 8; seed++) {
        struct story s;

        story_init(&s, (uint64_t)_i + 3000 + 100 * seed);
        sim_disk_die(s.kit.storage, SIM_DISK_ANY, (uint64_t)_i, SIM_DISK_KILL);
        (void)kit_open(&s.kit, 0);
        recover_and_check(&s);
        live(&s, 5);
        sim_disk_power_loss(s.kit.storage);
        recover_and_check(&s);
        kit_fini(&s.kit);
    }
}
END_TEST

START_TEST(a_write_torn_at_any_byte_is_cut)
{
    /* The batch's bytes stop at _i * 7; behind them is what the file held before. */
    struct story s;
    uint8_t tail[1500];
    uint64_t size, end = SEGMENT_DATA_START, acked;
    const char *path = KIT_FOLDER "/journal-0000.seg";
    struct segment_batch batch;
    const uint8_t *bytes;
    const size_t kept = (size_t)_i * 7;

    story_init(&s, 77);
    s.kit.config.segment_bytes = KIT_SEGMENT;
    recover_and_check(&s);
    live(&s, 3);
    ck_assert_int_eq(kit_append(&s.kit, 3), CHAT_OK);
    bytes = sim_disk_peek(s.kit.storage, path, &size);
    acked = s.acked;
    for (uint64_t at = end; segment_batch_decode(bytes + at, &batch);
         at += segment_batch_stride(&batch))
        end = at;
    memset(tail, 0, sizeof(tail));
    sim_disk_poke(s.kit.storage, path, end + kept, tail, sizeof(tail));

    ck_assert_int_eq(kit_open(&s.kit, 0), CHAT_OK);
    if (s.kit.found.synced_position != acked)
        ck_assert_uint_eq(s.kit.found.synced_position, acked + 3);
    else if (kept >= SEGMENT_BATCH_HEADER_LEN)
        ck_assert(s.kit.found.tail_cut);
    recover_and_check(&s);
    kit_fini(&s.kit);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("journal_crash");
    TCase *crash = tcase_create("crash");

    tcase_add_loop_test(crash, a_crash_at_any_operation_loses_nothing, 0, 250);
    tcase_add_loop_test(crash, a_crash_during_recovery_loses_nothing, 0, 60);
    tcase_add_loop_test(crash, failing_operations_lose_nothing, 0, 60);
    tcase_add_loop_test(crash, what_a_killed_first_opening_made_does_not_go_with_the_power, 0, 40);
    tcase_add_loop_test(crash, a_write_torn_at_any_byte_is_cut, 0, 150);
    tcase_set_timeout(crash, 120);
    suite_add_tcase(suite, crash);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
