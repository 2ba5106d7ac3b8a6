/* A chat service inside an application, and two clients of it, by the public calls alone. */
#include <check.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libchat/libchat.h>
#include <libchat/server.h>

#define STEPS_MAX 20000

struct person {
    chat_loop *loop;
    chat_conn *conn;
    uint64_t opened_id;
    uint64_t found_id;
    char last_text[64];
    unsigned messages, done;
};

static chat_server *server;
static struct person people[2];

static void start_server(const char *folder)
{
    struct chat_server_config config;

    chat_server_config_init(&config);
    config.data_folder = folder;
    config.shards = 2;
    config.drain_ms = 0;
    ck_assert_int_eq(chat_server_new(&config, &server), CHAT_OK);
    for (int i = 0; i < STEPS_MAX && !chat_server_is_ready(server); i++)
        (void)chat_server_step(server, 10);
    ck_assert(chat_server_is_ready(server));
}

static void stop_server(void)
{
    chat_server_stop(server);
    for (int i = 0; i < STEPS_MAX && chat_server_step(server, 10) == CHAT_OK; i++)
        ;
    ck_assert_int_eq(chat_server_step(server, 0), CHAT_E_STATE);
    chat_server_free(server);
    server = NULL;
}

static void sign_in(struct person *p, const char *name)
{
    struct chat_conn_config config;
    char token[CHAT_TOKEN_MAX + 1], url[64];
    struct chat_loop_config loop;

    memset(p, 0, sizeof(*p));
    ck_assert_int_eq(chat_server_mint_token(server, name, NULL, 60, token, sizeof(token)), CHAT_OK);
    snprintf(url, sizeof(url), "ws://127.0.0.1:%u/", chat_server_get_port(server));
    chat_loop_config_init(&loop);
    ck_assert_int_eq(chat_loop_new(&loop, &p->loop), CHAT_OK);
    chat_conn_config_init(&config);
    config.url = url;
    config.token = token;
    ck_assert_int_eq(chat_conn_new(p->loop, &config, &p->conn), CHAT_OK);
    ck_assert_int_eq(chat_conn_start(p->conn), CHAT_OK);
}

static void sign_out(struct person *p)
{
    chat_conn_free(p->conn);
    chat_loop_free(p->loop);
    memset(p, 0, sizeof(*p));
}

static void take_events(struct person *p)
{
    struct chat_event event = CHAT_EVENT_INIT;

    while (chat_conn_next_event(p->conn, &event)) {
        if (event.type == CHAT_EVENT_MESSAGE) {
            p->messages++;
            snprintf(p->last_text, sizeof(p->last_text), "%s", event.message->text);
        } else if (event.type == CHAT_EVENT_OPENED) {
            p->opened_id = event.channel_id;
        } else if (event.type == CHAT_EVENT_USERS && event.ticket && event.users_count > 0) {
            p->found_id = event.users[0]->user_id;
        } else if (event.type == CHAT_EVENT_OUTGOING &&
                   event.outgoing->state == CHAT_OUTGOING_DONE) {
            p->done++;
        }
    }
}

typedef bool (*condition)(void);

static void until(condition holds)
{
    for (int i = 0; i < STEPS_MAX && !holds(); i++) {
        (void)chat_server_step(server, 1);
        for (int k = 0; k < 2; k++) {
            if (!people[k].conn)
                continue;
            (void)chat_loop_step(people[k].loop, 0);
            take_events(&people[k]);
        }
    }
    ck_assert(holds());
}

static bool both_live(void)
{
    return chat_conn_get_state(people[0].conn) == CHAT_CONN_LIVE &&
           chat_conn_get_state(people[1].conn) == CHAT_CONN_LIVE;
}
static bool found(void) { return people[0].found_id != 0; }
static bool opened(void)
{
    return people[0].opened_id != 0 &&
           chat_conn_get_channel(people[0].conn, people[0].opened_id) != NULL;
}
static bool told(void) { return people[1].messages == 1 && people[0].done == 1; }

static void open_direct(void)
{
    uint64_t ticket;

    until(both_live);
    ck_assert_int_eq(chat_conn_find_user(people[0].conn, "bob", 3, &ticket), CHAT_OK);
    until(found);
    ck_assert_int_eq(chat_conn_open_direct(people[0].conn, people[0].found_id, &ticket), CHAT_OK);
    until(opened);
}

static void say(const char *text)
{
    ck_assert_int_eq(
        chat_conn_send_text(people[0].conn, people[0].opened_id, text, strlen(text), NULL),
        CHAT_OK);
    until(told);
}

START_TEST(two_clients_talk_through_a_server_in_the_application)
{
    start_server(NULL);
    sign_in(&people[0], "alice");
    sign_in(&people[1], "bob");
    open_direct();
    say("hello from inside");

    ck_assert_str_eq(people[1].last_text, "hello from inside");
    sign_out(&people[0]);
    sign_out(&people[1]);
    stop_server();
}
END_TEST

