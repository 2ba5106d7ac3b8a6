#include "access.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECRET_FILE_MAX 4096u
#define LINK_SECRET_MIN 16u

static enum auth_key_format format_of(const char *name)
{
    if (strcmp(name, "pem") == 0)
        return AUTH_KEYS_PEM;
    if (strcmp(name, "secret") == 0)
        return AUTH_KEYS_SECRET;
    if (strcmp(name, "secret_base64") == 0)
        return AUTH_KEYS_SECRET_BASE64;
    return AUTH_KEYS_JWKS;
}

static void wipe(void *bytes, size_t len)
{
    if (bytes)
        explicit_bzero(bytes, len);
}

static void say_issuer(struct settings *settings, size_t i, const char *key, const char *text)
{
    snprintf(settings->error, sizeof(settings->error), "%.200s: [issuer %s] %s: %.400s",
             config_origin_of(settings->config, "issuer", i, key),
             config_instance_name(settings->config, "issuer", i), key, text);
}

static chat_status add_keys(struct auth *auth, const char *issuer, enum auth_key_format format,
                            const char *path, struct files_error *error)
{
    const char *reason = NULL;
    uint8_t *bytes = NULL;
    size_t len = 0;
    chat_status status = files_read(path, AUTH_KEY_FILE_MAX, &bytes, &len, error);

    if (status != CHAT_OK)
        return status;
    status = auth_add_keys(auth, issuer, format, bytes, len, &reason);
    wipe(bytes, len);
    free(bytes);
    if (status != CHAT_OK)
        snprintf(error->text, sizeof(error->text), "%.300s: %s", path,
                 reason ? reason : chat_status_text(status));
    return status;
}

static chat_status add_issuer(struct auth *auth, struct settings *settings, size_t i)
{
    const struct config *config = settings->config;
    const char *issuer = config_text_of(config, "issuer", i, "issuer");
    enum auth_key_format format = format_of(config_text_of(config, "issuer", i, "format"));
    struct files_error error;
    chat_status status =
        auth_add_issuer(auth, issuer, config_text_of(config, "issuer", i, "audience"));

    if (status != CHAT_OK) {
        say_issuer(settings, i, "issuer",
                   status == CHAT_E_CONFLICT ? "two sections have it" : chat_status_text(status));
        return status;
    }
    status = add_keys(auth, issuer, format, config_text_of(config, "issuer", i, "keys"), &error);
    if (status != CHAT_OK)
        say_issuer(settings, i, "keys", error.text);
    return status;
}

static chat_status add_dev_issuer(struct auth *auth, struct settings *settings,
                                  const struct dev_keys *dev)
{
    struct files_error error = {""};
    chat_status status = auth_add_issuer(auth, DEV_ISSUER, DEV_AUDIENCE);

    if (status == CHAT_OK && files_exists(dev->issuer_secret))
        status = add_keys(auth, DEV_ISSUER, AUTH_KEYS_SECRET, dev->issuer_secret, &error);
    if (status != CHAT_OK)
        snprintf(settings->error, sizeof(settings->error), "%s", error.text);
    return status;
}

static chat_status load_auth(struct settings *settings, const struct dev_keys *dev,
                             struct auth **out_auth)
{
    size_t count = config_instance_count(settings->config, "issuer");
    struct auth *auth;
    chat_status status = auth_new(NULL, &auth);

    if (status != CHAT_OK) {
        snprintf(settings->error, sizeof(settings->error), "%s", chat_status_text(status));
        return status;
    }
    for (size_t i = 0; i < count && status == CHAT_OK; i++)
        status = add_issuer(auth, settings, i);
    if (count == 0 && dev)
        status = add_dev_issuer(auth, settings, dev);
    if (status != CHAT_OK) {
        auth_free(auth);
        return status;
    }
    *out_auth = auth;
    return CHAT_OK;
}

static chat_status load_tickets(struct settings *settings, const struct dev_keys *dev,
                                struct ticket_keys *out_tickets)
{
    const char *path = settings_text(settings, "tickets", "keys");
    struct files_error error;
    uint8_t *bytes = NULL;
    size_t len = 0;
    uint32_t line = 0;
    chat_status status;

