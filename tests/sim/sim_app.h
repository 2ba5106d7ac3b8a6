/*
 * sim_app: the person on a simulated device. It talks, edits, reads, joins and leaves by
 * chance, pulls every event, and tells the checker what it tried and what it saw.
 *
 * It outlives its process: the client beneath it may be killed and started again on the
 * same cache, or on none.
 */
#ifndef CHAT_SIM_APP_H
#define CHAT_SIM_APP_H

#include "checker.h"
#include "sim_client.h"
#include "sim_storage.h"
#include "testkit/sim_world.h"

#define SIM_VIEWS_MAX 32u
#define SIM_SUBJECT_MAX 32u

struct sim_app;

/* What all apps of a run share. */
struct sim_crowd {
    struct sim_world *world;
    struct checker *checker;
    struct sim_node *const *routers;
    uint32_t router_count;
    uint64_t user_ids[SIM_NODES_MAX]; /* by user index, once known */
    uint32_t user_count;
    uint64_t group_ids[8];
    uint32_t group_count;
    bool talking;   /* acts by chance */
    bool searching; /* in the end */
    uint64_t next_text;
    uint32_t next_reader, next_cache;
    int64_t pause_max_ms; /* between two acts of an app */
    int64_t token_life_ms;
    int64_t silent_until_ms; /* nobody does anything before */
    uint64_t acts, events, gaps, evictions, rereads, resets, hits, shared;
};

struct sim_app_config {
    struct sim_crowd *crowd;
    uint32_t user, device;       /* indexes */
    struct sim_cache_disk *disk; /* its cache; NULL: in memory, gone with the process */
    bool auditor;                /* only listens */
};

struct sim_app *sim_app_new(const struct sim_app_config *config);
void sim_app_free(struct sim_app *app);
struct sim_node *sim_app_node(struct sim_app *app);
chat_conn *sim_app_conn(struct sim_app *app); /* NULL while its process is down */
uint32_t sim_app_user(const struct sim_app *app);

/* Starts its process. CHAT_E_*: the cache would not open; it may be tried again. */
chat_status sim_app_start(struct sim_app *app);
/* Its process is gone. `lost`: what was not synced is gone too (power), else only the process. */
void sim_app_killed(struct sim_app *app, bool lost);
/* The same at the n-th write or sync of its cache from now. False: it is down, or has no disk. */
bool sim_app_die_at(struct sim_app *app, uint32_t operations, bool lost);
/* A copy of its cache is taken. False: it is down, or has no disk. */
bool sim_app_copy_cache(struct sim_app *app);
/* Its process is gone, and its cache is that copy. False: there is none of this cache. */
bool sim_app_roll_back(struct sim_app *app);
bool sim_app_is_dying(const struct sim_app *app);
/* The one who may adds somebody to a group, or removes somebody. */
void sim_app_change_members(struct sim_app *app);
/* Something was called on its conn from outside. */
void sim_app_touch(struct sim_app *app);

/* After crowd->searching was set: it looked for something, and that was judged. */
bool sim_app_has_searched(const struct sim_app *app);
/* Live, nothing on its way, every channel told up to its head. */
bool sim_app_is_settled(struct sim_app *app);
/* Tells the checker all that its cache holds. `stored`: as the final history. */
void sim_app_report(struct sim_app *app, bool stored);
/* "app of user 2 device 1: live, outbox 3, ..." for a run that does not end. */
void sim_app_describe(struct sim_app *app);

#endif
