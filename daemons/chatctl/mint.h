/* mint: tokens of an issuer whose HS256 secret is at hand: chatd's own in its data folder,
 * or the first one of a configuration that has one. */
#ifndef CHAT_CHATCTL_MINT_H
#define CHAT_CHATCTL_MINT_H

#include <stddef.h>
#include <stdint.h>

#include <libchat/limits.h>
#include <libchat/status.h>

#include "files.h"

struct mint {
    char issuer[CHAT_SUBJECT_MAX + 1];
    char audience[CHAT_SUBJECT_MAX + 1];
    uint8_t *secret;
    size_t secret_len;
};

/* `data` or `config` (not both NULL; config wins) say where. Errors: said in `error`. */
chat_status mint_open(struct mint *mint, const char *data, const char *config,
                      struct files_error *error);
void mint_close(struct mint *mint);

/* A token that ends in ttl_s seconds; `name` may be NULL. */
chat_status mint_token(const struct mint *mint, const char *subject, const char *name,
                       int64_t ttl_s, char out[CHAT_TOKEN_MAX + 1], size_t *out_len);

#endif
