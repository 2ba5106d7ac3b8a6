/* What an application does with a client, one story each. */
#include "../golden/cache_sample.h"
#include "client_stage.h"

#define HISTORY 12u

/* --- where scenarios begin --- */

static void nothing(struct client_stage *s) { rig_store_many(&s->rig, CH, HISTORY); }

/* Signed in, some history here, some of it the user's own. */
static void live(struct client_stage *s)
{
    rig_store(&s->rig, CH, BOB, "first", 9, 1);
    rig_store(&s->rig, CH, ME, "own 2", 8, 1);
    rig_store(&s->rig, CH, ME, "own 3", 8, 2);
    rig_store_many(&s->rig, CH, HISTORY - 3);
    client_stage_live(s);
    ck_assert_int_eq(client_state(s->rig.core), CHAT_CONN_LIVE);
}

/* The same after a restart: little of the file has been read. */
static void reopened(struct client_stage *s)
{
    live(s);
    rig_store_many(&s->rig, CH, 200);
    s->rig.dial_fails = true;
    client_stage_cut(s);
    s->rig.dial_fails = false;
    client_stage_wait(s, 5000);
    client_stage_close(s);
    client_stage_live(s);
}

/* The file alone. */
static void closed(struct client_stage *s)
{
    reopened(s);
    client_stage_close(s);
}

static void into_a_new_file(struct client_stage *s) { rig_store_many(&s->rig, CH, 250); }

/* With less room than its history takes. */
static void live_with_little_room(struct client_stage *s)
{
    s->rig.config.cache_bytes_max = 48u << 10;
    s->rig.config.keep_max = 20;
    s->gaps_allowed = true;
    live(s);
}

/* Its log is to be written back soon. */
static void live_with_a_short_log(struct client_stage *s)
{
    s->rig.config.wal_pages_max = 20;
    live(s);
}

/* The sample of the first schema, with what is queued in it; its channels are not ours any more,
 * so that what was typed there is told as refused. */
static void closed_of_the_first_schema(struct client_stage *s)
{
    static uint8_t bytes[256u << 10];
    const char *root = getenv("CHAT_SOURCE_ROOT");
    char path[512];
    FILE *file;
    size_t len;

    (void)snprintf(path, sizeof(path), "%s/tests/golden/cache/v1.db", root ? root : ".");
    file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "%s", path);
    len = fread(bytes, 1, sizeof(bytes), file);
    ck_assert(len > 0 && len < sizeof(bytes));
    fclose(file);
    ck_assert(memory_vfs_put(&s->faults->disk, CLIENT_STAGE_FILE, bytes, len));
    for (size_t i = 0; i < SAMPLE_COUNT(sample_outbox); i++)
        client_stage_queued_before(s, &sample_outbox[i]);
    nothing(s);
}

/* The same without a link, and none to be had. */
static void offline(struct client_stage *s)
{
    live(s);
    s->rig.dial_fails = true;
    client_stage_cut(s);
    client_stage_pull(s);
}

static void in_two_channels(struct client_stage *s)
{
    rig_add_channel(&s->rig, CH2);
    rig_store_many(&s->rig, CH2, 5);
    live(s);
}

/* A file at rest, in which something is queued. */
static void closed_with_a_queue(struct client_stage *s)
{
    offline(s);
    client_stage_send(s, CH, "queued 1");
    client_stage_edit(s, CH, 2, "edited 2");
    client_stage_mark(s, 7);
    client_stage_close(s);
    s->rig.dial_fails = false;
}

static void back_online(struct client_stage *s)
{
    s->rig.dial_fails = false;
    client_stage_wait(s, 70000);
}

/* --- opening --- */

static void first_open(struct client_stage *s) { client_stage_open(s); }

static void first_sign_in(struct client_stage *s) { client_stage_live(s); }

static void open_with_a_queue(struct client_stage *s)
{
    const struct chat_outgoing *o;

    client_stage_open(s);
    client_stage_read(s, CH, 0, true);
    for (uint32_t i = 0; s->rig.core && client_outgoing(s->rig.core, i, &o); i++)
        continue;
    client_stage_start(s);
    client_stage_wait(s, 2000);
}

