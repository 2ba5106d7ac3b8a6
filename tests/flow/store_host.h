/*
 * A host for stores in virtual time: it runs their engine requests at once, or holds
 * them, joins stores to each other, and plays the routers.
 *
 *     struct store_host h;
 *     store_host_init(&h, 1);                   // one store with all shards
 *     store_host_start(&h, 0);
 *     link = store_host_connect(&h, 0);         // a router, greeted
 *     frame = store_host_ask(&h, link, &body);  // its answer, NULL when there is none yet
 *     store_host_wait(&h, 1500);                // time passes, timers run
 *
 * What routers hear is kept, decoded, until store_host_forget(). Data outlives a store
 * that is killed.
 */
#ifndef CHAT_TESTS_STORE_HOST_H
#define CHAT_TESTS_STORE_HOST_H

#include <check.h>

#include "server/store/engine_memory.h"
#include "server/store/store.h"
#include "wire/wire.h"

#define HOST_STORES_MAX 2u
#define HOST_SHARDS 4u
#define HOST_HEARD_MAX 65536u
#define HOST_LINKS_MAX 2048u
#define HOST_HELD_MAX 4096u

struct host_heard {
    link_id link;
    const WireLinkFrame *frame;
};

struct host_link {
    link_id id;
    uint32_t store;     /* whose side this is */
    link_id other_side; /* of a link between stores; 0: a router's */
    uint32_t peer;      /* dialed: the peer's number */
    bool open;
};

struct host_message {
    struct host_message *next;
    link_id to;
    size_t len;
    uint8_t bytes[];
};

struct host_held {
    uint32_t store;
    struct engine_request *request;
};

struct store_host {
    struct moment now;
    int64_t ping_at_ms;
    uint32_t store_count;
    struct store_config configs[HOST_STORES_MAX];
    uint32_t shards[HOST_STORES_MAX][HOST_SHARDS];
    struct store *stores[HOST_STORES_MAX];
    struct store_engine *engines[HOST_STORES_MAX];
    struct engine_memory_cluster *cluster;
    bool stopped[HOST_STORES_MAX];

    struct host_link links[HOST_LINKS_MAX];
    uint32_t link_count;
    bool cut; /* dials between stores fail */
    struct host_message *first, *last;

    bool hold[ENGINE_CLOSE + 1]; /* requests of this kind wait for store_host_release() */
    struct host_held held[HOST_HELD_MAX];
    uint32_t held_count;
    uint32_t requests[ENGINE_CLOSE + 1]; /* done so far */

    struct arena arena;
    struct host_heard heard[HOST_HEARD_MAX];
    size_t heard_count;
    uint64_t next_request;
    uint32_t log_lines;
    struct chat_logger logger;
    char last_line[256];
};

/* Stores share out HOST_SHARDS shards evenly. Change h->configs before they start. */
void store_host_init(struct store_host *h, uint32_t store_count);
void store_host_fini(struct store_host *h);
/* A new process over the same data. */
void store_host_start(struct store_host *h, uint32_t store);
/* kill -9: what it was asked to do and has not done is not done. */
void store_host_kill(struct store_host *h, uint32_t store);
/* EVENT_STOP, until EFFECT_STOPPED. */
void store_host_stop(struct store_host *h, uint32_t store);

/* Until nothing moves without time. */
void store_host_run(struct store_host *h);
void store_host_wait(struct store_host *h, int64_t ms);
/* Runs one held request of this kind, or answers it with `status` without doing it (when
 * that is not CHAT_OK), and goes on. False: none is held. */
bool store_host_release_one(struct store_host *h, enum engine_op op, chat_status status);
/* Holds no more, and runs what was held. */
void store_host_release(struct store_host *h, enum engine_op op);
uint32_t store_host_count_held(const struct store_host *h, enum engine_op op);
/* The handle's next request of this kind fails. */
void store_host_fail_next(struct store_host *h, uint32_t store, enum engine_op op,
                          chat_status status, bool done);

link_id store_host_connect(struct store_host *h, uint32_t store);
void store_host_disconnect(struct store_host *h, link_id link);
bool store_host_is_open(const struct store_host *h, link_id link);
/* Links between stores break, and cannot be made until it is mended. */
void store_host_cut(struct store_host *h, bool cut);

/* Sends the frame as a request and runs; gives it its id. */
uint64_t store_host_send(struct store_host *h, link_id link, WireLinkFrame *frame);
void store_host_tell(struct store_host *h, link_id link, WireLinkFrame *frame);
/* Sends several in one message. */
void store_host_send_all(struct store_host *h, link_id link, WireLinkFrame **frames, size_t count);
const WireLinkFrame *store_host_answer(const struct store_host *h, link_id link,
                                       uint64_t request_id);
const WireLinkFrame *store_host_ask(struct store_host *h, link_id link, WireLinkFrame *frame);
void store_host_forget(struct store_host *h);
/* The nth (from 0) publication of this home on this link, ephemeral ones apart. */
const WirePublication *store_host_publication(const struct store_host *h, link_id link,
                                              uint64_t home_id, size_t nth);
size_t store_host_count_publications(const struct store_host *h, link_id link, uint64_t home_id);

/* --- requests, ready made; each asks and expects its answer --- */

uint64_t host_user(struct store_host *h, link_id link, const char *subject);
uint64_t host_direct(struct store_host *h, link_id link, uint64_t a, uint64_t b);
uint64_t host_group(struct store_host *h, link_id link, uint64_t creator, uint64_t counter,
                    const uint64_t *members, size_t count);
/* The answer of a SendMessage; NULL when it is still to come. */
const WireLinkFrame *host_send(struct store_host *h, link_id link, uint64_t user, uint64_t channel,
                               uint64_t counter, uint64_t after, const char *text);
const WireLinkFrame *host_edit(struct store_host *h, link_id link, uint64_t user, uint64_t channel,
                               uint64_t counter, uint64_t seq, const char *text);
const WireLinkFrame *host_delete(struct store_host *h, link_id link, uint64_t user,
                                 uint64_t channel, uint64_t counter, uint64_t seq);
const WireHistoryPage *host_history(struct store_host *h, link_id link, uint64_t user,
                                    uint64_t channel, uint64_t start, uint32_t limit,
                                    bool backwards);
const WireChangesPage *host_changes(struct store_host *h, link_id link, uint64_t user,
                                    uint64_t channel, uint64_t since, uint64_t from, uint64_t to);
const WireLinkFrame *host_subscribe(struct store_host *h, link_id link, uint64_t user,
                                    uint64_t home);
const WireLinkFrame *host_set_member(struct store_host *h, link_id link, uint64_t actor,
                                     uint64_t home, uint64_t user, uint32_t permissions);
const WireLinkFrame *host_mark_read(struct store_host *h, link_id link, uint64_t user,
                                    uint64_t channel, uint64_t seq);
const WireSessionOpened *host_session(struct store_host *h, link_id link, const char *subject,
                                      uint64_t device);

/* Fails the test unless it is a Sent with this seq; returns it. */
const WireSent *expect_sent(const WireLinkFrame *frame, uint64_t seq);
void expect_problem(const WireLinkFrame *frame, WireProblemCode code);

#define HOST_DEVICE 0xd1u
#define PROBLEM_OF(name) WIRE_PROBLEM_CODE__PROBLEM_##name
#define VIEW_SEND (uint32_t)(WIRE_PERMISSION__PERMISSION_VIEW | WIRE_PERMISSION__PERMISSION_SEND)

#endif
