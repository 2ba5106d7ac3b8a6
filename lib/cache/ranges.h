/*
 * ranges: which sequence numbers of a channel are held, and up to which alteration each
 * part is known to be current. A gap is what no range holds.
 *
 * A range {from, to, rev} says: all of from..to is held, and every alteration of them
 * with a rev up to `rev` is in. Ranges lie apart or touch with different revs.
 */
#ifndef CHAT_CACHE_RANGES_H
#define CHAT_CACHE_RANGES_H

#include <stdbool.h>
#include <stdint.h>

#include <libchat/alloc.h>
#include <libchat/status.h>

#define RANGES_MAX 256u                             /* of one channel */
#define RANGES_SEQ_MAX ((uint64_t)INT64_MAX - 4096) /* seqs and revs a client believes */

struct range {
    uint64_t from, to; /* both ends belong to it */
    uint64_t rev;
};

struct ranges {
    struct range *items; /* ascending */
    uint32_t count, cap;
};

void ranges_fini(struct ranges *r, const struct chat_allocator *allocator);

/*
 * Holds from..to, current up to rev; what was held keeps the higher rev. When there are
 * too many ranges, touching ones are joined under their lower rev.
 * Errors: CHAT_E_FULL (RANGES_MAX apart), CHAT_E_NOMEM; unchanged then.
 */
chat_status ranges_add(struct ranges *r, const struct chat_allocator *allocator, uint64_t from,
                       uint64_t to, uint64_t rev);
/* Holds from..to no more. Errors: CHAT_E_FULL, CHAT_E_NOMEM (a split needs one more). */
chat_status ranges_remove(struct ranges *r, const struct chat_allocator *allocator, uint64_t from,
                          uint64_t to);
/* A live alteration `to` = `from` + 1: what was current up to `from` is current up to `to`. */
void ranges_raise(struct ranges *r, uint64_t from, uint64_t to);

bool ranges_holds(const struct ranges *r, uint64_t from, uint64_t to);
/* True when `seq` is held, but not current up to `rev`. */
bool ranges_lack(const struct ranges *r, uint64_t seq, uint64_t rev);
/* The last seq of the held run that `seq` is in, across touching ranges; 0 when not held. */
uint64_t ranges_run_end(const struct ranges *r, uint64_t seq);
uint64_t ranges_run_start(const struct ranges *r, uint64_t seq);
/* The highest seq held; 0 when none. */
uint64_t ranges_top(const struct ranges *r);
/* The first hole within from..to. */
bool ranges_next_hole(const struct ranges *r, uint64_t from, uint64_t to, uint64_t *out_from,
                      uint64_t *out_to);
/* The least rev of all; UINT64_MAX when nothing is held. */
uint64_t ranges_min_rev(const struct ranges *r);
/* The highest one; 0 when nothing is held. */
uint64_t ranges_max_rev(const struct ranges *r);

#endif
