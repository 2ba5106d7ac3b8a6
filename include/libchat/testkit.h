/*
 * The test kit: a whole chat service and its network inside a unit test. The application's
 * own code runs on it unchanged; the service is the one that ships (router, presence and
 * store on their journal), in this process, on a disk in memory, in virtual time. There are
 * no sockets and no threads, nothing sleeps, and a test of an hour's story takes
 * milliseconds. The same seed and the same calls give the same run.
 *
 *   chat_testkit_new(&config, &kit);                            the service is up
 *   chat_testkit_device_new(kit, "phone", &phone);              where the app runs
 *   chat_testkit_mint_token(kit, "alice", ...);                 its credentials
 *   loop_config.transport = chat_testkit_device_get_transport(phone);
 *   conn_config.cache_vfs = chat_testkit_device_get_vfs(phone);
 *   chat_loop_new(), chat_conn_new(), chat_conn_start()         as in earnest
 *   chat_testkit_device_attach(phone, loop, on_step, app);
 *   chat_testkit_open_direct(kit, "bob", "alice", &channel);    others, whom the kit plays
 *   chat_testkit_post(kit, channel, "bob", "hello", NULL);
 *   chat_testkit_drop_links(kit, phone); chat_testkit_advance(kit, 5000); ...
 *   chat_conn_free(), chat_loop_free(), chat_testkit_free(kit)
 *
 * Time. It stands still until somebody lets it pass: chat_testkit_advance() and the other
 * functions that say so, and a chat_loop_step() that waits (its timeout is not 0 and there is
 * nothing to do), which moves it to what comes next for that loop, at most by the timeout,
 * and by CHAT_TESTKIT_WAIT_MAX_MS when there is none. While time passes the service and the
 * network run, and every attached loop is stepped as soon as it has something to do; a loop
 * that is not attached is the test's to step, and hears late what came meanwhile, like a busy
 * program. It begins at 2024-03-09 16:00:01 UTC.
 *
 * A device is one process on one machine: one loop (with any number of conns), one network,
 * one disk, one clock. chat_loop_new() on its transport is the start of a process: the links
 * of the one before are cut, and its disk is there again when that was killed.
 *
 * Faults hit devices and the service. The people that the kit plays have a perfect network,
 * so that life goes on while the app is in a tunnel.
 *
 * Threads: one. From within a callback of the kit (on_step, done) every function may be
 * called except those that let time pass: they answer CHAT_E_STATE.
 *
 * Errors: every call also answers CHAT_E_NOMEM once the kit ran out of memory: then nothing
 * helps but chat_testkit_free(). The kit never ends the process. A NULL kit, device or text
 * where one is needed is CHAT_E_INVALID.
 *
 * Link with libchat-testkit beside libchat. It is not for production: it holds a server.
 * Since 0.1.0. docs/sdk/testing.md shows it in use.
 */
#ifndef LIBCHAT_TESTKIT_H
#define LIBCHAT_TESTKIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libchat/alloc.h>
#include <libchat/conn.h>
#include <libchat/export.h>
#include <libchat/log.h>
#include <libchat/loop.h>
#include <libchat/message.h>
#include <libchat/status.h>
#include <libchat/transport.h>

CHAT_BEGIN_DECLS

#define CHAT_TESTKIT_DEVICES_MAX 24u                /* of one kit */
#define CHAT_TESTKIT_PEOPLE_MAX 60u                 /* whom one kit plays, or knows by id */
#define CHAT_TESTKIT_NAME_MAX 31u                   /* bytes of a device's name */
#define CHAT_TESTKIT_TIME_MAX_MS 604800000          /* a week: the most that one call lets pass */
#define CHAT_TESTKIT_WAIT_MAX_MS 3600000            /* of a chat_loop_step() without a limit */
#define CHAT_TESTKIT_IDLE_MAX_MS 60000              /* of chat_testkit_run_until_idle() */
#define CHAT_TESTKIT_PEOPLE_WAIT_MS 60000           /* until the service has what people do */
#define CHAT_TESTKIT_EVENTS_MAX 20000000u           /* that happen within one call */
#define CHAT_TESTKIT_SCRIPT_MAX 256u                /* statements of one script */
#define CHAT_TESTKIT_ALL ((chat_testkit_device *)0) /* where faults of links take a device */

