/* What every fallible call in libchat returns. */
#ifndef LIBCHAT_STATUS_H
#define LIBCHAT_STATUS_H

#include <stdbool.h>

#include <libchat/export.h>

CHAT_BEGIN_DECLS

/*
 * Zero is success and every failure is negative. Numbers are part of the ABI:
 * new ones are added at the end, retired ones are never handed out again.
 */
typedef enum chat_status {
    CHAT_OK = 0,
    CHAT_E_NOMEM = -1,        /* the allocator returned NULL */
    CHAT_E_INVALID = -2,      /* an argument breaks the documented contract */
    CHAT_E_STATE = -3,        /* right call, wrong moment */
    CHAT_E_TOO_LARGE = -4,    /* a documented limit would be exceeded */
    CHAT_E_PROTOCOL = -5,     /* the peer sent bytes the protocol forbids */
    CHAT_E_NETWORK = -6,      /* the link failed; it will be tried again */
    CHAT_E_AUTH = -7,         /* the credentials were refused */
    CHAT_E_CACHE = -8,        /* the local cache could not be read or written */
    CHAT_E_NOT_FOUND = -9,    /* there is no such thing */
    CHAT_E_FORBIDDEN = -10,   /* not allowed for this user */
    CHAT_E_CONFLICT = -11,    /* another owner or writer was first */
    CHAT_E_FULL = -12,        /* no room: disk, queue or quota; nothing was lost */
    CHAT_E_CORRUPT = -13,     /* stored bytes fail their checks */
    CHAT_E_IO = -14,          /* the disk or file system failed */
    CHAT_E_UNAVAILABLE = -15, /* the service cannot answer now */
    CHAT_E_UNKNOWN = -16,     /* it may or may not have happened: ask again, same nonce */
    CHAT_E_UNSUPPORTED = -17, /* the other side, or this build, cannot do that */
    CHAT_E_LIMITED = -18,     /* too often: slow down */
    CHAT_E_TIMEOUT = -19,     /* no answer in the stated time */
    CHAT_E_EXPIRED = -20,     /* a token or ticket is past its time */
    CHAT_E_TRUNCATED = -21,   /* more bytes are needed */
} chat_status;

/*
 * Any thread may call these. Texts are never NULL and never freed; a number of a newer libchat
 * has one, too. docs/sdk/errors.md says what to do about which status.
 */

/* "CHAT_E_NOMEM": for logs and bug reports. */
CHAT_API const char *chat_status_name(chat_status status);

/* "out of memory": for people. English, without a newline. */
CHAT_API const char *chat_status_text(chat_status status);

/* True when doing the same thing later may work without changing anything. Of a status that
 * a call returned; what a conn does by itself it tries again without being asked. */
CHAT_API bool chat_status_is_temporary(chat_status status);

CHAT_END_DECLS

#endif
