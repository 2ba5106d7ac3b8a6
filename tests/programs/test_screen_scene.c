/* The scene of chat: which rows make which picture. Time zone and locale are given. */
#include <check.h>
#include <inttypes.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "screen/scene.h"

#define COLUMNS 80
#define ROWS 20
#define MESSAGES_MAX 64u
#define NOON_MS INT64_C(1795262400000) /* 2026-11-21 12:00 UTC */
#define ALICE 1001u
#define ME 1002u

/* A scene with its rows in arrays. */
struct stage {
    struct scene scene;
    struct scene_source source;
    struct scene_shown shown;
    struct canvas canvas;
    struct chat_row channels[4];
    struct chat_channel channel_of[4];
    uint32_t channels_count;
    struct chat_row messages[MESSAGES_MAX];
    struct chat_message message_of[MESSAGES_MAX];
    char texts[MESSAGES_MAX][96];
    uint32_t messages_count;
    struct chat_view_status status;
    const char *seen_by;
    char picture[ROWS * COLUMNS * 8];
};

static struct stage stage; /* large: one for all, set up anew for each test */

static uint32_t count_channels(void *user) { return ((struct stage *)user)->channels_count; }
static uint32_t count_messages(void *user) { return ((struct stage *)user)->messages_count; }

static bool get_channel(void *user, uint32_t index, const struct chat_row **out)
{
    *out = &((struct stage *)user)->channels[index];
    return true;
}

static bool get_message(void *user, uint32_t index, const struct chat_row **out)
{
    struct stage *s = user;

    *out = &s->messages[index];
    return index < s->messages_count;
}

static const struct chat_view_status *get_status(void *user)
{
    return &((struct stage *)user)->status;
}

static void get_quote(void *user, uint64_t seq, struct scene_quote *out)
{
    struct stage *s = user;

    for (uint32_t i = 0; i < s->messages_count; i++)
        if (s->message_of[i].seq == seq)
            scene_quote_set(out, "alice", 5, s->texts[i], strlen(s->texts[i]));
}

static void get_seen_by(void *user, uint64_t seq, char *out, size_t out_size)
{
    (void)seq;
    snprintf(out, out_size, "%s", ((struct stage *)user)->seen_by);
}

static void set_up(void)
{
    if (stage.canvas.cells)
        canvas_fini(&stage.canvas);
    memset(&stage, 0, sizeof(stage));
    stage.source = (struct scene_source){&stage,      count_channels, get_channel, count_messages,
                                         get_message, get_status,     get_quote,   get_seen_by};
    stage.seen_by = "";
    scene_init(&stage.scene);
    stage.scene.link.state = CHAT_CONN_LIVE;
    ck_assert(canvas_init(&stage.canvas, COLUMNS, ROWS));
}

static struct chat_channel *add_channel(uint64_t id, chat_home_kind kind, const char *title)
{
    const uint32_t i = stage.channels_count++;

    stage.channel_of[i] = (struct chat_channel){.channel_id = id, .kind = kind};
    stage.channels[i] = (struct chat_row){
        .kind = CHAT_ROW_CHANNEL,
        .key = id,
        .channel = &stage.channel_of[i],
        .title = title,
        .title_len = strlen(title),
    };
    return &stage.channel_of[i];
}

static void open_channel(uint32_t i)
{
    stage.scene.channel_id = stage.channel_of[i].channel_id;
    stage.status.channel = &stage.channel_of[i];
    stage.status.title = stage.channels[i].title;
    stage.status.title_len = stage.channels[i].title_len;
    stage.status.at_latest = true;
}

/* A message of the history with the next seq. */
static struct chat_message *add_message(bool own, const char *text)
{
    const uint32_t i = stage.messages_count++;
    struct chat_message *m = &stage.message_of[i];

