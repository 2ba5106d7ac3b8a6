/*
 * dev_keys: the keys that chatd makes for itself at its first start, so that one command
 * is enough: DATA/keys/ with
 *
 *   issuer.secret   HS256 secret of the issuer "dev": chatctl token signs with it
 *   ticket.keys     of resume tickets
 *   link.secret     for daemons, should the deployment be split
 *   ca.pem ca-key.pem cert.pem key.pem   an authority, and a certificate for this machine
 *
 * All of mode 0600 (certificates: as the transport writes them). What is there is never
 * overwritten: with own keys in the configuration these are not used.
 */
#ifndef CHAT_DAEMONS_DEV_KEYS_H
#define CHAT_DAEMONS_DEV_KEYS_H

#include <libchat/log.h>
#include <libchat/status.h>

#include "files.h"

#define DEV_ISSUER "dev"
#define DEV_AUDIENCE "libchat"

struct dev_keys {
    char folder[FILES_PATH_MAX];
    char issuer_secret[FILES_PATH_MAX];
    char ticket_keys[FILES_PATH_MAX];
    char link_secret[FILES_PATH_MAX];
    char ca[FILES_PATH_MAX];
    char cert[FILES_PATH_MAX];
    char key[FILES_PATH_MAX];
};

/* Where they are, or would be. Errors: CHAT_E_TOO_LARGE. */
chat_status dev_keys_locate(struct dev_keys *keys, const char *data_folder);
/* Makes those that are missing. Errors: those of files.h and dev_cert_make(), said in `error`. */
chat_status dev_keys_make(const struct dev_keys *keys, const struct chat_logger *logger,
                          struct files_error *error);

/* 64 hex digits of chance and a newline, NUL-terminated. Errors: CHAT_E_IO. */
#define DEV_SECRET_SIZE 66u
chat_status dev_keys_secret(char out[DEV_SECRET_SIZE]);
/* "<id> <64 hex digits>\n", NUL-terminated, with a random id. Errors: CHAT_E_IO. */
#define DEV_TICKET_KEY_SIZE 80u
chat_status dev_keys_ticket_key(char out[DEV_TICKET_KEY_SIZE]);

#endif
