#include "api/host_inner.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/log.h"
#include "transport/fd_limit.h"
#include "transport/sigpipe.h"
#include "transport/url.h"

#define STOP_GRACE_MS 60000
#define CLOSE_GRACE_MS 2000
#define ENGINE_REQUESTS 4096u
#define SCHEME "Bearer "

void host_config_init(struct host_config *config)
{
    *config = (struct host_config){
        .stop_grace_ms = STOP_GRACE_MS,
        .close_grace_ms = CLOSE_GRACE_MS,
    };
}

/* ---- the loop's calls ---- */

static void on_after_poll(uv_check_t *handle) { host_turn(handle->data); }
static void on_step_over(uv_timer_t *handle) { (void)handle; }

static void on_woken(uv_async_t *handle)
{
    struct host *host = handle->data;

    host_take_completions(host);
    if (__atomic_exchange_n(&host->stop_wanted, false, __ATOMIC_ACQ_REL))
        host_stop(host);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct host *host = handle->data;

    if (number != SIGHUP) {
        log_write(host->logger, CHAT_LOG_INFO, HOST_LOG, "signal %d", number);
        host_stop(host);
        return;
    }
    for (size_t i = 0; i < host->listener_count; i++)
        (void)listener_reload(host->listeners[i]); /* it says what it refuses */
    if (host->config.on_reload)
        host->config.on_reload(host->config.user);
}

static void take_signals(struct host *host)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        uv_signal_t *handle = &host->signals[i];

        (void)uv_signal_init(&host->loop, handle);
        handle->data = host;
        host->signal_count++;
        (void)uv_signal_start(handle, on_signal, numbers[i]);
    }
}

/* ---- its life ---- */

static void make_handles(struct host *host)
{
    (void)uv_check_init(&host->loop, &host->after_poll);
    (void)uv_idle_init(&host->loop, &host->again);
    (void)uv_timer_init(&host->loop, &host->timer);
    (void)uv_timer_init(&host->loop, &host->step);
    (void)uv_timer_init(&host->loop, &host->grace);
    (void)uv_async_init(&host->loop, &host->woken, on_woken);
    host->after_poll.data = host->again.data = host->timer.data = host;
    host->grace.data = host->woken.data = host;
    (void)uv_check_start(&host->after_poll, on_after_poll);
    host_mark(host); /* machines may have something to say already */
    if (host->config.signals)
        take_signals(host);
}

static chat_status make_authorization(struct host *host, const char *secret)
{
    size_t len;

    if (!secret)
        return CHAT_OK;
    len = strlen(SCHEME) + strlen(secret) + 1;
    host->authorization = alloc_bytes(host->allocator, len);
    if (!host->authorization)
        return CHAT_E_NOMEM;
    (void)snprintf(host->authorization, len, SCHEME "%s", secret);
    return CHAT_OK;
}

chat_status host_new(const struct host_config *config, struct host **out_host)
{
    struct host *host = alloc_zeroed(config->allocator, sizeof(*host));
    struct net_config net = {.allocator = config->allocator,
                             .logger = config->logger,
                             .ca_file = config->ca_file,
                             .dns_servers = config->dns_servers};
    chat_status status;

    if (!host)
        return CHAT_E_NOMEM;
    host->config = *config;
    host->allocator = config->allocator;
    host->logger = config->logger;
    host->timer_at_ms = MOMENT_NEVER;
    memory_hub_init(&host->hub, host->allocator);
    map_init(&host->carriers, host->allocator);
    (void)fd_limit_raise();
    status = make_authorization(host, config->link_secret);
    if (status == CHAT_OK && uv_loop_init(&host->loop) != 0)
        status = CHAT_E_IO;
    if (status != CHAT_OK) {
        alloc_free(host->allocator, host->authorization);
        alloc_free(host->allocator, host);
        return status;
    }
    net.loop = &host->loop;
    status = net_new(&net, &host->net);
    make_handles(host);
    if (status != CHAT_OK) {
        host_free(host);
        return status;
    }
    *out_host = host;
    return CHAT_OK;
}

static void role_free(struct host_role *role)
{
    const struct chat_allocator *allocator = role->host->allocator;

    lanes_free(role->lanes);
    for (size_t i = 0; i < role->peer_count; i++)
        alloc_free(allocator, role->peers[i].url);
    alloc_free(allocator, role->peers);
    alloc_free(allocator, role);
}

