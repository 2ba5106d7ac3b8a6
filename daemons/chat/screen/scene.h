/*
 * The scene: all that is to be seen of a chat at a moment, as plain data, and how it becomes a
 * picture. It knows nothing of terminals, links and files: rows come from a source (the live
 * views; in tests arrays), keys change the scene, scene_paint() draws it.
 *
 *   title bar
 *   banner, when there is no connection
 *   channel list | message pane
 *   a line: who types, or what was just said about a key
 *   what is answered or edited
 *   composer
 */
#ifndef CHAT_SCREEN_SCENE_H
#define CHAT_SCREEN_SCENE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <libchat/conn.h>
#include <libchat/view.h>

#include "canvas.h"
#include "composer.h"
#include "place.h"

#define SCENE_NOTICE_MAX 256u /* bytes, each with a NUL */
#define SCENE_QUOTE_MAX 200u
#define SCENE_NAMES_MAX 400u /* bytes of a list of names */
#define SCENE_HITS_MAX CHAT_SEARCH_PAGE_MAX
#define SCENE_COLUMNS_MIN 20
#define SCENE_ROWS_MIN 8

enum focus { FOCUS_COMPOSER, FOCUS_MESSAGES, FOCUS_CHANNELS };

/* What lies over the rest, and has the keys. */
enum overlay {
    OVERLAY_NONE,
    OVERLAY_HELP,
    OVERLAY_TEXT,   /* what a command has to say: scene.text */
    OVERLAY_SEARCH, /* prompt, hits */
    OVERLAY_REACT,  /* prompt */
    OVERLAY_DELETE, /* asks whether to */
};

enum writing { WRITING_MESSAGE, WRITING_REPLY, WRITING_EDIT };

/* A message in one line: of what is answered, of a hit. */
struct scene_quote {
    bool known;
    char name[CHAT_NAME_MAX + 1];
    char text[SCENE_QUOTE_MAX + 1];
};

struct scene_hit {
    uint64_t channel_id;
    uint64_t seq;
    int64_t sent_at_ms;
    char channel[CHAT_NAME_MAX + 1];
    struct scene_quote quote;
};

struct scene_link {
    chat_conn_state state;
    char reason[SCENE_NOTICE_MAX]; /* "" when there is none to tell */
    int64_t retry_at_ms;           /* monotonic; 0: not known */
    uint32_t unsent;
};

struct scene {
    enum focus focus;
    enum overlay overlay;
    struct scene_link link;
    char own_name[CHAT_NAME_MAX + 1];

    /* the channel list */
    uint64_t channel_id;   /* the open one; 0: none */
    struct place channel;  /* selected in the list */
    uint32_t channels_top; /* first one shown */

    /* The message pane. Following, its last line is the end of the window; else the row
     * `bottom`, of which the last `skip` lines are below the edge. */
    bool following;
    struct place bottom;
    int skip;
    struct place selected;
    bool has_news; /* a line stands before the first message after news_seq */
    uint64_t news_seq;

    /* the composer */
    struct composer composer;
    enum writing writing;
    struct scene_quote answered; /* or edited */

    char typing[SCENE_NAMES_MAX];
    char notice[SCENE_NOTICE_MAX];
    bool notice_is_error;

    /* the overlays */
    struct composer prompt;
    struct scene_quote question; /* what would be deleted */
    struct scene_hit hits[SCENE_HITS_MAX];
    uint32_t hits_count, hit, hits_top;
    bool searching, searched, more_hits;
    const char *text; /* OVERLAY_TEXT: borrowed */
    size_t text_len;
    int overlay_top; /* lines scrolled away of a text or the help */

    struct rect pane; /* as it was painted last */
};

/* Where rows come from. A row is borrowed until the next one is asked for. */
struct scene_source {
    void *user;
    uint32_t (*count_channels)(void *user);
    bool (*get_channel)(void *user, uint32_t index, const struct chat_row **out);
    uint32_t (*count_messages)(void *user);
    bool (*get_message)(void *user, uint32_t index, const struct chat_row **out);
    /* Of the open window; NULL: none is open. */
    const struct chat_view_status *(*get_status)(void *user);
    /* The message that is answered. The row at hand stays valid. */
    void (*get_quote)(void *user, uint64_t seq, struct scene_quote *out);
    /* Names of who has seen an own message of a group, "" for nobody. Likewise. */
    void (*get_seen_by)(void *user, uint64_t seq, char *out, size_t out_size);
};

/* What came of painting. */
struct scene_shown {
    uint32_t first, last; /* rows of the window that are visible, if any is */
    bool any;
    bool reached_top; /* of the rows that are there */
    bool has_cursor;
    int cursor_x, cursor_y;
};

void scene_init(struct scene *scene);
/* `now_ms` is monotonic, `wall_ms` the time of day. */
void scene_paint(struct scene *scene, const struct scene_source *source, struct canvas *canvas,
                 int64_t now_ms, int64_t wall_ms, struct scene_shown *out);

/* Online: what is told about others is true now. */
bool scene_is_live(const struct scene *scene);
/* Printed into the line above the composer, until the next key. */
void scene_note(struct scene *scene, bool is_error, const char *format, ...) CHAT_PRINTF(3, 4);
/* One line of a message for a quote. */
void scene_quote_set(struct scene_quote *quote, const char *name, size_t name_len, const char *text,
                     size_t text_len);
/* The banner over all; false: there is nothing to say. */
bool scene_banner(const struct scene *scene, int64_t now_ms, char *out, size_t out_size);

/* --- pane.c: moving through messages --- */

/* Up or down by so many messages; from none to the newest. False at the edge. */
bool pane_select(struct scene *scene, const struct scene_source *source, int by);
/* Scrolls so that the row is visible whole, or its beginning when it is too long. */
void pane_reveal(struct scene *scene, const struct scene_source *source, uint32_t index);
/* Towards older (> 0) or newer messages by so many lines. */
void pane_scroll(struct scene *scene, const struct scene_source *source, int lines);
void pane_follow(struct scene *scene);
void pane_paint(struct scene *scene, const struct scene_source *source, struct canvas *canvas,
                struct rect where, struct scene_shown *out);

/* --- overlay.c --- */

void overlay_paint(struct scene *scene, struct canvas *canvas, struct rect where,
                   struct scene_shown *out);

/* --- block.c --- */

/* A circle that says it in black and white, too. */
enum style scene_presence_dot(chat_presence_state presence, const char **out_dot);

#endif
