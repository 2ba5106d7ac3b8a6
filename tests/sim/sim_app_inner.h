/* What sim_app's parts share: sim_app.c (life), sim_hear.c (events), sim_act.c, ... */
#ifndef CHAT_SIM_APP_INNER_H
#define CHAT_SIM_APP_INNER_H

#include "sim_app.h"
#include "sim_held.h"
#include "sim_screen.h"

#define SIM_CACHE_PATH "cache"

/* A channel as this app saw it told. */
struct view {
    uint64_t channel_id;
    uint64_t stream; /* told up to here */
    uint64_t read;   /* the cursor as it was told */
    uint64_t owed;   /* acknowledged, and not in the head that was seen */
    uint32_t reader; /* for the checker: a new one when the cache starts over */
    uint32_t epoch;
    struct sim_held held; /* up to stream */
    bool listed;
};

#define SIM_ASKS_MAX 8u /* pages that are remembered until they come */

/* A page that was asked for. */
struct sim_ask {
    uint64_t ticket; /* 0: none */
    uint64_t channel_id, seq, head, message_id;
    uint32_t limit;
    enum { SIM_BACKWARDS, SIM_FORWARDS, SIM_AROUND } way;
};

/* One at a time, page by page. */
struct sim_search {
    uint64_t ticket; /* of the page that was asked for; 0: none */
    uint64_t channel_id;
    uint32_t word, limit;
    uint64_t *expected; /* message ids, falling */
    size_t expected_count, expected_room, found_count;
    bool is_judged; /* nothing changes meanwhile: it must find exactly these */
    bool is_done;
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
    bool stopped;          /* by itself: starts again later */
    bool whole;            /* its cache holds everything: no gap is left to fill */
    uint64_t bytes_max;    /* of its cache in this life: the rest is evicted; 0: no limit */
    bool has_room;         /* there is none any more, for good */
    uint32_t copied_cache; /* of which there is a copy; 0: of none */
    uint64_t copied_at;    /* for the checker */
    bool chose_room;       /* at the end it was asked whether there is one */
    struct sim_search search;
    struct sim_ask asks[SIM_ASKS_MAX];
    uint32_t ask_next;
    struct chat_logger logger;
    uint64_t other_devices[8]; /* of its user, as listed last */
    uint32_t other_count;
};

/* --- sim_app.c --- */

struct view *sim_app_view(struct sim_app *app, uint64_t channel_id);
/* Nothing was told of it yet. */
void sim_app_reset_view(struct sim_app *app, struct view *v);
/* Names this device to the checker, whatever becomes of its caches. */
uint32_t sim_app_device(const struct sim_app *app);
struct check_message sim_app_message(const struct chat_message *m);
/* A page of what the cache holds. It may hold less than all, but never less than it says. */
chat_status sim_app_read(struct sim_app *app, uint64_t channel_id, uint64_t start_seq,
                         uint32_t limit, bool backwards, chat_page **out_page);
/* The cache must have of the channel what events told, no more and no less. */
void sim_app_check_held(struct sim_app *app, const struct chat_channel *channel);

/* --- sim_hear.c --- */

void sim_hear(struct sim_app *app, const struct chat_event *e);
/* What is known now is what the cache says: of one channel or (0) of all. */
void sim_hear_reread(struct sim_app *app, uint64_t only_channel_id);

/* --- sim_act.c --- */

uint64_t sim_act_some_channel(struct sim_app *app);
/* Says something there, on the app's conn or another one on its cache. False: it was refused. */
bool sim_act_send_on(struct sim_app *app, chat_conn *conn, uint64_t channel_id);
/* One act by chance, as people do them. */
void sim_act(struct sim_app *app);
void sim_act_member(struct sim_app *app);
/* Stops, or starts again. */
void sim_act_rest(struct sim_app *app);
/* Scrolls through everything: what was told as a gap can be fetched. */
void sim_act_fill_gaps(struct sim_app *app);
/* What the last process left is read before the network can mend it. */
void sim_act_look_through(struct sim_app *app);

/* --- sim_pages.c --- */

void sim_pages_act(struct sim_app *app);
void sim_pages_event(struct sim_app *app, const struct chat_event *e);

/* --- sim_share.c --- */

/* While the app is suspended: another process opens its cache and queues something. */
void sim_share(struct sim_app *app);

/* --- sim_search.c --- */

/* Appends a word that is looked for, now and then. What was written. */
size_t sim_search_say(struct sim_app *app, char *text, size_t size);
void sim_search_act(struct sim_app *app);
void sim_search_event(struct sim_app *app, const struct chat_event *e);
/* When nothing changes any more: a search that must find what the cache has. True: it has. */
bool sim_search_prove(struct sim_app *app);
void sim_search_forget(struct sim_app *app);

/* --- sim_own.c: what belongs to the user --- */

void sim_own_act(struct sim_app *app);
/* Before a message is sent: its draft goes with it. */
void sim_own_sending(struct sim_app *app, chat_conn *conn, uint64_t channel_id);
void sim_own_event(struct sim_app *app, const struct chat_event *e);
/* Nothing of its own is still to be said. */
bool sim_own_is_settled(struct sim_app *app);
void sim_own_report(struct sim_app *app);

#endif
