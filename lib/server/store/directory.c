#include "server/store/directory.h"

#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "server/store/answer.h"
#include "server/store/reads.h"
#include "server/store/role.h"
#include "server/store/rows.h"

#define EVICT_TRIES 8u

/* Part of what is stored. */
static const uint64_t first_key[2] = {UINT64_C(0x6c69626368617431), UINT64_C(0x6469726563742d31)};
static const uint64_t second_key[2] = {UINT64_C(0x6c69626368617431), UINT64_C(0x6469726563742d32)};

static void put_u64(struct directory_key *key, uint64_t value)
{
    for (unsigned i = 0; i < 8; i++)
        key->bytes[key->len++] = (uint8_t)(value >> (8 * i));
}

static void put_text(struct directory_key *key, const char *text)
{
    size_t len = strlen(text);

    if (len > CHAT_SUBJECT_MAX)
        len = CHAT_SUBJECT_MAX;
    memcpy(key->bytes + key->len, text, len);
    key->len += len;
}

void directory_key_user(struct directory_key *key, const char *issuer, const char *subject)
{
    const size_t issuer_len = strlen(issuer);

    key->bytes[0] = 'u';
    key->bytes[1] = (uint8_t)issuer_len;
    key->bytes[2] = (uint8_t)(issuer_len >> 8);
    key->len = 3;
    put_text(key, issuer);
    put_text(key, subject);
}

void directory_key_direct(struct directory_key *key, uint64_t a, uint64_t b)
{
    key->bytes[0] = 'd';
    key->len = 1;
    put_u64(key, a < b ? a : b);
    put_u64(key, a < b ? b : a);
}

void directory_key_group(struct directory_key *key, uint64_t creator, uint64_t device,
                         uint64_t counter)
{
    key->bytes[0] = 'g';
    key->len = 1;
    put_u64(key, creator);
    put_u64(key, device);
    put_u64(key, counter);
}

struct engine_key directory_row_key(const uint8_t *bytes, size_t len)
{
    return (struct engine_key){hash_bytes(first_key, bytes, len),
                               hash_bytes(second_key, bytes, len), 0};
}

static struct directory_entry *entry_of(struct table_node *node)
{
    return (struct directory_entry *)(void *)node;
}

static bool matches(const struct table_node *node, const void *key)
{
    const struct directory_entry *entry = (const struct directory_entry *)(const void *)node;
    const struct directory_key *wanted = key;

    return entry->key.len == wanted->len &&
           memcmp(entry->key.bytes, wanted->bytes, wanted->len) == 0;
}

void directory_init(struct shard *s)
{
    table_init(&s->directory.entries, s->allocator, matches);
    list_init(&s->directory.lru);
}

static void free_entry(struct shard *s, struct directory_entry *entry)
{
    wait_drop(s, &entry->waiting);
    table_remove(&s->directory.entries, &entry->node);
    list_remove(&entry->lru);
    alloc_free(s->allocator, entry);
}

void directory_fini(struct shard *s)
{
    struct table_node *node;

    if (!s->directory.lru.head.next)
        return;
    while ((node = table_next(&s->directory.entries, NULL)) != NULL)
        free_entry(s, entry_of(node));
    table_fini(&s->directory.entries);
}

static bool make_room(struct shard *s)
{
    uint32_t tries = 0;

    if (s->directory.entries.count < s->limits->directory_max)
        return true;
    LIST_EACH(node, &s->directory.lru)
    {
        struct directory_entry *entry = LIST_ENTRY(node, struct directory_entry, lru);

        if (entry->loaded && entry->decided_position <= s->synced && entry->waiting.count == 0) {
            free_entry(s, entry);
            return true;
        }
        if (++tries == EVICT_TRIES)
            break;
    }
    return false;
}

/* The row's home, if it is this key's. */
static chat_status take_row(struct directory_entry *entry, const uint8_t *bytes, size_t len,
                            struct arena *arena)
{
    const WireDirectoryRow *row = row_unpack(&wire_directory_row__descriptor, bytes, len, arena);

    if (!row)
        return row_trouble(arena);
    /* 128 bits of two keys at once: not by chance, and never answered with another's home. */
    if (row->key.len != entry->key.len ||
        memcmp(row->key.data, entry->key.bytes, row->key.len) != 0)
        return CHAT_E_CORRUPT;
    entry->home_id = row->home_id;
    return CHAT_OK;
}

static void loaded(struct shard *s, struct read_job *job)
{
    struct directory_entry *entry = job->entry;
    const struct engine_key key = directory_row_key(entry->key.bytes, entry->key.len);
    const struct overlay_row *row = overlay_find(&s->overlay, TABLE_DIRECTORY, key);
    chat_status status = CHAT_OK;

    if (row)
        status = take_row(entry, row->bytes, row->len, &job->arena);
    else if (job->results[0].count > 0)
        status = take_row(entry, job->results[0].rows[0].value, job->results[0].rows[0].value_len,
                          &job->arena);
    if (status != CHAT_OK) {
        shard_give_up(s, AFTER_REFUSED, status, "read of the directory");
        return;
    }
    entry->loaded = true;
    wait_resume_all(s, &entry->waiting);
}

static struct directory_entry *new_entry(struct shard *s, const struct directory_key *key,
                                         uint64_t hash)
{
    struct directory_entry *entry =
        make_room(s) ? alloc_zeroed(s->allocator, sizeof(*entry)) : NULL;
    struct read_job *job;

    if (!entry)
        return NULL;
    entry->key = *key;
    wait_init(&entry->waiting);
    if (table_insert(&s->directory.entries, &entry->node, hash) != CHAT_OK) {
        alloc_free(s->allocator, entry);
        return NULL;
    }
    list_push_back(&s->directory.lru, &entry->lru);
    job = reads_new(s, loaded);
    if (!job) {
        free_entry(s, entry);
        return NULL;
    }
    job->entry = entry;
    job->queries[0] = query_one(TABLE_DIRECTORY, directory_row_key(key->bytes, key->len));
    job->query_count = 1;
    reads_start(s, job);
    return entry;
}

struct directory_entry *directory_need(struct shard *s, const struct directory_key *key,
                                       const struct request *req)
{
    const uint64_t hash = directory_row_key(key->bytes, key->len).k1;
    struct table_node *node = table_find(&s->directory.entries, hash, key);
    struct directory_entry *entry = node ? entry_of(node) : new_entry(s, key, hash);

    if (!entry) {
        answer_problem(s, NULL, req, PROBLEM(OVERLOADED), "directory");
        return NULL;
    }
    list_remove(&entry->lru);
    list_push_back(&s->directory.lru, &entry->lru);
    if (entry->loaded)
        return entry;
    (void)wait_add(s, &entry->waiting, req);
    return NULL;
}

void directory_refused(struct shard *s)
{
    LIST_EACH(node, &s->directory.lru)
    {
        struct directory_entry *entry = LIST_ENTRY(node, struct directory_entry, lru);

        if (entry->decided_position > s->synced)
            free_entry(s, entry);
    }
}
