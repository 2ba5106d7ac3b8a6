#include "stage.h"

#include <libchat/close.h>

#include "../support/sound_db.h"

#define MINE "mine"

/* --- what the app does, whether it succeeds or not --- */

static void advance(struct stage *s, int64_t ms)
{
    ck_assert_int_eq(chat_testkit_advance(s->kit, ms), CHAT_OK);
}

static void send_to(struct stage *s, uint64_t channel_id)
{
    if (s->app.conn)
        s->accepted +=
            chat_conn_send_text(s->app.conn, channel_id, MINE, strlen(MINE), NULL) == CHAT_OK;
}

static void post(struct stage *s, uint64_t channel_id, int count)
{
    for (int i = 0; i < count; i++)
        ck_assert_int_eq(chat_testkit_post(s->kit, channel_id, "bob", "theirs", NULL), CHAT_OK);
}

static chat_conn *bob(struct stage *s)
{
    chat_conn *conn = NULL;

    ck_assert_int_eq(chat_testkit_get_conn(s->kit, "bob", &conn), CHAT_OK);
    return conn;
}

static void go_offline(struct stage *s)
{
    ck_assert_int_eq(chat_testkit_set_online(s->kit, s->app.device, false), CHAT_OK);
    advance(s, 10);
}

static void go_online(struct stage *s)
{
    ck_assert_int_eq(chat_testkit_set_online(s->kit, s->app.device, true), CHAT_OK);
    if (s->app.conn)
        chat_conn_network_changed(s->app.conn);
    advance(s, 500);
}

static void stop(struct stage *s) { app_close(&s->app); }

static void start(struct stage *s)
{
    if (app_try_open(&s->app) == CHAT_OK)
        (void)chat_conn_start(s->app.conn);
    advance(s, 500);
}

static void nothing(struct stage *s) { (void)s; }

/* --- scenes --- */

static void forget_cache(struct stage *s)
{
    stop(s);
    s->app.cache = "new.db";
}

static void send_live(struct stage *s)
{
    send_to(s, s->direct);
    advance(s, 50);
    send_to(s, s->group);
    advance(s, 50);
}

static void send_offline(struct stage *s)
{
    for (int i = 0; i < 4; i++)
        send_to(s, i % 2 ? s->direct : s->group);
    go_online(s);
}

static void receive(struct stage *s)
{
    post(s, s->direct, 3);
    advance(s, 50);
    post(s, s->group, 2);
    advance(s, 50);
}

static void miss_some(struct stage *s)
{
    go_offline(s);
    post(s, s->direct, 30);
    post(s, s->group, 5);
}

static void have_sent(struct stage *s)
{
    send_to(s, s->direct);
    ck_assert_int_eq(chat_testkit_wait_sent(s->kit, s->app.conn, APP_WAIT_MS), CHAT_OK);
    app_has(&s->app, s->direct, 3);
}

static void edit(struct stage *s)
{
    if (chat_conn_edit_text(s->app.conn, s->direct, 3, "edited", 6, NULL) == CHAT_OK)
        s->accepted--; /* its text is another one */
    advance(s, 50);
}

static void delete_and_send(struct stage *s)
{
    if (chat_conn_delete(s->app.conn, s->direct, 3, NULL) == CHAT_OK)
        s->accepted--; /* its text is gone */
    advance(s, 50);
    send_to(s, s->direct);
    advance(s, 50);
}

static void mark_read(struct stage *s)
{
    if (chat_conn_mark_read(s->app.conn, s->direct, 2) == CHAT_OK)
        s->marked_seq = 2;
    (void)chat_conn_mark_read(s->app.conn, s->group, 2);
    advance(s, 50);
}

static void fetch(struct stage *s)
{
    uint64_t ticket, ids[1] = {chat_conn_get_user_id(bob(s))};

    (void)!chat_conn_fetch_history(s->app.conn, s->direct, 0, 50, true, &ticket);
    (void)!chat_conn_fetch_users(s->app.conn, ids, 1, &ticket);
    (void)!chat_conn_fetch_members(s->app.conn, s->group, 0, 50, &ticket);
    advance(s, 50);
}

static void read_cache(struct stage *s)
{
    chat_page *page;

    for (uint64_t seq = 0; seq < 3; seq++) {
        if (chat_conn_read_messages(s->app.conn, s->direct, seq, 10, seq == 0, &page) == CHAT_OK)
            chat_page_free(page);
        (void)chat_conn_get_user(s->app.conn, chat_conn_get_user_id(bob(s)));
    }
}

