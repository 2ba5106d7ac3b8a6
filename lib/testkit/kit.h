/* The inside of a chat_testkit: a simulated world with the shipped service in it. */
#ifndef CHAT_TESTKIT_KIT_H
#define CHAT_TESTKIT_KIT_H

#include <libchat/testkit.h>

#include "server/auth.h"
#include "server/presence/presence.h"
#include "server/router/router.h"
#include "server/store/engine_vfs.h"
#include "server/store/store.h"
#include "testkit/refuser.h"
#include "testkit/sim_disk.h"
#include "testkit/sim_port.h"
#include "testkit/sim_world.h"

#define KIT_SHARDS_MAX 8u
#define KIT_DELAY_MAX_MS 60000u
#define KIT_SECRET_SIZE 32u

/* The service: one process of three roles on one disk. */
struct kit_server {
    struct auth *auth;
    struct ticket_keys tickets;
    struct router_keys keys;
    uint8_t secret[KIT_SECRET_SIZE];
    struct sim_disk *storage;
    struct sim_disk *backup; /* NULL: none */
    struct disk *mount;
    struct store_engine *engine;
    struct store *store;
    struct presence *presence;
    struct router *router;
    struct sim_node *store_node, *presence_node, *router_node;
    uint32_t stopped; /* roles that said so */
    bool is_full;
};

/* Files of a device: the VFS outlives its processes, each of which has a mount. */
struct kit_disk {
    struct disk disk; /* first; forwards to `mount` */
    struct sim_disk *storage;
    struct sim_disk *backup; /* NULL: none */
    struct disk *mount;
    struct engine_vfs *vfs;
};

struct chat_testkit_device {
    chat_testkit *kit;
    char name[CHAT_TESTKIT_NAME_MAX + 1];
    struct sim_node *node;
    struct sim_port port;
    struct kit_disk disk;
    struct refuser refuser;
    struct sim_node *refuser_node;

    chat_loop *loop; /* attached */
    chat_testkit_step_fn on_step;
    void *user;
    bool pumps; /* the test waits in a step of its own */

    bool is_offline;
    bool drops;
    uint32_t drops_after;
    chat_testkit_refusal refusal;
    int64_t refused_until_ms; /* MOMENT_NEVER: until told otherwise */
};

/* What a call on a person's conn waits for. */
struct kit_answer {
    uint64_t ticket; /* 0: the operation of `nonce` */
    struct chat_nonce nonce;
    bool done;
    chat_status status;
    uint64_t id; /* of a channel or a user */
    uint64_t seq;
};

struct kit_person {
    chat_testkit *kit;
    char subject[CHAT_SUBJECT_MAX + 1];
    uint64_t user_id; /* 0: never signed in */
    struct sim_node *node;
    struct sim_port port;
    chat_loop *loop; /* NULL: not played now */
    chat_conn *conn;
    struct kit_answer answer;
};

struct kit_plan;

struct chat_testkit {
    const struct chat_allocator *allocator;
    struct chat_logger logger;
    struct rng rng;
    uint32_t delay_ms, shards, operations_per_second;
    struct sim_world *world;
    struct sim_node *nobody; /* where dials fail */
    bool runs;               /* time passes: we are in a callback, or beneath one */
    struct kit_server server;
    struct chat_testkit_device *devices[CHAT_TESTKIT_DEVICES_MAX];
    uint32_t device_count;
    struct kit_person *people[CHAT_TESTKIT_PEOPLE_MAX];
    uint32_t person_count;
    struct kit_plan *plans; /* of scripts, all there ever were */
};

/* --- kit.c --- */

/* Lets time pass up to `until_ms` or until `done` (may be NULL). CHAT_OK says nothing about
 * `done`. */
chat_status kit_run(chat_testkit *kit, int64_t until_ms, chat_testkit_done_fn done, void *user);
/* The same for at most `limit_ms`; CHAT_E_TIMEOUT when it is not done. */
chat_status kit_run_until(chat_testkit *kit, chat_testkit_done_fn done, void *user,
                          int64_t limit_ms);
/* What the world says: CHAT_OK or why it goes no further. */
chat_status kit_status(const chat_testkit *kit);
/* True: the kit is there, and time may pass. Else *out_status says why not. */
bool kit_may_run(const chat_testkit *kit, chat_status *out_status);

/* --- kit_device.c --- */

void kit_device_free(struct chat_testkit_device *device);
/* An attached loop with something to do now. */
bool kit_device_is_busy(const struct chat_testkit_device *device);

/* --- kit_disk.c --- */

chat_status kit_disk_init(struct kit_disk *disk, const struct chat_allocator *allocator,
                          uint64_t seed);
void kit_disk_fini(struct kit_disk *disk);
/* A process starts on it. */
chat_status kit_disk_mount(struct kit_disk *disk);
bool kit_disk_is_dead(const struct kit_disk *disk);

/* --- kit_server.c --- */

chat_status kit_server_init(chat_testkit *kit);
void kit_server_fini(chat_testkit *kit);
chat_status kit_server_start(chat_testkit *kit);
void kit_server_kill(chat_testkit *kit, bool lost);
/* An engine on the service's disk, which is down. */
chat_status kit_server_mount(chat_testkit *kit);
void kit_server_unmount(chat_testkit *kit);
bool kit_server_is_ready(void *kit);
/* Lets time pass until everything acknowledged is in the store's rows. */
chat_status kit_server_settle(chat_testkit *kit);

/* --- kit_person.c --- */

void kit_person_free(struct kit_person *person);
/* The test called something on its conn. */
bool kit_person_is_busy(const struct kit_person *person);

/* --- kit_script.c --- */

void kit_plans_free(chat_testkit *kit);

#endif