    snprintf(stage.texts[i], sizeof(stage.texts[i]), "%s", text);
    *m = (struct chat_message){
        .channel_id = stage.scene.channel_id,
        .seq = i + 1,
        .author_id = own ? ME : ALICE,
        .sent_at_ms = NOON_MS + (int64_t)i * 1000,
        .text = stage.texts[i],
        .text_len = strlen(stage.texts[i]),
        .own = own,
    };
    stage.messages[i] = (struct chat_row){
        .kind = CHAT_ROW_MESSAGE,
        .key = i + 1,
        .message = m,
        .author_name = own ? "me" : "alice",
        .author_name_len = own ? 2 : 5,
        .state = CHAT_OUTGOING_DONE,
    };
    return m;
}

/* Paints, and reads the picture: rows, each with a newline. */
static const char *paint(void)
{
    size_t len = 0;

    scene_paint(&stage.scene, &stage.source, &stage.canvas, 0, NOON_MS, &stage.shown);
    for (int y = 0; y < stage.canvas.rows; y++) {
        len += canvas_read_row(&stage.canvas, y, stage.picture + len, sizeof(stage.picture) - len);
        stage.picture[len++] = '\n';
    }
    stage.picture[len] = '\0';
    return stage.picture;
}

/* The number of the row that has the words; -1: none. */
static int row_with(const char *picture, const char *words)
{
    const char *found = strstr(picture, words);
    int row = 0;

    if (!found)
        return -1;
    for (const char *at = picture; at < found; at++)
        row += *at == '\n';
    return row;
}

#define ck_assert_shows(words) ck_assert_msg(row_with(paint(), words) >= 0, "%s", stage.picture)
#define ck_assert_hides(words) ck_assert_msg(row_with(paint(), words) < 0, "%s", stage.picture)

static void direct_with_alice(void)
{
    set_up();
    add_channel(7, CHAT_HOME_DIRECT, "alice");
    open_channel(0);
}

static void group(void)
{
    set_up();
    add_channel(8, CHAT_HOME_GROUP, "island");
    open_channel(0);
}

/* --- the list --- */

START_TEST(the_list_shows_unread_mentions_draft_and_mute)
{
    struct chat_channel *channel;

    set_up();
    channel = add_channel(1, CHAT_HOME_GROUP, "noise");
    channel->unread = 5;
    channel->mentions = 2;
    channel->has_draft = true;
    channel->muted_until_ms = INT64_MAX;
    channel = add_channel(2, CHAT_HOME_DIRECT, "Zoë 日本");
    stage.channels[1].presence = CHAT_PRESENCE_IDLE;
    channel->muted_until_ms = NOON_MS; /* over by now */
    channel->mentions = CHAT_MENTIONS_COUNT_MAX;
    ck_assert_shows(" # noise    \u270e \u2298 @2 5");
    ck_assert_shows(" \u25d0 Zoë 日本    @100+");
}
END_TEST

START_TEST(a_long_title_leaves_the_counts_whole)
{
    set_up();
    add_channel(1, CHAT_HOME_GROUP, "a title that is far too long for the list")->unread = 12345;
    ck_assert_shows(" # a title th\u2026 12345");
}
END_TEST

START_TEST(the_list_scrolls_with_the_choice)
{
    set_up();
    for (uint64_t i = 0; i < 4; i++)
        add_channel(i + 1, CHAT_HOME_GROUP, i == 0 ? "first" : i == 3 ? "last" : "other");
    canvas_fini(&stage.canvas);
    ck_assert(canvas_init(&stage.canvas, COLUMNS, SCENE_ROWS_MIN - 3 + 3));
    stage.scene.focus = FOCUS_CHANNELS;
    stage.scene.channel = (struct place){true, 3};
    composer_set(&stage.scene.composer, "1\n2\n3", 5);
    ck_assert_shows("\u25b6# last");
    stage.scene.channel.index = 0;
    ck_assert_shows("\u25b6# first");
}
END_TEST

/* --- messages --- */