/* --- receiving --- */

static void channel_list(struct client_stage *s)
{
    rig_add_channel(&s->rig, CH2);
    rig_store_many(&s->rig, CH2, 5);
    s->rig.channels[0].permissions = 7;
    client_stage_cut(s);
    client_stage_wait(s, 5000);
}

static void publish(struct client_stage *s, uint64_t seq, bool changed)
{
    if (!s->rig.core || !s->rig.link)
        return;
    rig_publish(&s->rig, CH, seq, changed);
    rig_turn(&s->rig);
}

static void receive_live(struct client_stage *s)
{
    for (int i = 0; i < 3; i++)
        publish(s, rig_store_many(&s->rig, CH, 1), false);
    client_stage_wait(s, 1000);
}

static void receive_alterations(struct client_stage *s)
{
    rig_alter(&s->rig, CH, 3, "altered 3");
    publish(s, 3, true);
    rig_alter(&s->rig, CH, 4, "");
    s->rig.channels[0].messages[4].deleted = true;
    publish(s, 4, true);
    client_stage_wait(s, 1000);
}

static void catch_up_pages(struct client_stage *s)
{
    rig_store_many(&s->rig, CH, 230);
    back_online(s);
}

static void catch_up_alterations(struct client_stage *s)
{
    rig_alter(&s->rig, CH, 2, "altered 2");
    rig_alter(&s->rig, CH, 9, "altered 9");
    back_online(s);
}

static void gap_fill(struct client_stage *s)
{
    rig_store_many(&s->rig, CH, 2); /* nobody tells */
    publish(s, rig_store_many(&s->rig, CH, 1), false);
    client_stage_wait(s, 5000);
}

static void told_gap(struct client_stage *s)
{
    s->gaps_allowed = true;
    rig_store_many(&s->rig, CH, 30);
    back_online(s);
    if (s->rig.core)
        client_stage_note(s, client_fetch_history(s->rig.core, CH, 20, 10, false, &s->ticket));
    client_stage_wait(s, 5000);
}

static void offline_with_a_limit(struct client_stage *s)
{
    s->rig.config.keep_max = 5;
    s->gaps_allowed = true;
    offline(s);
}

static void channel_removed(struct client_stage *s)
{
    WireChannelRemoved removed = WIRE_CHANNEL_REMOVED__INIT;

    s->rig.keep_sends = true;
    client_stage_send(s, CH2, "too late");
    free(s->rig.channels[1].messages);
    s->rig.channel_count = 1;
    s->rig.keep_sends = false;
    removed.channel_id = CH2;
    if (s->rig.core && s->rig.link)
        RIG_SAY(&s->rig, 0, CHANNEL_REMOVED, channel_removed, &removed);
    client_stage_cut(s);
    client_stage_wait(s, 70000);
}

static void rebuild_after_a_restore(struct client_stage *s)
{
    s->rig.channels[0].epoch = 2;
    s->rig.channels[0].seq = s->rig.channels[0].rev = s->rig.channels[0].read_seq = 0;
    rig_store_many(&s->rig, CH, 9);
    client_stage_send(s, CH, "after it");
    back_online(s);
}

/* --- sending --- */

static void send_live(struct client_stage *s)
{
    client_stage_send(s, CH, "one");
    client_stage_send(s, CH, "two");
    client_stage_send(s, CH, "three");
    client_stage_wait(s, 1000);
}

static void send_offline(struct client_stage *s)
{
    client_stage_send(s, CH, "one");
    client_stage_send(s, CH, "two");
    back_online(s);
}

static void resend_after_a_restart(struct client_stage *s)
{
    client_stage_send(s, CH, "one");
    client_stage_send(s, CH, "two");
    if (s->rig.core)
        client_stage_close(s);
    s->rig.dial_fails = false;
    client_stage_live(s);
}

static void resend_after_a_lost_link(struct client_stage *s)
{
    s->rig.lose_acks = true; /* done, and nobody hears of it */
    client_stage_send(s, CH, "one");
    client_stage_send(s, CH, "two");
    client_stage_cut(s);
    s->rig.lose_acks = false;
    client_stage_wait(s, 70000);
}