typedef struct chat_testkit chat_testkit;
typedef struct chat_testkit_device chat_testkit_device;

/* How to build a kit. Start from chat_testkit_config_init(). Fields are only ever appended,
 * and `size` tells which ones the caller was compiled with. */
struct chat_testkit_config {
    size_t size;

    const struct chat_allocator *allocator; /* NULL means malloc; outlives the kit */
    const struct chat_logger *logger;       /* of the service; NULL is silent; outlives the kit */

    uint64_t seed;                  /* of everything that is left to chance; default 1 */
    uint32_t delay_ms;              /* of each device's network, one way; 0 to 60000, default 1 */
    uint32_t shards;                /* of the service, 1 to 8; default 2 */
    uint32_t operations_per_second; /* that the service takes of one user; default 10000 */
};

/* Sets `size` and all fields to their defaults. Applications call the second one, which tells the
 * first how large the struct is that they were compiled with. */
CHAT_API void chat_testkit_config_init_sized(struct chat_testkit_config *config, size_t size);
static inline void chat_testkit_config_init(struct chat_testkit_config *config)
{
    chat_testkit_config_init_sized(config, sizeof(*config));
}

/*
 * The service is up and ready when it returns.
 *
 * Owner:  the caller, who ends it with chat_testkit_free().
 * Errors: CHAT_E_INVALID, CHAT_E_NOMEM.
 */
CHAT_API CHAT_USE_RESULT chat_status chat_testkit_new(const struct chat_testkit_config *config,
                                                      chat_testkit **out_kit);

/* The application's conns and loops first. Devices end with it. NULL is fine. */
CHAT_API void chat_testkit_free(chat_testkit *kit);

/* --- time --- */

/* Virtual milliseconds since the kit was made. 0 for NULL. */
CHAT_API int64_t chat_testkit_get_time_ms(const chat_testkit *kit);

/*
 * Lets `ms` pass (0: what is due now) and does all that is due meanwhile.
 * Errors: CHAT_E_INVALID (< 0, or more than CHAT_TESTKIT_TIME_MAX_MS), CHAT_E_STATE (from a
 *         callback), CHAT_E_TOO_LARGE (CHAT_TESTKIT_EVENTS_MAX: something goes round in
 *         circles), CHAT_E_NOMEM.
 */
CHAT_API chat_status chat_testkit_advance(chat_testkit *kit, int64_t ms);

/*
 * Lets time pass until nothing is under way: no message, dial or close on any link, no request
 * at the service's disk, and no attached loop with something to do. Timers are not waited for:
 * a conn that backs off is idle. Stalled links and delays are.
 * Errors: CHAT_E_TIMEOUT: it does not settle within CHAT_TESTKIT_IDLE_MAX_MS; and those of
 *         chat_testkit_advance().
 */
CHAT_API chat_status chat_testkit_run_until_idle(chat_testkit *kit);

/* Looked at after everything that happens, and before. */
typedef bool (*chat_testkit_done_fn)(void *user);

/*
 * Lets time pass until `done` says so, at most limit_ms.
 * Errors: CHAT_E_TIMEOUT: it does not; and those of chat_testkit_advance().
 */
CHAT_API CHAT_USE_RESULT chat_status chat_testkit_run_until(chat_testkit *kit,
                                                            chat_testkit_done_fn done, void *user,
                                                            int64_t limit_ms);

/* The same, until a conn, of an attached loop or one that the kit plays, is live; has everything
 * of a channel up to `seq` as told (chat_channel.stream_seq); or has nothing queued in its outbox
 * that is on its way. */
CHAT_API CHAT_USE_RESULT chat_status chat_testkit_wait_live(chat_testkit *kit, chat_conn *conn,
                                                            int64_t limit_ms);
