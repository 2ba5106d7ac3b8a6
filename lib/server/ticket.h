/*
 * A resume ticket: lets a device that was signed in come back to any router without its
 * token. Stateless: what it says is authenticated by HMAC-SHA256 under a key that all
 * routers share, not hidden. The user's home checks auth_epoch when it is loaded.
 */
#ifndef CHAT_SERVER_TICKET_H
#define CHAT_SERVER_TICKET_H

#include <stddef.h>
#include <stdint.h>

#include <libchat/limits.h>
#include <libchat/status.h>

#define TICKET_LIFE_MAX_MS INT64_C(600000) /* 10 minutes */
#define TICKET_KEYS_MAX 8u
#define TICKET_SECRET_SIZE 32u
#define TICKET_SIZE 101u /* bytes of a ticket of version 2; CHAT_TICKET_MAX is room to grow */

struct ticket_key {
    uint32_t id;
    uint8_t secret[TICKET_SECRET_SIZE];
};

/* To rotate: add the new key behind the first everywhere, then make it the first, and drop
 * the old one TICKET_LIFE_MAX_MS later. */
struct ticket_keys {
    struct ticket_key keys[TICKET_KEYS_MAX]; /* the first seals, all open */
    uint32_t count;
};

struct ticket {
    uint64_t user_id;
    uint64_t device_id;
    uint64_t auth_epoch;
    uint64_t session_no; /* that it was given to; 0: of version 1, which has none */
    int64_t issued_at_ms;
    int64_t expires_at_ms;       /* cut to issued + TICKET_LIFE_MAX_MS and the token's end */
    int64_t token_expires_at_ms; /* of the token it came from: tickets renew up to here */
    uint64_t issuer_hash;        /* ticket_issuer_hash() */
};

/*
 * Reads a key file: a line per key, "<id> <64 hex digits>", '#' starts a comment.
 * Errors: CHAT_E_INVALID with the line's number (0: no key in it) in *out_line, also for a
 *         repeated id; CHAT_E_FULL past TICKET_KEYS_MAX.
 */
chat_status ticket_keys_parse(const char *text, size_t text_len, struct ticket_keys *out_keys,
                              uint32_t *out_line);

uint64_t ticket_issuer_hash(const char *issuer);

/* Writes a ticket of TICKET_SIZE bytes. expires_at_ms in `ticket` is cut in place.
 * Errors: CHAT_E_INVALID (no key, an id of 0), CHAT_E_EXPIRED (nothing is left of its
 *         time), CHAT_E_NOMEM (OpenSSL). */
chat_status ticket_seal(const struct ticket_keys *keys, struct ticket *ticket,
                        uint8_t out_bytes[TICKET_SIZE]);

/* Errors: CHAT_E_AUTH (not one of ours, or another device's), CHAT_E_EXPIRED. */
chat_status ticket_open(const struct ticket_keys *keys, const uint8_t *bytes, size_t bytes_len,
                        uint64_t device_id, int64_t wall_ms, struct ticket *out_ticket);

#endif