START_TEST(the_newest_message_stands_at_the_bottom)
{
    direct_with_alice();
    for (int i = 0; i < 40; i++) {
        char text[16];

        snprintf(text, sizeof(text), "number %d.", i);
        add_message(i % 2, text);
    }
    ck_assert_int_eq(row_with(paint(), "number 39."), ROWS - 3);
    ck_assert_uint_eq(stage.shown.last, 39);
    ck_assert_uint_eq(stage.shown.first, 39 - (ROWS - 4));
    ck_assert(!stage.shown.reached_top);
}
END_TEST

START_TEST(a_short_conversation_reaches_the_top)
{
    direct_with_alice();
    add_message(false, "alone");
    ck_assert_shows("Sat 21 November 2026");
    ck_assert_shows(" 12:00  alice");
    ck_assert(stage.shown.reached_top);
    ck_assert_uint_eq(stage.shown.first, 0);
}
END_TEST

START_TEST(each_day_begins_with_its_date)
{
    direct_with_alice();
    add_message(false, "one");
    add_message(false, "two");
    add_message(false, "three")->sent_at_ms = NOON_MS + 24 * 3600 * 1000;
    ck_assert_int_eq(row_with(paint(), "Sun 22 November"), row_with(stage.picture, "three") - 1);
    ck_assert_int_eq(row_with(stage.picture, "two"), row_with(stage.picture, "one") + 1);
}
END_TEST

START_TEST(long_messages_wrap_beneath_their_beginning)
{
    direct_with_alice();
    add_message(false, "one two three four five six seven eight nine ten eleven twelve");
    ck_assert_shows("one two three four five six seven eight\n");
    ck_assert_shows("│                  nine ten eleven twelve\n");
}
END_TEST

START_TEST(the_line_of_new_messages_stands_before_the_first)
{
    direct_with_alice();
    for (int i = 0; i < 6; i++)
        add_message(false, i == 3 ? "first new" : "text");
    ck_assert_hides("new messages");
    stage.scene.has_news = true;
    stage.scene.news_seq = 3;
    ck_assert_int_eq(row_with(paint(), "new messages"), row_with(stage.picture, "first new") - 1);
}
END_TEST

START_TEST(all_new_from_the_first_message_on)
{
    direct_with_alice();
    add_message(false, "one");
    stage.scene.has_news = true;
    ck_assert_shows("new messages");
    stage.scene.news_seq = 1;
    ck_assert_hides("new messages");
}
END_TEST

START_TEST(the_line_of_new_messages_is_not_put_where_older_ones_are_missing)
{
    direct_with_alice();
    add_message(false, "ninth")->seq = 9;
    stage.scene.has_news = true;
    stage.scene.news_seq = 3;
    stage.status.can_load_older = true;
    ck_assert_hides("new messages");
    stage.scene.news_seq = 8;
    ck_assert_shows("new messages");
}
END_TEST

START_TEST(own_messages_tell_how_far_they_got)
{
    direct_with_alice();
    add_message(true, "read one");
    add_message(true, "got one");
    add_message(true, "sent one");
    add_message(true, "waiting one")->seq = 0;
    stage.messages[3].state = CHAT_OUTGOING_QUEUED;
    stage.channel_of[0].peer_read_seq = 1;
    stage.channel_of[0].peer_delivered_seq = 2;
    ck_assert_shows("read one \u2713\u2713 seen\n");
    ck_assert_shows("got one \u2713\u2713\n");
    ck_assert_shows("sent one \u2713\n");
    ck_assert_shows("waiting one \u2026waiting\n");
}
END_TEST

START_TEST(a_group_names_who_has_seen_the_newest_own_message)
{
    group();
    add_message(true, "older");
    add_message(true, "newest");
    stage.seen_by = "alice, bob";
    ck_assert_int_eq(row_with(paint(), "seen by alice, bob"),
                     row_with(stage.picture, "newest") + 1);
    ck_assert_ptr_null(strstr(strstr(stage.picture, "seen by") + 1, "seen by"));
}
END_TEST

