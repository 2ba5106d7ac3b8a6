#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/plant.h"
#include "server/store/engine_journal_inner.h"

static chat_status check_config(const struct journal_config *config)
{
    if (config->segment_bytes < SEGMENT_BYTES_MIN || config->segment_bytes > SEGMENT_BYTES_MAX ||
        config->segment_bytes % SEGMENT_ALIGN != 0)
        return CHAT_E_INVALID;
    if (config->segments_max < JOURNAL_SEGMENTS_MIN || config->segments_max > JOURNAL_SEGMENTS_MAX)
        return CHAT_E_INVALID;
    return strlen(config->folder) < DISK_PATH_MAX - JOURNAL_NAME_MAX ? CHAT_OK : CHAT_E_INVALID;
}

static chat_status build(const struct journal_config *config, struct engine_journal **out_journal)
{
    struct engine_journal *journal = alloc_zeroed(config->allocator, sizeof(*journal));

    if (!journal)
        return CHAT_E_NOMEM;
    journal->config = *config;
    journal->allocator = config->allocator;
    journal->active = JOURNAL_NO_SLOT;
    memcpy(journal->folder, config->folder, strlen(config->folder) + 1);
    journal->config.folder = journal->folder;
    rng_seed(&journal->rng, hash_pair(config->seed, config->shard));
    buf_init(&journal->batch, config->allocator, SEGMENT_BATCH_LEN_MAX);
    journal_scan_init(&journal->cursor.scan, config->allocator);
    journal->has_mutex = pthread_mutex_init(&journal->mutex, NULL) == 0;
    journal->has_cond = pthread_cond_init(&journal->made, NULL) == 0;
    *out_journal = journal;
    return journal->has_mutex && journal->has_cond ? CHAT_OK : CHAT_E_NOMEM;
}

chat_status engine_journal_open(const struct journal_config *config, uint64_t applied_position,
                                struct engine_journal **out_journal,
                                struct journal_found *out_found)
{
    struct engine_journal *journal = NULL;
    struct journal_found found = {0};
    chat_status status = check_config(config);

    if (status == CHAT_OK)
        status = build(config, &journal);
    if (status == CHAT_OK)
        status = journal_recover(journal, applied_position, &found);
    if (status != CHAT_OK) {
        engine_journal_close(journal);
        return status;
    }
    *out_journal = journal;
    *out_found = found;
    return CHAT_OK;
}

void engine_journal_close(struct engine_journal *journal)
{
    if (!journal)
        return;
    disk_close(journal->active_file);
    disk_close(journal->cursor.scan.file);
    journal_scan_fini(&journal->cursor.scan);
    buf_fini(&journal->batch);
    if (journal->has_cond)
        pthread_cond_destroy(&journal->made);
    if (journal->has_mutex)
        pthread_mutex_destroy(&journal->mutex);
    alloc_free(journal->allocator, journal->slots);
    alloc_free(journal->allocator, journal);
}

static chat_status poison(struct engine_journal *journal, const char *what)
{
    journal->poisoned = true;
    log_write(journal->config.logger, CHAT_LOG_ERROR, "journal",
              "%s: %s failed: stopped until it is opened again", journal->folder, what);
    return CHAT_E_IO;
}

static chat_status sync_active(struct engine_journal *journal)
{
    chat_status status;

    if (PLANTED(SYNC_SKIPPED))
        return CHAT_OK;
    status = disk_sync(journal->active_file);
    return PLANTED(FAILED_SYNC_RETRIED) ? CHAT_OK : status;
}

/* What there is to refuse before anything is written. */
static chat_status check(struct engine_journal *journal, const struct engine_record *records,
                         size_t count, size_t size)
{
    if (journal->poisoned)
        return CHAT_E_IO;
    if (records[0].position < journal->next_position)
        return CHAT_E_CONFLICT;
    if (records[0].position != journal->next_position)
        return CHAT_E_INVALID;
    if (size > journal->config.segment_bytes - SEGMENT_DATA_START)
        return CHAT_E_TOO_LARGE;
    return engine_guard_check(&journal->guard, records, count);
}

chat_status engine_journal_append(struct engine_journal *journal,
                                  const struct engine_record *records, size_t count)
{
    const size_t size = segment_batch_size(records, count);
    struct segment_batch batch = {0};
    const struct segment_header *segment;
    chat_status status = check(journal, records, count, size);

    if (status != CHAT_OK)
        return status;
    segment = &journal->slots[journal->active].header;
    if (size > segment->bytes - journal->active_offset) {
        status = journal_roll(journal);
        if (status == CHAT_E_IO)
            return poison(journal, "a new segment");
        if (status != CHAT_OK)
            return status;
        segment = &journal->slots[journal->active].header;
    }

    batch.salt = segment->salt;
    batch.segment_id = segment->id;
    batch.previous_crc = journal->last_crc;
    status = segment_batch_encode(&batch, records, count, &journal->batch);
    if (status != CHAT_OK)
        return status;
    status = disk_write(journal->active_file, journal->active_offset, journal->batch.bytes,
                        journal->batch.len);
    /* No room, in a file that is all there: a copying file system. What came through is no
     * batch, and the next one goes over it. */
    if (status == CHAT_E_FULL)
        return status;
    if (status != CHAT_OK)
        return poison(journal, "a write");
    if (sync_active(journal) != CHAT_OK)
        return poison(journal, "a sync");

    pthread_mutex_lock(&journal->mutex);
    journal->active_offset += journal->batch.len;
    journal->next_position += count;
    pthread_mutex_unlock(&journal->mutex);
    journal->last_crc = batch.crc;
    engine_guard_saw(&journal->guard, records, count);
    return CHAT_OK;
}

uint64_t engine_journal_synced(struct engine_journal *journal)
{
    uint64_t position;

    pthread_mutex_lock(&journal->mutex);
    position = journal->next_position - 1;
    pthread_mutex_unlock(&journal->mutex);
    return position;
}
