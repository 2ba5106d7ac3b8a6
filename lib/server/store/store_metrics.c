#include <stddef.h>

#include "server/store/store.h"

#define GAUGE(field, name, help) METRIC_FIELD(struct store_stats, field, name, METRIC_GAUGE, help)
#define COUNTER(field, name, help)                                                                 \
    METRIC_FIELD(struct store_stats, field, name, METRIC_COUNTER, help)

static const struct metric_field fields[] = {
    GAUGE(shards, "chat_store_shards", "Shards held."),
    GAUGE(shards_serving, "chat_store_shards_serving", "Shards that serve now."),
    GAUGE(shards_fenced, "chat_store_shards_fenced", "Shards lost to another owner."),
    GAUGE(shards_refused, "chat_store_shards_refused", "Shards whose data cannot be served."),
    GAUGE(homes, "chat_store_homes", "Homes loaded."),
    GAUGE(rings, "chat_store_rings", "Nonce rings loaded."),
    GAUGE(directory, "chat_store_directory", "Creation keys remembered."),
    GAUGE(subscriptions, "chat_store_subscriptions", "Homes that links listen to."),
    GAUGE(waiting, "chat_store_waiting", "Requests waiting for something to load."),
    GAUGE(reads, "chat_store_reads", "Reads at the engine or waiting for it."),
    GAUGE(notes, "chat_store_notes", "Notes not acknowledged yet."),
    GAUGE(overlay_rows, "chat_store_overlay_rows", "Synced rows not in the table yet."),
    GAUGE(overlay_bytes, "chat_store_overlay_bytes", "Memory they take."),
    GAUGE(queued_records, "chat_store_queued_records", "Records decided and not synced."),
    GAUGE(unapplied_records, "chat_store_unapplied_records", "Records synced and not applied."),
    GAUGE(log_bytes, "chat_store_log_bytes", "Bytes held by the fullest log."),
    COUNTER(requests, "chat_store_requests_total", "Frames taken in."),
    COUNTER(records, "chat_store_records_total", "Records synced."),
    COUNTER(record_bytes, "chat_store_record_bytes_total", "Their bytes."),
    COUNTER(appends, "chat_store_appends_total", "Appends to logs."),
    COUNTER(append_failures, "chat_store_append_failures_total", "Appends that failed."),
    COUNTER(applies, "chat_store_applies_total", "Transactions of the applier."),
    COUNTER(applied_rows, "chat_store_applied_rows_total", "Rows they wrote."),
    COUNTER(apply_failures, "chat_store_apply_failures_total", "Of those, failed."),
    COUNTER(read_requests, "chat_store_reads_total", "Reads of the table."),
    COUNTER(read_failures, "chat_store_read_failures_total", "Of those, failed."),
    COUNTER(replayed, "chat_store_replayed_total", "Records replayed at openings."),
    COUNTER(reopened, "chat_store_reopened_total", "Shards closed after a failure."),
    COUNTER(sent, "chat_store_messages_total", "Messages decided."),
    COUNTER(altered, "chat_store_alterations_total", "Edits and deletions decided."),
    COUNTER(repeats, "chat_store_repeats_total", "Repeated operations, answered as before."),
    COUNTER(out_of_order, "chat_store_out_of_order_total", "Operations before their turn."),
    COUNTER(nonce_stale, "chat_store_nonce_stale_total", "Operations with a nonce too old."),
    COUNTER(publications, "chat_store_publications_total", "Publications made."),
    COUNTER(events, "chat_store_events_total", "Records in publications, heard or not."),
    COUNTER(publication_sends, "chat_store_publication_sends_total", "Publications sent."),
    COUNTER(publications_lost, "chat_store_publications_lost_total", "Publications not sent."),
    COUNTER(home_loads, "chat_store_home_loads_total", "Homes loaded from the table."),
    COUNTER(home_evictions, "chat_store_home_evictions_total", "Homes forgotten for room."),
    COUNTER(ring_loads, "chat_store_ring_loads_total", "Rings loaded from the table."),
    COUNTER(ring_evictions, "chat_store_ring_evictions_total", "Rings forgotten for room."),
    COUNTER(notes_sent, "chat_store_notes_sent_total", "Notes sent, repeats included."),
    COUNTER(notes_applied, "chat_store_notes_applied_total", "Notes taken in."),
    COUNTER(notes_acked, "chat_store_notes_acked_total", "Notes acknowledged."),
    COUNTER(lists_full, "chat_store_lists_full_total", "Conversations a full list left out."),
    COUNTER(cursors_told, "chat_store_cursors_told_total", "Cursors moved by own messages."),
    COUNTER(receipt_marks, "chat_store_receipt_marks_total", "Receipts that members said."),
    COUNTER(receipts, "chat_store_receipts_total", "Of those, journaled and published."),
    COUNTER(typing_told, "chat_store_typing_total", "Typing passed on."),
    COUNTER(typing_dropped, "chat_store_typing_dropped_total", "Typing that was too much."),
    COUNTER(devices_signed_out, "chat_store_devices_signed_out_total",
            "Devices, and users everywhere, signed out."),
};

void store_write_metrics(const struct store *store, struct metrics *out)
{
    struct store_stats stats;

    store_get_stats(store, &stats);
    metrics_table(out, fields, sizeof(fields) / sizeof(fields[0]), &stats);
    metrics_family(out, "chat_store_append_seconds", "From the first decision to the answers.",
                   METRIC_HISTOGRAM);
    metrics_histogram(out, NULL, &stats.append_ms);
}