static void join_another(struct stage *s)
{
    static const char *const others[] = {"alice"};
    uint64_t another;

    ck_assert_int_eq(chat_testkit_create_group(s->kit, "bob", "new", others, 1, &another), CHAT_OK);
    post(s, another, 2);
    advance(s, 100);
    send_to(s, s->direct);
    advance(s, 50);
}

static void be_removed(struct stage *s)
{
    const struct chat_channel *channel = chat_conn_get_channel(bob(s), s->group);
    uint64_t ticket;

    ck_assert_int_eq(chat_conn_set_member(bob(s), channel->home_id,
                                          chat_conn_get_user_id(s->app.conn), 0, &ticket),
                     CHAT_OK);
    s->group = 0;
    advance(s, 100);
    send_to(s, s->direct);
    advance(s, 50);
}

static void be_refused(struct stage *s)
{
    const struct chat_outgoing *outgoing;
    struct chat_nonce nonce;

    (void)!chat_conn_edit_text(s->app.conn, s->direct, 1, "forged", 6, NULL);
    send_to(s, s->direct);
    advance(s, 100);
    if (!chat_conn_get_outgoing(s->app.conn, 0, &outgoing) ||
        outgoing->state != CHAT_OUTGOING_REFUSED)
        return;
    nonce = outgoing->nonce;
    if (chat_conn_resend(s->app.conn, &nonce, &nonce) == CHAT_OK)
        advance(s, 100);
    (void)chat_conn_discard(s->app.conn, &nonce);
    advance(s, 50);
}

static void keep_backup(struct stage *s)
{
    ck_assert_int_eq(chat_testkit_server_backup(s->kit), CHAT_OK);
    post(s, s->direct, 3);
    app_has(&s->app, s->direct, 5);
}

static void be_restored(struct stage *s)
{
    s->is_rewritten = true;
    ck_assert_int_eq(chat_testkit_server_restore(s->kit), CHAT_OK);
    advance(s, 3000);
    send_to(s, s->direct);
    advance(s, 200);
}

static void sleep_and_wake(struct stage *s)
{
    chat_conn_suspend(s->app.conn);
    post(s, s->direct, 2);
    advance(s, 1000);
    chat_conn_resume(s->app.conn);
    advance(s, 200);
    send_to(s, s->direct);
    advance(s, 50);
}

static void flush(struct stage *s)
{
    send_to(s, s->direct);
    (void)chat_conn_flush(s->app.conn);
    advance(s, 50);
    (void)chat_conn_flush(s->app.conn);
}

static void lose_links(struct stage *s)
{
    for (int i = 0; i < 3; i++) {
        send_to(s, s->direct);
        ck_assert_int_eq(chat_testkit_drop_links(s->kit, s->app.device), CHAT_OK);
        post(s, s->direct, 1);
        advance(s, 700);
    }
}

static void lose_answer(struct stage *s)
{
    ck_assert_int_eq(chat_testkit_drop_after(s->kit, s->app.device, 0), CHAT_OK);
    send_to(s, s->direct);
    advance(s, 1500);
}

static void need_token(struct stage *s)
{
    ck_assert_int_eq(chat_testkit_close_links(s->kit, s->app.device, CHAT_CLOSE_REVOKED), CHAT_OK);
    advance(s, 500);
    send_to(s, s->direct);
    advance(s, 100);
}

static void hear_changes(struct stage *s)
{
    chat_conn *conn = bob(s);

    ck_assert_int_eq(chat_conn_edit_text(conn, s->direct, 1, "edited", 6, NULL), CHAT_OK);
    ck_assert_int_eq(chat_conn_delete(conn, s->direct, 2, NULL), CHAT_OK);
    ck_assert_int_eq(chat_testkit_wait_sent(s->kit, conn, APP_WAIT_MS), CHAT_OK);
    advance(s, 100);
}

static void live_on(struct stage *s)
{
    hear_changes(s);
    need_token(s);
    stop(s);
    start(s);
    send_to(s, s->group);
    advance(s, 100);
}

const struct scene scenes[SCENES] = {
    {"opening", stop, start, false},
    {"the first opening", forget_cache, start, false},
    {"sending", nothing, send_live, false},
    {"sending what was typed offline", go_offline, send_offline, false},
    {"receiving", nothing, receive, false},
    {"catching up", miss_some, go_online, false},
    {"editing", have_sent, edit, true},
    {"deleting", have_sent, delete_and_send, true},
    {"marking as read", nothing, mark_read, false},
    {"asking the server", nothing, fetch, false},
    {"reading the cache", nothing, read_cache, false},
    {"joining a group", nothing, join_another, false},
    {"being removed from a group", nothing, be_removed, false},
    {"being refused, sending again, discarding", nothing, be_refused, false},
    {"a history that was restored", keep_backup, be_restored, false},
    {"suspend and resume", nothing, sleep_and_wake, false},
    {"flushing", nothing, flush, false},
    {"links that break", nothing, lose_links, false},
    {"an answer that is lost", nothing, lose_answer, false},
    {"a revoked token, changes, a restart", nothing, live_on, false},
};