static void be_refused(struct client_stage *s, WireProblemCode code)
{
    s->refusals_allowed = true;
    s->rig.op_problem = code;
    s->rig.problem_retry = WIRE_RETRY__RETRY_NEVER;
    s->rig.op_problems = 1;
    client_stage_send(s, CH, "refused");
    client_stage_wait(s, 1000);
    s->rig.op_problems = 0;
}

static void refusal_sent_again(struct client_stage *s)
{
    be_refused(s, WIRE_PROBLEM_CODE__PROBLEM_FORBIDDEN);
    client_stage_resend(s);
    client_stage_wait(s, 5000);
}

static void refusal_discarded(struct client_stage *s)
{
    be_refused(s, WIRE_PROBLEM_CODE__PROBLEM_FORBIDDEN);
    client_stage_discard(s);
    client_stage_wait(s, 1000);
}

static void nonce_forgotten(struct client_stage *s)
{
    be_refused(s, WIRE_PROBLEM_CODE__PROBLEM_NONCE_STALE);
    s->refusals_allowed = false;
    client_stage_wait(s, 20000);
}

static void edit(struct client_stage *s)
{
    client_stage_edit(s, CH, 2, "edited 2");
    client_stage_wait(s, 1000);
}

static void delete_message(struct client_stage *s)
{
    client_stage_delete(s, CH, 3);
    client_stage_wait(s, 1000);
}

static void mark_read(struct client_stage *s)
{
    client_stage_mark(s, 5);
    client_stage_mark(s, 9);
    client_stage_wait(s, 1000);
}

/* --- asking --- */

static void history_page(struct client_stage *s)
{
    client_stage_open(s);
    client_stage_read(s, CH, 0, true);
    client_stage_read(s, CH, 1, false);
    client_stage_start(s);
    if (s->rig.core)
        client_stage_note(s, client_fetch_history(s->rig.core, CH, 0, 10, true, &s->ticket));
    client_stage_wait(s, 1000);
}

static void users(struct client_stage *s)
{
    const uint64_t ids[] = {BOB, ME};

    if (!s->rig.core)
        return;
    client_stage_note(s, client_fetch_users(s->rig.core, ids, 2, &s->ticket));
    client_stage_note(s, client_find_user(s->rig.core, "bob", 3, &s->ticket));
    client_stage_wait(s, 1000);
    (void)client_user(s->rig.core, BOB);
}

static void presence(struct client_stage *s)
{
    const uint64_t ids[] = {BOB};
    WirePresenceBatch batch = WIRE_PRESENCE_BATCH__INIT;
    WirePresence bob = WIRE_PRESENCE__INIT, *pointer = &bob;

    if (!s->rig.core)
        return;
    client_stage_note(s, client_watch_presence(s->rig.core, ids, 1));
    client_stage_note(s, client_set_presence(s->rig.core, CHAT_PRESENCE_DND));
    rig_turn(&s->rig);
    bob.user_id = BOB;
    bob.state = WIRE_PRESENCE_STATE__PRESENCE_STATE_ONLINE;
    batch.users = &pointer;
    batch.n_users = 1;
    RIG_SAY(&s->rig, 0, PRESENCE, presence, &batch);
    client_stage_wait(s, 1000);
}

static void open_conversations(struct client_stage *s)
{
    const uint64_t ids[] = {BOB};

    if (!s->rig.core)
        return;
    client_stage_note(s, client_open_direct(s->rig.core, BOB, &s->ticket));
    client_stage_note(s, client_create_group(s->rig.core, "room", 4, ids, 1, &s->ticket));
    client_stage_wait(s, 1000);
}

static void search_for(struct client_stage *s, const char *text)
{
    if (!s->rig.core)
        return;
    client_stage_note(s, client_search(s->rig.core, text, strlen(text), 0, 0, 20, &s->ticket));
    client_stage_wait(s, 500);
}

static void search(struct client_stage *s)
{
    for (int i = 0; i < 3 && s->rig.core; i++)
        rig_post(&s->rig, CH, "needle in hay");
    client_stage_wait(s, 500);
    search_for(s, "needle");
    rig_alter(&s->rig, CH, s->rig.channels[0].seq, "no more");
    publish(s, s->rig.channels[0].seq, true);
    client_stage_wait(s, 500);
    search_for(s, "need");
}