static void on_walk(uv_handle_t *handle, void *user)
{
    (void)user;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

/* Own handles only: those of net and its users close themselves. */
static void close_handles(struct host *host)
{
    uv_handle_t *const handles[] = {
        (uv_handle_t *)&host->after_poll, (uv_handle_t *)&host->again, (uv_handle_t *)&host->timer,
        (uv_handle_t *)&host->step,       (uv_handle_t *)&host->grace, (uv_handle_t *)&host->woken,
    };

    for (size_t i = 0; i < sizeof(handles) / sizeof(handles[0]); i++)
        on_walk(handles[i], NULL);
    for (size_t i = 0; i < host->signal_count; i++)
        on_walk((uv_handle_t *)&host->signals[i], NULL);
}

void host_free(struct host *host)
{
    struct sigpipe guard;

    if (!host)
        return;
    sigpipe_hold(&guard);
    /* First, for `woken` is rung by them. */
    for (size_t i = 0; i < host->role_count; i++)
        role_free(host->roles[i]);
    host->role_count = 0;
    host->phase = HOST_ENDED;
    net_shut(host->net);
    close_handles(host);
    (void)uv_run(&host->loop, UV_RUN_DEFAULT);
    net_free(host->net);
    sigpipe_release(&guard);
    (void)uv_loop_close(&host->loop);
    memory_hub_fini(&host->hub);
    map_fini(&host->carriers);
    alloc_free(host->allocator, host->authorization);
    alloc_free(host->allocator, host);
}

/* ---- roles ---- */

static void wake(void *user)
{
    struct host *host = user;

    (void)uv_async_send(&host->woken);
}

static chat_status start_lanes(struct host_role *role)
{
    const struct host_role_config *c = &role->config;
    const struct lanes_config lanes = {
        .allocator = role->host->allocator,
        .engine = c->engine,
        .log_threads = c->log_threads ? c->log_threads : 1,
        .apply_threads = c->apply_threads ? c->apply_threads : 1,
        .read_threads = c->read_threads ? c->read_threads : 1,
        .requests_max = c->engine_requests_max ? c->engine_requests_max : ENGINE_REQUESTS,
        .wake = wake,
        .user = role->host,
    };

    return c->engine ? lanes_new(&lanes, &role->lanes) : CHAT_OK;
}

chat_status host_add_role(struct host *host, const struct host_role_config *config,
                          struct host_role **out_role)
{
    struct host_role *role;
    chat_status status;

    if (!config->machine || config->stop_stage >= HOST_STAGES_MAX)
        return CHAT_E_INVALID;
    if (host->role_count == HOST_ROLES_MAX)
        return CHAT_E_FULL;
    role = alloc_zeroed(host->allocator, sizeof(*role));
    if (!role)
        return CHAT_E_NOMEM;
    role->host = host;
    role->config = *config;
    role->machine = config->machine;
    role->dirty = true;
    status = start_lanes(role);
    if (status != CHAT_OK) {
        role_free(role);
        return status;
    }
    host->roles[host->role_count++] = role;
    *out_role = role;
    return CHAT_OK;
}

chat_status host_set_peers(struct host_role *role, const struct host_peer *peers, size_t count)
{
    struct host *host = role->host;
    struct url url;

    if (role->peers)
        return CHAT_E_STATE;
    for (size_t i = 0; i < count; i++) {
        const char *problem = peers[i].url ? url_parse(peers[i].url, &url) : NULL;

        if (problem || (!peers[i].url && !peers[i].role)) {
            log_write(host->logger, CHAT_LOG_ERROR, HOST_LOG, "%s: peer %zu: %s",
                      role->machine->ops->name, i, problem ? problem : "neither url nor role");
            return CHAT_E_INVALID;
        }
    }
    role->peers = alloc_array(host->allocator, count + 1, sizeof(*role->peers));
    if (!role->peers)
        return CHAT_E_NOMEM;
    for (size_t i = 0; i < count; i++) {
        struct host_peer_copy *copy = &role->peers[i];

        *copy = (struct host_peer_copy){.url = alloc_strdup(host->allocator, peers[i].url),
                                        .role = peers[i].url ? NULL : peers[i].role};
        role->peer_count = i + 1;
        if (peers[i].url && !copy->url)
            return CHAT_E_NOMEM;
    }
    return CHAT_OK;
}

chat_status host_listen(struct host *host, struct host_role *role,
                        const struct listener_config *given, struct ws_listener **out_listener)
{
    struct listener_config config = *given;
    chat_status status;

    if (host->listener_count == HOST_LISTENERS_MAX)
        return CHAT_E_FULL;
    if (!role && (config.serves & (LISTENER_CLIENTS | LISTENER_LINKS)))
        return CHAT_E_INVALID;
    config.events = &host_carrier_events;
    config.user = role;
    if (!config.http) {
        config.http = host_answer_http;
        config.http_user = host;
    }
    status = listener_new(host->net, &config, out_listener);
    if (status == CHAT_OK)
        host->listeners[host->listener_count++] = *out_listener;
    return status;
}

/* ---- running ---- */

chat_status host_run(struct host *host)
{
    struct sigpipe guard;

    sigpipe_hold(&guard);
    while (uv_run(&host->loop, UV_RUN_DEFAULT) != 0)
        ;
    sigpipe_release(&guard);
    return CHAT_OK;
}

bool host_step(struct host *host, int64_t timeout_ms)
{
    struct sigpipe guard;

    if (host->phase != HOST_ENDED && timeout_ms > 0) {
        uv_update_time(&host->loop);
        (void)uv_timer_start(&host->step, on_step_over, (uint64_t)timeout_ms, 0);
    }
    sigpipe_hold(&guard);
    (void)uv_run(&host->loop, timeout_ms == 0 ? UV_RUN_NOWAIT : UV_RUN_ONCE);
    sigpipe_release(&guard);
    if (host->phase != HOST_ENDED) {
        (void)uv_timer_stop(&host->step);
        return true;
    }
    return uv_loop_alive(&host->loop) != 0;
}

void host_request_stop(struct host *host)
{
    __atomic_store_n(&host->stop_wanted, true, __ATOMIC_RELEASE);
    (void)uv_async_send(&host->woken);
}

struct moment host_now(struct host *host)
{
    struct timespec mono, wall;

    if (!host->now_known) {
        (void)clock_gettime(CLOCK_MONOTONIC, &mono);
        (void)clock_gettime(CLOCK_REALTIME, &wall);
        host->now.mono_ms = (int64_t)mono.tv_sec * 1000 + mono.tv_nsec / 1000000;
        host->now.wall_ms = (int64_t)wall.tv_sec * 1000 + wall.tv_nsec / 1000000;
        host->now_known = true;
    }
    return host->now;
}

uv_loop_t *host_get_loop(struct host *host) { return &host->loop; }
size_t host_get_links(const struct host *host) { return host->carriers.count; }
