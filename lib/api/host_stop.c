/* How a host stops: roles stage by stage, then links, then the loop. */
#include <libchat/close.h>

#include "api/host_inner.h"
#include "base/log.h"

static const char goodbye[] = "stopping";

static void on_grace_over(uv_timer_t *handle);

static void set_grace(struct host *host, int64_t ms)
{
    uv_update_time(&host->loop);
    (void)uv_timer_start(&host->grace, on_grace_over, ms > 0 ? (uint64_t)ms : 0, 0);
}

/* True when some role of the stage was there to be told. */
static bool tell_stage(struct host *host, uint32_t stage)
{
    bool any = false;

    for (size_t i = 0; i < host->role_count; i++) {
        if (host->roles[i]->config.stop_stage == stage) {
            any = true;
            host_feed(host->roles[i], &(struct event){.kind = EVENT_STOP});
        }
    }
    return any;
}

static bool stage_is_done(const struct host *host)
{
    for (size_t i = 0; i < host->role_count; i++)
        if (host->roles[i]->config.stop_stage == host->stage && !host->roles[i]->stopped)
            return false;
    return true;
}

static void end(struct host *host)
{
    host->phase = HOST_ENDED;
    net_shut(host->net);
    (void)uv_check_stop(&host->after_poll);
    (void)uv_idle_stop(&host->again);
    (void)uv_timer_stop(&host->timer);
    (void)uv_timer_stop(&host->step);
    (void)uv_timer_stop(&host->grace);
    for (size_t i = 0; i < host->signal_count; i++)
        (void)uv_signal_stop(&host->signals[i]);
    /* It stays until host_free(), for engines still at work. */
    uv_unref((uv_handle_t *)&host->woken);
    log_write(host->logger, CHAT_LOG_INFO, HOST_LOG, "stopped");
}

static void close_links(struct host *host)
{
    size_t cursor = 0;
    uint64_t id;
    void *carrier;

    host->phase = HOST_CLOSING;
    for (size_t i = 0; i < host->listener_count; i++)
        listener_stop(host->listeners[i]);
    while (map_next(&host->carriers, &cursor, &id, &carrier))
        carrier_close(carrier, CHAT_CLOSE_GOING_AWAY, goodbye, sizeof(goodbye) - 1);
    set_grace(host, host->config.close_grace_ms);
    host_mark(host);
}

static void on_grace_over(uv_timer_t *handle)
{
    struct host *host = handle->data;

    if (host->phase == HOST_STOPPING) {
        log_write(host->logger, CHAT_LOG_WARN, HOST_LOG, "roles did not finish in time");
        close_links(host);
    } else if (host->phase == HOST_CLOSING) {
        end(host);
    }
}

void host_stop(struct host *host)
{
    if (host->phase == HOST_RUNNING) {
        log_write(host->logger, CHAT_LOG_INFO, HOST_LOG, "stopping");
        host->phase = HOST_STOPPING;
        for (size_t i = 0; i < host->listener_count; i++)
            listener_drain(host->listeners[i], true);
        (void)tell_stage(host, 0);
        set_grace(host, host->config.stop_grace_ms);
        host_mark(host);
    } else if (host->phase == HOST_STOPPING) {
        close_links(host);
    } else if (host->phase == HOST_CLOSING) {
        end(host);
    }
}

void host_check_stop(struct host *host)
{
    if (host->phase == HOST_STOPPING && stage_is_done(host)) {
        while (++host->stage < HOST_STAGES_MAX && !tell_stage(host, host->stage))
            ;
        if (host->stage == HOST_STAGES_MAX)
            close_links(host);
        return;
    }
    if (host->phase == HOST_CLOSING && host->carriers.count == 0)
        end(host);
}
