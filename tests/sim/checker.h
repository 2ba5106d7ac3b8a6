/*
 * checker: judges a run by what was attempted, logged, acknowledged and seen.
 *
 * It hears from three places that know nothing of each other: the application side of
 * every client (attempts, answers, events), a tap on what engines logged as synced, and
 * the final history as a fresh reader pages it. The promises are those of
 * docs/guarantees.md; a broken one is reported once, in words, and counted.
 */
#ifndef CHAT_SIM_CHECKER_H
#define CHAT_SIM_CHECKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The identity of one operation. */
struct check_nonce {
    uint64_t channel_id, user_id, device_id, counter;
};

/* A message as anyone saw it. `body` is a hash of text, extra and mentions, `marks` of its
 * reactions in their order, of which there are `marks_count`. */
struct check_message {
    uint64_t channel_id, seq, message_id, author_id, device_id, counter, rev, body, marks;
    size_t marks_count;
    bool deleted;
};

enum check_rule {
    CHECK_ACKED_STORED,     /* what was acknowledged is in the final history */
    CHECK_STORED_ATTEMPTED, /* what is stored was attempted, bytes equal */
    CHECK_DENSE_SEQ,
    CHECK_DENSE_LSN,
    CHECK_DENSE_POSITION,
    CHECK_SAME_ORDER, /* a seq is the same message for everybody */
    CHECK_SENDER_ORDER,
    CHECK_ONCE_PER_NONCE,
    CHECK_SAME_ANSWER, /* acknowledgements name the message that was logged */
    CHECK_READ_YOUR_WRITES,
    CHECK_CURSOR_MONOTONE,
    CHECK_STREAM_CONTIGUOUS, /* no hole that was not told, nothing twice */
    CHECK_REMOVED_SILENT,    /* nothing past the point of removal */
    CHECK_ONLY_MEMBERS,      /* nobody else writes */
    CHECK_NEVER_REBUILT,     /* history that nobody rewrote is not taken for rewritten */
    CHECK_NO_INTERNAL,       /* no server says that it is broken */
    CHECK_NOTE_KEPT,         /* a note is forgotten when it is applied for good */
    CHECK_CACHE_WHOLE,       /* a cache has what it says it holds */
    CHECK_HELD_TOLD,         /* ... and what its events told, after evictions too */
    CHECK_RECEIPTS,          /* they only rise, and never pass the head */
    CHECK_OWN_CONVERGED,     /* after healing all devices have the user's mutes and drafts */
    CHECK_DRAFT_KEPT,        /* no typed word is lost */
    CHECK_VIEWS_EQUAL,       /* what is shown by diffs alone is what the cache has */
    CHECK_PAGES,             /* a page is whole, or ends where the channel does */
    CHECK_UNLOCKED,          /* a suspended app keeps nobody out of its cache */
    CHECK_SEARCH,            /* a search finds what the cache has of it, and nothing else */
    CHECK_CONVERGED,         /* after healing all caches equal the history */
    CHECK_MENTIONS,          /* after healing the count of mentions is that of the history */
    CHECK_UNREAD,            /* deleted messages do not count as unread, and all others do */
    CHECK_RESOLVED,          /* after healing no outcome is unknown */
    CHECK_LIVE,              /* the run ends: nothing loops, nobody is stuck */
    CHECK_RULES,
};

struct checker;

struct checker *checker_new(void);
void checker_free(struct checker *c);
const char *check_rule_name(enum check_rule rule);

