/* What sim_app's parts share: sim_app.c (life and events), sim_act.c, sim_report.c. */
#ifndef CHAT_SIM_APP_INNER_H
#define CHAT_SIM_APP_INNER_H

#include "sim_app.h"
#include "sim_screen.h"

/* A channel as this app saw it told. */
struct view {
    uint64_t channel_id;
    uint64_t stream; /* told up to here */
    uint64_t read;   /* the cursor as it was told */
    uint64_t owed;   /* acknowledged, and not in the head that was seen */
    uint32_t reader; /* for the checker: a new one when the cache starts over */
    uint32_t epoch;
    bool listed;
};

struct sim_app {
    struct sim_app_config config;
    struct sim_crowd *crowd;
    struct sim_node *node;
    struct sim_client *client;
    struct rng rng;
    struct sim_screen *screen;
    char name[SIM_SUBJECT_MAX];
    char subject[SIM_SUBJECT_MAX];
    struct view views[SIM_VIEWS_MAX];
    uint32_t view_count;
    uint32_t cache;          /* for the checker: another one when what it held may be lost */
    uint32_t life;           /* rises at each start: old timers are dropped */
    bool catches_up_in_part; /* it asked for that: gaps are told */
    bool dying;              /* its death is set: it does nothing but listen */
    bool dies_by_power;
    bool stopped;              /* by itself: starts again later */
    bool whole;                /* its cache holds everything: no gap is left to fill */
    uint64_t other_devices[8]; /* of its user, as listed last */
    uint32_t other_count;
};

/* --- sim_app.c --- */

struct view *sim_app_view(struct sim_app *app, uint64_t channel_id);
/* Names this device to the checker, whatever becomes of its caches. */
uint32_t sim_app_device(const struct sim_app *app);
struct check_message sim_app_message(const struct chat_message *m);
/* A page of what the cache holds. It may hold less than all, but never less than it says. */
chat_status sim_app_read(struct sim_app *app, uint64_t channel_id, uint64_t start_seq,
                         uint32_t limit, bool backwards, chat_page **out_page);

/* --- sim_act.c --- */

uint64_t sim_act_some_channel(struct sim_app *app);
/* One act by chance, as people do them. */
void sim_act(struct sim_app *app);
void sim_act_member(struct sim_app *app);
/* Stops, or starts again. */
void sim_act_rest(struct sim_app *app);
/* Scrolls through everything: what was told as a gap can be fetched. */
void sim_act_fill_gaps(struct sim_app *app);
/* What the last process left is read before the network can mend it. */
void sim_act_look_through(struct sim_app *app);

/* --- sim_own.c: what belongs to the user --- */

void sim_own_act(struct sim_app *app);
/* Before a message is sent: its draft goes with it. */
void sim_own_sending(struct sim_app *app, uint64_t channel_id);
void sim_own_event(struct sim_app *app, const struct chat_event *e);
/* Nothing of its own is still to be said. */
bool sim_own_is_settled(struct sim_app *app);
void sim_own_report(struct sim_app *app);

#endif
