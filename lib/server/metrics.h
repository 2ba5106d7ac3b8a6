/*
 * metrics: writes numbers in the Prometheus text format (version 0.0.4), and the
 * histograms that roles keep. The text is built into one bounded buffer.
 *
 *   metrics_family(m, "chat_links_open", "Links open now.", METRIC_GAUGE);
 *   metrics_u64(m, NULL, links);
 *   metrics_family(m, "chat_frames_total", "Frames by direction.", METRIC_COUNTER);
 *   metrics_u64(m, "direction=\"in\"", in);
 *
 * or from a table of fields with metrics_table(). Once the buffer is full the rest is left
 * out and `status` says so.
 */
#ifndef CHAT_SERVER_METRICS_H
#define CHAT_SERVER_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include <libchat/alloc.h>
#include <libchat/status.h>

#include "base/buf.h"

#define METRICS_TEXT_MAX (1u << 20)
#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

enum metric_type { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM };

struct metrics {
    struct buf text;    /* not NUL-terminated */
    chat_status status; /* the first failure: CHAT_E_TOO_LARGE, CHAT_E_NOMEM */
    const char *family; /* of the lines to come */
    const char *labels; /* on every line; NULL: none. Borrowed: role="router" */
};

/* `labels` (NULL: none) goes on every line: role="store",node="2". */
void metrics_init(struct metrics *m, const struct chat_allocator *allocator, const char *labels);
void metrics_fini(struct metrics *m);
void metrics_clear(struct metrics *m);

/* Starts a family: HELP and TYPE. `name` is borrowed until the next family. */
void metrics_family(struct metrics *m, const char *name, const char *help, enum metric_type type);
/* One line of the family; `labels` as written inside the braces, NULL for none. */
void metrics_u64(struct metrics *m, const char *labels, uint64_t value);
/* A duration, written in seconds. */
void metrics_us(struct metrics *m, const char *labels, uint64_t duration_us);
/* Writes `text` escaped as a label value, without quotes, into out (always terminated). */
void metrics_escape(const char *text, char *out, size_t out_size);

/* One number in a struct of stats. */
struct metric_field {
    const char *name, *help, *labels; /* a name repeated right after itself: same family */
    enum metric_type type;
    uint32_t offset; /* offsetof */
    uint32_t size;   /* sizeof the field: 4 or 8, unsigned */
};
#define METRIC_FIELD(struct_type, field, metric_name, metric_type_, help_text)                     \
    {                                                                                              \
        .name = (metric_name), .help = (help_text), .type = (metric_type_),                        \
        .offset = (uint32_t)offsetof(struct_type, field),                                          \
        .size = (uint32_t)sizeof(((struct_type *)0)->field)                                        \
    }
void metrics_table(struct metrics *m, const struct metric_field *fields, size_t count,
                   const void *stats);

/* Counts durations in buckets 1-2-5 from 10 us to 10 s. Zeroed storage is empty. */
#define HISTOGRAM_BUCKETS 19u
struct histogram {
    uint64_t counts[HISTOGRAM_BUCKETS + 1]; /* the last: longer than all bounds */
    uint64_t count;
    uint64_t sum_us;
};

void histogram_add_us(struct histogram *h, uint64_t duration_us);
static inline void histogram_add_ms(struct histogram *h, int64_t duration_ms)
{
    histogram_add_us(h, duration_ms > 0 ? (uint64_t)duration_ms * 1000 : 0);
}
/* The upper bound of the bucket that holds that part of all (990: p99); 0 when empty,
 * UINT64_MAX when longer than all bounds. */
uint64_t histogram_quantile_us(const struct histogram *h, uint32_t per_mille);
/* The lines of the family (seconds, cumulative buckets, _sum, _count). */
void metrics_histogram(struct metrics *m, const char *labels, const struct histogram *h);

#endif