START_TEST(edited_and_deleted_messages_say_so)
{
    direct_with_alice();
    add_message(false, "better")->edited_at_ms = NOON_MS;
    add_message(false, "")->deleted = true;
    add_message(true, "changing");
    stage.messages[2].change = CHAT_OUTGOING_EDIT;
    stage.messages[2].change_state = CHAT_OUTGOING_QUEUED;
    ck_assert_shows("better (edited)");
    ck_assert_shows("(deleted)");
    ck_assert_shows("changing (edit waits)");
}
END_TEST

START_TEST(refused_messages_keep_their_text_and_say_why)
{
    direct_with_alice();
    add_message(true, "precious words");
    stage.messages[0].state = CHAT_OUTGOING_REFUSED;
    stage.messages[0].status = CHAT_E_FORBIDDEN;
    ck_assert_shows("precious words\n");
    ck_assert_shows(chat_status_text(CHAT_E_FORBIDDEN));
    ck_assert_shows("t takes it back");
}
END_TEST

START_TEST(replies_quote_what_they_answer)
{
    direct_with_alice();
    add_message(false, "a question");
    add_message(true, "an answer")->reply_to_seq = 1;
    add_message(true, "another")->reply_to_seq = 99;
    ck_assert_int_eq(row_with(paint(), "│ alice: a question"),
                     row_with(stage.picture, "an answer") - 1);
    ck_assert_shows("│ a message that is not here");
}
END_TEST

START_TEST(reactions_stand_under_the_message_own_ones_marked)
{
    const struct chat_reaction heart = {.emoji = "\u2764", .emoji_len = 3, .count = 2};
    const struct chat_reaction thumb = {
        .emoji = "\U0001f44d", .emoji_len = 4, .count = 1, .mine = true};
    const struct chat_reaction *const both[] = {&heart, &thumb};
    struct chat_message *m;

    direct_with_alice();
    m = add_message(false, "well");
    m->reactions = both;
    m->reactions_count = 2;
    ck_assert_int_eq(row_with(paint(), " \u2764 2 [\U0001f44d 1]"),
                     row_with(stage.picture, "well") + 1);
}
END_TEST

START_TEST(a_gap_says_whether_it_is_being_fetched)
{
    direct_with_alice();
    add_message(false, "after");
    stage.messages[1] = stage.messages[0];
    stage.messages[0] =
        (struct chat_row){.kind = CHAT_ROW_GAP, .from_seq = 11, .to_seq = 40, .loading = true};
    stage.messages_count = 2;
    ck_assert_shows("30 messages are being fetched");
    stage.messages[0].loading = false;
    ck_assert_shows("30 messages are not here");
}
END_TEST

START_TEST(escapes_and_overrides_in_texts_and_names_are_harmless)
{
    direct_with_alice();
    add_message(false, "a\033[2Jb\u202ec");
    stage.messages[0].author_name = "\033]0;x\007";
    stage.messages[0].author_name_len = 6;
    stage.status.title = "\xc2\x9b"
                         "2J";
    stage.status.title_len = 4;
    ck_assert_shows("a\ufffd[2Jb\ufffdc");
    ck_assert_ptr_null(strchr(stage.picture, '\033'));
    ck_assert_ptr_null(strchr(stage.picture, '\007'));
    ck_assert_shows(" \ufffd2J");
}
END_TEST

START_TEST(a_message_of_more_lines_than_are_shown_is_cut)
{
    static char text[CHAT_TEXT_MAX + 1];
    struct chat_message *m;

    direct_with_alice();
    memset(text, '\n', CHAT_TEXT_MAX);
    m = add_message(false, "x");
    m->text = text;
    m->text_len = CHAT_TEXT_MAX;
    ck_assert_shows("(and more lines)");
}
END_TEST

/* --- moving --- */

static void forty_messages(void)
{
    direct_with_alice();
    for (int i = 0; i < 40; i++) {
        char text[32];

        snprintf(text, sizeof(text), "number %d.%s", i, i == 20 ? "\nits\nlines" : "");
        add_message(false, text);
    }
    paint();
}

