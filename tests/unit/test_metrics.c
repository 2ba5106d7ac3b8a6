/* What a scraper reads. */
#include <check.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "../support/faulty_alloc.h"
#include "server/metrics.h"

static struct metrics m;

static void setup(void) { metrics_init(&m, NULL, NULL); }
static void teardown(void) { metrics_fini(&m); }

static void ck_text(const char *expected)
{
    ck_assert_int_eq(buf_append(&m.text, "", 1), CHAT_OK);
    ck_assert_str_eq((const char *)m.text.bytes, expected);
}

START_TEST(a_family_has_help_type_and_samples)
{
    metrics_family(&m, "chat_frames_total", "Frames by direction.", METRIC_COUNTER);
    metrics_u64(&m, "direction=\"in\"", 3);
    metrics_u64(&m, "direction=\"out\"", UINT64_MAX);
    metrics_family(&m, "chat_up", "One.", METRIC_GAUGE);
    metrics_u64(&m, NULL, 1);
    ck_text("# HELP chat_frames_total Frames by direction.\n"
            "# TYPE chat_frames_total counter\n"
            "chat_frames_total{direction=\"in\"} 3\n"
            "chat_frames_total{direction=\"out\"} 18446744073709551615\n"
            "# HELP chat_up One.\n"
            "# TYPE chat_up gauge\n"
            "chat_up 1\n");
}
END_TEST

START_TEST(common_labels_are_on_every_line)
{
    m.labels = "role=\"store\"";
    metrics_family(&m, "a", "A.", METRIC_GAUGE);
    metrics_u64(&m, NULL, 1);
    metrics_u64(&m, "x=\"y\"", 2);
    ck_text("# HELP a A.\n# TYPE a gauge\na{role=\"store\"} 1\na{role=\"store\",x=\"y\"} 2\n");
}
END_TEST

START_TEST(durations_are_seconds)
{
    metrics_family(&m, "a", "A.", METRIC_GAUGE);
    metrics_us(&m, NULL, 0);
    metrics_us(&m, NULL, 10);
    metrics_us(&m, NULL, 1500000);
    metrics_us(&m, NULL, 10000000);
    ck_text("# HELP a A.\n# TYPE a gauge\na 0\na 0.00001\na 1.5\na 10\n");
}
END_TEST

START_TEST(help_and_labels_are_escaped)
{
    char label[64];

    metrics_escape("a\"b\\c\nd", label, sizeof(label));
    ck_assert_str_eq(label, "a\\\"b\\\\c\\nd");
    metrics_escape("abc\"", label, 5);
    ck_assert_str_eq(label, "abc");
    metrics_family(&m, "a", "one\\two\nthree", METRIC_GAUGE);
    ck_text("# HELP a one\\\\two\\nthree\n# TYPE a gauge\n");
}
END_TEST

struct stats {
    uint32_t links;
    uint64_t in, out;
};

START_TEST(a_table_writes_a_struct)
{
    static const struct metric_field fields[] = {
        METRIC_FIELD(struct stats, links, "links", METRIC_GAUGE, "Links."),
        {"frames_total", "Frames.", "d=\"in\"", METRIC_COUNTER, offsetof(struct stats, in), 8},
        {"frames_total", "Frames.", "d=\"out\"", METRIC_COUNTER, offsetof(struct stats, out), 8},
    };
    const struct stats stats = {.links = 2, .in = 5, .out = UINT64_C(5000000000)};

    metrics_table(&m, fields, 3, &stats);
    ck_text("# HELP links Links.\n# TYPE links gauge\nlinks 2\n"
            "# HELP frames_total Frames.\n# TYPE frames_total counter\n"
            "frames_total{d=\"in\"} 5\nframes_total{d=\"out\"} 5000000000\n");
}
END_TEST

START_TEST(a_full_buffer_ends_at_a_whole_line)
{
    m.text.max = 100;
    metrics_family(&m, "a", "A.", METRIC_GAUGE);
    for (uint64_t i = 0; i < 100; i++)
        metrics_u64(&m, NULL, 1234567);
    ck_assert_int_eq(m.status, CHAT_E_TOO_LARGE);
    ck_assert_uint_le(m.text.len, 100);
    ck_assert_uint_eq(m.text.bytes[m.text.len - 1], '\n');

    metrics_clear(&m);
    metrics_family(&m, "a", "A.", METRIC_GAUGE);
    ck_assert_int_eq(m.status, CHAT_OK);
}
END_TEST

START_TEST(no_memory_is_a_status)
{
    struct faulty_alloc memory;

    faulty_alloc_init(&memory);
    faulty_alloc_fail_after(&memory, 0);
    metrics_fini(&m);
    metrics_init(&m, &memory.allocator, NULL);
    metrics_family(&m, "a", "A.", METRIC_GAUGE);
    ck_assert_int_eq(m.status, CHAT_E_NOMEM);
    ck_assert_uint_eq(m.text.len, 0);
}
END_TEST

START_TEST(histogram_buckets_are_cumulative)
{
    struct histogram h = {0};
    const char *text;

    histogram_add_us(&h, 10);
    histogram_add_us(&h, 11);
    histogram_add_ms(&h, 20000);
    histogram_add_ms(&h, -5);
    metrics_family(&m, "t", "T.", METRIC_HISTOGRAM);
    metrics_histogram(&m, "op=\"x\"", &h);
    ck_assert_int_eq(buf_append(&m.text, "", 1), CHAT_OK);
    text = (const char *)m.text.bytes;

    ck_assert_ptr_nonnull(strstr(text, "t_bucket{op=\"x\",le=\"0.00001\"} 2\n"));
    ck_assert_ptr_nonnull(strstr(text, "t_bucket{op=\"x\",le=\"0.00002\"} 3\n"));
    ck_assert_ptr_nonnull(strstr(text, "t_bucket{op=\"x\",le=\"10\"} 3\n"));
    ck_assert_ptr_nonnull(strstr(text, "t_bucket{op=\"x\",le=\"+Inf\"} 4\n"));
    ck_assert_ptr_nonnull(strstr(text, "t_count{op=\"x\"} 4\n"));
    ck_assert_ptr_nonnull(strstr(text, "t_sum{op=\"x\"} 20.000021\n"));
}
END_TEST

START_TEST(quantiles_are_bucket_bounds)
{
    struct histogram h = {0};

    ck_assert_uint_eq(histogram_quantile_us(&h, 990), 0);
    for (int i = 0; i < 99; i++)
        histogram_add_us(&h, 150);
    histogram_add_us(&h, 900);
    ck_assert_uint_eq(histogram_quantile_us(&h, 0), 200);
    ck_assert_uint_eq(histogram_quantile_us(&h, 990), 200);
    ck_assert_uint_eq(histogram_quantile_us(&h, 991), 1000);
    histogram_add_us(&h, 10000001);
    ck_assert_uint_eq(histogram_quantile_us(&h, 1000), UINT64_MAX);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("metrics");
    TCase *all = tcase_create("all");

    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_test(all, a_family_has_help_type_and_samples);
    tcase_add_test(all, common_labels_are_on_every_line);
    tcase_add_test(all, durations_are_seconds);
    tcase_add_test(all, help_and_labels_are_escaped);
    tcase_add_test(all, a_table_writes_a_struct);
    tcase_add_test(all, a_full_buffer_ends_at_a_whole_line);
    tcase_add_test(all, no_memory_is_a_status);
    tcase_add_test(all, histogram_buckets_are_cumulative);
    tcase_add_test(all, quantiles_are_bucket_bounds);
    suite_add_tcase(suite, all);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