CHAT_API CHAT_USE_RESULT chat_status chat_testkit_wait_delivered(chat_testkit *kit, chat_conn *conn,
                                                                 uint64_t channel_id, uint64_t seq,
                                                                 int64_t limit_ms);
CHAT_API CHAT_USE_RESULT chat_status chat_testkit_wait_sent(chat_testkit *kit, chat_conn *conn,
                                                            int64_t limit_ms);

/* --- devices: where the application runs --- */

/*
 * `name` is for scripts and must be new: letters, digits, '-' and '_', not "all".
 * Owner:  the kit; they live as long.
 * Errors: CHAT_E_INVALID, CHAT_E_CONFLICT (the name is taken), CHAT_E_FULL
 *         (CHAT_TESTKIT_DEVICES_MAX), CHAT_E_NOMEM.
 */
CHAT_API CHAT_USE_RESULT chat_status chat_testkit_device_new(chat_testkit *kit, const char *name,
                                                             chat_testkit_device **out_device);

/* For chat_loop_config.transport. Any "ws://" or "wss://" URL reaches the service. The
 * descriptor of such a loop is -1. Borrowed from the device. NULL for NULL. */
CHAT_API struct chat_transport *chat_testkit_device_get_transport(chat_testkit_device *device);

/* For chat_conn_config.cache_vfs: the name of an SQLite VFS, the device's disk. A file is made
 * where there is none: "alice.db". Borrowed from the device. NULL for NULL. */
CHAT_API const char *chat_testkit_device_get_vfs(const chat_testkit_device *device);

/* Called after each step of an attached loop: pull the events there. May do all that the
 * application does, except ending the loop. */
typedef void (*chat_testkit_step_fn)(chat_loop *loop, void *user);

/*
 * From here on the kit steps `loop`, made on this device's transport, while time passes.
 * `on_step` may be NULL. `loop` NULL detaches: before the loop is freed. A new loop on the
 * device detaches the one before.
 * Errors: CHAT_E_INVALID, CHAT_E_STATE (no loop was made on the transport).
 */
CHAT_API chat_status chat_testkit_device_attach(chat_testkit_device *device, chat_loop *loop,
                                                chat_testkit_step_fn on_step, void *user);

/* Kills the process as it is (kill -9), or the machine under it: see chat_testkit_disk_die().
 * Errors: CHAT_E_INVALID. */
CHAT_API chat_status chat_testkit_device_kill(chat_testkit_device *device, bool by_power_loss);

/* Since its process was killed, until a new loop is made on the device. Every call on its conns
 * that needs the cache says CHAT_E_IO. Free them and the loop, and make new ones. */
CHAT_API bool chat_testkit_device_is_dead(const chat_testkit_device *device);

/* How far the device's time of day is ahead of the service's, in milliseconds, at most 10 years
 * either way. Errors: CHAT_E_INVALID. */
CHAT_API chat_status chat_testkit_device_set_clock_skew(chat_testkit_device *device, int64_t ms);

/* --- people: tokens, and whom the kit plays --- */

/*
 * Writes a token that the service takes, NUL-terminated (CHAT_TOKEN_MAX + 1 bytes always
 * suffice). It ends life_s seconds after now; below 0 it is over already. `name` may be NULL.
 * Errors: CHAT_E_INVALID, CHAT_E_TOO_LARGE, CHAT_E_NOMEM.
 */
CHAT_API CHAT_USE_RESULT chat_status chat_testkit_mint_token(chat_testkit *kit, const char *subject,
                                                             const char *name, int64_t life_s,
                                                             char *out, size_t out_size);

/*
 * The functions of this part let time pass, at most CHAT_TESTKIT_PEOPLE_WAIT_MS, until the
 * service has done it. Whom the kit plays signs in like everybody, on a device of its own, and
 * stays; so the subject may be the application's own user, too, on another device.
 * Errors of all: CHAT_E_INVALID, CHAT_E_STATE (from a callback), CHAT_E_UNAVAILABLE (the
 * service is down), CHAT_E_FULL (CHAT_TESTKIT_PEOPLE_MAX), CHAT_E_TIMEOUT (it may yet happen),
 * CHAT_E_NOMEM, and what the service says, such as CHAT_E_FORBIDDEN.
 */

