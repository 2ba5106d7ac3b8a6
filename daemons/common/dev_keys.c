#include "dev_keys.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "transport/dev_cert.h"

chat_status dev_keys_secret(char out[DEV_SECRET_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t bytes[32];

    if (files_random(bytes, sizeof(bytes)) != CHAT_OK)
        return CHAT_E_IO;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    memcpy(out + 64, "\n", 2);
    return CHAT_OK;
}

chat_status dev_keys_ticket_key(char out[DEV_TICKET_KEY_SIZE])
{
    char secret[DEV_SECRET_SIZE];
    uint32_t id;

    if (dev_keys_secret(secret) != CHAT_OK || files_random(&id, sizeof(id)) != CHAT_OK)
        return CHAT_E_IO;
    snprintf(out, DEV_TICKET_KEY_SIZE, "%" PRIu32 " %s", id | 1, secret);
    return CHAT_OK;
}

chat_status dev_keys_locate(struct dev_keys *keys, const char *data_folder)
{
    chat_status status = files_join(keys->folder, sizeof(keys->folder), data_folder, "keys");
    const struct {
        char *out;
        const char *name;
    } files[] = {
        {keys->issuer_secret, "issuer.secret"},
        {keys->ticket_keys, "ticket.keys"},
        {keys->link_secret, "link.secret"},
        {keys->ca, "ca.pem"},
        {keys->cert, "cert.pem"},
        {keys->key, "key.pem"},
    };

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]) && status == CHAT_OK; i++)
        status = files_join(files[i].out, FILES_PATH_MAX, keys->folder, files[i].name);
    return status;
}

/* CHAT_E_CONFLICT: somebody was faster, which is as good. */
static chat_status make_secret(const char *path, bool ticket, struct files_error *error)
{
    char text[DEV_TICKET_KEY_SIZE];
    chat_status status;

    if (files_exists(path))
        return CHAT_OK;
    status = ticket ? dev_keys_ticket_key(text) : dev_keys_secret(text);
    if (status != CHAT_OK) {
        snprintf(error->text, sizeof(error->text), "no random numbers from the system");
        return status;
    }
    status = files_write_secret(path, text, strlen(text), error);
    return status == CHAT_E_CONFLICT ? CHAT_OK : status;
}

static chat_status make_cert(const struct dev_keys *keys, const struct chat_logger *logger,
                             struct files_error *error)
{
    struct dev_cert_config config = {.folder = keys->folder, .logger = logger};
    chat_status status;

    if (files_exists(keys->cert) && files_exists(keys->key))
        return CHAT_OK;
    status = dev_cert_make(&config);
    if (status != CHAT_OK)
        snprintf(error->text, sizeof(error->text), "%.400s: no certificate: %s", keys->folder,
                 chat_status_text(status));
    else
        log_write(logger, CHAT_LOG_INFO, "keys", "made a certificate for localhost in %s",
                  keys->folder);
    return status;
}

chat_status dev_keys_make(const struct dev_keys *keys, const struct chat_logger *logger,
                          struct files_error *error)
{
    chat_status status = files_make_folder(keys->folder, error);

    if (status == CHAT_OK)
        status = make_secret(keys->issuer_secret, false, error);
    if (status == CHAT_OK)
        status = make_secret(keys->ticket_keys, true, error);
    if (status == CHAT_OK)
        status = make_secret(keys->link_secret, false, error);
    if (status == CHAT_OK)
        status = make_cert(keys, logger, error);
    return status;
}
