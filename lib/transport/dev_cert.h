/*
 * dev_cert: a certificate authority of one's own and a server certificate from it, as
 * files, for development and tests. Not for deployments: the keys are not encrypted.
 */
#ifndef CHAT_TRANSPORT_DEV_CERT_H
#define CHAT_TRANSPORT_DEV_CERT_H

#include <stddef.h>

#include <libchat/log.h>
#include <libchat/status.h>

#define DEV_CERT_NAMES_MAX 16u

struct dev_cert_config {
    const char *folder;       /* gets ca.pem, ca-key.pem, cert.pem and key.pem */
    const char *const *names; /* DNS names and addresses that the server answers to */
    size_t name_count;        /* 0: localhost, 127.0.0.1 and ::1 */
    int days;                 /* of validity, from an hour ago; default 365 */
    const struct chat_logger *logger;
};

/*
 * Writes the four files; an authority that is already in the folder is used again. Key
 * files are readable by their owner only. Keys are ECDSA P-256.
 * Errors: CHAT_E_INVALID (a name, the number of them), CHAT_E_IO, CHAT_E_NOMEM,
 *         CHAT_E_CORRUPT (an authority is there, but not readable). The logger is told why.
 */
chat_status dev_cert_make(const struct dev_cert_config *config);

#endif
