#include "mint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dev_keys.h"
#include "server/auth.h"
#include "settings.h"

static chat_status read_secret(struct mint *mint, const char *path, struct files_error *error)
{
    chat_status status =
        files_read(path, AUTH_KEY_FILE_MAX, &mint->secret, &mint->secret_len, error);

    if (status != CHAT_OK || mint->secret_len == 0 || mint->secret[mint->secret_len - 1] != '\n')
        return status;
    mint->secret_len--; /* as the router reads it: see AUTH_KEYS_SECRET */
    if (mint->secret_len > 0 && mint->secret[mint->secret_len - 1] == '\r')
        mint->secret_len--;
    return status;
}

static chat_status open_data(struct mint *mint, const char *data, struct files_error *error)
{
    struct dev_keys keys;
    chat_status status = dev_keys_locate(&keys, data);

    if (status != CHAT_OK) {
        snprintf(error->text, sizeof(error->text), "the path is too long");
        return status;
    }
    snprintf(mint->issuer, sizeof(mint->issuer), "%s", DEV_ISSUER);
    snprintf(mint->audience, sizeof(mint->audience), "%s", DEV_AUDIENCE);
    return read_secret(mint, keys.issuer_secret, error);
}

static chat_status take_issuer(struct mint *mint, const struct config *config, size_t i,
                               struct files_error *error)
{
    snprintf(mint->issuer, sizeof(mint->issuer), "%s",
             config_text_of(config, "issuer", i, "issuer"));
    snprintf(mint->audience, sizeof(mint->audience), "%s",
             config_text_of(config, "issuer", i, "audience"));
    return read_secret(mint, config_text_of(config, "issuer", i, "keys"), error);
}

static chat_status choose_issuer(struct mint *mint, const struct config *config, const char *file,
                                 struct files_error *error)
{
    size_t count = config_instance_count(config, "issuer");

    for (size_t i = 0; i < count; i++) {
        if (strcmp(config_text_of(config, "issuer", i, "format"), "secret") == 0)
            return take_issuer(mint, config, i, error);
    }
    if (count == 0 && config_is_set(config, "store", "data"))
        return open_data(mint, config_text(config, "store", "data"), error);
    snprintf(error->text, sizeof(error->text),
             "%.300s: no [issuer NAME] with format = secret: only its owner can make tokens", file);
    return CHAT_E_NOT_FOUND;
}

static chat_status open_config(struct mint *mint, const char *path, struct files_error *error)
{
    size_t key_count, len = 0;
    const struct config_key *keys = settings_keys(&key_count);
    struct config *config = NULL;
    uint8_t *bytes = NULL;
    chat_status status = files_read(path, CONFIG_FILE_MAX, &bytes, &len, error);

    if (status != CHAT_OK)
        return status;
    status = config_new(NULL, keys, key_count, &config);
    if (status == CHAT_OK)
        status = config_read_file(config, path, bytes, len);
    if (status == CHAT_OK)
        status = config_check(config);
    if (status != CHAT_OK)
        snprintf(error->text, sizeof(error->text), "%s",
                 config ? config_error(config) : chat_status_text(status));
    else
        status = choose_issuer(mint, config, path, error);
    config_free(config);
    free(bytes);
    return status;
}

chat_status mint_open(struct mint *mint, const char *data, const char *config,
                      struct files_error *error)
{
    chat_status status;

    *mint = (struct mint){.secret = NULL};
    if (!data && !config) {
        snprintf(error->text, sizeof(error->text),
                 "say where the issuer's secret is: --data FOLDER or --config FILE");
        return CHAT_E_INVALID;
    }
    status = config ? open_config(mint, config, error) : open_data(mint, data, error);
    if (status != CHAT_OK)
        mint_close(mint);
    return status;
}

void mint_close(struct mint *mint)
{
    if (mint->secret)
        explicit_bzero(mint->secret, mint->secret_len);
    free(mint->secret);
    mint->secret = NULL;
}

chat_status mint_token(const struct mint *mint, const char *subject, const char *name,
                       int64_t ttl_s, char out[CHAT_TOKEN_MAX + 1], size_t *out_len)
{
    int64_t now_s = (int64_t)time(NULL);
    struct token_grant grant = {
        .issuer = mint->issuer,
        .audience = mint->audience,
        .subject = subject,
        .name = name,
        .issued_at_s = now_s,
        .expires_at_s = now_s + ttl_s,
    };

    return auth_mint_hs256(&grant, mint->secret, mint->secret_len, out, CHAT_TOKEN_MAX + 1,
                           out_len);
}
