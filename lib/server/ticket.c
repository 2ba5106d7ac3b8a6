#include "server/ticket.h"

#include <stdbool.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/hash.h"

/*
 * Version 2, little-endian:
 *   u8 version, u32 key id, u64 user, u64 device, u64 auth_epoch, u64 session, i64 issued,
 *   i64 expires, i64 token expires, u64 issuer hash, 32 bytes HMAC-SHA256 of all before it.
 * Version 1 has no session. It is still taken: routers may be of both versions for a while.
 */
#define VERSION 2u
#define VERSION_1_SIZE (TICKET_SIZE - 8u)
#define MAC_SIZE 32u
#define CLOCK_LEEWAY_MS 60000 /* routers' clocks differ */

/* "ticket-i", "ssuer-v1". */
static const uint64_t issuer_key[2] = {UINT64_C(0x7469636b65742d69), UINT64_C(0x73737565722d7631)};

uint64_t ticket_issuer_hash(const char *issuer)
{
    return hash_bytes(issuer_key, issuer, strlen(issuer));
}

static uint8_t *put(uint8_t *at, uint64_t value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        at[i] = (uint8_t)(value >> (8 * i));
    return at + size;
}

static uint64_t get(const uint8_t **at, size_t size)
{
    uint64_t value = 0;

    for (size_t i = 0; i < size; i++)
        value |= (uint64_t)(*at)[i] << (8 * i);
    *at += size;
    return value;
}

static chat_status sign(const struct ticket_key *key, const uint8_t *body, size_t body_len,
                        uint8_t out_mac[MAC_SIZE])
{
    uint8_t mac[EVP_MAX_MD_SIZE];
    unsigned int mac_len = 0;

    if (!HMAC(EVP_sha256(), key->secret, (int)TICKET_SECRET_SIZE, body, body_len, mac, &mac_len) ||
        mac_len != MAC_SIZE)
        return CHAT_E_NOMEM;
    memcpy(out_mac, mac, MAC_SIZE);
    return CHAT_OK;
}

chat_status ticket_seal(const struct ticket_keys *keys, struct ticket *ticket,
                        uint8_t out_bytes[TICKET_SIZE])
{
    uint8_t *at = out_bytes;

    if (keys->count == 0 || ticket->user_id == 0 || ticket->device_id == 0 ||
        ticket->issued_at_ms < 0 || ticket->issued_at_ms > INT64_MAX - TICKET_LIFE_MAX_MS)
        return CHAT_E_INVALID;
    if (ticket->expires_at_ms > ticket->issued_at_ms + TICKET_LIFE_MAX_MS)
        ticket->expires_at_ms = ticket->issued_at_ms + TICKET_LIFE_MAX_MS;
    if (ticket->expires_at_ms > ticket->token_expires_at_ms)
        ticket->expires_at_ms = ticket->token_expires_at_ms;
    if (ticket->expires_at_ms <= ticket->issued_at_ms)
        return CHAT_E_EXPIRED;

    at = put(at, VERSION, 1);
    at = put(at, keys->keys[0].id, 4);
    at = put(at, ticket->user_id, 8);
    at = put(at, ticket->device_id, 8);
    at = put(at, ticket->auth_epoch, 8);
    at = put(at, ticket->session_no, 8);
    at = put(at, (uint64_t)ticket->issued_at_ms, 8);
    at = put(at, (uint64_t)ticket->expires_at_ms, 8);
    at = put(at, (uint64_t)ticket->token_expires_at_ms, 8);
    at = put(at, ticket->issuer_hash, 8);
    return sign(&keys->keys[0], out_bytes, (size_t)(at - out_bytes), at);
}

static const struct ticket_key *find_key(const struct ticket_keys *keys, uint32_t id)
{
    for (uint32_t i = 0; i < keys->count; i++)
        if (keys->keys[i].id == id)
            return &keys->keys[i];
    return NULL;
}

/* Authenticates the bytes before anything in them is believed. */
static chat_status check_bytes(const struct ticket_keys *keys, const uint8_t *bytes, size_t len)
{
    const struct ticket_key *key;
    const uint8_t *at = bytes;
    uint8_t mac[MAC_SIZE];

    if (!(len == TICKET_SIZE && bytes[0] == VERSION) && !(len == VERSION_1_SIZE && bytes[0] == 1))
        return CHAT_E_AUTH;
    at++;
    key = find_key(keys, (uint32_t)get(&at, 4));
    if (!key || sign(key, bytes, len - MAC_SIZE, mac) != CHAT_OK)
        return CHAT_E_AUTH;
    return CRYPTO_memcmp(mac, bytes + len - MAC_SIZE, MAC_SIZE) == 0 ? CHAT_OK : CHAT_E_AUTH;
}

