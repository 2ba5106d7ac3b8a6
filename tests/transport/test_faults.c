/* Each allocation of the transport fails once: a status or a lost link, no crash, no leak. */
#include "rig.h"

#include <string.h>
#include <unistd.h>

#include <libchat/close.h>

#include "../support/faulty_alloc.h"

#define FAULTS_MAX 60

static struct rig rig;
static struct faulty_alloc memory;

/* A dialer and a server on one net: connect, talk in fragments and in bulk, close. */
static void tell_a_story(void)
{
    static uint8_t bulk[100000];
    const struct chat_buffer buffer = {bulk, sizeof(bulk)};
    const struct ws_dial_config config = {
        .url = rig_url(&rig, "ws", "localhost"),
        .subprotocol = WS_SUBPROTOCOL_LINK,
        .authorization = "Bearer " RIG_SECRET,
        .limits = &ws_limits_link,
        .events = &rig_events,
        .user = &rig.client,
    };
    struct ws_conn *conn;
    bool blocked;

    if (ws_client_dial(rig.net, &config, &conn) != CHAT_OK)
        return;
    for (int i = 0; i < 100 && !rig.client.opened && !rig.client.closed; i++)
        rig_idle(&rig, 2);
    if (rig.client.opened && !rig.client.closed) {
        (void)ws_conn_send(conn, &buffer, 1, &blocked);
        rig_idle(&rig, 10);
    }
    if (rig.client.opened && !rig.client.closed)
        carrier_close(&conn->carrier, CHAT_CLOSE_NORMAL, "done", 4);
    for (int i = 0; i < 20 && !rig.client.closed; i++)
        rig_idle(&rig, 2);
}

START_TEST(any_one_allocation_may_fail)
{
    memset(&rig, 0, sizeof(rig));
    faulty_alloc_init(&memory);
    rig.allocator = &memory.allocator;
    rig_start_plain(&rig);
    faulty_alloc_fail_after(&memory, (size_t)_i);
    tell_a_story();
    faulty_alloc_fail_after(&memory, FAULTY_ALLOC_NEVER);
    rig_stop(&rig);
    ck_assert_uint_eq(memory.live, 0);
}
END_TEST

START_TEST(the_beginning_may_fail_at_any_allocation)
{
    struct net_config config = {.allocator = &memory.allocator};
    struct listener_config listen = rig_config(&rig);
    struct ws_listener *listener;
    struct net *net = NULL;
    uv_loop_t loop;

    faulty_alloc_init(&memory);
    faulty_alloc_fail_after(&memory, (size_t)_i);
    ck_assert_int_eq(uv_loop_init(&loop), 0);
    config.loop = &loop;
    config.dns_servers = "127.0.0.1";
    if (net_new(&config, &net) == CHAT_OK) {
        (void)listener_new(net, &listen, &listener);
        net_shut(net);
    }
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    net_free(net);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
    ck_assert_uint_eq(memory.live, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("faults");
    TCase *tc = tcase_create("faults");

    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, any_one_allocation_may_fail, 0, FAULTS_MAX);
    tcase_add_loop_test(tc, the_beginning_may_fail_at_any_allocation, 0, 8);
    suite_add_tcase(suite, tc);
    return rig_main(suite);
}
