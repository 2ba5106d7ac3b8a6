#include <libchat/log.h>
#include <libchat/status.h>

/* No switch here has a default: the compiler names a value that was added without text.
 * What follows a switch is for numbers from outside, of a later version perhaps. */

const char *chat_status_name(chat_status status)
{
    switch (status) {
    case CHAT_OK: return "CHAT_OK";
    case CHAT_E_NOMEM: return "CHAT_E_NOMEM";
    case CHAT_E_INVALID: return "CHAT_E_INVALID";
    case CHAT_E_STATE: return "CHAT_E_STATE";
    case CHAT_E_TOO_LARGE: return "CHAT_E_TOO_LARGE";
    case CHAT_E_PROTOCOL: return "CHAT_E_PROTOCOL";
    case CHAT_E_NETWORK: return "CHAT_E_NETWORK";
    case CHAT_E_AUTH: return "CHAT_E_AUTH";
    case CHAT_E_CACHE: return "CHAT_E_CACHE";
    case CHAT_E_NOT_FOUND: return "CHAT_E_NOT_FOUND";
    case CHAT_E_FORBIDDEN: return "CHAT_E_FORBIDDEN";
    case CHAT_E_CONFLICT: return "CHAT_E_CONFLICT";
    case CHAT_E_FULL: return "CHAT_E_FULL";
    case CHAT_E_CORRUPT: return "CHAT_E_CORRUPT";
    case CHAT_E_IO: return "CHAT_E_IO";
    case CHAT_E_UNAVAILABLE: return "CHAT_E_UNAVAILABLE";
    case CHAT_E_UNKNOWN: return "CHAT_E_UNKNOWN";
    case CHAT_E_UNSUPPORTED: return "CHAT_E_UNSUPPORTED";
    case CHAT_E_LIMITED: return "CHAT_E_LIMITED";
    case CHAT_E_TIMEOUT: return "CHAT_E_TIMEOUT";
    case CHAT_E_EXPIRED: return "CHAT_E_EXPIRED";
    case CHAT_E_TRUNCATED: return "CHAT_E_TRUNCATED";
    }
    return "CHAT_E_(unnamed)";
}

const char *chat_status_text(chat_status status)
{
    switch (status) {
    case CHAT_OK: return "success";
    case CHAT_E_NOMEM: return "out of memory";
    case CHAT_E_INVALID: return "an argument is not allowed";
    case CHAT_E_STATE: return "this cannot be done right now";
    case CHAT_E_TOO_LARGE: return "too large";
    case CHAT_E_PROTOCOL: return "the other side broke the protocol";
    case CHAT_E_NETWORK: return "the network connection failed";
    case CHAT_E_AUTH: return "the credentials were refused";
    case CHAT_E_CACHE: return "the local cache could not be read or written";
    case CHAT_E_NOT_FOUND: return "not found";
    case CHAT_E_FORBIDDEN: return "not allowed";
    case CHAT_E_CONFLICT: return "someone else was first";
    case CHAT_E_FULL: return "no room left";
    case CHAT_E_CORRUPT: return "stored data is damaged";
    case CHAT_E_IO: return "the disk or file system failed";
    case CHAT_E_UNAVAILABLE: return "the service cannot answer now";
    case CHAT_E_UNKNOWN: return "it is not known whether this happened";
    case CHAT_E_UNSUPPORTED: return "not supported";
    case CHAT_E_LIMITED: return "too many requests";
    case CHAT_E_TIMEOUT: return "no answer in time";
    case CHAT_E_EXPIRED: return "expired";
    case CHAT_E_TRUNCATED: return "incomplete";
    }
    return "a status of a later version";
}

bool chat_status_is_temporary(chat_status status)
{
    switch (status) {
    case CHAT_E_NOMEM:
    case CHAT_E_NETWORK:
    case CHAT_E_FULL:
    case CHAT_E_UNAVAILABLE:
    case CHAT_E_UNKNOWN:
    case CHAT_E_LIMITED:
    case CHAT_E_TIMEOUT: return true;
    case CHAT_OK:
    case CHAT_E_INVALID:
    case CHAT_E_STATE:
    case CHAT_E_TOO_LARGE:
    case CHAT_E_PROTOCOL:
    case CHAT_E_AUTH:
    case CHAT_E_CACHE:
    case CHAT_E_NOT_FOUND:
    case CHAT_E_FORBIDDEN:
    case CHAT_E_CONFLICT:
    case CHAT_E_CORRUPT:
    case CHAT_E_IO:
    case CHAT_E_UNSUPPORTED:
    case CHAT_E_EXPIRED:
    case CHAT_E_TRUNCATED: return false;
    }
    return false;
}

const char *chat_log_level_name(chat_log_level level)
{
    switch (level) {
    case CHAT_LOG_ERROR: return "error";
    case CHAT_LOG_WARN: return "warn";
    case CHAT_LOG_INFO: return "info";
    case CHAT_LOG_DEBUG: return "debug";
    }
    return "unknown";
}
