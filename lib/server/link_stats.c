/* What a set of links tells an operator. */
#include <stddef.h>

#include "server/link.h"

#define COUNTER(field, metric, label, text)                                                        \
    {                                                                                              \
        .name = (metric), .help = (text), .labels = (label), .type = METRIC_COUNTER,               \
        .offset = (uint32_t)offsetof(struct links_stats, field),                                   \
        .size = (uint32_t)sizeof(uint64_t)                                                         \
    }

void links_write_metrics(const struct links *set, struct metrics *out)
{
    static const struct metric_field fields[] = {
        COUNTER(dials, "chat_links_dials_total", NULL, "Links dialed to other daemons."),
        COUNTER(opened, "chat_links_opened_total", NULL, "Links to other daemons opened."),
        COUNTER(ready, "chat_links_ready_total", NULL, "Links that greeted."),
        COUNTER(closed, "chat_links_closed_total", NULL, "Links closed."),
        COUNTER(refused, "chat_links_refused_total", NULL, "Links refused at their greeting."),
        COUNTER(dead, "chat_links_dead_total", NULL, "Links closed for silence."),
        COUNTER(faults, "chat_links_faults_total", NULL, "Links closed for what they sent."),
        COUNTER(full, "chat_links_full_total", NULL, "Frames refused for a full queue."),
        COUNTER(no_credit, "chat_links_no_credit_total", NULL, "Requests refused for credit."),
        COUNTER(stray_replies, "chat_links_stray_replies_total", NULL, "Answers nobody asked for."),
        COUNTER(frames_in, "chat_links_frames_total", "direction=\"in\"",
                "Frames between daemons."),
        COUNTER(frames_out, "chat_links_frames_total", "direction=\"out\"", ""),
        COUNTER(bytes_in, "chat_links_bytes_total", "direction=\"in\"", "Bytes between daemons."),
        COUNTER(bytes_out, "chat_links_bytes_total", "direction=\"out\"", ""),
    };

    metrics_family(out, "chat_links_open", "Links to other daemons open now.", METRIC_GAUGE);
    metrics_u64(out, NULL, set->open_count);
    metrics_family(out, "chat_links_ready", "Of those, greeted and in use.", METRIC_GAUGE);
    metrics_u64(out, NULL, set->ready_count);
    metrics_table(out, fields, sizeof(fields) / sizeof(fields[0]), &set->stats);
}
