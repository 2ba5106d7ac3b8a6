/*
 * client_stage: a whole client and the service it talks to (flow/client_rig.h), on a disk and with
 * memory that fail when told to, and an account of what the client promised.
 *
 * A scenario is two functions. `prepare` brings client and service to where it begins, and
 * nothing fails meanwhile. `run` is what happens then, once with each call failing. It is
 * written as if nothing failed: every stage call without a client does nothing, and each
 * records what it was told. Afterwards the driver (fault_client.c) checks:
 *
 *   - the application heard of it, by a status or an event, or the end is that of a run in
 *     which nothing failed;
 *   - PRAGMA integrity_check of the file is ok;
 *   - once nothing fails any more the client is as current as the service, and every
 *     operation whose call succeeded is done once, in its order, or lies refused in the outbox;
 *   - what failed was not done; each message was shown once, in order; no memory is left.
 */
#ifndef CHAT_TESTS_CLIENT_STAGE_H
#define CHAT_TESTS_CLIENT_STAGE_H

#define RIG_MESSAGES_MAX 320
#define RIG_SEEN_MAX 1
#define RIG_WIRED_MAX 512
#define RIG_HEARD_MAX 1024

#include "../flow/client_rig.h"
#include "cache/cache.h"
#include "faults.h"

#define CLIENT_STAGE_FILE "client.db"
#define CLIENT_STAGE_PROMISES_MAX 16u
#define CLIENT_STAGE_TEXT_MAX 48u

/* An operation of the application and what its call said. */
struct promise {
    chat_outgoing_kind kind;
    uint64_t channel_id, seq;
    char text[CLIENT_STAGE_TEXT_MAX];
    chat_status status;
    struct chat_nonce nonce;
    bool discarded;
};

struct client_stage {
    struct rig rig;
    struct faults *faults;
    struct promise promises[CLIENT_STAGE_PROMISES_MAX];
    uint32_t promises_count;
    uint64_t marked;   /* CH is read up to here */
    uint64_t shown[3]; /* the last seq, by index in rig.channels */
    bool told;         /* the application heard that something failed */
    bool gaps_allowed; /* not all history is brought */
    bool refusals_allowed;
    uint64_t ticket;
};

struct scenario {
    const char *name;
    void (*prepare)(struct client_stage *s);
    void (*run)(struct client_stage *s);
};

/* The table, ended by a NULL name. A new one is a function and a line there. */
extern const struct scenario scenarios[];

void client_stage_init(struct client_stage *s, struct faults *faults);
/* No client any more; the file stays. */
void client_stage_close(struct client_stage *s);
void client_stage_fini(struct client_stage *s);

/* Opens the cache, reads what an application reads first. */
void client_stage_open(struct client_stage *s);
void client_stage_start(struct client_stage *s);
/* Opened, started, signed in, all events pulled. */
void client_stage_live(struct client_stage *s);
void client_stage_wait(struct client_stage *s, int64_t ms);
void client_stage_pull(struct client_stage *s);
/* The link breaks. */
void client_stage_cut(struct client_stage *s);

/* It lies in the file from before, as if this application had queued it. */
void client_stage_queued_before(struct client_stage *s, const struct cache_outgoing *o);
void client_stage_send(struct client_stage *s, uint64_t channel_id, const char *text);
void client_stage_edit(struct client_stage *s, uint64_t channel_id, uint64_t seq, const char *text);
void client_stage_delete(struct client_stage *s, uint64_t channel_id, uint64_t seq);
void client_stage_mark(struct client_stage *s, uint64_t seq);
/* Of the first refused operation. */
void client_stage_resend(struct client_stage *s);
void client_stage_discard(struct client_stage *s);
/* Any other call: what it said. */
void client_stage_note(struct client_stage *s, chat_status status);
void client_stage_read(struct client_stage *s, uint64_t channel_id, uint64_t start, bool backwards);

/* A number that differs when what the client shows differs. */
uint64_t client_stage_fingerprint(struct client_stage *s);
/* Everything is well again: signs in if need be, waits, checks all that was promised. */
void client_stage_check_whole(struct client_stage *s);
/* PRAGMA integrity_check, with the client closed. */
void client_stage_check_file(struct client_stage *s);
/* What lies in the outbox is what was promised and is not done, whole. */
void client_stage_check_outbox(struct client_stage *s);

#endif
