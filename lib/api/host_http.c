/* What a host answers over HTTP: is it alive, is it ready, what has it counted. */
#include <stdio.h>
#include <string.h>

#include "api/host_inner.h"

static void say(struct listener_reply *reply, uint16_t status, const char *text)
{
    reply->status = status;
    (void)buf_append(&reply->body, text, strlen(text));
}

static void answer_ready(struct host *host, struct listener_reply *reply)
{
    const struct host_http *http = &host->config.http;

    if (host->phase != HOST_RUNNING) {
        say(reply, 503, "stopping\n");
        return;
    }
    if (http->is_ready && !http->is_ready(&reply->body, http->user)) {
        reply->status = 503;
        return;
    }
    buf_clear(&reply->body);
    say(reply, 200, "ready\n");
}

static void answer_metrics(struct host *host, struct listener_reply *reply)
{
    const struct host_http *http = &host->config.http;
    struct metrics metrics;

    metrics_init(&metrics, host->allocator, NULL);
    host_write_metrics(host, &metrics);
    if (http->write_metrics)
        http->write_metrics(&metrics, http->user);
    if (metrics.status == CHAT_OK &&
        buf_append(&reply->body, metrics.text.bytes, metrics.text.len) == CHAT_OK) {
        reply->status = 200;
        reply->content_type = METRICS_CONTENT_TYPE;
    } else {
        say(reply, 500, "too many metrics\n");
    }
    metrics_fini(&metrics);
}

void host_answer_http(const char *path, struct listener_reply *reply, void *user)
{
    struct host *host = user;

    if (!strcmp(path, "/healthz"))
        say(reply, 200, "alive\n");
    else if (!strcmp(path, "/readyz"))
        answer_ready(host, reply);
    else if (!strcmp(path, "/metrics"))
        answer_metrics(host, reply);
}

/* ---- what listeners counted, all together ---- */

static void add(struct listener_stats *sum, const struct listener_stats *one)
{
    sum->accepted += one->accepted;
    sum->opened += one->opened;
    sum->http_requests += one->http_requests;
    sum->refused_full += one->refused_full;
    sum->slow += one->slow;
    sum->refused_origin += one->refused_origin;
    sum->refused_secret += one->refused_secret;
    sum->refused_upgrade += one->refused_upgrade;
    sum->refused_broken += one->refused_broken;
    for (size_t i = 0; i < LISTENER_CUTS; i++)
        sum->cuts[i] += one->cuts[i];
    sum->connections += one->connections;
    sum->handshakes += one->handshakes;
}

void host_write_metrics(const struct host *host, struct metrics *out)
{
    struct listener_stats s = {0};

    for (size_t i = 0; i < host->listener_count; i++)
        add(&s, listener_get_stats(host->listeners[i]));
    metrics_family(out, "chat_connections", "Connections accepted and open now.", METRIC_GAUGE);
    metrics_u64(out, "state=\"all\"", s.connections);
    metrics_u64(out, "state=\"handshake\"", s.handshakes);
    metrics_family(out, "chat_transport_links", "Links open now, dialed and in-process ones too.",
                   METRIC_GAUGE);
    metrics_u64(out, NULL, host_get_links(host));
    metrics_family(out, "chat_accepted_total", "Sockets accepted.", METRIC_COUNTER);
    metrics_u64(out, NULL, s.accepted);
    metrics_family(out, "chat_upgraded_total", "WebSockets opened by the other end.",
                   METRIC_COUNTER);
    metrics_u64(out, NULL, s.opened);
    metrics_family(out, "chat_http_requests_total", "Plain HTTP requests.", METRIC_COUNTER);
    metrics_u64(out, NULL, s.http_requests);
    metrics_family(out, "chat_refused_total", "Connections refused before they were links.",
                   METRIC_COUNTER);
    metrics_u64(out, "reason=\"broken\"", s.refused_broken);
    metrics_u64(out, "reason=\"connections_max\"", s.refused_full);
    metrics_u64(out, "reason=\"handshake_ms\"", s.slow);
    metrics_u64(out, "reason=\"origin\"", s.refused_origin);
    metrics_u64(out, "reason=\"secret\"", s.refused_secret);
    metrics_u64(out, "reason=\"upgrade\"", s.refused_upgrade);
    metrics_family(out, "chat_cut_total", "Open connections ended by a rule of the transport.",
                   METRIC_COUNTER);
    for (int i = 0; i < LISTENER_CUTS; i++) {
        char label[48];

        (void)snprintf(label, sizeof(label), "reason=\"%s\"",
                       listener_cut_name((enum listener_cut)i));
        metrics_u64(out, label, s.cuts[i]);
    }
}
