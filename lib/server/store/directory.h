/*
 * directory: from creation keys to homes. Finding or creating a home by its key happens
 * in one place, so the same key never makes two.
 *
 *   user    'u', length of the issuer (2 bytes), issuer, subject
 *   direct  'd', the smaller user id, the greater one     (8 bytes each, little endian)
 *   group   'g', creator, device id, counter of the nonce (8 bytes each)
 *
 * A key's row lies under two SipHashes of it and holds the key itself.
 */
#ifndef CHAT_SERVER_STORE_DIRECTORY_H
#define CHAT_SERVER_STORE_DIRECTORY_H

#include "server/store/shard.h"

#define DIRECTORY_KEY_MAX (3u + 2u * CHAT_SUBJECT_MAX)

struct directory_key {
    size_t len;
    uint8_t bytes[DIRECTORY_KEY_MAX];
};

struct directory_entry {
    struct table_node node;
    struct list_node lru;
    struct wait_queue waiting;
    uint64_t home_id;          /* 0: there is none */
    uint64_t decided_position; /* of its creation; 0: found in the table */
    bool loaded;
    struct directory_key key;
};

/* Issuer and subject are within CHAT_SUBJECT_MAX. */
void directory_key_user(struct directory_key *key, const char *issuer, const char *subject);
void directory_key_direct(struct directory_key *key, uint64_t a, uint64_t b);
void directory_key_group(struct directory_key *key, uint64_t creator, uint64_t device,
                         uint64_t counter);

struct engine_key directory_row_key(const uint8_t *bytes, size_t len);

void directory_init(struct shard *s);
void directory_fini(struct shard *s);

/* The loaded entry, its home_id 0 when the key made nothing yet. NULL: the request waits
 * there, or was refused. */
struct directory_entry *directory_need(struct shard *s, const struct directory_key *key,
                                       const struct request *req);
/* What was decided and not synced never will be. */
void directory_refused(struct shard *s);

#endif
