/*
 * replay: says a log's lines again, each nick a user on its own connection, and, when asked
 * to verify, looks on from three more devices:
 *
 *   live    a user of its own that only listens
 *   late    another one that is offline from before the first line to after the last
 *   pages   a new device of the listener's, which asks for the history page by page
 *
 * Phases: sign everybody in, open the groups, send, wait for the last acknowledgement, let
 * the late one catch up, fetch the pages, judge.
 */
#ifndef CHAT_CHATCTL_REPLAY_H
#define CHAT_CHATCTL_REPLAY_H

#include "crowd.h"
#include "replay_log.h"
#include "replay_view.h"

#define REPLAY_ARRIVING_MAX 32u /* signing in at once */
#define REPLAY_PER_NICK_MAX 256u
#define REPLAY_MEMBERS_MAX 64u /* --member */

enum replay_phase {
    REPLAY_SIGN_IN,
    REPLAY_OPEN,
    REPLAY_SEND,
    REPLAY_LIVE, /* the listener hears the last of it */
    REPLAY_LATE, /* the late one catches up */
    REPLAY_PAGES,
    REPLAY_DONE,
};

struct replay_options {
    struct crowd_options crowd;
    const char *file; /* NULL: made up */
    const char *title;
    const char *members[REPLAY_MEMBERS_MAX];
    uint32_t member_count;
    uint64_t lines, synthetic, people, speed, window;
    bool verify, come_and_go, quiet;
};

struct nick {
    struct person person;
    uint32_t number;
    uint32_t queued;      /* lines that may be sent now */
    uint32_t next;        /* the first of them */
    uint32_t oldest;      /* not acknowledged; REPLAY_END: none was sent */
    uint32_t outstanding; /* sent, not acknowledged */
    uint32_t left;        /* lines not acknowledged, sent or not */
};

struct replay {
    struct replay_options options;
    struct replay_log log;
    struct crowd crowd;
    enum replay_phase phase;

    struct nick *nicks;
    struct person members[REPLAY_MEMBERS_MAX];
    uint64_t *author_ids; /* of nicks */
    struct person listener, late, pager;
    struct view live_view, late_view, page_view;
    bool late_away, late_back;

    uint64_t channel_ids[REPLAY_CHANNELS_MAX]; /* 0: not open yet */
    uint64_t open_ticket;                      /* 0: not asked */
    uint32_t opened;

    uint32_t admitted; /* lines, in the order of the log */
    uint32_t sent, done, refused;
    uint32_t signed_in;

    uint64_t page_ticket;
    uint32_t page_channel;
    uint64_t page_seq; /* the next one wanted */
    uint64_t page_count;

    int64_t begun_ms, sending_ms, sent_ms, ended_ms;
    int64_t progress_at_ms; /* when something last moved */
    uint64_t progress;
    int64_t said_at_ms;
    uint64_t gone_drops; /* of people who have left */
    char refusal[128];   /* the first */
};

/* The log's channel with this id; REPLAY_END: none. */
uint32_t replay_channel(const struct replay *replay, uint64_t channel_id);

/* --- replay_people.c: who talks --- */

bool replay_people_init(struct replay *replay);
void replay_people_fini(struct replay *replay);
/* Lets more of them arrive. True when everybody has been signed in. */
bool replay_people_sign_in(struct replay *replay);
/* Admits lines and sends what may be sent. Errors: of libchat's calls, unlikely ones. */
chat_status replay_people_talk(struct replay *replay, int64_t now_ms);
uint64_t replay_people_drops(const struct replay *replay);

/* --- replay_watch.c: who looks on --- */

void replay_watch_init(struct replay *replay);
void replay_watch_fini(struct replay *replay);
/* True when the step of the present phase is done. */
bool replay_watch_open(struct replay *replay);
bool replay_watch_live(struct replay *replay);
bool replay_watch_late(struct replay *replay);
bool replay_watch_pages(struct replay *replay);

#endif
