/*
 * A chat_transport carries a loop's links: WebSocket connections, the clock, and a
 * source of randomness. chat_transport_ws_new() makes the one that libchat brings
 * along; a game engine, a console or a test hands in its own by filling
 * struct chat_transport.
 *
 *   loop                                  transport
 *    start(sink) ----------------------->
 *    connect(link, url) ---------------->   resolve, connect, TLS, upgrade
 *         <----------------- on_opened(link)
 *    send(link, message) --------------->   `*out_blocked` is set: it is not fully out
 *         <----------------- on_drained(link)
 *         <----------------- on_message(link, bytes)
 *    close(link, 1000, "bye") ---------->
 *         <----------------- on_closed(link)   once per accepted connect, always last
 *
 * Links are named by the loop: a number, never 0, never used again. A transport calls
 * the sink from inside pump() only, never from inside another of its functions, so
 * nothing here needs to be reentrant. It never calls for a link after its on_closed.
 *
 * Threads: everything is called on the thread that runs the loop. The one exception is
 * wake(), which any thread may call while the transport lives.
 */
#ifndef LIBCHAT_TRANSPORT_H
#define LIBCHAT_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libchat/alloc.h>
#include <libchat/close.h>
#include <libchat/export.h>
#include <libchat/log.h>
#include <libchat/status.h>

CHAT_BEGIN_DECLS

#define CHAT_CLOSE_REASON_MAX 123u /* bytes of a close reason, as WebSocket has it */
#define CHAT_DEADLINE_NEVER INT64_MAX

/* A run of bytes to send. Borrowed for the call. */
struct chat_buffer {
    const uint8_t *bytes;
    size_t len;
};

/* What to connect to. Everything is borrowed for the call. */
struct chat_connect {
    size_t size; /* sizeof(struct chat_connect) */

    const char *url;           /* "wss://host:port/path" or "ws://..." */
    const char *subprotocol;   /* "libchat.v1"; the peer must accept exactly this one */
    const char *authorization; /* value of the Authorization header, or NULL */
    size_t message_max;        /* a longer incoming message closes the link with 1009 */
    int64_t timeout_ms;        /* for all of it: name, connect, TLS, upgrade */
};

/*
 * What a transport tells its loop. `user` is the sink's own and comes last.
 * Bytes and text are borrowed and die when the function returns.
 */
struct chat_transport_sink {
    size_t size; /* sizeof(struct chat_transport_sink) */
    void *user;

    void (*on_opened)(uint64_t link, void *user);

    /* One whole binary message, at most `message_max` bytes. */
    void (*on_message)(uint64_t link, const uint8_t *bytes, size_t len, void *user);

    /* What was blocked is out: send again. */
    void (*on_drained)(uint64_t link, void *user);

    /*
     * The link is gone, or never came up. `status` says what kind of end it was:
     *   CHAT_OK          a close handshake; `code` and `reason` are the peer's, or ours
     *   CHAT_E_NETWORK   name not found, refused, reset, or closed without a handshake
     *   CHAT_E_TIMEOUT   the time of the connect ran out
     *   CHAT_E_AUTH      the peer's certificate, or our authorization, was refused
     *   CHAT_E_PROTOCOL  the peer does not speak WebSocket, or not our subprotocol
     *   CHAT_E_TOO_LARGE a message exceeded its limit
     *   CHAT_E_NOMEM
     * `code` is CHAT_CLOSE_ABNORMAL unless a close frame was seen or sent. `reason` is
     * for logs: UTF-8, never NULL, not NUL-terminated.
     */
    void (*on_closed)(uint64_t link, chat_status status, uint16_t code, const char *reason,
                      size_t reason_len, void *user);

    /* Appended later: a transport looks at `size` before it reads these. */

    /* Has this pump() done enough? It is asked between two reads: once true, pump() returns
     * as soon as it can, and what is there waits for the next one. */
    bool (*is_tired)(void *user);

    /* For a transport without a descriptor: pump() has work. Any thread, also outside of
     * pump(); it calls nothing back. */
    void (*on_ready)(void *user);
};

/*
 * The functions of a transport. All are required unless marked; `self` is handed to
 * each. Fields are only ever appended, `size` tells which ones are there. One transport
 * serves one loop.
 */
struct chat_transport {
    size_t size; /* sizeof(struct chat_transport) */
    void *self;

    /* Called once, before anything else but now() and random(). `sink` is copied. */
    chat_status (*start)(void *self, const struct chat_transport_sink *sink);

    /*
     * Begins to connect and returns at once. On CHAT_OK on_closed follows some day; on
     * an error nothing does.
     * Errors: CHAT_E_INVALID (the url), CHAT_E_FULL (too many links), CHAT_E_NOMEM.
     */
    chat_status (*connect)(void *self, uint64_t link, const struct chat_connect *to);

    /*
     * Sends `count` buffers, joined, as one binary message. On CHAT_OK it was taken
     * whole. `*out_blocked` says that some of it still waits inside: send nothing more
     * on this link before on_drained.
     * Errors: CHAT_E_STATE (not open, closing, or blocked), CHAT_E_NETWORK (the link
     * broke; on_closed follows), CHAT_E_NOMEM. Nothing was sent then.
     */
    chat_status (*send)(void *self, uint64_t link, const struct chat_buffer *buffers, size_t count,
                        bool *out_blocked);