chat_status ticket_open(const struct ticket_keys *keys, const uint8_t *bytes, size_t bytes_len,
                        uint64_t device_id, int64_t wall_ms, struct ticket *out_ticket)
{
    struct ticket ticket;
    const uint8_t *at = bytes;
    chat_status status = check_bytes(keys, bytes, bytes_len);

    if (status != CHAT_OK)
        return status;
    at += 5; /* version and key id */
    ticket.user_id = get(&at, 8);
    ticket.device_id = get(&at, 8);
    ticket.auth_epoch = get(&at, 8);
    ticket.session_no = bytes[0] == 1 ? 0 : get(&at, 8);
    ticket.issued_at_ms = (int64_t)get(&at, 8);
    ticket.expires_at_ms = (int64_t)get(&at, 8);
    ticket.token_expires_at_ms = (int64_t)get(&at, 8);
    ticket.issuer_hash = get(&at, 8);
    if (ticket.device_id != device_id)
        return CHAT_E_AUTH;
    /* One from the future would outlive its ten minutes: a clock stepped back. */
    if (wall_ms >= ticket.expires_at_ms || wall_ms < ticket.issued_at_ms - CLOCK_LEEWAY_MS)
        return CHAT_E_EXPIRED;
    *out_ticket = ticket;
    return CHAT_OK;
}

/* --- the key file --- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

/* "<id> <64 hex digits>", already trimmed of comment and blanks. */
static bool parse_line(const char *line, size_t len, struct ticket_key *out)
{
    uint64_t id = 0;
    size_t at = 0;

    while (at < len && line[at] >= '0' && line[at] <= '9' && id <= UINT32_MAX)
        id = id * 10 + (uint64_t)(line[at++] - '0');
    if (at == 0 || id == 0 || id > UINT32_MAX || at == len || !is_blank(line[at]))
        return false;
    while (at < len && is_blank(line[at]))
        at++;
    if (len - at != (size_t)TICKET_SECRET_SIZE * 2)
        return false;
    out->id = (uint32_t)id;
    for (size_t i = 0; i < TICKET_SECRET_SIZE; i++) {
        int high = hex_digit(line[at + 2 * i]);
        int low = hex_digit(line[at + 2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        out->secret[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static size_t trimmed_len(const char **line, size_t len)
{
    const char *comment = memchr(*line, '#', len);

    if (comment)
        len = (size_t)(comment - *line);
    while (len > 0 && is_blank((*line)[len - 1]))
        len--;
    while (len > 0 && is_blank(**line))
        (*line)++, len--;
    return len;
}

static chat_status parse_keys(const char *text, size_t text_len, struct ticket_keys *keys,
                              uint32_t *line_no)
{
    const char *end = text + text_len;

    while (text < end) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        const char *line = text;
        size_t len = (size_t)((newline ? newline : end) - text);
        struct ticket_key key;

        ++*line_no;
        text = newline ? newline + 1 : end;
        len = trimmed_len(&line, len);
        if (len == 0)
            continue;
        if (!parse_line(line, len, &key) || find_key(keys, key.id))
            return CHAT_E_INVALID;
        if (keys->count == TICKET_KEYS_MAX)
            return CHAT_E_FULL;
        keys->keys[keys->count++] = key;
        OPENSSL_cleanse(&key, sizeof(key));
    }
    if (keys->count == 0)
        *line_no = 0;
    return keys->count > 0 ? CHAT_OK : CHAT_E_INVALID;
}

chat_status ticket_keys_parse(const char *text, size_t text_len, struct ticket_keys *out_keys,
                              uint32_t *out_line)
{
    struct ticket_keys keys = {.count = 0};
    uint32_t line_no = 0;
    chat_status status = parse_keys(text, text_len, &keys, &line_no);

    *out_line = line_no;
    if (status == CHAT_OK)
        *out_keys = keys;
    OPENSSL_cleanse(&keys, sizeof(keys));
    return status;
}