/* --- the stage --- */

void stage_begin(struct stage *s, const struct scene *scene, uint64_t seed)
{
    static const char *const others[] = {"alice"};
    struct chat_testkit_config config;

    *s = (struct stage){0};
    faulty_alloc_init(&s->memory);
    chat_testkit_config_init(&config);
    config.seed = seed;
    config.shards = 1;
    ck_assert_int_eq(chat_testkit_new(&config, &s->kit), CHAT_OK);
    app_init(&s->app, s->kit, "phone", "alice", STAGE_CACHE);
    s->app.allocator = &s->memory.allocator;
    s->app.lenient = true;
    app_open(&s->app);
    app_live(&s->app);
    ck_assert_int_eq(chat_testkit_open_direct(s->kit, "bob", "alice", &s->direct), CHAT_OK);
    ck_assert_int_eq(chat_testkit_create_group(s->kit, "bob", "group", others, 1, &s->group),
                     CHAT_OK);
    post(s, s->direct, 2);
    post(s, s->group, 2);
    app_has(&s->app, s->direct, 2);
    app_has(&s->app, s->group, 2);
    scene->prepare(s);
}

/* A new process on the device: one that was killed has its files again. */
static void revive(struct stage *s)
{
    struct chat_loop_config config;
    chat_loop *loop;

    chat_loop_config_init(&config);
    config.transport = chat_testkit_device_get_transport(s->app.device);
    ck_assert_int_eq(chat_loop_new(&config, &loop), CHAT_OK);
    chat_loop_free(loop);
}

static void check_file(const struct stage *s)
{
    if (chat_testkit_disk_get_file(s->app.device, s->app.cache,
                                   NULL)) /* else it never came to that */
        expect_sound_db(s->app.cache, chat_testkit_device_get_vfs(s->app.device));
}

static void count_mine(const struct chat_message *message, void *user)
{
    if (message->text_len == strlen(MINE) && memcmp(message->text, MINE, strlen(MINE)) == 0)
        ++*(uint64_t *)user;
}

static uint64_t head_of(struct stage *s, uint64_t channel_id)
{
    return chat_conn_get_channel(bob(s), channel_id)->head_seq;
}

static void check_channel(struct stage *s, uint64_t channel_id, uint64_t *mine)
{
    if (!channel_id)
        return;
    ck_assert_int_eq(chat_testkit_read_history(s->kit, channel_id, 0, count_mine, mine), CHAT_OK);
    app_has(&s->app, channel_id, head_of(s, channel_id));
}

void stage_check(struct stage *s)
{
    uint64_t mine = 0;

    ck_assert_int_eq(chat_testkit_disk_fail(s->app.device, 0, 0, CHAT_OK), CHAT_OK);
    faulty_alloc_fail_after(&s->memory, FAULTY_ALLOC_NEVER);
    ck_assert_int_eq(chat_testkit_set_online(s->kit, s->app.device, true), CHAT_OK);
    app_close(&s->app);
    ck_assert_uint_eq(s->memory.live, 0);
    revive(s);
    check_file(s);

    app_open(&s->app);
    app_live(&s->app);
    ck_assert_int_eq(chat_testkit_wait_sent(s->kit, s->app.conn, APP_WAIT_MS), CHAT_OK);
    ck_assert_int_eq(chat_testkit_run_until_idle(s->kit), CHAT_OK);
    check_channel(s, s->direct, &mine);
    check_channel(s, s->group, &mine);
    if (s->is_rewritten)
        return;
    if (s->less_max != UINT32_MAX) /* what was not synced may be gone with the power */
        ck_assert_uint_ge(chat_conn_get_channel(s->app.conn, s->direct)->read_seq, s->marked_seq);
    ck_assert_uint_ge(mine + s->less_max, s->accepted);
    ck_assert_uint_le(mine, s->accepted + s->more_max);
}

void stage_end(struct stage *s)
{
    app_close(&s->app);
    ck_assert_uint_eq(s->memory.live, 0);
    chat_testkit_free(s->kit);
}