    /*
     * Ends a link in any state: what was sent leaves first, then a close frame. Bounded
     * in time, also if the peer is silent. on_closed follows. Unknown links are ignored.
     * `reason` is at most CHAT_CLOSE_REASON_MAX bytes of UTF-8, or NULL.
     */
    void (*close)(void *self, uint64_t link, uint16_t code, const char *reason, size_t reason_len);

    /*
     * Waits at most timeout_ms for something to happen (0: not at all; < 0: until
     * something does), handles what is there, calling the sink, and returns.
     * Errors: CHAT_E_NETWORK when the system's polling itself failed.
     */
    chat_status (*pump)(void *self, int64_t timeout_ms);

    /* A descriptor that polls readable when pump(0) has work; -1 when there is none. */
    int (*get_fd)(void *self);

    /* When pump() is wanted even if the descriptor stays silent, on the monotonic clock
     * of now(); CHAT_DEADLINE_NEVER for never. */
    int64_t (*get_deadline_ms)(void *self);

    /* Any thread: a pump() under way, or else the next one, returns at once. */
    void (*wake)(void *self);

    /* Both clocks, ms: one that never steps back, and the time of day since 1970 UTC. */
    void (*now)(void *self, int64_t *out_mono_ms, int64_t *out_wall_ms);

    /* Fills `bytes` from the system's generator. Errors: CHAT_E_IO. */
    chat_status (*random)(void *self, uint8_t *bytes, size_t len);

    /* Optional. Drops all links without a word to the sink, frees everything. */
    void (*free)(void *self);

    /* Appended later. */

    /* Optional. Reads no more of this link until it is called with false, so that the peer
     * waits; on_closed may come all the same, and what was read before may still be told.
     * Without it a loop stops pumping while very much waits. */
    void (*pause)(void *self, uint64_t link, bool paused);

    /* Optional. The monotonic clock in microseconds, for a loop's budget: without it a step
     * counts whole milliseconds. */
    int64_t (*now_us)(void *self);

    /* Optional, at any time. Would connect() take such a url? chat_conn_new() asks, so that a
     * typing error is told at once. Errors: CHAT_E_INVALID. Since 0.2. */
    chat_status (*check_url)(void *self, const char *url);
};

/* Calls its `free`, if it has one. NULL is fine. */
CHAT_API void chat_transport_free(struct chat_transport *transport);

/* How to build libchat's own transport. Start from chat_transport_ws_config_init(). */
struct chat_transport_ws_config {
    size_t size;

    const struct chat_allocator *allocator; /* NULL means malloc; outlives the transport */
    const struct chat_logger *logger;       /* NULL is silent; outlives the transport */

    const char *ca_file;       /* PEM; trusted besides nothing else; NULL: the system's */
    uint32_t links_max;        /* at once, default 64, at most 65,536 */
    uint32_t close_timeout_ms; /* for a close handshake, default 3000 */
    const char *dns_servers;   /* "192.0.2.1:53,192.0.2.2"; NULL: the system's */

    /* Appended later. Whom to trust, see below. */
    const void *ca_pem; /* certificates in PEM, as bytes; trusted instead of the system's */
    size_t ca_pem_len;
    const char *pinned_keys; /* "sha256//BASE64;sha256//BASE64", at most 16; NULL: any */
};

/*
 * Trust. A wss peer must show a certificate for the name in the url that leads to a trusted
 * authority: those of ca_file and ca_pem, or the system's when neither is given. With
 * pinned_keys its own public key must be one of these in addition; the form is curl's:
 *
 *   openssl x509 -in cert.pem -noout -pubkey | openssl pkey -pubin -outform der |
 *       openssl dgst -sha256 -binary | openssl base64
 *
 * A server with a certificate of its own making is trusted by giving that certificate, or
 * its authority, as ca_file or ca_pem. Nothing switches the check off.
 */

/* Sets `size` and all fields to their defaults. Applications call the second one, which tells the
 * first how large the struct is that they were compiled with. */
CHAT_API void chat_transport_ws_config_init_sized(struct chat_transport_ws_config *config,
                                                  size_t size);
static inline void chat_transport_ws_config_init(struct chat_transport_ws_config *config)
{
    chat_transport_ws_config_init_sized(config, sizeof(*config));
}

/*
 * WebSockets over the system's TCP and TLS (1.3 at least; names and certificates are
 * always verified for wss). No threads.
 *
 * Owner:  the caller, who ends it with chat_transport_free() after its loop.
 * Errors: CHAT_E_INVALID, CHAT_E_NOMEM, CHAT_E_UNSUPPORTED (libchat was built without
 *         it), CHAT_E_AUTH (ca_file or ca_pem cannot be read), CHAT_E_IO.
 */
CHAT_API CHAT_USE_RESULT chat_status chat_transport_ws_new(
    const struct chat_transport_ws_config *config, struct chat_transport **out_transport);

CHAT_END_DECLS

#endif
