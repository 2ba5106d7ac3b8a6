#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "server/store/engine_journal_inner.h"

#define MAKE_STEP (1u << 20)     /* zero-filled at once */
#define MAKE_PAUSE_MICROS 10000u /* between steps: 100 MB/s at most */
#define NAME_FORMAT "journal-%04u.seg"

chat_status journal_slot_path(const struct engine_journal *journal, uint32_t number,
                              char out[DISK_PATH_MAX])
{
    int len = snprintf(out, DISK_PATH_MAX, "%s/" NAME_FORMAT, journal->folder, number);

    return len > 0 && (size_t)len < DISK_PATH_MAX ? CHAT_OK : CHAT_E_INVALID;
}

uint32_t journal_slot_of_name(const char *name)
{
    static const char prefix[] = "journal-";
    char expected[JOURNAL_NAME_MAX];
    unsigned long number;

    if (strncmp(name, prefix, sizeof(prefix) - 1) != 0)
        return JOURNAL_NO_SLOT;
    number = strtoul(name + sizeof(prefix) - 1, NULL, 10);
    if (number >= JOURNAL_NO_SLOT)
        return JOURNAL_NO_SLOT;
    /* Only the one spelling that we write. */
    (void)snprintf(expected, sizeof(expected), NAME_FORMAT, (unsigned)number);
    return strcmp(name, expected) == 0 ? (uint32_t)number : JOURNAL_NO_SLOT;
}

void journal_slot_drop(struct engine_journal *journal, struct journal_slot *slot)
{
    char path[DISK_PATH_MAX];

    slot->state = SLOT_GONE;
    if (journal_slot_path(journal, slot->number, path) == CHAT_OK)
        (void)disk_remove(journal->config.disk, path);
}

static bool is_file(const struct journal_slot *slot) { return slot->state != SLOT_GONE; }

/* A slot without a file, to make one for; JOURNAL_NO_SLOT at the maximum. */
static uint32_t find_gone(struct engine_journal *journal)
{
    uint32_t files = 0, gone = JOURNAL_NO_SLOT;

    for (uint32_t i = 0; i < journal->slot_count; i++) {
        if (is_file(&journal->slots[i]))
            files++;
        else if (gone == JOURNAL_NO_SLOT)
            gone = i;
    }
    if (files >= journal->config.segments_max)
        return JOURNAL_NO_SLOT;
    if (gone == JOURNAL_NO_SLOT && journal->slot_count < journal->slot_cap) {
        gone = journal->slot_count++;
        journal->slots[gone] = (struct journal_slot){.number = gone};
        /* Numbers found on disk need not be dense. */
        for (uint32_t i = 0; i < gone; i++) {
            if (journal->slots[i].number >= journal->slots[gone].number)
                journal->slots[gone].number = journal->slots[i].number + 1;
        }
    }
    return gone;
}

/* The free slot of the oldest segment. Files of another size are dropped on the way. */
static uint32_t find_free(struct engine_journal *journal)
{
    uint32_t found = JOURNAL_NO_SLOT;

    for (uint32_t i = 0; i < journal->slot_count; i++) {
        struct journal_slot *slot = &journal->slots[i];
        if (slot->state != SLOT_FREE)
            continue;
        if (slot->file_bytes != journal->config.segment_bytes)
            journal_slot_drop(journal, slot);
        else if (found == JOURNAL_NO_SLOT || slot->header.id < journal->slots[found].header.id)
            found = i;
    }
    return found;
}

static bool is_making(const struct engine_journal *journal)
{
    for (uint32_t i = 0; i < journal->slot_count; i++) {
        if (journal->slots[i].state == SLOT_MAKING)
            return true;
    }
    return false;
}

static chat_status write_header(struct disk_file *file, struct segment_header *header)
{
    uint8_t bytes[SEGMENT_HEADER_LEN];
    chat_status status;

    segment_header_encode(header, bytes);
    status = disk_write(file, 0, bytes, sizeof(bytes));
    return status == CHAT_OK ? disk_sync(file) : status;
}

/* True when an append waits for the file, or will: then nobody pauses. */
static bool in_a_hurry(struct engine_journal *journal)
{
    bool hurry;

    pthread_mutex_lock(&journal->mutex);
    hurry = journal->hurry;
    pthread_mutex_unlock(&journal->mutex);
    return hurry;
}

