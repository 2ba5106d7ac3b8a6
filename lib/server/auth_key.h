/*
 * auth_key: one key that verifies tokens, and the files it may come from. Inner to auth.
 */
#ifndef CHAT_SERVER_AUTH_KEY_H
#define CHAT_SERVER_AUTH_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>
#include <openssl/evp.h>

#include <libchat/alloc.h>
#include <libchat/status.h>

#include "server/auth.h"

struct auth_key {
    enum auth_algorithm algorithm;
    char *kid;        /* NULL: none */
    EVP_PKEY *public; /* all but HS256 */
    uint8_t *secret;  /* HS256 */
    size_t secret_len;
};

struct auth_key_list {
    const struct chat_allocator *allocator;
    struct auth_key keys[AUTH_KEYS_MAX];
    uint32_t count;
};

/* "RS256". */
const char *auth_algorithm_name(enum auth_algorithm algorithm);

void auth_key_fini(const struct chat_allocator *allocator, struct auth_key *key);
void auth_key_list_fini(struct auth_key_list *list);

/* Checks `public` (kind, curve, length) and appends it; it is the list's from then on, or
 * freed. kid may be NULL. */
chat_status auth_key_list_add_public(struct auth_key_list *list, EVP_PKEY *public, const char *kid,
                                     const char **out_reason);
chat_status auth_key_list_add_secret(struct auth_key_list *list, const uint8_t *secret,
                                     size_t secret_len, const char *kid, const char **out_reason);

/* A file's keys are appended to `list`; on an error some may have been. */
chat_status auth_key_list_read(struct auth_key_list *list, enum auth_key_format format,
                               const uint8_t *bytes, size_t bytes_len, const char **out_reason);
/* auth_jwk.c: RFC 7517. */
chat_status auth_key_list_read_jwks(struct auth_key_list *list, const uint8_t *bytes,
                                    size_t bytes_len, const char **out_reason);

/* True when `signature` is this key's over `text`. */
bool auth_key_verify(const struct auth_key *key, const char *text, size_t text_len,
                     const uint8_t *signature, size_t signature_len);

/* auth_json.c: a JSON object without repeated names, at most AUTH_JSON_DEPTH_MAX deep. NULL
 * when it is anything else. json_decref() it. */
json_t *auth_json_load(const uint8_t *bytes, size_t bytes_len);
/* The member's text, NULL when absent or no text. Borrowed. */
const char *auth_json_text(const json_t *object, const char *name);

#endif