/*
 * A real conn of this user, live: for all that has no function here. The kit steps it and pulls
 * its events. Borrowed from the kit: call anything on it but chat_conn_next_event(),
 * chat_conn_stop() and chat_conn_free().
 */
CHAT_API CHAT_USE_RESULT chat_status chat_testkit_get_conn(chat_testkit *kit, const char *subject,
                                                           chat_conn **out_conn);

/* The service's id of a user. Who was never signed in is, for a moment. */
CHAT_API CHAT_USE_RESULT chat_status chat_testkit_get_user_id(chat_testkit *kit,
                                                              const char *subject,
                                                              uint64_t *out_user_id);

/* `subject` opens a direct with `peer`, or finds the one that is there. On return the conns of
 * both, if they are live and attached, have the channel. */
CHAT_API CHAT_USE_RESULT chat_status chat_testkit_open_direct(chat_testkit *kit,
                                                              const char *subject, const char *peer,
                                                              uint64_t *out_channel_id);

/* `subject` makes a group of itself and `count` others. The same holds for their conns. */
CHAT_API CHAT_USE_RESULT chat_status
chat_testkit_create_group(chat_testkit *kit, const char *subject, const char *name,
                          const char *const *others, size_t count, uint64_t *out_channel_id);

/*
 * `subject`, a member, says `text`; the service has it on disk on return, devices hear of it as
 * time passes. `out_seq` (may be NULL) is its place. Errors: also CHAT_E_NOT_FOUND (no member of
 * that channel).
 */
CHAT_API chat_status chat_testkit_post(chat_testkit *kit, uint64_t channel_id, const char *subject,
                                       const char *text, uint64_t *out_seq);

/* --- what the service has --- */

/* `message` and what it points to are borrowed for the call. Its `own` means nothing. */
typedef void (*chat_testkit_message_fn)(const struct chat_message *message, void *user);

/*
 * Every message of a channel from from_seq on, in order, deleted ones too, as the service's
 * store has them. May let some milliseconds pass, until rows are written.
 * Errors: CHAT_E_STATE (from a callback), CHAT_E_UNAVAILABLE (the service is down),
 *         CHAT_E_NOT_FOUND (no such channel can be), CHAT_E_TIMEOUT, CHAT_E_IO, CHAT_E_NOMEM.
 */
CHAT_API chat_status chat_testkit_read_history(chat_testkit *kit, uint64_t channel_id,
                                               uint64_t from_seq, chat_testkit_message_fn each,
                                               void *user);
/* How many there are that are not deleted. */
CHAT_API chat_status chat_testkit_count_messages(chat_testkit *kit, uint64_t channel_id,
                                                 uint64_t *out_count);

/* --- faults of the network: of a device, or of all of the kit's (CHAT_TESTKIT_ALL) --- */

/* All links end at once, both ends hear it, what was under way is lost. */
CHAT_API chat_status chat_testkit_drop_links(chat_testkit *kit, chat_testkit_device *device);

/* The same in place of the delivery of a message to the device, after `messages` more were
 * delivered: with 0 the answer to what is sent next never arrives. Once. */
CHAT_API chat_status chat_testkit_drop_after(chat_testkit *kit, chat_testkit_device *device,
                                             uint32_t messages);

/* The service closes the links, with a code (1000 to 4999, see close.h). */
CHAT_API chat_status chat_testkit_close_links(chat_testkit *kit, chat_testkit_device *device,
                                              uint16_t code);

/* false: links are dropped and no dial succeeds, until true. Nobody tells the conn that it is
 * back: see chat_conn_network_changed(). */
CHAT_API chat_status chat_testkit_set_online(chat_testkit *kit, chat_testkit_device *device,
                                             bool is_online);

/* Delay one way, 0 to 60000, from now on. */
CHAT_API chat_status chat_testkit_set_delay(chat_testkit *kit, chat_testkit_device *device,
                                            uint32_t delay_ms);

