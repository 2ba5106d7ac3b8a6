#include "replay.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "files.h"

static void on_seen(struct replay *replay, struct view *view, const struct chat_event *event)
{
    if (event->type == CHAT_EVENT_MESSAGE) {
        uint32_t channel = replay_channel(replay, event->message->channel_id);
        if (channel != REPLAY_END)
            view_message(view, channel, event->message);
    } else if (event->type == CHAT_EVENT_GAP) {
        uint32_t channel = replay_channel(replay, event->channel_id);
        if (channel != REPLAY_END)
            view_gap(view, channel, event->from_seq, event->to_seq);
    }
}

static void on_listener_event(struct person *person, const struct chat_event *event)
{
    struct replay *replay = person->user;

    if (event->type == CHAT_EVENT_OPENED && event->ticket == replay->open_ticket) {
        replay->open_ticket = 0;
        if (event->status == CHAT_OK)
            replay->channel_ids[replay->opened++] = event->channel_id;
        else
            snprintf(replay->crowd.problem, sizeof(replay->crowd.problem), "making a group: %s",
                     chat_status_text(event->status));
    } else if (replay->options.verify) {
        on_seen(replay, &replay->live_view, event);
    }
}

static void on_late_event(struct person *person, const struct chat_event *event)
{
    struct replay *replay = person->user;

    on_seen(replay, &replay->late_view, event);
}

static void take_page(struct replay *replay, const chat_page *page)
{
    uint64_t to_seq = chat_page_get_to_seq(page);

    for (size_t i = 0; i < chat_page_get_count(page); i++)
        view_fill(&replay->page_view, replay->page_channel, chat_page_get_message(page, i));
    replay->page_count++;
    if (to_seq >= replay->page_seq)
        replay->page_seq = to_seq + 1;
    if (chat_page_reached_end(page)) {
        replay->page_channel++;
        replay->page_seq = 1;
    }
}

static void on_pager_event(struct person *person, const struct chat_event *event)
{
    struct replay *replay = person->user;

    if (event->type != CHAT_EVENT_HISTORY || event->ticket != replay->page_ticket)
        return;
    replay->page_ticket = 0;
    if (event->status == CHAT_OK && event->page)
        take_page(replay, event->page);
}

static void init_person(struct replay *replay, struct person *person, const char *name,
                        uint32_t number, uint32_t keep_max,
                        void (*handler)(struct person *, const struct chat_event *))
{
    snprintf(person->subject, sizeof(person->subject), "%s-%08x", name, number);
    person->name = name;
    person->keep_max = keep_max;
    person->on_event = handler;
    person->user = replay;
}

void replay_watch_init(struct replay *replay)
{
    uint32_t number = 0;

    /* Users of this run alone, so that no earlier run's groups are in their lists. */
    (void)files_random(&number, sizeof(number));
    init_person(replay, &replay->listener, "replay-listener", number,
                replay->options.verify ? 0 : 1, on_listener_event);
    init_person(replay, &replay->late, "replay-late", number, 0, on_late_event);
    init_person(replay, &replay->pager, "replay-listener", number, 1, on_pager_event);
    view_init(&replay->live_view, "live");
    view_init(&replay->late_view, "late");
    view_init(&replay->page_view, "pages");
    replay->page_seq = 1;
}

void replay_watch_fini(struct replay *replay)
{
    view_fini(&replay->live_view);
    view_fini(&replay->late_view);
    view_fini(&replay->page_view);
}

static void ask_to_open(struct replay *replay)
{
    uint64_t ids[CHAT_GROUP_MEMBERS_MAX];
    const char *title =
        replay->options.title ? replay->options.title : replay->log.channels[replay->opened];
    size_t count = 0;

    for (uint32_t i = 0; i < replay->log.nick_count && count < CHAT_GROUP_MEMBERS_MAX - 1; i++) {
        if (replay->log.nicks[i].channels & (UINT64_C(1) << replay->opened))
            ids[count++] = replay->author_ids[i];
    }
    for (uint32_t i = 0; i < replay->options.member_count && count < CHAT_GROUP_MEMBERS_MAX - 1;
         i++) {
        bool named = false; /* a nick of the log may be a member anyway */
        for (size_t j = 0; j < count; j++)
            named |= ids[j] == replay->members[i].user_id;
        if (!named)
            ids[count++] = replay->members[i].user_id;
    }
    if (replay->options.verify && count < CHAT_GROUP_MEMBERS_MAX - 1)
        ids[count++] = replay->late.user_id;
    if (chat_conn_create_group(replay->listener.conn, title, strlen(title), ids, count,
                               &replay->open_ticket) != CHAT_OK)
        replay->open_ticket = 0;
}

bool replay_watch_open(struct replay *replay)
{
    if (replay->opened < replay->log.channel_count) {
        if (replay->open_ticket == 0)
            ask_to_open(replay);
        return false;
    }
    if (!replay->options.verify || replay->late_away)
        return true;
    for (uint32_t i = 0; i < replay->opened; i++) {
        if (!chat_conn_get_channel(replay->late.conn, replay->channel_ids[i]))
            return false; /* it is to know of the groups before it goes */
    }
    chat_conn_stop(replay->late.conn);
    replay->late_away = true;
    return true;
}

bool replay_watch_live(struct replay *replay) { return replay->live_view.count >= replay->done; }

bool replay_watch_late(struct replay *replay)
{
    if (!replay->late_back)
        replay->late_back = chat_conn_start(replay->late.conn) == CHAT_OK;
    return replay->late_view.count >= replay->done;
}

bool replay_watch_pages(struct replay *replay)
{
    struct person *pager = &replay->pager;
    uint64_t channel_id;

    if (replay->page_channel >= replay->log.channel_count)
        return true;
    channel_id = replay->channel_ids[replay->page_channel];
    if (!pager->conn)
        (void)crowd_arrive(&replay->crowd, pager);
    if (pager->conn && pager->state == CHAT_CONN_LIVE && replay->page_ticket == 0 &&
        chat_conn_get_channel(pager->conn, channel_id) &&
        chat_conn_fetch_history(pager->conn, channel_id, replay->page_seq, CHAT_HISTORY_PAGE_MAX,
                                false, &replay->page_ticket) != CHAT_OK)
        replay->page_ticket = 0;
    return false;
}