    *out_tickets = (struct ticket_keys){.count = 0};
    if (!path && dev && files_exists(dev->ticket_keys))
        path = dev->ticket_keys;
    if (!path)
        return CHAT_OK;
    status = files_read(path, SECRET_FILE_MAX, &bytes, &len, &error);
    if (status != CHAT_OK) {
        settings_say(settings, "tickets", "keys", "%s", error.text);
        return status;
    }
    status = ticket_keys_parse((const char *)bytes, len, out_tickets, &line);
    wipe(bytes, len);
    free(bytes);
    if (status != CHAT_OK)
        settings_say(
            settings, "tickets", "keys",
            "%.300s:%u: must be lines of \"<id> <64 hex digits>\", at most %u, no id twice", path,
            line, TICKET_KEYS_MAX);
    return status;
}

static chat_status load_link_secret(struct settings *settings, char **out_secret)
{
    const char *path = settings_text(settings, "link", "secret_file");
    struct files_error error;
    uint8_t *bytes = NULL;
    size_t len = 0;
    chat_status status;

    *out_secret = NULL;
    if (!path || settings->program->own_links)
        return CHAT_OK;
    status = files_read(path, SECRET_FILE_MAX, &bytes, &len, &error);
    if (status != CHAT_OK) {
        settings_say(settings, "link", "secret_file", "%s", error.text);
        return status;
    }
    while (len > 0 && (bytes[len - 1] == '\n' || bytes[len - 1] == '\r'))
        bytes[--len] = 0;
    for (size_t i = 0; i < len && status == CHAT_OK; i++) {
        if (bytes[i] <= 0x20 || bytes[i] >= 0x7f)
            status = CHAT_E_INVALID;
    }
    if (status != CHAT_OK || len < LINK_SECRET_MIN) {
        settings_say(settings, "link", "secret_file",
                     "%.300s: must be one word of at least %u printable characters", path,
                     LINK_SECRET_MIN);
        wipe(bytes, len);
        free(bytes);
        return CHAT_E_INVALID;
    }
    *out_secret = (char *)bytes;
    return CHAT_OK;
}

chat_status access_load(struct access *access, struct settings *settings,
                        const struct dev_keys *dev)
{
    size_t count = config_instance_count(settings->config, "issuer");
    chat_status status = CHAT_OK;

    *access = (struct access){.auth = NULL};
    if (settings->program->router) {
        status = load_auth(settings, dev, &access->auth);
        if (status == CHAT_OK)
            status = load_tickets(settings, dev, &access->tickets);
        for (size_t i = 0; i < count && i < AUTH_ISSUERS_MAX; i++)
            access->issuers[access->issuer_count++] =
                config_text_of(settings->config, "issuer", i, "issuer");
        if (count == 0 && dev)
            access->issuers[access->issuer_count++] = DEV_ISSUER;
    }
    if (status == CHAT_OK)
        status = load_link_secret(settings, &access->link_secret);
    if (status != CHAT_OK) {
        access_fini(access);
        return status;
    }
    access->keys.auth = access->auth;
    access->keys.tickets = access->tickets.count > 0 ? &access->tickets : NULL;
    return CHAT_OK;
}

chat_status access_reload(struct access *access, struct settings *settings,
                          const struct dev_keys *dev)
{
    struct ticket_keys tickets;
    struct auth *auth = NULL;
    chat_status status;

    if (!settings->program->router)
        return CHAT_OK;
    status = load_auth(settings, dev, &auth);
    if (status == CHAT_OK)
        status = load_tickets(settings, dev, &tickets);
    /* A router made without tickets stays so, and one with them needs a key. */
    if (status == CHAT_OK && (tickets.count > 0) != (access->tickets.count > 0)) {
        settings_say(settings, "tickets", "keys", "tickets are switched on or off by a restart");
        status = CHAT_E_STATE;
    }
    if (status != CHAT_OK) {
        auth_free(auth);
        return status;
    }
    auth_free(access->auth);
    access->auth = auth;
    access->keys.auth = auth;
    access->tickets = tickets;
    wipe(&tickets, sizeof(tickets));
    return CHAT_OK;
}

void access_fini(struct access *access)
{
    auth_free(access->auth);
    access->auth = NULL;
    access->keys = (struct router_keys){.auth = NULL};
    wipe(&access->tickets, sizeof(access->tickets));
    if (access->link_secret)
        wipe(access->link_secret, strlen(access->link_secret));
    free(access->link_secret);
    access->link_secret = NULL;
}