/* A broken promise. The first few are printed to stderr unless quiet. */
void checker_violation(struct checker *c, enum check_rule rule, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void checker_set_quiet(struct checker *c, bool quiet);
/* There are owners that do not know yet that they were superseded: until they append they
 * answer reads with what they had, or with an error. */
void checker_excuse_superseded(struct checker *c);
uint64_t checker_violations(const struct checker *c, enum check_rule rule);
uint64_t checker_total(const struct checker *c);

/* --- from the clients' applications --- */

/* `cache` names what keeps the outbox: all of one author's attempts in it have one order. */
void checker_attempted(struct checker *c, const struct check_nonce *nonce, uint64_t body,
                       uint32_t cache);
/* What waited in it may be gone; what is left of it is in the next one. */
void checker_cache_lost(struct checker *c, uint32_t cache, uint32_t next);
/* A copy of the cache may be taken now: what is known up to here is in it. */
uint64_t checker_mark(const struct checker *c);
/* It is again what it was at the mark: what was typed since may be gone, what was decided since
 * about older messages may not be known any more. */
void checker_cache_rolled_back(struct checker *c, uint32_t cache, uint64_t mark);
/* The body of an edit or tombstone of (channel, seq) that somebody attempted. */
void checker_attempted_change(struct checker *c, uint64_t channel_id, uint64_t seq, uint64_t body,
                              bool deleted);
/* The same of a message that has no seq yet, by its nonce. */
void checker_attempted_change_of(struct checker *c, const struct check_nonce *message,
                                 uint64_t body, bool deleted);
/* What was attempted under the nonce, and did not go out yet, has another body now. */
void checker_changed_in_place(struct checker *c, const struct check_nonce *nonce, uint64_t body);
/* A reaction of the user, added or taken back, as the body of a change. */
uint64_t check_reaction(uint64_t user_id, const char *emoji, size_t len, bool removed);
void checker_acked(struct checker *c, const struct check_nonce *nonce, uint64_t seq,
                   uint64_t message_id);
/* The same message goes on under another nonce. */
void checker_renamed(struct checker *c, const struct check_nonce *old_nonce,
                     const struct check_nonce *new_nonce);
void checker_refused(struct checker *c, const struct check_nonce *nonce);
/* It was told that nobody knows what became of it. */
void checker_left_unknown(struct checker *c, const struct check_nonce *nonce);

/* `reader` names one cache: a device whose cache is lost is another reader. */
void checker_saw(struct checker *c, uint32_t reader, uint64_t user_id,
                 const struct check_message *message);
/* It was on a connection of that user, whatever the client made of it. */
void checker_delivered(struct checker *c, uint64_t user_id, const struct check_message *message);
/* The device was told how many unread messages of the channel mention its user. */
void checker_told_mentions(struct checker *c, uint32_t device, uint64_t channel_id, uint32_t count);
/* Where the server says that the device's user has read to. It may be less than the device knows:
 * that an own message moves the cursor is told at the server's leisure, and may be lost. */
void checker_told_cursor(struct checker *c, uint32_t device, uint64_t channel_id,
                         uint64_t read_seq);
uint64_t checker_cursor_told(struct checker *c, uint32_t device, uint64_t channel_id);
/* After healing: so many of the history do above what was read here, which is what the cache
 * says; and so many above the cursor that was told. */
void checker_mentions(struct checker *c, uint32_t device, uint64_t channel_id, uint64_t above_read,
                      uint64_t cached, uint64_t above_told);
/* --- checker_unread.c --- */

/* A message became a tombstone, once and for all. */
void checker_logged_deletion(struct checker *c, uint64_t channel_id, uint64_t seq, uint64_t rev);
/* A list says how many above the cursor are deleted, as of that rev of the channel. */
void checker_told_deleted(struct checker *c, uint32_t device, uint64_t channel_id,
                          uint64_t read_seq, uint64_t rev, uint64_t deleted);
/* After healing: what the device counts, and what there is in the history. */
void checker_unread(struct checker *c, uint32_t device, uint64_t channel_id, uint64_t counted,
                    uint64_t exact);

/* A cache dropped a channel and starts over: somebody rewrote it, or it is a violation. */
void checker_rebuilt(struct checker *c, const char *who, uint64_t channel_id);
/* The reader's cursor as its cache has it. */
void checker_cursor(struct checker *c, uint32_t reader, uint64_t channel_id, uint64_t read_seq);
/* The reader's view of a channel's newest seq. */
void checker_head(struct checker *c, uint32_t reader, uint64_t channel_id, uint64_t seq);

/* --- from the tap on synced appends --- */

/* One record that an engine says is durable. A position given twice is a violation. True when
 * the record is new to the checker: its content is worth telling. */
bool checker_logged(struct checker *c, uint32_t shard, uint64_t position, uint64_t home_id,
                    uint64_t lsn, uint64_t content);
/* One record as recovery read it back: the same as before, or one whose sync never answered. */
bool checker_recovered(struct checker *c, uint32_t shard, uint64_t position, uint64_t home_id,
                       uint64_t lsn, uint64_t content);
void checker_logged_message(struct checker *c, uint64_t home_id, uint64_t lsn,
                            const struct check_message *message);
void checker_logged_change(struct checker *c, const struct check_message *message);
/* A reaction of the user was added or taken back. */
void checker_logged_reaction(struct checker *c, const struct check_message *message,
                             uint64_t user_id, const char *emoji, bool removed);
/* A member's permissions changed at this point of the home's log; 0: removed. */
void checker_logged_member(struct checker *c, uint64_t home_id, uint64_t lsn, uint64_t user_id,
                           uint32_t permissions);

/* A home tells a user's home that the user joined, by a note of that number; the user's home
 * has applied all up to a number; the first home forgets the note. In this order. */
void checker_logged_note(struct checker *c, uint64_t home_id, uint64_t user_id, uint64_t number);
void checker_logged_listed(struct checker *c, uint64_t home_id, uint64_t user_id, uint64_t number);
void checker_logged_note_acked(struct checker *c, uint64_t home_id, uint64_t user_id,
                               uint64_t number);
/* Somebody wrote or altered at the newest point of the home's log. */
void checker_logged_author(struct checker *c, uint64_t home_id, uint64_t user_id,
                           uint32_t permissions_needed);
uint32_t checker_permissions(struct checker *c, uint64_t home_id, uint64_t user_id);

/* An operator raised the channel's epoch, and put other bytes in the place of a message. */
void checker_rewritten_channel(struct checker *c, uint64_t channel_id);
void checker_rewritten(struct checker *c, uint64_t channel_id, uint64_t seq, uint64_t body);

/* --- what belongs to a user: checker_own.c --- */

/* A member's receipt as it was logged. */
void checker_logged_receipt(struct checker *c, uint64_t home_id, uint64_t user_id,
                            uint64_t delivered_seq, uint64_t read_seq);
/* Where a user's home has him read to: it only rises. */
void checker_logged_cursor(struct checker *c, uint64_t user_id, uint64_t channel_id,
                           uint64_t read_seq);
void checker_logged_mute(struct checker *c, uint64_t user_id, uint64_t channel_id,
                         int64_t muted_until_ms);
void checker_logged_draft(struct checker *c, uint64_t user_id, uint64_t channel_id,
                          const char *text);
/* A reader's cache has this receipt of a channel in that epoch. */
void checker_saw_receipt(struct checker *c, uint32_t reader, uint64_t own_id, uint64_t channel_id,
                         uint32_t epoch, uint64_t user_id, uint64_t delivered_seq,
                         uint64_t read_seq);
/* A word, which nobody else types, is in the draft of one of the user's caches. */
void checker_typed_word(struct checker *c, uint64_t word, uint64_t user_id, uint64_t channel_id,
                        uint32_t cache);
/* Somebody who had it before him took it away, or sent it. */
void checker_retired_word(struct checker *c, uint64_t word);
/* After healing: what a device of the user has. */
void checker_own_final(struct checker *c, const char *who, uint64_t user_id, uint64_t channel_id,
                       int64_t muted_until_ms, const char *draft);
void checker_judge_own(struct checker *c);

/* True when the user was removed from the home at some time. */
bool checker_was_removed(struct checker *c, uint64_t home_id, uint64_t user_id);

/* True when the user was a member of the home all the time. */
bool checker_was_always_member(struct checker *c, uint64_t home_id, uint64_t user_id);

/* The newest seq of a channel that is durable. */
uint64_t checker_logged_head(struct checker *c, uint64_t channel_id);

/* --- at the end --- */

/* True for a channel whose final history was not told yet; it is from then on. */
bool checker_wants_channel(struct checker *c, uint64_t channel_id);
/* The final history, message by message in order. */
void checker_stored(struct checker *c, const struct check_message *message);
/* A reader's cache after healing, message by message. */
void checker_cached(struct checker *c, uint32_t reader, uint64_t user_id,
                    const struct check_message *message);
/* Judges what only the end can tell. `channel` ids in the final history. */
void checker_judge(struct checker *c);

/* For the report: how much was seen. */
struct checker_counts {
    uint64_t attempted, acked, refused, stored, saw, logged, changes, removals;
};
const struct checker_counts *checker_get_counts(const struct checker *c);

#endif
