/*
 * Another process of the device, such as one that shares something into the app: while the
 * app is suspended it opens the same cache and queues a message. It never has a link.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim_app_inner.h"

/* --- a transport that reaches nobody --- */

static chat_status start(void *self, const struct chat_transport_sink *sink)
{
    (void)self, (void)sink;
    return CHAT_OK;
}

static chat_status connect_nowhere(void *self, uint64_t link, const struct chat_connect *to)
{
    (void)self, (void)link, (void)to;
    return CHAT_E_FULL;
}

static chat_status send_nowhere(void *self, uint64_t link, const struct chat_buffer *buffers,
                                size_t count, bool *out_blocked)
{
    (void)self, (void)link, (void)buffers, (void)count, (void)out_blocked;
    return CHAT_E_STATE;
}

static void close_nothing(void *self, uint64_t link, uint16_t code, const char *reason, size_t len)
{
    (void)self, (void)link, (void)code, (void)reason, (void)len;
}

static chat_status pump(void *self, int64_t timeout_ms)
{
    (void)self, (void)timeout_ms;
    return CHAT_OK;
}

static int get_fd(void *self)
{
    (void)self;
    return -1;
}

static int64_t get_deadline_ms(void *self)
{
    (void)self;
    return CHAT_DEADLINE_NEVER;
}

static void wake(void *self) { (void)self; }

static void now(void *self, int64_t *out_mono_ms, int64_t *out_wall_ms)
{
    const struct moment at = sim_node_now(((struct sim_app *)self)->node);

    *out_mono_ms = at.mono_ms;
    *out_wall_ms = at.wall_ms;
}

static chat_status fill_random(void *self, uint8_t *bytes, size_t len)
{
    struct sim_app *app = self;

    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)rng_u64(&app->rng);
    return CHAT_OK;
}

/* --- what it does --- */

static void share_into(struct sim_app *app, chat_conn *conn)
{
    const struct chat_channel *channel = chat_conn_next_channel(conn, 0);
    uint64_t channel_id = channel ? channel->channel_id : 0;

    for (uint64_t i = 1 + rng_below(&app->rng, 3); channel_id && i > 0; i--)
        sim_act_send_on(app, conn, channel_id);
}

void sim_share(struct sim_app *app)
{
    struct chat_transport transport = {
        .size = sizeof(transport),
        .self = app,
        .start = start,
        .connect = connect_nowhere,
        .send = send_nowhere,
        .close = close_nothing,
        .pump = pump,
        .get_fd = get_fd,
        .get_deadline_ms = get_deadline_ms,
        .wake = wake,
        .now = now,
        .random = fill_random,
    };
    struct chat_loop_config of_loop;
    struct chat_conn_config config;
    chat_loop *loop;
    chat_conn *conn;
    chat_status status;

    chat_loop_config_init(&of_loop);
    of_loop.transport = &transport;
    if (chat_loop_new(&of_loop, &loop) != CHAT_OK) {
        fprintf(stderr, "simulator: no loop\n");
        exit(2);
    }
    chat_conn_config_init(&config);
    config.url = "wss://sim.example/";
    config.cache_path = SIM_CACHE_PATH;
    config.cache_vfs = sim_cache_disk_vfs(app->config.disk);
    config.seed = rng_id(&app->rng);
    status = chat_conn_new(loop, &config, &conn);
    if (status == CHAT_OK) {
        app->crowd->shared++;
        share_into(app, conn);
        chat_conn_free(conn);
    } else {
        checker_violation(app->crowd->checker, CHECK_UNLOCKED,
                          "%s: suspended, and another process cannot open its cache: %s", app->name,
                          chat_status_name(status));
    }
    chat_loop_free(loop);
}