static bool has_history(void)
{
    const struct chat_channel *channel = chat_conn_next_channel(people[0].conn, 0);
    return channel && channel->head_seq == 1 && people[0].messages == 1;
}

START_TEST(what_was_said_is_there_after_a_restart_on_the_same_folder)
{
    char folder[] = "/tmp/libchat-test-XXXXXX", command[64];

    ck_assert_ptr_nonnull(mkdtemp(folder));
    start_server(folder);
    sign_in(&people[0], "alice");
    sign_in(&people[1], "bob");
    open_direct();
    say("kept");
    sign_out(&people[0]);
    sign_out(&people[1]);
    chat_server_free(server); /* at once, not in order */

    start_server(folder);
    sign_in(&people[0], "alice");
    until(has_history);
    ck_assert_str_eq(people[0].last_text, "kept");
    sign_out(&people[0]);
    stop_server();
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
}
END_TEST

static void *stop_from_elsewhere(void *user)
{
    chat_server_request_stop(user);
    return NULL;
}

/* In a loop of the application over the descriptor and the deadline; ended by another thread. */
START_TEST(a_server_is_a_guest_in_poll_and_stops_when_any_thread_says_so)
{
    chat_status status = CHAT_OK;
    pthread_t thread;

    start_server(NULL);
    ck_assert_int_eq(pthread_create(&thread, NULL, stop_from_elsewhere, server), 0);
    for (int i = 0; i < STEPS_MAX && status == CHAT_OK; i++) {
        struct pollfd entry = {.fd = chat_server_get_fd(server), .events = POLLIN};
        int64_t wait_ms = chat_server_get_timeout_ms(server);

        ck_assert_int_ge(entry.fd, 0);
        ck_assert_int_ge(poll(&entry, 1, wait_ms < 0 || wait_ms > 5000 ? 5000 : (int)wait_ms), 0);
        status = chat_server_step(server, 0);
    }
    ck_assert_int_eq(status, CHAT_E_STATE);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    chat_server_free(server);
    server = NULL;
}
END_TEST

START_TEST(metrics_say_how_much_room_they_need)
{
    size_t len = 0;
    char *text;

    start_server(NULL);
    ck_assert_int_eq(chat_server_write_metrics(server, NULL, 0, &len), CHAT_E_TOO_LARGE);
    ck_assert_uint_gt(len, 100);
    text = malloc(len + 4096);
    ck_assert_int_eq(chat_server_write_metrics(server, text, len + 4096, &len), CHAT_OK);
    ck_assert_ptr_nonnull(strstr(text, "# TYPE"));
    free(text);
    stop_server();
}
END_TEST

START_TEST(a_config_that_cannot_work_is_refused)
{
    struct chat_server_config config;

    chat_server_config_init(&config);
    config.cert_file = "cert.pem"; /* without its key */
    ck_assert_int_eq(chat_server_new(&config, &server), CHAT_E_INVALID);
    chat_server_config_init(&config);
    config.shards = 0;
    ck_assert_int_eq(chat_server_new(&config, &server), CHAT_E_INVALID);
    chat_server_config_init(&config);
    config.shards = 17;
    ck_assert_int_eq(chat_server_new(&config, &server), CHAT_E_INVALID);
    chat_server_config_init(&config);
    config.keys = (const uint8_t *)"short";
    config.keys_len = 5;
    ck_assert_int_eq(chat_server_new(&config, &server), CHAT_E_AUTH);
    chat_server_config_init(&config);
    config.size = 8;
    ck_assert_int_eq(chat_server_new(&config, &server), CHAT_E_INVALID);
}
END_TEST

START_TEST(a_secret_may_end_in_any_byte)
{
    struct chat_server_config config;
    uint8_t secret[32];

    memset(secret, 'k', sizeof(secret));
    for (int last = 0; last < 256; last++) {
        chat_server_config_init(&config);
        secret[31] = (uint8_t)last;
        config.keys = secret;
        config.keys_len = sizeof(secret);
        ck_assert_msg(chat_server_new(&config, &server) == CHAT_OK, "0x%02x", last);
        chat_server_free(server);
    }
    server = NULL;
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("server");
    TCase *all = tcase_create("all");

    tcase_set_timeout(all, 120);
    tcase_add_test(all, two_clients_talk_through_a_server_in_the_application);
    tcase_add_test(all, what_was_said_is_there_after_a_restart_on_the_same_folder);
    tcase_add_test(all, a_server_is_a_guest_in_poll_and_stops_when_any_thread_says_so);
    tcase_add_test(all, metrics_say_how_much_room_they_need);
    tcase_add_test(all, a_config_that_cannot_work_is_refused);
    tcase_add_test(all, a_secret_may_end_in_any_byte);
    suite_add_tcase(suite, all);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