static chat_status fill(struct engine_journal *journal, struct disk_file *file)
{
    const struct journal_config *config = &journal->config;
    chat_status status = CHAT_OK;

    for (uint64_t done = 0; done < config->segment_bytes && status == CHAT_OK;) {
        uint64_t part = config->segment_bytes - done;
        if (part > MAKE_STEP)
            part = MAKE_STEP;
        status = disk_allocate(file, done, part);
        disk_sync_range(file, done, part);
        done += part;
        if (config->pause && !in_a_hurry(journal))
            config->pause(config->pause_user, MAKE_PAUSE_MICROS);
    }
    return status;
}

/* Makes the zero-filled, synced file of a slot that is SLOT_MAKING. The mutex is not held. */
static chat_status make_file(struct engine_journal *journal, uint32_t number)
{
    const struct journal_config *config = &journal->config;
    struct segment_header spare = {.bytes = config->segment_bytes, .shard = config->shard};
    struct disk_file *file = NULL;
    char path[DISK_PATH_MAX];
    uint64_t room;
    chat_status status;

    status = disk_free_bytes(config->disk, journal->folder, &room);
    if (status != CHAT_OK)
        return status;
    if (room < config->free_bytes_min || room - config->free_bytes_min < config->segment_bytes)
        return CHAT_E_FULL;
    status = journal_slot_path(journal, number, path);
    if (status == CHAT_OK)
        status = disk_open(config->disk, path, DISK_CREATE, &file);
    if (status != CHAT_OK)
        return status;
    status = disk_truncate(file, 0);
    if (status == CHAT_OK)
        status = fill(journal, file);
    if (status == CHAT_OK)
        status = write_header(file, &spare);
    disk_close(file);
    if (status == CHAT_OK)
        status = disk_sync_dir(config->disk, journal->folder);
    if (status != CHAT_OK)
        (void)disk_remove(config->disk, path);
    return status;
}

/* The mutex is held, and given up meanwhile. */
static chat_status make_slot(struct engine_journal *journal, uint32_t index)
{
    const uint32_t number = journal->slots[index].number;
    chat_status status;

    journal->slots[index].state = SLOT_MAKING;
    pthread_mutex_unlock(&journal->mutex);
    status = make_file(journal, number);
    pthread_mutex_lock(&journal->mutex);

    journal->slots[index].state = status == CHAT_OK ? SLOT_FREE : SLOT_GONE;
    journal->slots[index].header = (struct segment_header){0};
    journal->slots[index].file_bytes = journal->config.segment_bytes;
    pthread_cond_broadcast(&journal->made);
    return status;
}

/* A free slot, made if need be. The mutex is held. */
static chat_status wait_for_free(struct engine_journal *journal, uint32_t *out_slot)
{
    for (;;) {
        const uint32_t found = find_free(journal);
        uint32_t gone;
        chat_status status;

        if (found != JOURNAL_NO_SLOT) {
            *out_slot = found;
            return CHAT_OK;
        }
        if (is_making(journal)) {
            pthread_cond_wait(&journal->made, &journal->mutex);
            continue;
        }
        gone = find_gone(journal);
        if (gone == JOURNAL_NO_SLOT)
            return CHAT_E_FULL;
        status = make_slot(journal, gone);
        if (status != CHAT_OK)
            return status;
    }
}

static chat_status get_free(struct engine_journal *journal, uint32_t *out_slot)
{
    chat_status status;

    journal->hurry = true;
    status = wait_for_free(journal, out_slot);
    journal->hurry = false;
    return status;
}

/* The slot's file with the header of the next segment on it, synced. */
static chat_status begin_segment(struct engine_journal *journal, uint32_t number,
                                 struct segment_header *header, struct disk_file **out_file)
{
    char path[DISK_PATH_MAX];
    chat_status status = journal_slot_path(journal, number, path);

    if (status == CHAT_OK)
        status = disk_open(journal->config.disk, path, 0, out_file);
    if (status != CHAT_OK)
        return status;
    status = write_header(*out_file, header);
    if (status != CHAT_OK) {
        disk_close(*out_file);
        *out_file = NULL;
    }
    return status;
}