START_TEST(scrolling_up_and_down_comes_back_to_following)
{
    forty_messages();
    pane_scroll(&stage.scene, &stage.source, 15);
    ck_assert_int_eq(row_with(paint(), "number 24."), ROWS - 3);
    ck_assert(!stage.scene.following);
    ck_assert_shows("End goes to the newest");
    pane_scroll(&stage.scene, &stage.source, -10);
    ck_assert_int_eq(row_with(paint(), "number 34."), ROWS - 3);
    pane_scroll(&stage.scene, &stage.source, -10);
    ck_assert_int_eq(row_with(paint(), "number 39."), ROWS - 3);
    ck_assert(stage.scene.following);
}
END_TEST

START_TEST(scrolling_stops_at_the_first_message)
{
    forty_messages();
    pane_scroll(&stage.scene, &stage.source, 1000);
    ck_assert_int_eq(row_with(paint(), "21 November"), 1);
    ck_assert_int_eq(row_with(stage.picture, "number 0."), 2);
    ck_assert(stage.shown.reached_top);
}
END_TEST

START_TEST(a_message_is_scrolled_line_by_line)
{
    forty_messages();
    pane_scroll(&stage.scene, &stage.source, 20);
    ck_assert_int_eq(row_with(paint(), " its"), ROWS - 3);
    ck_assert_int_eq(row_with(stage.picture, "number 20."), ROWS - 4);
    pane_scroll(&stage.scene, &stage.source, 1);
    ck_assert_int_eq(row_with(paint(), "number 20."), ROWS - 3);
}
END_TEST

START_TEST(the_selected_message_is_kept_in_sight)
{
    forty_messages();
    stage.scene.focus = FOCUS_MESSAGES;
    ck_assert(pane_select(&stage.scene, &stage.source, 0));
    ck_assert_int_eq(row_with(paint(), "\u25b6"), ROWS - 3);
    ck_assert(pane_select(&stage.scene, &stage.source, -30));
    ck_assert_int_eq(row_with(paint(), "\u25b6"), 1);
    ck_assert_shows("number 9.");
    ck_assert(!pane_select(&stage.scene, &stage.source, -10));
    ck_assert(pane_select(&stage.scene, &stage.source, 30));
    ck_assert_int_eq(row_with(paint(), "\u25b6"), ROWS - 3);
    ck_assert(stage.scene.following);
    ck_assert(!pane_select(&stage.scene, &stage.source, 1));
}
END_TEST

START_TEST(a_place_follows_its_row_through_diffs)
{
    struct place place = {true, 5};
    struct chat_diff diff = CHAT_DIFF_INIT;

    diff.type = CHAT_DIFF_INSERT;
    diff.index = 5;
    place_follow(&place, &diff);
    ck_assert_uint_eq(place.index, 6);
    diff.index = 7;
    place_follow(&place, &diff);
    ck_assert_uint_eq(place.index, 6);
    diff.type = CHAT_DIFF_REMOVE;
    diff.index = 0;
    place_follow(&place, &diff);
    ck_assert_uint_eq(place.index, 5);
    diff.type = CHAT_DIFF_MOVE;
    diff.index = 5;
    diff.to_index = 0;
    place_follow(&place, &diff);
    ck_assert_uint_eq(place.index, 0);
    diff.index = 3;
    place_follow(&place, &diff);
    ck_assert_uint_eq(place.index, 1);
    diff.index = 0;
    diff.to_index = 4;
    place_follow(&place, &diff);
    ck_assert_uint_eq(place.index, 0);
    place_clamp(&place, 0);
    ck_assert(!place.set);
    place = (struct place){true, 9};
    place_clamp(&place, 3);
    ck_assert_uint_eq(place.index, 2);
    diff.type = CHAT_DIFF_RESET;
    place_follow(&place, &diff);
    ck_assert(!place.set);
}
END_TEST

/* --- the rest of the screen --- */

