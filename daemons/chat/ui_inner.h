/*
 * What the files ui_*.c share. A turn of ui_run(): keys, a step of the loop, events, diffs, and
 * then one picture of how all of it is now.
 */
#ifndef CHAT_PROGRAM_UI_INNER_H
#define CHAT_PROGRAM_UI_INNER_H

#include "app.h"
#include "screen/scene.h"
#include "terminal.h"

#define UI_TYPISTS_MAX 8u
#define UI_LOAD 50u            /* messages that are loaded when an end comes near */
#define UI_LOAD_NEAR 5u        /* rows from an end that are near */
#define UI_NEWS_MAX 150u       /* with more unread the window opens where they begin */
#define UI_TEXT_MAX (1u << 18) /* bytes of what a command printed that are shown */

/* A message that something is done to: in the history by its seq, else by its nonce. */
struct ui_target {
    uint64_t seq;
    struct chat_nonce nonce;
};

/* What to go to once its row is there. */
enum ui_want { WANT_NOTHING, WANT_SELECTED, WANT_NEWS };

struct ui {
    struct app *app;
    struct scene scene;
    struct scene_source source;
    struct canvas canvas;
    struct scene_shown shown;
    chat_view *list, *window;
    bool dirty; /* a picture is to be drawn */
    bool rings; /* the bell is to be rung with it */
    int64_t quiet_until_ms;

    enum ui_want want;
    uint64_t want_seq;
    bool want_asked;    /* the window was moved there */
    int64_t live_at_ms; /* monotonic, first time; 0: not yet */
    bool chose;         /* --channel has been looked for, or does not matter any more */
    struct place open;  /* the open one in the list, as far as it is known */

    uint64_t reply_to_seq;   /* WRITING_REPLY */
    struct ui_target edited; /* WRITING_EDIT */
    struct ui_target acted;  /* OVERLAY_REACT, OVERLAY_DELETE */
    bool written;            /* the composer changed in this turn */
    bool unkept;             /* it could not be kept as the draft: it is nowhere else */
    bool pasting;

    uint64_t typist_ids[UI_TYPISTS_MAX];
    size_t typist_count;

    uint64_t search_ticket; /* 0: none is under way */
    char searched[CHAT_SEARCH_MAX + 1];

    char token_problem[SCENE_NOTICE_MAX];
    char *out_text; /* of app->out */
    size_t out_len;
    char *text; /* OVERLAY_TEXT */
};

/* --- ui_face.c --- */

/* With zeroed storage. False: no memory; ui_fini() is due all the same. */
bool ui_init(struct ui *ui, struct app *app);
void ui_fini(struct ui *ui);
/* Pulls events and views, after a step of the loop. */
void ui_pull(struct ui *ui);
/* Paints the canvas as everything is now, while `dirty`. */
void ui_paint(struct ui *ui);

/* --- ui_views.c --- */

bool ui_views_open(struct ui *ui);
void ui_views_close(struct ui *ui);
/* Shows a conversation, around a message or where one would go on reading. */
void ui_open_channel(struct ui *ui, uint64_t channel_id, uint64_t around_seq);
/* Pulls all diffs. */
void ui_pull_views(struct ui *ui);
/* After a picture: tells the window what is visible, loads what comes near, marks as read, goes
 * to what is wanted. True when that changed the picture. */
bool ui_look_around(struct ui *ui);
void ui_jump_to_latest(struct ui *ui);
void ui_jump_to(struct ui *ui, uint64_t seq);
/* The open conversation's place in the list. */
bool ui_find_open(struct ui *ui, uint32_t *out_index);
/* The next or previous conversation of the list. */
void ui_step_channel(struct ui *ui, int by);
/* The selected message; NULL: none, or it is a gap. Borrowed until the next row. */
const struct chat_row *ui_selected(struct ui *ui);
/* The name of a user, its id when it is not known: fits CHAT_NAME_MAX + 1. */
void ui_print_name(struct ui *ui, uint64_t user_id, char *out, size_t out_size);

/* --- ui_write.c: the composer --- */

void ui_send(struct ui *ui);
/* After the composer changed: the draft is kept, others see typing. */
void ui_keep_draft(struct ui *ui);
/* The composer holds the conversation's draft. */
void ui_load_draft(struct ui *ui);
void ui_begin_reply(struct ui *ui);
void ui_begin_edit(struct ui *ui);
/* Leaves a reply or an edit. False: there is none. */
bool ui_leave_writing(struct ui *ui);
/* Takes what waits or was refused out of the outbox, to be written anew. */
void ui_take_back(struct ui *ui);
void ui_send_again(struct ui *ui);
/* Shows what commands have printed. */
void ui_show_output(struct ui *ui);

/* --- ui_act.c: reactions, deletions, mute, search --- */

void ui_begin_react(struct ui *ui);
void ui_react(struct ui *ui);
void ui_begin_delete(struct ui *ui);
void ui_delete(struct ui *ui);
void ui_go_to_answered(struct ui *ui);
void ui_toggle_mute(struct ui *ui, uint64_t channel_id);
void ui_begin_search(struct ui *ui);
/* Searches, or goes to the chosen hit when these words were searched for. */
void ui_search(struct ui *ui);
void ui_take_hits(struct ui *ui, const struct chat_event *event);

/* --- ui_keys.c --- */

void ui_key(struct ui *ui, const struct term_key *key);

/* --- ui_events.c --- */

void ui_pull_events(struct ui *ui);
void ui_connect_now(struct ui *ui);
/* Notes a failure, if it is one. */
bool ui_failed(struct ui *ui, const char *what, chat_status status);

#endif