/* On the links that are up nothing arrives for so long, either way; then all of it does. At
 * most CHAT_TESTKIT_TIME_MAX_MS. */
CHAT_API chat_status chat_testkit_stall_links(chat_testkit *kit, chat_testkit_device *device,
                                              int64_t for_ms);

typedef enum chat_testkit_way {
    CHAT_TESTKIT_UP = 1,   /* from the device to the service */
    CHAT_TESTKIT_DOWN = 2, /* from the service to the device */
    CHAT_TESTKIT_BOTH = 3,
} chat_testkit_way;

/* The links that are up lose all that goes this way, and nobody is told: half-open. Their
 * heartbeats find out. */
CHAT_API chat_status chat_testkit_mute_links(chat_testkit *kit, chat_testkit_device *device,
                                             chat_testkit_way way);

/* A doubled connection: the device hears that its link is gone and makes a new one, while the
 * service goes on with the old one, too, for linger_ms (at most CHAT_TESTKIT_TIME_MAX_MS). */
CHAT_API chat_status chat_testkit_double_links(chat_testkit *kit, chat_testkit_device *device,
                                               int64_t linger_ms);

typedef enum chat_testkit_refusal {
    CHAT_TESTKIT_REFUSE_NOTHING = 0,
    CHAT_TESTKIT_REFUSE_NETWORK = 1,     /* the connect fails: nobody listens there */
    CHAT_TESTKIT_REFUSE_SILENT = 2,      /* the connect is never answered */
    CHAT_TESTKIT_REFUSE_OVERLOADED = 3,  /* the rest answer the sign-in with a problem and a */
    CHAT_TESTKIT_REFUSE_DRAINING = 4,    /* close code, the first three with retry_after_ms */
    CHAT_TESTKIT_REFUSE_UNAVAILABLE = 5, /* no store for this user now */
    CHAT_TESTKIT_REFUSE_TOKEN = 6,       /* the token is not good */
    CHAT_TESTKIT_REFUSE_EXPIRED = 7,
    CHAT_TESTKIT_REFUSE_REVOKED = 8,
    CHAT_TESTKIT_REFUSE_SUPERSEDED = 9,
} chat_testkit_refusal;

/* New links are refused for so long (< 0: until the next call); those that are up stay.
 * Errors: CHAT_E_INVALID. */
CHAT_API chat_status chat_testkit_refuse(chat_testkit *kit, chat_testkit_device *device,
                                         chat_testkit_refusal refusal, uint32_t retry_after_ms,
                                         int64_t for_ms);

/* --- faults of the service: it is one process --- */

typedef enum chat_testkit_end {
    CHAT_TESTKIT_DRAIN = 1,      /* in order: clients are told; lets time pass */
    CHAT_TESTKIT_KILL = 2,       /* the process dies, its links are reset */
    CHAT_TESTKIT_POWER_LOSS = 3, /* the machine does: unsynced writes may be lost, and the other
                                  * ends of its links hear nothing */
} chat_testkit_end;

/* Errors: CHAT_E_STATE (it is down, or up, already; or DRAIN from a callback). */
CHAT_API chat_status chat_testkit_server_stop(chat_testkit *kit, chat_testkit_end how);
CHAT_API chat_status chat_testkit_server_start(chat_testkit *kit);
CHAT_API bool chat_testkit_server_is_up(const chat_testkit *kit);

/* true: its disk takes nothing new; what is sent is refused for now, and stays in outboxes. */
CHAT_API chat_status chat_testkit_server_set_full(chat_testkit *kit, bool is_full);

/* Keeps a copy of the service's disk, one at a time. Lets some milliseconds pass. Errors:
 * CHAT_E_STATE (down, or from a callback), CHAT_E_TIMEOUT, CHAT_E_NOMEM. */
CHAT_API chat_status chat_testkit_server_backup(chat_testkit *kit);
/* The service goes down at once and comes up with the disk of the backup, and every channel's
 * epoch is raised, as an operator does it: what came after it never happened. Errors:
 * CHAT_E_NOT_FOUND (no backup), CHAT_E_IO, CHAT_E_NOMEM. */