chat_status journal_roll(struct engine_journal *journal)
{
    struct segment_header header = {
        .salt = rng_u64(&journal->rng),
        .first_position = journal->next_position,
        .bytes = journal->config.segment_bytes,
        .shard = journal->config.shard,
        .previous_crc = journal->last_crc,
    };
    struct disk_file *file = NULL;
    uint32_t index;
    chat_status status;

    header.id =
        journal->active == JOURNAL_NO_SLOT ? 1 : journal->slots[journal->active].header.id + 1;
    pthread_mutex_lock(&journal->mutex);
    status = get_free(journal, &index);
    if (status == CHAT_OK)
        status = begin_segment(journal, journal->slots[index].number, &header, &file);
    if (status == CHAT_OK) {
        if (journal->active != JOURNAL_NO_SLOT) {
            journal->slots[journal->active].state = SLOT_HELD;
            journal->slots[journal->active].last_position = journal->next_position - 1;
        }
        journal->slots[index].state = SLOT_ACTIVE;
        journal->slots[index].header = header;
        journal->active_offset = SEGMENT_DATA_START;
        journal->active = index;
    }
    pthread_mutex_unlock(&journal->mutex);
    if (status != CHAT_OK)
        return status;

    disk_close(journal->active_file);
    journal->active_file = file;
    journal->last_crc = header.crc;
    return CHAT_OK;
}

/* Files beyond the maximum, which was greater once. */
static void drop_excess(struct engine_journal *journal)
{
    uint32_t files = 0;

    for (uint32_t i = 0; i < journal->slot_count; i++)
        files += is_file(&journal->slots[i]);
    for (uint32_t i = 0; i < journal->slot_count && files > journal->config.segments_max; i++) {
        if (journal->slots[i].state == SLOT_FREE) {
            journal_slot_drop(journal, &journal->slots[i]);
            files--;
        }
    }
}

void engine_journal_release(struct engine_journal *journal, uint64_t durable_position)
{
    pthread_mutex_lock(&journal->mutex);
    for (uint32_t i = 0; i < journal->slot_count; i++) {
        struct journal_slot *slot = &journal->slots[i];
        if (slot->state == SLOT_HELD && slot->last_position <= durable_position)
            slot->state = SLOT_FREE;
    }
    drop_excess(journal);
    pthread_mutex_unlock(&journal->mutex);
}

/* A quarter of the active segment is used: a shard that does next to nothing needs no
 * second file. */
static bool is_due(const struct engine_journal *journal)
{
    return journal->active != JOURNAL_NO_SLOT &&
           journal->active_offset > journal->slots[journal->active].header.bytes / 4;
}

void engine_journal_prepare(struct engine_journal *journal)
{
    uint32_t gone;

    pthread_mutex_lock(&journal->mutex);
    if (is_due(journal) && !is_making(journal) && find_free(journal) == JOURNAL_NO_SLOT) {
        gone = find_gone(journal);
        if (gone != JOURNAL_NO_SLOT) {
            const bool failed_before = journal->prepare_failed;
            chat_status status = make_slot(journal, gone);
            journal->prepare_failed = status != CHAT_OK;
            if (status != CHAT_OK && !failed_before)
                log_write(journal->config.logger, CHAT_LOG_WARN, "journal",
                          "%s: no segment made ahead: %s", journal->folder,
                          chat_status_text(status));
        }
    }
    pthread_mutex_unlock(&journal->mutex);
}

/* Segments that cannot be used again yet; the mutex is held. */
static uint32_t count_held(const struct engine_journal *journal)
{
    uint32_t held = 0;

    for (uint32_t i = 0; i < journal->slot_count; i++)
        held += journal->slots[i].state == SLOT_HELD || journal->slots[i].state == SLOT_ACTIVE;
    return held;
}

struct journal_usage engine_journal_usage(struct engine_journal *journal)
{
    struct journal_usage usage = {
        .bytes_max = journal->config.segments_max * journal->config.segment_bytes,
    };

    pthread_mutex_lock(&journal->mutex);
    for (uint32_t i = 0; i < journal->slot_count; i++) {
        if (journal->slots[i].state == SLOT_HELD)
            usage.bytes += journal->slots[i].file_bytes;
        else if (journal->slots[i].state == SLOT_ACTIVE)
            usage.bytes += journal->active_offset;
    }
    pthread_mutex_unlock(&journal->mutex);
    return usage;
}

bool engine_journal_wants_release(struct engine_journal *journal, uint64_t position)
{
    bool wanted = false;

    pthread_mutex_lock(&journal->mutex);
    if (count_held(journal) > journal->config.segments_max / 2) {
        for (uint32_t i = 0; i < journal->slot_count; i++) {
            const struct journal_slot *slot = &journal->slots[i];
            wanted |= slot->state == SLOT_HELD && slot->last_position <= position;
        }
    }
    pthread_mutex_unlock(&journal->mutex);
    return wanted;
}
