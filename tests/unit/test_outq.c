/* What waits for a link: bounded, in order, free when idle. */
#include <check.h>
#include <stdint.h>
#include <stdlib.h>

#include "../support/faulty_alloc.h"
#include "base/rng.h"
#include "wire/outq.h"

#define PLENTY SIZE_MAX
#define MANY UINT32_MAX

static struct faulty_alloc memory;
static struct outq q;

static void setup(void)
{
    faulty_alloc_init(&memory);
    outq_init(&q);
}

static void teardown(void)
{
    outq_fini(&q);
    ck_assert_uint_eq(memory.live, 0);
    ck_assert(outq_is_empty(&q));
    ck_assert_uint_eq(q.bytes, 0);
}

/* Pushes a frame that only the queue holds. */
static chat_status push_limited(uint32_t kind, size_t len, size_t bytes_max, uint32_t frames_max)
{
    struct frame *frame = frame_new(&memory.allocator, len);
    chat_status status;

    ck_assert_ptr_nonnull(frame);
    frame->kind = kind;
    status = outq_push(&q, &memory.allocator, frame, bytes_max, frames_max);
    frame_unref(frame);
    return status;
}

static void push(uint32_t kind, size_t len)
{
    ck_assert_int_eq(push_limited(kind, len, PLENTY, MANY), CHAT_OK);
}

static bool is_odd(const struct frame *frame, void *user)
{
    (void)user;
    return frame->kind % 2 == 1;
}

static bool is_any(const struct frame *frame, void *user)
{
    (void)frame;
    (void)user;
    return true;
}

START_TEST(an_idle_queue_costs_sixteen_bytes)
{
    ck_assert_uint_le(sizeof(struct outq), sizeof(void *) + 8);
}
END_TEST

START_TEST(zeroed_storage_is_an_empty_queue)
{
    struct outq zeroed = {0};
    struct outq_batch batch = outq_batch(&zeroed, PLENTY, MANY);

    ck_assert(outq_is_empty(&zeroed));
    ck_assert_uint_eq(batch.count, 0);
    outq_sent(&zeroed, 0);
    ck_assert_uint_eq(outq_drop(&zeroed, is_any, NULL), 0);
    outq_fini(&zeroed);
}
END_TEST

START_TEST(one_frame_uses_no_heap_of_the_queue)
{
    push(1, 10);
    ck_assert_uint_eq(memory.live, 1);

    struct outq_batch batch = outq_batch(&q, PLENTY, MANY);
    ck_assert_uint_eq(batch.count, 1);
    ck_assert_uint_eq(batch.bytes, 10);
    ck_assert_uint_eq(batch.frames[0]->kind, 1);

    outq_sent(&q, 1);
    ck_assert_uint_eq(memory.live, 0);
}
END_TEST

START_TEST(the_queue_holds_a_reference_of_its_own)
{
    struct frame *frame = frame_new(&memory.allocator, 5);

    ck_assert_int_eq(outq_push(&q, &memory.allocator, frame, PLENTY, MANY), CHAT_OK);
    ck_assert_uint_eq(frame->refs, 2);
    outq_sent(&q, 1);
    ck_assert_uint_eq(frame->refs, 1);
    frame_unref(frame);
}
END_TEST

START_TEST(order_is_kept_over_growing_sending_and_wrapping)
{
    struct rng rng;
    uint32_t next_in = 0, next_out = 0;

    rng_seed(&rng, 7);
    for (int round = 0; round < 2000; round++) {
        uint32_t pushes = (uint32_t)rng_below(&rng, 8), sends;

        for (uint32_t i = 0; i < pushes; i++)
            push(next_in++, 3);
        ck_assert_uint_eq(q.count, next_in - next_out);
        ck_assert_uint_eq(q.bytes, q.count * 3);
        sends = (uint32_t)rng_below(&rng, q.count + 1);
        struct outq_batch batch = outq_batch(&q, (size_t)sends * 3, MANY);
        if (sends == 0)
            continue;
        ck_assert_uint_eq(batch.count, sends);
        for (uint32_t i = 0; i < sends; i++)
            ck_assert_uint_eq(batch.frames[i]->kind, next_out++);
        outq_sent(&q, sends);
    }
}
END_TEST