/* --- what the cache does by itself --- */

static void evict(struct client_stage *s)
{
    client_stage_send(s, CH, "typed before");
    for (int i = 0; i < 5; i++) {
        const uint64_t to = rig_store_many(&s->rig, CH, 55);

        for (uint64_t seq = to - 54; seq <= to && s->rig.core && s->rig.link; seq++)
            rig_publish(&s->rig, CH, seq, false);
        client_stage_wait(s, 100);
    }
    client_stage_wait(s, 3000);
}

static void write_the_log_back(struct client_stage *s)
{
    for (int i = 0; i < 30; i++)
        publish(s, rig_store_many(&s->rig, CH, 1), false);
    client_stage_wait(s, 5000);
}

static void migrate(struct client_stage *s)
{
    client_stage_open(s);
    client_stage_wait(s, 500); /* its words are indexed, too */
    search_for(s, "words");
    client_stage_start(s);
    client_stage_wait(s, 2000);
}

/* --- coming and going --- */

static void suspend_and_resume(struct client_stage *s)
{
    if (!s->rig.core)
        return;
    client_stage_send(s, CH, "one");
    client_suspend(s->rig.core);
    client_stage_send(s, CH, "two");
    client_stage_wait(s, 60000);
    client_resume(s->rig.core);
    client_stage_wait(s, 70000);
}

static void token_refresh(struct client_stage *s)
{
    s->rig.token_left_ms = 60000;
    client_stage_cut(s);
    client_stage_wait(s, 70000);
}

static void flush(struct client_stage *s)
{
    client_stage_send(s, CH, "one");
    if (s->rig.core)
        client_stage_note(s, client_flush(s->rig.core));
    client_stage_send(s, CH, "two");
    if (s->rig.core)
        client_stage_note(s, client_flush(s->rig.core));
    client_stage_wait(s, 1000);
}

static void stop_and_close(struct client_stage *s)
{
    if (!s->rig.core)
        return;
    client_stage_send(s, CH, "last");
    client_stop(s->rig.core);
    rig_turn(&s->rig);
    client_stage_pull(s);
    client_stage_close(s);
}

const struct scenario scenarios[] = {
    {"first_open", nothing, first_open},
    {"first_sign_in", nothing, first_sign_in},
    {"a_long_first_sign_in", into_a_new_file, first_sign_in},
    {"a_file_of_the_first_schema", closed_of_the_first_schema, migrate},
    {"open_with_a_queue", closed_with_a_queue, open_with_a_queue},
    {"channel_list", live, channel_list},
    {"receive_live", live, receive_live},
    {"receive_alterations", reopened, receive_alterations},
    {"catch_up_pages", offline, catch_up_pages},
    {"catch_up_alterations", offline, catch_up_alterations},
    {"gap_fill", live, gap_fill},
    {"told_gap", offline_with_a_limit, told_gap},
    {"channel_removed", in_two_channels, channel_removed},
    {"rebuild_after_a_restore", offline, rebuild_after_a_restore},
    {"send_live", live, send_live},
    {"send_offline", offline, send_offline},
    {"resend_after_a_restart", offline, resend_after_a_restart},
    {"resend_after_a_lost_link", live, resend_after_a_lost_link},
    {"refusal_sent_again", live, refusal_sent_again},
    {"refusal_discarded", live, refusal_discarded},
    {"nonce_forgotten", live, nonce_forgotten},
    {"edit", reopened, edit},
    {"delete_message", reopened, delete_message},
    {"mark_read", live, mark_read},
    {"history_page", closed, history_page},
    {"search", live, search},
    {"evict", live_with_little_room, evict},
    {"write_the_log_back", live_with_a_short_log, write_the_log_back},
    {"users", live, users},
    {"presence", live, presence},
    {"open_conversations", live, open_conversations},
    {"suspend_and_resume", live, suspend_and_resume},
    {"token_refresh", live, token_refresh},
    {"flush", live, flush},
    {"stop_and_close", live, stop_and_close},
    {NULL, NULL, NULL},
};