START_TEST(the_banner_says_why_how_long_and_what_waits)
{
    direct_with_alice();
    ck_assert_hides("OFFLINE");
    stage.scene.link = (struct scene_link){CHAT_CONN_BACKING_OFF, "refused", 3001, 2};
    ck_assert_shows("OFFLINE, next try in 4 s, 2 waiting to be sent: refused");
    stage.scene.link = (struct scene_link){CHAT_CONN_CONNECTING, "refused", 0, 0};
    ck_assert_shows("OFFLINE, trying now: refused");
    stage.scene.link = (struct scene_link){CHAT_CONN_CLOSED, "superseded", 0, 0};
    ck_assert_shows("CLOSED, Ctrl-R connects again: superseded");
    stage.scene.link = (struct scene_link){CHAT_CONN_CONNECTING, "", 0, 0};
    ck_assert_hides("OFFLINE");
}
END_TEST

START_TEST(presence_is_shown_only_while_it_is_known)
{
    direct_with_alice();
    stage.channels[0].presence = stage.status.presence = CHAT_PRESENCE_ONLINE;
    ck_assert_shows("\u25cf alice");
    stage.scene.link.state = CHAT_CONN_BACKING_OFF;
    ck_assert_hides("\u25cf");
}
END_TEST

START_TEST(what_is_written_takes_a_third_of_the_screen_at_most)
{
    direct_with_alice();
    add_message(false, "above");
    composer_set(&stage.scene.composer, "a\nb\nc\nd\ne\nf\ng\nh\ni\nj", 19);
    ck_assert_shows("above");
    ck_assert_int_eq(row_with(stage.picture, "\n  j") + 1, ROWS - 1);
    ck_assert_hides("\n  d");
    ck_assert_int_eq(stage.shown.cursor_y, ROWS - 1);
    ck_assert_int_eq(stage.shown.cursor_x, 3);
}
END_TEST

START_TEST(what_is_answered_stands_above_the_composer)
{
    direct_with_alice();
    stage.scene.writing = WRITING_REPLY;
    scene_quote_set(&stage.scene.answered, "alice", 5, "a\nquestion", 10);
    ck_assert_shows("answers alice: a question");
}
END_TEST

START_TEST(a_narrow_screen_shows_one_pane_a_tiny_one_says_so)
{
    direct_with_alice();
    add_message(false, "hello");
    canvas_fini(&stage.canvas);
    ck_assert(canvas_init(&stage.canvas, 40, 12));
    ck_assert_shows("hello");
    stage.scene.focus = FOCUS_CHANNELS;
    stage.scene.channel = (struct place){true, 0};
    ck_assert_hides("hello");
    ck_assert_shows("\u25b6  alice");
    canvas_fini(&stage.canvas);
    ck_assert(canvas_init(&stage.canvas, SCENE_COLUMNS_MIN, SCENE_ROWS_MIN));
    ck_assert_hides("too small");
    canvas_fini(&stage.canvas);
    ck_assert(canvas_init(&stage.canvas, SCENE_COLUMNS_MIN - 1, SCENE_ROWS_MIN));
    ck_assert_shows("too small");
}
END_TEST

START_TEST(every_size_can_be_painted)
{
    forty_messages();
    stage.scene.focus = FOCUS_MESSAGES;
    for (int overlay = OVERLAY_NONE; overlay <= OVERLAY_DELETE; overlay++) {
        stage.scene.overlay = (enum overlay)overlay;
        stage.scene.text = "text";
        stage.scene.text_len = 4;
        for (int columns = 1; columns < 100; columns += 3) {
            for (int rows = 1; rows < 40; rows += 2) {
                canvas_fini(&stage.canvas);
                ck_assert(canvas_init(&stage.canvas, columns, rows));
                scene_paint(&stage.scene, &stage.source, &stage.canvas, 0, NOON_MS, &stage.shown);
                pane_select(&stage.scene, &stage.source, rows % 4 ? -1 : 3);
            }
        }
    }
}
END_TEST