START_TEST(memory_of_the_queue_goes_when_it_is_empty)
{
    for (uint32_t i = 0; i < 100; i++)
        push(i, 1);
    ck_assert_uint_eq(memory.live, 101);

    outq_sent(&q, 99);
    ck_assert_uint_eq(memory.live, 1);
    outq_sent(&q, 1);
    ck_assert_uint_eq(memory.live, 0);
}
END_TEST

START_TEST(bytes_are_limited_at_the_limit)
{
    ck_assert_int_eq(push_limited(1, 60, 100, MANY), CHAT_OK);
    ck_assert_int_eq(push_limited(2, 41, 100, MANY), CHAT_E_FULL);
    ck_assert_int_eq(push_limited(2, 40, 100, MANY), CHAT_OK);
    ck_assert_int_eq(push_limited(3, 1, 100, MANY), CHAT_E_FULL);
    ck_assert_int_eq(push_limited(3, 0, 100, MANY), CHAT_OK);
    ck_assert_uint_eq(q.bytes, 100);
    ck_assert_uint_eq(q.count, 3);
}
END_TEST

START_TEST(a_frame_larger_than_the_limit_is_refused_by_an_empty_queue)
{
    ck_assert_int_eq(push_limited(1, 101, 100, MANY), CHAT_E_FULL);
    ck_assert(outq_is_empty(&q));
}
END_TEST

START_TEST(a_limit_lowered_below_what_waits_refuses)
{
    push(1, 100);
    ck_assert_int_eq(push_limited(2, 1, 50, MANY), CHAT_E_FULL);
}
END_TEST

START_TEST(frames_are_limited_at_the_limit)
{
    ck_assert_int_eq(push_limited(1, 1, PLENTY, 2), CHAT_OK);
    ck_assert_int_eq(push_limited(2, 1, PLENTY, 2), CHAT_OK);
    ck_assert_int_eq(push_limited(3, 1, PLENTY, 2), CHAT_E_FULL);
    ck_assert_int_eq(push_limited(3, 1, PLENTY, 0), CHAT_E_FULL);
    ck_assert_uint_eq(q.count, 2);
}
END_TEST

START_TEST(a_batch_ends_before_the_frame_that_would_pass_its_bytes)
{
    push(1, 40);
    push(2, 60);
    push(3, 1);

    ck_assert_uint_eq(outq_batch(&q, 99, MANY).count, 1);
    ck_assert_uint_eq(outq_batch(&q, 100, MANY).count, 2);
    ck_assert_uint_eq(outq_batch(&q, 100, MANY).bytes, 100);
    ck_assert_uint_eq(outq_batch(&q, 101, MANY).count, 3);
}
END_TEST

START_TEST(a_batch_counts_the_elements_inside_frames)
{
    struct frame *frame = frame_new(&memory.allocator, 1);

    frame->count = 10;
    ck_assert_int_eq(outq_push(&q, &memory.allocator, frame, PLENTY, MANY), CHAT_OK);
    frame_unref(frame);
    push(2, 1);

    ck_assert_uint_eq(outq_batch(&q, PLENTY, 10).count, 1);
    ck_assert_uint_eq(outq_batch(&q, PLENTY, 11).count, 2);
}
END_TEST

START_TEST(a_batch_has_at_least_one_frame)
{
    push(1, 50);
    push(2, 50);

    ck_assert_uint_eq(outq_batch(&q, 10, 0).count, 1);
}
END_TEST

