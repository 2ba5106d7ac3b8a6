/* Pairs of carriers in one process: order, limits, closing. */
#include "rig.h"

#include <string.h>

#include "base/alloc.h"
#include "transport/memory_link.h"

static struct memory_hub hub;
static struct seen near_end, far_end;
static struct carrier *dialer, *other;

static void setup(void)
{
    memset(&near_end, 0, sizeof(near_end));
    memset(&far_end, 0, sizeof(far_end));
    memory_hub_init(&hub, NULL);
    ck_assert_int_eq(memory_link_pair(&hub, &dialer, &other), CHAT_OK);
    dialer->events = other->events = &rig_events;
    dialer->user = &near_end;
    other->user = &far_end;
}

static void teardown(void) { memory_hub_fini(&hub); }

static void deliver(void)
{
    while (memory_hub_deliver(&hub))
        ;
}

static chat_status send_bytes(struct carrier *carrier, size_t len, uint8_t fill, bool *out_blocked)
{
    struct frame *frame = frame_new(&alloc_default, len);
    chat_status status;

    memset(frame->bytes, fill, len);
    status = carrier_send(carrier, &frame, 1, len, out_blocked);
    frame_unref(frame);
    return status;
}

START_TEST(both_ends_open_then_messages_come_in_order)
{
    bool blocked;

    ck_assert_int_eq(send_bytes(dialer, 3, 'a', &blocked), CHAT_OK);
    ck_assert_uint_eq(far_end.opened, 0);
    deliver();
    ck_assert_uint_eq(near_end.opened, 1);
    ck_assert_int_eq(near_end.kind, LINK_DIALED);
    ck_assert_int_eq(far_end.kind, LINK_PEER);
    ck_assert_str_eq(far_end.address, MEMORY_LINK_ADDRESS);
    ck_assert_uint_eq(far_end.messages, 1);
    ck_assert_mem_eq(far_end.last, "aaa", 3);
    ck_assert(!memory_hub_deliver(&hub));
}
END_TEST

START_TEST(frames_of_one_send_are_one_message)
{
    struct frame *frames[2] = {frame_new(&alloc_default, 2), frame_new(&alloc_default, 1)};
    bool blocked;

    memcpy(frames[0]->bytes, "ab", 2);
    frames[1]->bytes[0] = 'c';
    ck_assert_int_eq(carrier_send(dialer, frames, 2, 3, &blocked), CHAT_OK);
    ck_assert_uint_eq(frames[0]->refs, 2);
    deliver();
    ck_assert_uint_eq(far_end.messages, 1);
    ck_assert_mem_eq(far_end.last, "abc", 3);
    ck_assert_uint_eq(frames[0]->refs, 1);
    frame_unref(frames[0]);
    frame_unref(frames[1]);
}
END_TEST

START_TEST(past_the_limit_it_blocks_until_delivered)
{
    bool blocked = false;

    deliver();
    ck_assert_int_eq(send_bytes(dialer, MEMORY_LINK_BYTES_MAX, 0, &blocked), CHAT_OK);
    ck_assert(!blocked);
    ck_assert_int_eq(send_bytes(dialer, 1, 0, &blocked), CHAT_OK);
    ck_assert(blocked);
    ck_assert_int_eq(send_bytes(dialer, 1, 0, &blocked), CHAT_E_STATE);
    ck_assert_uint_eq(near_end.drained, 0);
    deliver();
    ck_assert_uint_eq(far_end.messages, 2);
    ck_assert_uint_eq(near_end.drained, 1);
    ck_assert_int_eq(send_bytes(dialer, 1, 0, &blocked), CHAT_OK);
    ck_assert_int_eq(send_bytes(dialer, MEMORY_LINK_BYTES_MAX + 1, 0, &blocked), CHAT_E_TOO_LARGE);
}
END_TEST

START_TEST(what_was_sent_arrives_before_the_close)
{
    bool blocked;

    ck_assert_int_eq(send_bytes(dialer, 1, 'z', &blocked), CHAT_OK);
    carrier_close(dialer, 4100, "later", 5);
    ck_assert_int_eq(send_bytes(dialer, 1, 'y', &blocked), CHAT_E_STATE);
    ck_assert_int_eq(send_bytes(other, 1, 'x', &blocked), CHAT_E_STATE);
    carrier_close(dialer, 4200, "twice", 5);
    deliver();
    ck_assert_uint_eq(far_end.messages, 1);
    ck_assert_uint_eq(far_end.closed, 1);
    ck_assert_uint_eq(near_end.closed, 1);
    ck_assert_uint_eq(far_end.code, 4100);
    ck_assert_str_eq(far_end.reason, "later");
    ck_assert(list_is_empty(&hub.links));
}
END_TEST

START_TEST(what_crosses_our_close_is_dropped)
{
    bool blocked;

    deliver();
    ck_assert_int_eq(send_bytes(other, 1, 'x', &blocked), CHAT_OK);
    carrier_close(dialer, 1000, NULL, 0);
    deliver();
    ck_assert_uint_eq(near_end.messages, 0);
    ck_assert_uint_eq(near_end.closed, 1);
    ck_assert_str_eq(near_end.reason, "");
}
END_TEST

START_TEST(an_echo_in_the_callback_waits_for_the_next_delivery)
{
    bool blocked;

    deliver();
    far_end.echo = true;
    ck_assert_int_eq(send_bytes(dialer, 1, 'e', &blocked), CHAT_OK);
    deliver();
    ck_assert_uint_eq(near_end.messages, 1);
}
END_TEST

START_TEST(dropping_the_hub_frees_what_waits)
{
    bool blocked;

    ck_assert_int_eq(send_bytes(dialer, 100, 0, &blocked), CHAT_OK);
    ck_assert_int_eq(send_bytes(other, 100, 0, &blocked), CHAT_OK);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("memory_link");
    TCase *tc = tcase_create("memory_link");

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, both_ends_open_then_messages_come_in_order);
    tcase_add_test(tc, frames_of_one_send_are_one_message);
    tcase_add_test(tc, past_the_limit_it_blocks_until_delivered);
    tcase_add_test(tc, what_was_sent_arrives_before_the_close);
    tcase_add_test(tc, what_crosses_our_close_is_dropped);
    tcase_add_test(tc, an_echo_in_the_callback_waits_for_the_next_delivery);
    tcase_add_test(tc, dropping_the_hub_frees_what_waits);
    suite_add_tcase(suite, tc);
    return rig_main(suite);
}
