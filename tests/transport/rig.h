/* A server and raw sockets on one loop and one thread, for tests of lib/transport. */
#ifndef CHAT_TESTS_TRANSPORT_RIG_H
#define CHAT_TESTS_TRANSPORT_RIG_H

#include <check.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "transport/listener.h"
#include "transport/net.h"
#include "transport/ws_client.h"

#define RIG_PATIENCE_MS 20000 /* a test that waits longer has failed */
#define RIG_SECRET "the shared secret of these tests"

/* What one end has been told. */
struct seen {
    unsigned opened, messages, drained, closed;
    uint64_t bytes;
    enum link_kind kind;
    chat_status status;
    uint16_t code;
    char reason[CARRIER_REASON_MAX + 1];
    char address[64];
    uint8_t last[65536];
    size_t last_len;
    struct carrier *carrier; /* the newest */
    bool echo;
};

struct rig {
    const struct chat_allocator *allocator; /* set before rig_start(); NULL: malloc */
    uv_loop_t loop;
    uv_timer_t patience;
    bool out_of_patience;
    struct net *net;
    struct ws_listener *listener;
    uint16_t port;
    struct seen server; /* what the listener's owner saw */
    struct seen client; /* what the dialer's owner saw */
};

extern const struct carrier_events rig_events;

/* A listener for clients, links and HTTP on 127.0.0.1. */
struct listener_config rig_config(struct rig *rig);
void rig_start(struct rig *rig, const struct listener_config *config, const char *ca_file);
void rig_start_plain(struct rig *rig);
void rig_stop(struct rig *rig);

/* Runs the loop until `is_true`; fails the test after RIG_PATIENCE_MS. */
void rig_until(struct rig *rig, bool (*is_true)(struct rig *rig, void *user), void *user);
void rig_until_closed(struct rig *rig, unsigned count);
void rig_until_opened(struct rig *rig, unsigned count);
void rig_until_messages(struct rig *rig, unsigned count);
/* Some turns, to let happen what should not. */
void rig_idle(struct rig *rig, int64_t ms);

/* Raw sockets. */
int raw_connect(const struct rig *rig);
void raw_send(struct rig *rig, int fd, const void *bytes, size_t len);
void raw_send_text(struct rig *rig, int fd, const char *text);
/* Reads until `len` bytes are there; what was read, less only at the end of the stream. */
size_t raw_read(struct rig *rig, int fd, void *bytes, size_t len);
/* Reads until the peer closes. */
size_t raw_read_all(struct rig *rig, int fd, void *bytes, size_t max);
/* The answer's head, up to and with the empty line. */
void raw_read_head(struct rig *rig, int fd, char *text, size_t max);
/* Upgrades; `headers` is added, each ending in CR LF. */
void raw_upgrade_with(struct rig *rig, int fd, const char *subprotocol, const char *headers);
int raw_upgrade(struct rig *rig);
/* A frame's header: first byte, then length as asked (7, 16 or 64 bits), mask bit and a mask
 * of zeros. Returns its length. */
size_t raw_header(uint8_t *out, uint8_t first, uint64_t len, int bits);
/* Reads a close frame and gives its code. */
uint16_t raw_read_close(struct rig *rig, int fd);

/* The dialer's side. */
struct ws_conn *rig_dial(struct rig *rig, const char *url, const char *subprotocol,
                         const char *authorization);
/* "ws://127.0.0.1:<port>/" and the like. */
const char *rig_url(const struct rig *rig, const char *scheme, const char *host);

/* A folder with ca.pem, cert.pem and key.pem for localhost, 127.0.0.1 and ::1, made once. */
const char *rig_certs(const char *file);

int rig_main(Suite *suite);

#endif
