/*
 * A program that was compiled against the first headers goes on working: every struct with a
 * `size` is here as it was then, and is handed over as that program does. A field that moves
 * does not compile; a library that reads or writes behind the older end is caught by what
 * lies there.
 */
#include <check.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <libchat/codec.h>
#include <libchat/libchat.h>
#include <libchat/server.h>
#include <libchat/testkit.h>

#define WAIT_MS 60000
#define GUARD 0xee

/* The older struct `was` is the beginning of `now`, up to and with its last field. */
#define SAME(was, now, field)                                                                      \
    _Static_assert(offsetof(struct was, field) == offsetof(struct now, field) &&                   \
                       sizeof(((struct was *)0)->field) == sizeof(((struct now *)0)->field),       \
                   #now "." #field " has moved")

/* --- as they were --- */

struct was_loop_config {
    size_t size;
    struct chat_transport *transport;
    const struct chat_allocator *allocator;
    const struct chat_logger *logger;
    const char *ca_file;
};
SAME(was_loop_config, chat_loop_config, transport);
SAME(was_loop_config, chat_loop_config, allocator);
SAME(was_loop_config, chat_loop_config, logger);
SAME(was_loop_config, chat_loop_config, ca_file);

struct was_conn_config {
    size_t size;
    const char *url, *token, *cache_path, *cache_vfs, *client;
    const struct chat_allocator *allocator;
    const struct chat_logger *logger;
    uint64_t seed;
    uint32_t outbox_max, events_max, requests_max, keep_max;
    uint32_t connect_timeout_ms, request_timeout_ms, backoff_base_ms, backoff_max_ms;
    chat_presence_state presence;
};
SAME(was_conn_config, chat_conn_config, url);
SAME(was_conn_config, chat_conn_config, token);
SAME(was_conn_config, chat_conn_config, cache_path);
SAME(was_conn_config, chat_conn_config, cache_vfs);
SAME(was_conn_config, chat_conn_config, client);
SAME(was_conn_config, chat_conn_config, allocator);
SAME(was_conn_config, chat_conn_config, logger);
SAME(was_conn_config, chat_conn_config, seed);
SAME(was_conn_config, chat_conn_config, outbox_max);
SAME(was_conn_config, chat_conn_config, events_max);
SAME(was_conn_config, chat_conn_config, requests_max);
SAME(was_conn_config, chat_conn_config, keep_max);
SAME(was_conn_config, chat_conn_config, connect_timeout_ms);
SAME(was_conn_config, chat_conn_config, request_timeout_ms);
SAME(was_conn_config, chat_conn_config, backoff_base_ms);
SAME(was_conn_config, chat_conn_config, backoff_max_ms);
SAME(was_conn_config, chat_conn_config, presence);

struct was_event {
    size_t size;
    chat_event_type type;
    chat_status status;
    chat_conn_state state;
    uint32_t retry_after_ms;
    uint64_t ticket, channel_id, home_id, from_seq, to_seq;
    const struct chat_channel *channel;
    const struct chat_message *message;
};
SAME(was_event, chat_event, type);
SAME(was_event, chat_event, status);
SAME(was_event, chat_event, state);
SAME(was_event, chat_event, retry_after_ms);
SAME(was_event, chat_event, ticket);
SAME(was_event, chat_event, channel_id);
SAME(was_event, chat_event, home_id);
SAME(was_event, chat_event, from_seq);
SAME(was_event, chat_event, to_seq);
SAME(was_event, chat_event, channel);
SAME(was_event, chat_event, message);

struct was_content {
    size_t size;
    const char *text;
    size_t text_len;
};
SAME(was_content, chat_content, text);
SAME(was_content, chat_content, text_len);

struct was_view_config {
    size_t size;
    void *user;
    bool only_unread;
    uint32_t rows, rows_max;
    uint64_t around_seq;
};
SAME(was_view_config, chat_view_config, user);
SAME(was_view_config, chat_view_config, only_unread);
SAME(was_view_config, chat_view_config, rows);
SAME(was_view_config, chat_view_config, rows_max);
SAME(was_view_config, chat_view_config, around_seq);

struct was_diff {
    size_t size;
    chat_diff_type type;
    uint32_t index, to_index;
    uint64_t key;
};
SAME(was_diff, chat_diff, type);
SAME(was_diff, chat_diff, index);
SAME(was_diff, chat_diff, to_index);
SAME(was_diff, chat_diff, key);

struct was_transport {
    size_t size;
    void *self;
    chat_status (*start)(void *, const struct chat_transport_sink *);
    chat_status (*connect)(void *, uint64_t, const struct chat_connect *);
    chat_status (*send)(void *, uint64_t, const struct chat_buffer *, size_t, bool *);
    void (*close)(void *, uint64_t, uint16_t, const char *, size_t);
    chat_status (*pump)(void *, int64_t);
    int (*get_fd)(void *);
    int64_t (*get_deadline_ms)(void *);
    void (*wake)(void *);
    void (*now)(void *, int64_t *, int64_t *);
    chat_status (*random)(void *, uint8_t *, size_t);
};
SAME(was_transport, chat_transport, self);
SAME(was_transport, chat_transport, start);
SAME(was_transport, chat_transport, connect);
SAME(was_transport, chat_transport, send);
SAME(was_transport, chat_transport, close);
SAME(was_transport, chat_transport, pump);
SAME(was_transport, chat_transport, get_fd);
SAME(was_transport, chat_transport, get_deadline_ms);
SAME(was_transport, chat_transport, wake);
SAME(was_transport, chat_transport, now);
SAME(was_transport, chat_transport, random);

struct was_sink {
    size_t size;
    void *user;
    void (*on_opened)(uint64_t, void *);
    void (*on_message)(uint64_t, const uint8_t *, size_t, void *);
    void (*on_drained)(uint64_t, void *);
    void (*on_closed)(uint64_t, chat_status, uint16_t, const char *, size_t, void *);
};
SAME(was_sink, chat_transport_sink, user);
SAME(was_sink, chat_transport_sink, on_opened);
SAME(was_sink, chat_transport_sink, on_message);
SAME(was_sink, chat_transport_sink, on_drained);
SAME(was_sink, chat_transport_sink, on_closed);

struct was_connect {
    size_t size;
    const char *url, *subprotocol, *authorization;
    size_t message_max;
    int64_t timeout_ms;
};
SAME(was_connect, chat_connect, url);
SAME(was_connect, chat_connect, subprotocol);
SAME(was_connect, chat_connect, authorization);
SAME(was_connect, chat_connect, message_max);
SAME(was_connect, chat_connect, timeout_ms);

struct was_transport_ws_config {
    size_t size;
    const struct chat_allocator *allocator;
    const struct chat_logger *logger;
    const char *ca_file;
    uint32_t links_max, close_timeout_ms;
    const char *dns_servers;
};
SAME(was_transport_ws_config, chat_transport_ws_config, allocator);
SAME(was_transport_ws_config, chat_transport_ws_config, logger);
SAME(was_transport_ws_config, chat_transport_ws_config, ca_file);
SAME(was_transport_ws_config, chat_transport_ws_config, links_max);
SAME(was_transport_ws_config, chat_transport_ws_config, close_timeout_ms);
SAME(was_transport_ws_config, chat_transport_ws_config, dns_servers);

struct was_codec_reader_config {
    size_t size;
    chat_codec_side side;
    const struct chat_allocator *allocator;
    size_t message_max, memory_max;
};
SAME(was_codec_reader_config, chat_codec_reader_config, side);
SAME(was_codec_reader_config, chat_codec_reader_config, allocator);
SAME(was_codec_reader_config, chat_codec_reader_config, message_max);
SAME(was_codec_reader_config, chat_codec_reader_config, memory_max);

struct was_server_config {
    size_t size;
    const struct chat_allocator *allocator;
    const struct chat_logger *logger;
    const char *data_folder;
    uint32_t shards;
    const char *address;
    uint16_t port;
    const char *cert_file, *key_file, *issuer, *audience;
    chat_server_keys keys_format;
    const uint8_t *keys;
    size_t keys_len;
    uint32_t sessions_max, operations_per_second;
    int64_t drain_ms;
};
SAME(was_server_config, chat_server_config, allocator);
SAME(was_server_config, chat_server_config, logger);
SAME(was_server_config, chat_server_config, data_folder);
SAME(was_server_config, chat_server_config, shards);
SAME(was_server_config, chat_server_config, address);
SAME(was_server_config, chat_server_config, port);
SAME(was_server_config, chat_server_config, cert_file);
SAME(was_server_config, chat_server_config, key_file);
SAME(was_server_config, chat_server_config, issuer);
SAME(was_server_config, chat_server_config, audience);
SAME(was_server_config, chat_server_config, keys_format);
SAME(was_server_config, chat_server_config, keys);
SAME(was_server_config, chat_server_config, keys_len);
SAME(was_server_config, chat_server_config, sessions_max);
SAME(was_server_config, chat_server_config, operations_per_second);
SAME(was_server_config, chat_server_config, drain_ms);

struct was_testkit_config {
    size_t size;
    const struct chat_allocator *allocator;
    const struct chat_logger *logger;
    uint64_t seed;
    uint32_t delay_ms, shards, operations_per_second;
};
SAME(was_testkit_config, chat_testkit_config, allocator);
SAME(was_testkit_config, chat_testkit_config, logger);
SAME(was_testkit_config, chat_testkit_config, seed);
SAME(was_testkit_config, chat_testkit_config, delay_ms);
SAME(was_testkit_config, chat_testkit_config, shards);
SAME(was_testkit_config, chat_testkit_config, operations_per_second);

/* --- handed over --- */

/*
 * Makes `name` (its bytes, and guards behind) and fills it in by the library, as the inline
 * function of the older header did. Ends the test when more than it was written.
 */
#define OLDER_CONFIG(was, now, name, init_sized)                                                   \
    union {                                                                                        \
        struct was older;                                                                          \
        struct now whole;                                                                          \
        uint8_t bytes[sizeof(struct now) + 8];                                                     \
    } name;                                                                                        \
    memset(&(name), GUARD, sizeof(name));                                                          \
    init_sized(&(name).whole, sizeof((name).older));                                               \
    ck_assert_uint_eq((name).older.size, sizeof((name).older));                                    \
    ck_guards((name).bytes, sizeof((name).older), sizeof(name))

/* It is taken as it is; shorter than the first one ever was, or longer than this library knows,
 * it is refused. */
#define CK_SIZES(name, expression, out, release)                                                   \
    do {                                                                                           \
        ck_assert_int_eq(expression, CHAT_OK);                                                     \
        release(out);                                                                              \
        (name).older.size = sizeof((name).older.size);                                             \
        ck_assert_int_eq(expression, CHAT_E_INVALID);                                              \
        (name).older.size = sizeof((name).whole) + 8;                                              \
        ck_assert_int_eq(expression, CHAT_E_INVALID);                                              \
    } while (0)

static chat_testkit *kit;
static chat_testkit_device *phone;

static void ck_guards(const uint8_t *bytes, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        ck_assert_uint_eq(bytes[i], GUARD);
}

static void setup(void)
{
    OLDER_CONFIG(was_testkit_config, chat_testkit_config, config, chat_testkit_config_init_sized);

    ck_assert_int_eq(chat_testkit_new(&config.whole, &kit), CHAT_OK);
    ck_assert_int_eq(chat_testkit_device_new(kit, "phone", &phone), CHAT_OK);
}

static void teardown(void) { chat_testkit_free(kit); }

START_TEST(configs_of_libraries_are_taken_as_they_were)
{
    struct chat_transport *transport;
    chat_codec_reader *reader;
    chat_testkit *other;
    chat_server *server;

    OLDER_CONFIG(was_testkit_config, chat_testkit_config, testkit, chat_testkit_config_init_sized);
    CK_SIZES(testkit, chat_testkit_new(&testkit.whole, &other), other, chat_testkit_free);
    OLDER_CONFIG(was_server_config, chat_server_config, served, chat_server_config_init_sized);
    CK_SIZES(served, chat_server_new(&served.whole, &server), server, chat_server_free);
    OLDER_CONFIG(was_codec_reader_config, chat_codec_reader_config, read,
                 chat_codec_reader_config_init_sized);
    CK_SIZES(read, chat_codec_reader_new(&read.whole, &reader), reader, chat_codec_reader_free);
    OLDER_CONFIG(was_transport_ws_config, chat_transport_ws_config, ws,
                 chat_transport_ws_config_init_sized);
    CK_SIZES(ws, chat_transport_ws_new(&ws.whole, &transport), transport, chat_transport_free);
}
END_TEST

static void on_opened(uint64_t link, void *user) { (void)link, (void)user; }
static void on_message(uint64_t link, const uint8_t *bytes, size_t len, void *user)
{
    (void)link, (void)bytes, (void)len, (void)user;
}
static void on_closed(uint64_t link, chat_status status, uint16_t code, const char *reason,
                      size_t reason_len, void *user)
{
    (void)status, (void)code, (void)reason, (void)reason_len;
    *(uint64_t *)user = link;
}

/* An older loop on a newer transport. */
START_TEST(a_transport_serves_an_older_loop)
{
    union {
        struct was_sink older;
        struct chat_transport_sink whole;
    } sink;
    union {
        struct was_connect older;
        struct chat_connect whole;
    } to;
    struct chat_transport_ws_config config;
    struct chat_transport *t;
    uint64_t closed = 0;

    memset(&sink, GUARD, sizeof(sink)); /* whoever calls what is behind the end crashes */
    memset(&to, GUARD, sizeof(to));
    sink.older =
        (struct was_sink){sizeof(sink.older), &closed, on_opened, on_message, on_opened, on_closed};
    to.older =
        (struct was_connect){sizeof(to.older), "ws://127.0.0.1:1/", "libchat.v1", NULL, 1000, 5000};
    chat_transport_ws_config_init(&config);
    ck_assert_int_eq(chat_transport_ws_new(&config, &t), CHAT_OK);
    ck_assert_int_eq(t->start(t->self, &sink.whole), CHAT_OK);
    ck_assert_int_eq(t->connect(t->self, 7, &to.whole), CHAT_OK);
    for (int i = 0; i < 1000 && !closed; i++)
        ck_assert_int_eq(t->pump(t->self, 10), CHAT_OK);
    ck_assert_uint_eq(closed, 7); /* nobody listens there */
    chat_transport_free(t);
}
END_TEST

/* --- a whole older application --- */

struct older_app {
    /* A transport of its own, older than pause() and now_us(), without free(). */
    union {
        struct was_transport older;
        struct chat_transport whole;
    } transport;
    chat_loop *loop;
    chat_conn *conn;
    unsigned events, messages;
};

static void app_turn(chat_loop *loop, void *user)
{
    struct older_app *app = user;
    union {
        struct was_event older;
        struct chat_event whole;
    } event;

    (void)loop;
    memset(&event, GUARD, sizeof(event));
    event.older.size = sizeof(event.older);
    while (chat_conn_next_event(app->conn, &event.whole)) {
        ck_assert_uint_eq(event.older.size, sizeof(event.older));
        ck_guards((const uint8_t *)&event, sizeof(event.older), sizeof(event));
        app->events++;
        app->messages += event.older.type == CHAT_EVENT_MESSAGE;
    }
}

static void app_open(struct older_app *app)
{
    char token[CHAT_TOKEN_MAX + 1];

    OLDER_CONFIG(was_loop_config, chat_loop_config, loop, chat_loop_config_init_sized);
    OLDER_CONFIG(was_conn_config, chat_conn_config, conn, chat_conn_config_init_sized);
    memset(app, 0, sizeof(*app));
    memset(&app->transport, GUARD, sizeof(app->transport));
    memcpy(&app->transport, chat_testkit_device_get_transport(phone), sizeof(app->transport.older));
    app->transport.older.size = sizeof(app->transport.older);
    loop.older.transport = &app->transport.whole;
    CK_SIZES(loop, chat_loop_new(&loop.whole, &app->loop), app->loop, chat_loop_free);
    loop.older.size = sizeof(loop.older);
    ck_assert_int_eq(chat_loop_new(&loop.whole, &app->loop), CHAT_OK);

    ck_assert_int_eq(chat_testkit_mint_token(kit, "ann", NULL, 3600, token, sizeof(token)),
                     CHAT_OK);
    conn.older.url = "wss://chat.example/";
    conn.older.token = token;
    CK_SIZES(conn, chat_conn_new(app->loop, &conn.whole, &app->conn), app->conn, chat_conn_free);
    conn.older.size = sizeof(conn.older);
    ck_assert_int_eq(chat_conn_new(app->loop, &conn.whole, &app->conn), CHAT_OK);
    ck_assert_ptr_null(chat_conn_get_context(app->conn)); /* fields it does not have: defaults */
    ck_assert_int_eq(chat_conn_start(app->conn), CHAT_OK);
    ck_assert_int_eq(chat_testkit_device_attach(phone, app->loop, app_turn, app), CHAT_OK);
}

static unsigned view_steps(chat_view *view)
{
    union {
        struct was_diff older;
        struct chat_diff whole;
    } diff;
    unsigned count = 0;

    memset(&diff, GUARD, sizeof(diff));
    diff.older.size = sizeof(diff.older);
    while (chat_view_next_diff(view, &diff.whole)) {
        ck_assert_uint_eq(diff.older.size, sizeof(diff.older));
        ck_guards((const uint8_t *)&diff, sizeof(diff.older), sizeof(diff));
        count++;
    }
    return count;
}

START_TEST(an_older_application_signs_in_sends_and_shows)
{
    struct older_app app;
    uint64_t channel;
    chat_view *view;
    union {
        struct was_content older;
        struct chat_content whole;
    } content;

    OLDER_CONFIG(was_view_config, chat_view_config, config, chat_view_config_init_sized);
    app_open(&app);
    ck_assert_int_eq(chat_testkit_wait_live(kit, app.conn, WAIT_MS), CHAT_OK);
    ck_assert_int_eq(chat_testkit_open_direct(kit, "ann", "bob", &channel), CHAT_OK);
    ck_assert_int_eq(chat_testkit_post(kit, channel, "bob", "hello", NULL), CHAT_OK);

    memset(&content, GUARD, sizeof(content));
    content.older = (struct was_content){sizeof(content.older), "good day", 8};
    ck_assert_int_eq(chat_conn_send(app.conn, channel, &content.whole, NULL), CHAT_OK);
    ck_assert_int_eq(chat_testkit_wait_sent(kit, app.conn, WAIT_MS), CHAT_OK);
    ck_assert_int_eq(chat_testkit_wait_delivered(kit, app.conn, channel, 2, WAIT_MS), CHAT_OK);
    ck_assert_uint_eq(app.messages, 2);

    CK_SIZES(config, chat_view_open_messages(app.conn, channel, &config.whole, &view), view,
             chat_view_free);
    config.older.size = sizeof(config.older);
    ck_assert_int_eq(chat_view_open_messages(app.conn, channel, &config.whole, &view), CHAT_OK);
    ck_assert_uint_ge(view_steps(view), 2);
    chat_view_free(view);

    ck_assert_int_eq(chat_testkit_device_attach(phone, NULL, NULL, NULL), CHAT_OK);
    chat_conn_free(app.conn);
    chat_loop_free(app.loop);
    chat_transport_free(&app.transport.whole); /* it has none */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("older");
    TCase *all = tcase_create("all");

    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_test(all, configs_of_libraries_are_taken_as_they_were);
    tcase_add_test(all, a_transport_serves_an_older_loop);
    tcase_add_test(all, an_older_application_signs_in_sends_and_shows);
    suite_add_tcase(suite, all);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
