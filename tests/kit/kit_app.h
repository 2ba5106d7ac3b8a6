/*
 * kit_app: a small application under test, as one is written with libchat: a loop, a conn, and
 * what it shows. Everything in it is the public API.
 */
#ifndef CHAT_TESTS_KIT_APP_H
#define CHAT_TESTS_KIT_APP_H

#include <check.h>
#include <string.h>

#include <libchat/libchat.h>
#include <libchat/testkit.h>

#define APP_WAIT_MS 120000
#define APP_SHOWN_MAX 4096u

struct app {
    chat_testkit *kit;
    chat_testkit_device *device;
    const char *subject;
    const char *cache; /* NULL: in memory */
    const struct chat_allocator *allocator;
    bool deaf;    /* gives no token when asked */
    bool lenient; /* a token that is not taken is no failure of the test */
    chat_loop *loop;
    chat_conn *conn;

    /* What came. */
    uint32_t messages, gaps, resets, rereads, done, refused, token_asks, cache_events, backoffs;
    chat_status last_status; /* of the last STATE that had one */
    uint32_t last_retry_ms;
    chat_status cache_status;
    uint64_t last_seq; /* of `channel` */
    uint64_t channel;  /* the one watched for order, 0: none */
    bool out_of_order;
    struct chat_nonce shown[APP_SHOWN_MAX]; /* of messages, in order */
};

static inline void app_token(struct app *app, int64_t life_s)
{
    char token[CHAT_TOKEN_MAX + 1];
    chat_status status;

    ck_assert_int_eq(
        chat_testkit_mint_token(app->kit, app->subject, NULL, life_s, token, sizeof(token)),
        CHAT_OK);
    status = chat_conn_set_token(app->conn, token, strlen(token));
    ck_assert(status == CHAT_OK || app->lenient);
}

static inline void app_on_message(struct app *app, const struct chat_message *message)
{
    if (app->messages < APP_SHOWN_MAX)
        app->shown[app->messages] = message->nonce;
    app->messages++;
    if (message->channel_id != app->channel)
        return;
    if (message->seq != app->last_seq + 1)
        app->out_of_order = true;
    app->last_seq = message->seq;
}

static inline void app_on_state(struct app *app, const struct chat_event *event)
{
    if (event->status != CHAT_OK)
        app->last_status = event->status;
    if (event->state == CHAT_CONN_BACKING_OFF) {
        app->backoffs++;
        app->last_retry_ms = event->retry_after_ms;
    }
}

static inline void app_on_event(struct app *app, const struct chat_event *event)
{
    switch ((int)event->type) { /* those it does not know it leaves alone */
    case CHAT_EVENT_STATE: app_on_state(app, event); break;
    case CHAT_EVENT_NEED_TOKEN:
        app->token_asks++;
        if (!app->deaf)
            app_token(app, 3600);
        break;
    case CHAT_EVENT_MESSAGE: app_on_message(app, event->message); break;
    case CHAT_EVENT_GAP: app->gaps++; break;
    case CHAT_EVENT_REREAD: app->rereads++; break;
    case CHAT_EVENT_CHANNEL_RESET:
        app->resets++;
        app->last_seq = 0;
        break;
    case CHAT_EVENT_OUTGOING:
        app->done += event->outgoing->state == CHAT_OUTGOING_DONE;
        app->refused += event->outgoing->state == CHAT_OUTGOING_REFUSED;
        break;
    case CHAT_EVENT_CACHE:
        app->cache_events++;
        app->cache_status = event->status;
        break;
    default: break;
    }
}

static inline void app_pull(struct app *app)
{
    struct chat_event event = CHAT_EVENT_INIT;

    while (app->conn && chat_conn_next_event(app->conn, &event))
        app_on_event(app, &event);
}

static inline void app_on_step(chat_loop *loop, void *user)
{
    (void)loop;
    app_pull(user);
}

/* Opens loop and conn, as far as it goes; the status is the caller's to judge. */
static inline chat_status app_try_open(struct app *app)
{
    struct chat_loop_config loop_config;
    struct chat_conn_config config;
    chat_status status;

    chat_loop_config_init(&loop_config);
    loop_config.transport = chat_testkit_device_get_transport(app->device);
    loop_config.allocator = app->allocator;
    status = chat_loop_new(&loop_config, &app->loop);
    if (status != CHAT_OK)
        return status;
    chat_conn_config_init(&config);
    config.allocator = app->allocator;
    config.url = "wss://chat.example/";
    config.cache_path = app->cache;
    config.cache_vfs = app->cache ? chat_testkit_device_get_vfs(app->device) : NULL;
    config.client = "kit-test/1";
    status = chat_conn_new(app->loop, &config, &app->conn);
    ck_assert_int_eq(chat_testkit_device_attach(app->device, app->loop, app_on_step, app), CHAT_OK);
    return status;
}

static inline void app_open(struct app *app)
{
    ck_assert_int_eq(app_try_open(app), CHAT_OK);
    ck_assert_int_eq(chat_conn_start(app->conn), CHAT_OK);
}

static inline void app_close(struct app *app)
{
    (void)chat_testkit_device_attach(app->device, NULL, NULL, NULL);
    chat_conn_free(app->conn);
    chat_loop_free(app->loop);
    app->conn = NULL;
    app->loop = NULL;
}

static inline void app_init(struct app *app, chat_testkit *kit, const char *device,
                            const char *subject, const char *cache)
{
    *app = (struct app){.kit = kit, .subject = subject, .cache = cache};
    ck_assert_int_eq(chat_testkit_device_new(kit, device, &app->device), CHAT_OK);
}

static inline void app_live(struct app *app)
{
    ck_assert_int_eq(chat_testkit_wait_live(app->kit, app->conn, APP_WAIT_MS), CHAT_OK);
}

static inline struct chat_nonce app_send(struct app *app, uint64_t channel_id, const char *text)
{
    struct chat_nonce nonce;

    ck_assert_int_eq(chat_conn_send_text(app->conn, channel_id, text, strlen(text), &nonce),
                     CHAT_OK);
    return nonce;
}

static inline void app_has(struct app *app, uint64_t channel_id, uint64_t seq)
{
    ck_assert_int_eq(chat_testkit_wait_delivered(app->kit, app->conn, channel_id, seq, APP_WAIT_MS),
                     CHAT_OK);
}

static inline chat_testkit *new_kit(uint64_t seed)
{
    struct chat_testkit_config config;
    chat_testkit *kit;

    chat_testkit_config_init(&config);
    config.seed = seed;
    ck_assert_int_eq(chat_testkit_new(&config, &kit), CHAT_OK);
    return kit;
}

static inline uint64_t count_of(chat_testkit *kit, uint64_t channel_id)
{
    uint64_t count = 0;

    ck_assert_int_eq(chat_testkit_count_messages(kit, channel_id, &count), CHAT_OK);
    return count;
}

#endif
