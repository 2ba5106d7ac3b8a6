/*
 * A chat_server is a whole chat service inside an application: router, presence and store,
 * joined in memory, on one data folder. It is what chatd is made of, for games that host
 * their own chat, for tests, and for applications that bring a service along.
 *
 *   chat_server_new -> { chat_server_step ... } -> chat_server_stop ->
 *   { chat_server_step ... until it says CHAT_E_STATE } -> chat_server_free
 *
 * Clients connect to the port it listens on, with tokens that chat_server_mint_token() or an
 * identity provider made.
 *
 * Threads: one; the store brings a few threads of its own for the disk, which never call
 * back. chat_server_request_stop() may be called from any thread.
 */
#ifndef LIBCHAT_SERVER_H
#define LIBCHAT_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libchat/alloc.h>
#include <libchat/export.h>
#include <libchat/log.h>
#include <libchat/status.h>

CHAT_BEGIN_DECLS

typedef struct chat_server chat_server;

/* What `keys` are. The algorithm of a token is that of the key, never what it says. */
typedef enum chat_server_keys {
    CHAT_SERVER_KEYS_SECRET = 0, /* the bytes of a secret, at least 32: HS256 */
    CHAT_SERVER_KEYS_PEM = 1,    /* a public key or certificate: RS256, ES256, EdDSA */
    CHAT_SERVER_KEYS_JWKS = 2,   /* a JSON Web Key Set */
} chat_server_keys;

/* How to build a server. Start from chat_server_config_init(). Fields are only ever
 * appended, and `size` tells which ones the caller was compiled with. Strings and keys are
 * copied. */
struct chat_server_config {
    size_t size;

    const struct chat_allocator *allocator; /* NULL means malloc; must stand being called from
                                               the store's threads; outlives the server */
    const struct chat_logger *logger;       /* NULL is silent; called from those threads too */

    const char *data_folder; /* made if need be; NULL keeps everything in memory */
    uint32_t shards;         /* logical shards, 1 to 16, fixed when the folder is new; default 4 */

    const char *address;   /* to listen on; default "127.0.0.1" */
    uint16_t port;         /* 0: any free one, see chat_server_get_port() */
    const char *cert_file; /* PEM; with key_file: TLS 1.3. NULL: no TLS */
    const char *key_file;

    const char *issuer;   /* of tokens; default "libchat" */
    const char *audience; /* default "libchat" */
    chat_server_keys keys_format;
    const uint8_t *keys; /* NULL: a secret of this server's own, gone when it ends */
    size_t keys_len;

    uint32_t sessions_max;          /* clients at once; default 20000 */
    uint32_t operations_per_second; /* of one user; default 20 */
    int64_t drain_ms;               /* over which a stop sends clients away; default 2000 */
};

/* Sets `size` and all fields to their defaults. Applications call the second one, which tells the
 * first how large the struct is that they were compiled with. */
CHAT_API void chat_server_config_init_sized(struct chat_server_config *config, size_t size);
static inline void chat_server_config_init(struct chat_server_config *config)
{
    chat_server_config_init_sized(config, sizeof(*config));
}

/*
 * Opens the port and begins to open the data; chat_server_is_ready() tells when it is done.
 *
 * Owner:  the caller, who ends it with chat_server_free().
 * Errors: CHAT_E_INVALID, CHAT_E_NOMEM, CHAT_E_CONFLICT (the port is taken), CHAT_E_FORBIDDEN
 *         (a port that needs privileges), CHAT_E_AUTH (certificate or keys), CHAT_E_IO.
 *         Trouble with the data itself shows later: the logger says what, and the server does
 *         not become ready.
 */
CHAT_API CHAT_USE_RESULT chat_status chat_server_new(const struct chat_server_config *config,
                                                     chat_server **out_server);

/* Ends at once: clients are cut off; what was acknowledged is on disk. NULL is fine. */
CHAT_API void chat_server_free(chat_server *server);

/*
 * Waits at most timeout_ms (0: not at all, < 0: no limit) until something happens, and does
 * what there is to do. Errors: CHAT_E_STATE once it has stopped.
 */
CHAT_API chat_status chat_server_step(chat_server *server, int64_t timeout_ms);

/* A descriptor that polls readable when chat_server_step(server, 0) has work; the same as long as
 * the server lives, and its own: neither read nor close it. */
CHAT_API int chat_server_get_fd(chat_server *server);
/* Milliseconds until a step is wanted even if the descriptor stays silent; 0: now; -1: no
 * time is known. */
CHAT_API int64_t chat_server_get_timeout_ms(chat_server *server);

/* All shards are open: clients can sign in. */
CHAT_API bool chat_server_is_ready(const chat_server *server);
/* The one it listens on, also when the config asked for any. */
CHAT_API uint16_t chat_server_get_port(const chat_server *server);

/*
 * Writes a token for `subject`, NUL-terminated, into `out` (CHAT_TOKEN_MAX + 1 bytes always
 * suffice). `name` may be NULL.
 * Errors: CHAT_E_STATE (the keys are not a secret), CHAT_E_INVALID, CHAT_E_TOO_LARGE,
 *         CHAT_E_NOMEM.
 */
CHAT_API CHAT_USE_RESULT chat_status chat_server_mint_token(chat_server *server,
                                                            const char *subject, const char *name,
                                                            int64_t life_s, char *out,
                                                            size_t out_size);

/*
 * The counters of all roles as Prometheus text, NUL-terminated, into `out`; `*out_len` is its
 * length, or, on CHAT_E_TOO_LARGE, what it would have been. With out_size 0 `out` may be NULL.
 * Errors: CHAT_E_TOO_LARGE, CHAT_E_NOMEM.
 */
CHAT_API chat_status chat_server_write_metrics(chat_server *server, char *out, size_t out_size,
                                               size_t *out_len);

/* Sends clients away and closes in order; go on stepping. A second call cuts it short. */
CHAT_API void chat_server_stop(chat_server *server);
/* Any thread: as chat_server_stop(), from the next step on. */
CHAT_API void chat_server_request_stop(chat_server *server);

CHAT_END_DECLS

#endif
