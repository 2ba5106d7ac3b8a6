/*
 * A bot that answers each message to it with the same text: once, whenever and however often it is
 * killed. Shows a cursor that cannot be wrong: the bot answers in order, so its latest answer
 * says how far it got, and that answer is either in the outbox or in the history.
 *
 *   cc echo_bot.c $(pkg-config --cflags --libs libchat) -o echo_bot
 *   CHAT_URL=wss://localhost:8443/ CHAT_TOKEN=... CHAT_CA=ca.pem ./echo_bot
 */
#include <stdio.h>
#include <stdlib.h>

#include <libchat/libchat.h>

#define PAGE 100u

/* 0: no message of this channel was answered yet. */
static uint64_t find_last_answered(chat_conn *conn, uint64_t channel_id)
{
    const struct chat_outgoing *outgoing;
    uint64_t last = 0, start = 0;
    bool is_end = false;
    chat_page *page;

    for (uint32_t i = 0; chat_conn_get_outgoing(conn, i, &outgoing); i++) {
        if (outgoing->channel_id == channel_id && outgoing->reply_to_seq > last)
            last = outgoing->reply_to_seq;
    }
    while (!last && !is_end &&
           chat_conn_read_messages(conn, channel_id, start, PAGE, true, &page) == CHAT_OK) {
        for (size_t i = chat_page_get_count(page); i-- > 0 && !last;) {
            if (chat_page_get_message(page, i)->own)
                last = chat_page_get_message(page, i)->reply_to_seq;
        }
        start = chat_page_get_from_seq(page) - 1;
        is_end = chat_page_reached_start(page);
        if (!last && !is_end && !chat_page_is_complete(page))
            last = start; /* what is before that is not held here any more: leave it be */
        chat_page_free(page);
    }
    return last;
}

static chat_status answer(chat_conn *conn, const struct chat_message *message)
{
    struct chat_content content = CHAT_CONTENT_INIT;
    chat_status status;

    /* Answers are not answered, or two bots would never end. */
    if (message->own || message->deleted || message->reply_to_seq || message->text_len == 0)
        return CHAT_OK;
    content.text = message->text;
    content.text_len = message->text_len;
    content.reply_to_seq = message->seq;
    status = chat_conn_send(conn, message->channel_id, &content, NULL);
    if (status == CHAT_OK) /* it is on the disk: whatever happens now, it will be sent, once */
        printf("answered %llu\n", (unsigned long long)message->seq);
    else
        fprintf(stderr, "echo_bot: %s\n", chat_status_text(status));
    return status;
}

/* May be called at any time, any number of times. */
static void answer_channel(chat_conn *conn, uint64_t channel_id)
{
    uint64_t next = find_last_answered(conn, channel_id) + 1;
    chat_status status = CHAT_OK;
    size_t count = PAGE;
    chat_page *page;

    while (status == CHAT_OK && count == PAGE) {
        status = chat_conn_read_messages(conn, channel_id, next, PAGE, false, &page);
        if (status != CHAT_OK)
            return;
        count = chat_page_get_count(page);
        for (size_t i = 0; i < count && status == CHAT_OK; i++)
            status = answer(conn, chat_page_get_message(page, i));
        next = chat_page_get_to_seq(page) + 1;
        chat_page_free(page);
    }
}

static void answer_all(chat_conn *conn)
{
    const struct chat_channel *channel;
    uint64_t id = 0;

    while ((channel = chat_conn_next_channel(conn, id)) != NULL) {
        id = channel->channel_id;
        answer_channel(conn, id);
    }
}

/* False: there is nothing left to do without a person. */
static bool on_event(chat_conn *conn, const struct chat_event *event)
{
    bool is_live = chat_conn_get_state(conn) == CHAT_CONN_LIVE; /* everything missed is here */

    if ((event->type == CHAT_EVENT_STATE && event->state == CHAT_CONN_LIVE) ||
        (event->type == CHAT_EVENT_REREAD && is_live))
        answer_all(conn);
    else if (event->type == CHAT_EVENT_MESSAGE && is_live)
        answer_channel(conn, event->message->channel_id);
    else if (event->type == CHAT_EVENT_OUTGOING && event->outgoing->state == CHAT_OUTGOING_DONE &&
             is_live)
        answer_channel(conn, event->outgoing->channel_id); /* had the outbox been full */
    else if (event->type == CHAT_EVENT_STATE &&
             (event->state == CHAT_CONN_CLOSED || (event->state == CHAT_CONN_OFFLINE &&
                                                   event->status != CHAT_OK))) /* the token ended */
        return false;
    return true;
}

int main(void)
{
    struct chat_event event = CHAT_EVENT_INIT;
    struct chat_loop_config loop_config;
    struct chat_conn_config config;
    chat_loop *loop = NULL;
    chat_conn *conn = NULL;
    bool goes_on = true;

    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    chat_loop_config_init(&loop_config);
    loop_config.ca_file = getenv("CHAT_CA");
    chat_conn_config_init(&config);
    config.url = getenv("CHAT_URL");
    config.token = getenv("CHAT_TOKEN");
    config.cache_path = "echo_bot.db";
    config.keep_max = 0; /* a bot sees every message, however long it was away */
    if (chat_loop_new(&loop_config, &loop) == CHAT_OK &&
        chat_conn_new(loop, &config, &conn) == CHAT_OK && chat_conn_start(conn) == CHAT_OK) {
        while (goes_on && chat_loop_step(loop, -1) == CHAT_OK)
            while (goes_on && chat_conn_next_event(conn, &event))
                goes_on = on_event(conn, &event);
        fprintf(stderr, "echo_bot: %s\n", chat_conn_last_problem(conn));
    }
    chat_conn_free(conn);
    chat_loop_free(loop);
    return 1;
}
