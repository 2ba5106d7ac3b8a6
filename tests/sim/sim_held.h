/*
 * sim_held: which messages of a channel a cache has, as its events alone tell it: one that
 * was caught up or filled is there, one that was told as a gap is not. At any time the cache
 * must have these and no others.
 */
#ifndef CHAT_SIM_HELD_H
#define CHAT_SIM_HELD_H

#include <stdbool.h>
#include <stdint.h>

#include <libchat/libchat.h>

struct sim_held {
    uint64_t *bits; /* by seq */
    uint64_t words;
};

void sim_held_forget(struct sim_held *h); /* all; zeros are fine */
void sim_held_set(struct sim_held *h, uint64_t from, uint64_t to, bool held);
bool sim_held_has(const struct sim_held *h, uint64_t seq);
/* The first one from `seq` on; 0: there is none up to `to`. */
uint64_t sim_held_next(const struct sim_held *h, uint64_t seq, uint64_t to);
/* As the cache has the channel, up to `to`. False: it could not be read. */
bool sim_held_read(struct sim_held *h, chat_conn *conn, uint64_t channel_id, uint64_t to);
/* The first seq up to `to` of which only one of both has a message; 0: there is none. */
uint64_t sim_held_compare(const struct sim_held *a, const struct sim_held *b, uint64_t to);

#endif
