/*
 * sim_screen: what an app shows. It opens a channel list and a message window by chance,
 * moves the window about, and keeps copies of both that it changes by nothing but diffs.
 * Whenever it has pulled all diffs, the copies must be what the cache and the outbox say.
 */
#ifndef CHAT_SIM_SCREEN_H
#define CHAT_SIM_SCREEN_H

#include <libchat/libchat.h>

#include "base/rng.h"
#include "checker.h"
#include "sim_storage.h"

struct sim_screen;

/* `disk` of the device, or NULL: once it is dead nothing is judged. */
struct sim_screen *sim_screen_new(uint64_t seed, struct checker *checker, const char *name,
                                  const struct sim_cache_disk *disk);
void sim_screen_free(struct sim_screen *screen);
/* The conn is gone, and its views with it. */
void sim_screen_forget(struct sim_screen *screen);
/* One act by chance: opens, closes, scrolls, jumps, pulls a few diffs. */
void sim_screen_act(struct sim_screen *screen, chat_conn *conn);
/* CHAT_EVENT_VIEW. What it did, for the trace. */
uint64_t sim_screen_ready(struct sim_screen *screen, chat_conn *conn, chat_view *view);
/* Messages were evicted: none of them may have been on screen. */
void sim_screen_evicted(struct sim_screen *screen, chat_conn *conn, uint64_t channel_id,
                        uint64_t from, uint64_t to);
/* All diffs are pulled and everything is compared. `whole`: nothing is missing in the cache. */
void sim_screen_check(struct sim_screen *screen, chat_conn *conn, bool whole);

#endif
