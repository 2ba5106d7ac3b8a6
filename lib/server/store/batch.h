/*
 * batch: what was decided and goes to the log in one append, and what follows when it is
 * synced.
 *
 * decisions  the records, in order
 * groups     the same by home, each one Publication
 * outcomes   answers and subscriptions, released in order before the publications
 * resumes    requests that waited for the sync, released last
 */
#ifndef CHAT_SERVER_STORE_BATCH_H
#define CHAT_SERVER_STORE_BATCH_H

#include "server/store/rings.h"
#include "server/store/shard.h"

#define GROUP_EVENTS_MAX 1024u       /* of one Publication */
#define GROUP_BYTES_MAX (512u << 10) /* of its records */
#define BATCH_EXTRA_ROWS_MAX 32768u  /* made by one append beyond the usual few a record */
/* The usual few of a record: message, two changes, tombstone, head; or a listing, the four rows of
 * a forgotten one, lsn. */
#define RECORD_ROWS_MAX 6u
#define DECISION_ROWS_MAX 1024u /* beyond those: a group's members and their notes */

struct decision {
    struct list_node in_batch;
    struct list_node in_group;
    struct group *group;
    struct ring_slot *ring; /* NULL: no nonce */
    uint64_t lsn, position;
    const WireRecord *record; /* decoded, once it is synced */
    size_t len;
    uint8_t bytes[];
};

struct group {
    struct list_node node;
    struct home *home;
    uint64_t prev_lsn, lsn;
    struct list decisions; /* by in_group */
    uint32_t count;
    size_t bytes;
};

enum outcome_kind {
    OUTCOME_ANSWER,
    OUTCOME_PUSH,
    OUTCOME_SUBSCRIBE,
    OUTCOME_UNSUBSCRIBE,
    OUTCOME_EPHEMERAL, /* `frame` to all who subscribe to `home` */
    OUTCOME_ROUTERS,   /* tells them how many they are */
    OUTCOME_RESUME,    /* the requests waiting at `ring` */
};

struct outcome {
    struct list_node node;
    enum outcome_kind kind;
    link_id link;
    uint64_t request_id;
    struct frame *frame;    /* one reference */
    struct home *home;      /* pinned */
    struct ring_slot *ring; /* it is busy */
    uint64_t lsn;           /* SUBSCRIBE: publications from here on */
};

struct batch {
    struct list_node node;
    struct list decisions, groups, outcomes, resumes;
    uint32_t count;
    size_t bytes;
    uint64_t extra_rows;
    uint64_t last_position;
    int64_t opened_at_ms; /* mono */
};

/*
 * Decides: gives the record the home's next lsn and the shard's next position, and queues
 * it with its answer (NULL, or nobody asked: none). The nonce goes to `ring` by the
 * caller, who made room there before.
 * Errors: CHAT_E_NOMEM, nothing has changed. The caller refuses the request.
 */
chat_status batch_decide(struct shard *s, struct home *home, WireRecord *record,
                         const struct request *req, WireLinkFrame *answer, struct ring_slot *ring);

/* Adds an outcome to what is decided last. NULL: no memory. Only when decided > synced. */
struct outcome *batch_outcome(struct shard *s, enum outcome_kind kind, link_id link);
/* Adds one to what was decided last of a home, which it pins. Only when that is not synced. */
struct outcome *batch_home_outcome(struct shard *s, enum outcome_kind kind, link_id link,
                                   struct home *home);

/* Rows that a record makes beyond the usual few. */
uint64_t batch_extra_rows(const WireRecord *record);

/* Later decisions of this home go into another Publication. */
void batch_split(struct home *home);
/* No more decisions into the open batch. */
void batch_close(struct shard *s);

/* Does what was promised for the sync, but not the resumes. */
void batch_release(struct shard *s, struct batch *batch);
/* Dispatches what waited, in order. */
void batch_resume(struct shard *s, struct batch *batch);
/* Answers every request in it with a problem. */
void batch_refuse(struct shard *s, struct batch *batch, WireProblemCode code, const char *limit);
void batch_free(struct shard *s, struct batch *batch);

#endif
