/* What the parts of the checker share: what is known of a run, and how it is found. */
#ifndef CHAT_SIM_CHECKER_INNER_H
#define CHAT_SIM_CHECKER_INNER_H

#include "checker.h"
#include "checker_index.h"

/* Everything known of one attempted message, found by its nonce. */
struct attempt {
    uint64_t body;
    uint64_t acked_seq, acked_id; /* 0: not acknowledged */
    uint64_t logged_seq, logged_id;
    uint64_t order; /* of all attempts */
    uint64_t channel_id, counter;
    uint64_t origin_device, origin_counter; /* its first nonce; zeros: this one */
    uint32_t cache;
    bool refused, stored, unknown, renamed;
    bool rewritten; /* its author may not know it for his own, and say it again */
    bool undone;    /* typed after the copy that his cache became again */
    bool revived;   /* that copy may have it waiting again, and not know that it went out */
    bool late;      /* ... although it was refused or cancelled: later ones may be in */
};

/* A seq of a channel. */
struct slot {
    struct check_message first; /* as logged, seq and nonce are its identity */
    uint64_t home_id, lsn;
    uint64_t stored_rev, stored_body, stored_marks;
    uint64_t body;  /* as logged last */
    uint64_t marks; /* reactions that are there now */
    bool logged, stored, stored_deleted;
    bool rewritten; /* its first bytes do not count any more */
};

struct channel {
    uint64_t channel_id, home_id;
    uint64_t logged_head, stored_head;
    bool told;
    bool rewritten;
};

struct home {
    uint64_t lsn;
};

struct membership {
    uint64_t removed_at, added_at; /* lsn; the later one counts */
    uint32_t permissions;
};

/* Of a member, or as a reader has it. */
struct receipt {
    uint64_t delivered_seq, read_seq;
};

/* What a user's home has logged last for a channel. */
struct own {
    uint64_t user_id, channel_id, draft; /* hash; 0: none */
    int64_t muted_until_ms;
};

struct word {
    uint64_t word, user_id, channel_id;
    uint32_t cache;
    uint64_t order; /* after so many attempts */
    bool retired, kept, undone;
};

struct log_entry {
    uint64_t content;
};

struct reading {
    uint64_t head, cursor, saw_count, cached_count;
    uint64_t acked_head; /* of its own writes */
};

#define CHECK_TOMBSTONES_MAX 512u

struct tombstones {
    struct {
        uint64_t seq, rev;
    } items[CHECK_TOMBSTONES_MAX];
    uint32_t count;
    bool too_many; /* not all are here */
};

struct checker {
    struct index bodies; /* of new messages: each text is sent once */
    struct index attempts, slots, channels, homes, members, log, shards, readings, seen, changes;
    struct index lost_caches, rolled_caches;
    struct index came_from; /* by cache: the one that it was before power was lost */
    struct index unheard;   /* by nonce: the seq of what was logged before its author told of it */
    struct index origins;   /* by first nonce: how many times it was logged under others */
    struct index texts;     /* all bodies that were attempted under a nonce */
    struct index reacted;   /* by message and reaction: is it there? */
    struct index mentions, cursors; /* as devices were told them */
    struct index receipts, seen_receipts, logged_cursors, own, words;
    struct index tombstones;    /* by channel */
    struct index notes, listed; /* the first by number: joins; the second: the last number */
    uint64_t violations[CHECK_RULES];
    uint32_t printed;
    bool quiet, superseded;
    uint64_t attempt_order;
    struct checker_counts counts;
};

/* NULL: absent, and not to be made. */
struct attempt *checker_attempt(struct checker *c, const struct check_nonce *n, bool make);
struct slot *checker_slot(struct checker *c, uint64_t channel_id, uint64_t seq, bool make);
struct reading *checker_reading(struct checker *c, uint32_t reader, uint64_t channel_id); /* made */
/* Was the message sent with this body, or altered to it, by anybody? */
bool checker_has_text(struct checker *c, const struct check_nonce *n, uint64_t body);
bool checker_has_change(struct checker *c, const struct check_message *m, uint64_t body);
bool checker_same_identity(const struct check_message *a, const struct check_message *b);
/* A message that was logged, now that it is known who attempted it, and as what. */
void checker_judge_logged(struct checker *c, struct attempt *a, const struct check_message *m);
/* A message that a reader holds must be the logged one, in a state somebody made. */
void checker_against_log(struct checker *c, uint32_t reader, const struct check_message *m);

#endif
