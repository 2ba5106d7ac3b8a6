#include "server/metrics.h"

#include <assert.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

#define NUMBER_TEXT_MAX 32

static const uint64_t bound_us[HISTOGRAM_BUCKETS] = {
    10,    20,    50,     100,    200,    500,     1000,    2000,    5000,     10000,
    20000, 50000, 100000, 200000, 500000, 1000000, 2000000, 5000000, 10000000,
};

void metrics_init(struct metrics *m, const struct chat_allocator *allocator, const char *labels)
{
    *m = (struct metrics){.status = CHAT_OK, .labels = labels};
    buf_init(&m->text, alloc_or_default(allocator), METRICS_TEXT_MAX);
}

void metrics_fini(struct metrics *m) { buf_fini(&m->text); }

void metrics_clear(struct metrics *m)
{
    buf_clear(&m->text);
    m->status = CHAT_OK;
    m->family = NULL;
}

/* After the first failure nothing is added any more: no line follows a hole. */
static void add(struct metrics *m, const char *text)
{
    if (m->status == CHAT_OK)
        m->status = buf_append(&m->text, text, strlen(text));
}

/* A failed line is taken back whole. */
static void end_line(struct metrics *m, size_t line_start)
{
    add(m, "\n");
    if (m->status != CHAT_OK)
        m->text.len = line_start;
}

static void add_help(struct metrics *m, const char *help)
{
    for (; *help; help++) {
        const char one[2] = {*help, '\0'};

        add(m, *help == '\\' ? "\\\\" : *help == '\n' ? "\\n" : one);
    }
}

static const char *type_name(enum metric_type type)
{
    switch (type) {
    case METRIC_COUNTER: return "counter";
    case METRIC_GAUGE: return "gauge";
    case METRIC_HISTOGRAM: return "histogram";
    }
    return "untyped";
}

void metrics_family(struct metrics *m, const char *name, const char *help, enum metric_type type)
{
    size_t start = m->text.len;

    if (m->status != CHAT_OK)
        return;
    m->family = name;
    add(m, "# HELP ");
    add(m, name);
    add(m, " ");
    add_help(m, help);
    add(m, "\n# TYPE ");
    add(m, name);
    add(m, " ");
    add(m, type_name(type));
    end_line(m, start);
}

/* name+suffix{common,labels,extra} value */
static void add_sample(struct metrics *m, const char *suffix, const char *labels, const char *extra,
                       const char *value)
{
    const char *const parts[] = {m->labels, labels, extra};
    const char *before = "{";
    size_t start = m->text.len;

    if (m->status != CHAT_OK)
        return;
    assert(m->family);
    add(m, m->family);
    add(m, suffix);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (!parts[i] || !parts[i][0])
            continue;
        add(m, before);
        add(m, parts[i]);
        before = ",";
    }
    add(m, before[0] == ',' ? "} " : " ");
    add(m, value);
    end_line(m, start);
}

/* By hand, as printf of a double asks the locale. */
static void write_seconds(char out[NUMBER_TEXT_MAX], uint64_t duration_us)
{
    size_t len = (size_t)snprintf(out, NUMBER_TEXT_MAX, "%" PRIu64 ".%06" PRIu64,
                                  duration_us / 1000000, duration_us % 1000000);

    while (out[len - 1] == '0')
        out[--len] = '\0';
    if (out[len - 1] == '.')
        out[--len] = '\0';
}

void metrics_u64(struct metrics *m, const char *labels, uint64_t value)
{
    char number[NUMBER_TEXT_MAX];

    snprintf(number, sizeof(number), "%" PRIu64, value);
    add_sample(m, "", labels, NULL, number);
}

void metrics_us(struct metrics *m, const char *labels, uint64_t duration_us)
{
    char number[NUMBER_TEXT_MAX];

    write_seconds(number, duration_us);
    add_sample(m, "", labels, NULL, number);
}

void metrics_escape(const char *text, char *out, size_t out_size)
{
    size_t len = 0;

    assert(out_size > 0);
    for (; *text; text++) {
        bool escape = *text == '\\' || *text == '"' || *text == '\n';

        if (len + (escape ? 2u : 1u) >= out_size)
            break;
        if (escape)
            out[len++] = '\\';
        out[len++] = *text == '\n' ? 'n' : *text;
    }
    out[len] = '\0';
}

static uint64_t field_value(const struct metric_field *field, const void *stats)
{
    const char *at = (const char *)stats + field->offset;
    uint64_t wide;
    uint32_t narrow;

    assert(field->size == sizeof(wide) || field->size == sizeof(narrow));
    if (field->size == sizeof(wide)) {
        memcpy(&wide, at, sizeof(wide));
        return wide;
    }
    memcpy(&narrow, at, sizeof(narrow));
    return narrow;
}

void metrics_table(struct metrics *m, const struct metric_field *fields, size_t count,
                   const void *stats)
{
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || strcmp(fields[i].name, fields[i - 1].name) != 0)
            metrics_family(m, fields[i].name, fields[i].help, fields[i].type);
        metrics_u64(m, fields[i].labels, field_value(&fields[i], stats));
    }
}

/* --- histograms --- */

void histogram_add_us(struct histogram *h, uint64_t duration_us)
{
    uint32_t bucket = 0;

    while (bucket < HISTOGRAM_BUCKETS && duration_us > bound_us[bucket])
        bucket++;
    h->counts[bucket]++;
    h->count++;
    h->sum_us += duration_us;
}

uint64_t histogram_quantile_us(const struct histogram *h, uint32_t per_mille)
{
    uint64_t seen = 0;
    uint64_t wanted = (h->count / 1000) * per_mille + ((h->count % 1000) * per_mille + 999) / 1000;

    if (h->count == 0)
        return 0;
    if (wanted == 0)
        wanted = 1;
    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += h->counts[i];
        if (seen >= wanted)
            return bound_us[i];
    }
    return UINT64_MAX;
}

void metrics_histogram(struct metrics *m, const char *labels, const struct histogram *h)
{
    char number[NUMBER_TEXT_MAX], seconds[NUMBER_TEXT_MAX], bound[NUMBER_TEXT_MAX + 8];
    uint64_t below = 0;

    for (uint32_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        below += h->counts[i];
        write_seconds(seconds, bound_us[i]);
        snprintf(bound, sizeof(bound), "le=\"%s\"", seconds);
        snprintf(number, sizeof(number), "%" PRIu64, below);
        add_sample(m, "_bucket", labels, bound, number);
    }
    snprintf(number, sizeof(number), "%" PRIu64, h->count);
    add_sample(m, "_bucket", labels, "le=\"+Inf\"", number);
    add_sample(m, "_count", labels, NULL, number);
    write_seconds(seconds, h->sum_us);
    add_sample(m, "_sum", labels, NULL, seconds);
}