START_TEST(drop_takes_what_matches_and_keeps_the_rest_in_order)
{
    for (uint32_t i = 0; i < 10; i++)
        push(i, i);
    outq_sent(&q, 1);

    ck_assert_uint_eq(outq_drop(&q, is_odd, NULL), 5);

    struct outq_batch batch = outq_batch(&q, PLENTY, MANY);
    ck_assert_uint_eq(batch.count, 4);
    ck_assert_uint_eq(batch.bytes, 2 + 4 + 6 + 8);
    for (uint32_t i = 0; i < 4; i++)
        ck_assert_uint_eq(batch.frames[i]->kind, 2 * i + 2);
    ck_assert_uint_eq(outq_drop(&q, is_odd, NULL), 0);
}
END_TEST

START_TEST(drop_down_to_one_or_none_frees_the_row)
{
    push(1, 1);
    push(2, 1);
    push(3, 1);
    ck_assert_uint_eq(outq_drop(&q, is_odd, NULL), 2);
    ck_assert_uint_eq(memory.live, 1);
    ck_assert_uint_eq(outq_batch(&q, PLENTY, MANY).frames[0]->kind, 2);

    ck_assert_uint_eq(outq_drop(&q, is_odd, NULL), 0);
    ck_assert_uint_eq(outq_drop(&q, is_any, NULL), 1);
    ck_assert_uint_eq(memory.live, 0);
    ck_assert(outq_is_empty(&q));

    push(1, 1);
    push(3, 1);
    ck_assert_uint_eq(outq_drop(&q, is_odd, NULL), 2);
    ck_assert_uint_eq(memory.live, 0);
}
END_TEST

START_TEST(without_memory_the_queue_is_unchanged)
{
    struct frame *frame = frame_new(&memory.allocator, 1);

    for (uint32_t count = 0; count < 200; count++) {
        faulty_alloc_fail_after(&memory, 0);
        chat_status status = outq_push(&q, &memory.allocator, frame, PLENTY, MANY);
        if (status != CHAT_OK) {
            ck_assert_int_eq(status, CHAT_E_NOMEM);
            ck_assert_uint_eq(q.count, count);
            ck_assert_uint_eq(frame->refs, count + 1);
            faulty_alloc_fail_after(&memory, FAULTY_ALLOC_NEVER);
            ck_assert_int_eq(outq_push(&q, &memory.allocator, frame, PLENTY, MANY), CHAT_OK);
        }
        ck_assert_uint_eq(q.count, count + 1);
        ck_assert_uint_eq(outq_batch(&q, PLENTY, MANY).count, count + 1);
    }
    frame_unref(frame);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("outq");
    TCase *queue = tcase_create("queue");

    tcase_add_checked_fixture(queue, setup, teardown);
    tcase_add_test(queue, an_idle_queue_costs_sixteen_bytes);
    tcase_add_test(queue, zeroed_storage_is_an_empty_queue);
    tcase_add_test(queue, one_frame_uses_no_heap_of_the_queue);
    tcase_add_test(queue, the_queue_holds_a_reference_of_its_own);
    tcase_add_test(queue, order_is_kept_over_growing_sending_and_wrapping);
    tcase_add_test(queue, memory_of_the_queue_goes_when_it_is_empty);
    tcase_add_test(queue, bytes_are_limited_at_the_limit);
    tcase_add_test(queue, a_frame_larger_than_the_limit_is_refused_by_an_empty_queue);
    tcase_add_test(queue, a_limit_lowered_below_what_waits_refuses);
    tcase_add_test(queue, frames_are_limited_at_the_limit);
    tcase_add_test(queue, a_batch_ends_before_the_frame_that_would_pass_its_bytes);
    tcase_add_test(queue, a_batch_counts_the_elements_inside_frames);
    tcase_add_test(queue, a_batch_has_at_least_one_frame);
    tcase_add_test(queue, drop_takes_what_matches_and_keeps_the_rest_in_order);
    tcase_add_test(queue, drop_down_to_one_or_none_frees_the_row);
    tcase_add_test(queue, without_memory_the_queue_is_unchanged);
    suite_add_tcase(suite, queue);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