CHAT_API chat_status chat_testkit_server_restore(chat_testkit *kit);

/* --- faults of a device's disk --- */

/* true: files cannot grow. */
CHAT_API chat_status chat_testkit_disk_set_full(chat_testkit_device *device, bool is_full);

/* Of its operations (opens, reads, writes, truncations, syncs, names) `after` succeed, then
 * `times` fail with `status`, CHAT_E_IO or CHAT_E_FULL. One plan at a time; times 0 ends it. */
CHAT_API chat_status chat_testkit_disk_fail(chat_testkit_device *device, uint64_t after,
                                            uint64_t times, chat_status status);

/* Of its writes, truncations and syncs `after` are done, the next is cut short by the death of
 * the process (the files have what was written) or of the machine (unsynced writes are lost,
 * kept or torn, by chance). Such as in the middle of a commit. Once. */
CHAT_API chat_status chat_testkit_disk_die(chat_testkit_device *device, uint64_t after,
                                           bool by_power_loss);

/* Operations since the kit was made: to fail or die at each in turn. 0 for NULL. */
CHAT_API uint64_t chat_testkit_disk_get_operations(const chat_testkit_device *device);

/* Keeps a copy of all files, one at a time; puts them back: a rolled-back cache. No conn may
 * have its cache open when they are put back. Errors: CHAT_E_STATE (a file is open),
 * CHAT_E_NOT_FOUND (no backup), CHAT_E_NOMEM. */
CHAT_API chat_status chat_testkit_disk_backup(chat_testkit_device *device);
CHAT_API chat_status chat_testkit_disk_restore(chat_testkit_device *device);

/* A file's bytes; borrowed until the next write to it. NULL: there is no such file. */
CHAT_API const uint8_t *chat_testkit_disk_get_file(const chat_testkit_device *device,
                                                   const char *path, size_t *out_len);
/* Writes into a file behind everybody's back, made if need be, durable: damage, or a file from
 * elsewhere. Errors: CHAT_E_INVALID, CHAT_E_TOO_LARGE (past 1 GiB), CHAT_E_NOMEM. */
CHAT_API chat_status chat_testkit_disk_put(chat_testkit_device *device, const char *path,
                                           uint64_t offset, const uint8_t *bytes, size_t len);

/* --- scripts --- */

/*
 * Plans faults, as text, while time passes:
 *
 *   "at 100ms drop phone; at 250ms refuse phone overloaded 500ms for 2s; at 3s server kill;
 *    at 3500ms server start; at 4s disk phone die 7"
 *
 * Statements are parted by ';' or lines, '#' begins a comment up to the end of its line. Each
 * is "at TIME ACTION": TIME is a number with ms, s, min or h, counted from this call. DEVICE is
 * a device's name or "all". Actions:
 *
 *   drop DEVICE                   drop-after DEVICE MESSAGES    close DEVICE CODE
 *   online DEVICE                 offline DEVICE                delay DEVICE TIME
 *   stall DEVICE TIME             mute DEVICE up|down|both      double DEVICE TIME
 *   refuse DEVICE network|silent|overloaded|draining|unavailable|token|expired|revoked|
 *                 superseded|nothing [RETRY_AFTER] [for TIME]
 *   server kill|power-loss|start|full|room
 *   disk DEVICE full|room         disk DEVICE fail AFTER TIMES  disk DEVICE die AFTER
 *   disk DEVICE power-loss AFTER
 *
 * All of it is planned, or nothing. What makes no sense when its time has come (starting what
 * is up) does nothing.
 * Errors: CHAT_E_INVALID, with where it is in *out_at (bytes from the start; may be NULL);
 *         CHAT_E_TOO_LARGE (CHAT_TESTKIT_SCRIPT_MAX), CHAT_E_NOMEM.
 */
CHAT_API CHAT_USE_RESULT chat_status chat_testkit_run_script(chat_testkit *kit, const char *script,
                                                             size_t *out_at);

CHAT_END_DECLS

#endif