START_TEST(hits_scroll_with_the_choice)
{
    direct_with_alice();
    stage.scene.overlay = OVERLAY_SEARCH;
    stage.scene.searched = true;
    ck_assert_shows("nothing found");
    for (unsigned i = 0; i < SCENE_HITS_MAX; i++) {
        char text[16];

        snprintf(text, sizeof(text), "hit %u.", i);
        stage.scene.hits[i].sent_at_ms = NOON_MS;
        scene_quote_set(&stage.scene.hits[i].quote, "bob", 3, text, strlen(text));
    }
    stage.scene.hits_count = SCENE_HITS_MAX;
    ck_assert_shows("\u25b6 21 Nov 12:00");
    ck_assert_hides("hit 99.");
    stage.scene.hit = 99;
    ck_assert_shows("bob: hit 99.");
    ck_assert_hides("hit 1.");
}
END_TEST

START_TEST(the_help_scrolls_to_its_end)
{
    direct_with_alice();
    stage.scene.overlay = OVERLAY_HELP;
    ck_assert_shows("WRITING");
    stage.scene.overlay_top = 1000;
    ck_assert_shows("do not disturb");
    stage.scene.overlay_top = -5;
    ck_assert_shows("WRITING");
}
END_TEST

static void add_moving(TCase *tcase)
{
    tcase_add_test(tcase, scrolling_up_and_down_comes_back_to_following);
    tcase_add_test(tcase, scrolling_stops_at_the_first_message);
    tcase_add_test(tcase, a_message_is_scrolled_line_by_line);
    tcase_add_test(tcase, the_selected_message_is_kept_in_sight);
    tcase_add_test(tcase, a_place_follows_its_row_through_diffs);
    tcase_add_test(tcase, the_banner_says_why_how_long_and_what_waits);
    tcase_add_test(tcase, presence_is_shown_only_while_it_is_known);
    tcase_add_test(tcase, what_is_written_takes_a_third_of_the_screen_at_most);
    tcase_add_test(tcase, what_is_answered_stands_above_the_composer);
    tcase_add_test(tcase, a_narrow_screen_shows_one_pane_a_tiny_one_says_so);
    tcase_add_test(tcase, every_size_can_be_painted);
    tcase_add_test(tcase, hits_scroll_with_the_choice);
    tcase_add_test(tcase, the_help_scrolls_to_its_end);
}

int main(void)
{
    Suite *suite = suite_create("screen_scene");
    TCase *tcase = tcase_create("all");
    SRunner *runner;
    int failed;

    if (!setlocale(LC_CTYPE, "C.UTF-8"))
        return 77; /* no UTF-8 here: skipped */
    tcase_add_test(tcase, the_list_shows_unread_mentions_draft_and_mute);
    tcase_add_test(tcase, a_long_title_leaves_the_counts_whole);
    tcase_add_test(tcase, the_list_scrolls_with_the_choice);
    tcase_add_test(tcase, the_newest_message_stands_at_the_bottom);
    tcase_add_test(tcase, a_short_conversation_reaches_the_top);
    tcase_add_test(tcase, each_day_begins_with_its_date);
    tcase_add_test(tcase, long_messages_wrap_beneath_their_beginning);
    tcase_add_test(tcase, the_line_of_new_messages_stands_before_the_first);
    tcase_add_test(tcase, all_new_from_the_first_message_on);
    tcase_add_test(tcase, the_line_of_new_messages_is_not_put_where_older_ones_are_missing);
    tcase_add_test(tcase, own_messages_tell_how_far_they_got);
    tcase_add_test(tcase, a_group_names_who_has_seen_the_newest_own_message);
    tcase_add_test(tcase, edited_and_deleted_messages_say_so);
    tcase_add_test(tcase, refused_messages_keep_their_text_and_say_why);
    tcase_add_test(tcase, replies_quote_what_they_answer);
    tcase_add_test(tcase, reactions_stand_under_the_message_own_ones_marked);
    tcase_add_test(tcase, a_gap_says_whether_it_is_being_fetched);
    tcase_add_test(tcase, escapes_and_overrides_in_texts_and_names_are_harmless);
    tcase_add_test(tcase, a_message_of_more_lines_than_are_shown_is_cut);
    add_moving(tcase);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    if (stage.canvas.cells)
        canvas_fini(&stage.canvas);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
