/* What an application does with a client, one story each. */
#include "client_stage.h"

#define HISTORY 12u

/* --- where scenarios begin --- */

static void nothing(struct stage *s) { rig_store_many(&s->rig, CH, HISTORY); }

/* Signed in, some history here, some of it the user's own. */
static void live(struct stage *s)
{
    rig_store(&s->rig, CH, BOB, "first", 9, 1);
    rig_store(&s->rig, CH, ME, "own 2", 8, 1);
    rig_store(&s->rig, CH, ME, "own 3", 8, 2);
    rig_store_many(&s->rig, CH, HISTORY - 3);
    stage_live(s);
    ck_assert_int_eq(client_state(s->rig.core), CHAT_CONN_LIVE);
}

/* The same after a restart: little of the file has been read. */
static void reopened(struct stage *s)
{
    live(s);
    rig_store_many(&s->rig, CH, 200);
    s->rig.dial_fails = true;
    stage_cut(s);
    s->rig.dial_fails = false;
    stage_wait(s, 5000);
    stage_close(s);
    stage_live(s);
}

/* The file alone. */
static void closed(struct stage *s)
{
    reopened(s);
    stage_close(s);
}

/* The same without a link, and none to be had. */
static void offline(struct stage *s)
{
    live(s);
    s->rig.dial_fails = true;
    stage_cut(s);
    stage_pull(s);
}

static void in_two_channels(struct stage *s)
{
    rig_add_channel(&s->rig, CH2);
    rig_store_many(&s->rig, CH2, 5);
    live(s);
}

/* A file at rest, in which something is queued. */
static void closed_with_a_queue(struct stage *s)
{
    offline(s);
    stage_send(s, CH, "queued 1");
    stage_edit(s, CH, 2, "edited 2");
    stage_mark(s, 7);
    stage_close(s);
    s->rig.dial_fails = false;
}

static void back_online(struct stage *s)
{
    s->rig.dial_fails = false;
    stage_wait(s, 70000);
}

/* --- opening --- */

static void first_open(struct stage *s) { stage_open(s); }

static void first_sign_in(struct stage *s) { stage_live(s); }

static void open_with_a_queue(struct stage *s)
{
    const struct chat_outgoing *o;

    stage_open(s);
    stage_read(s, CH, 0, true);
    for (uint32_t i = 0; s->rig.core && client_outgoing(s->rig.core, i, &o); i++)
        continue;
    stage_start(s);
    stage_wait(s, 2000);
}

/* --- receiving --- */

static void channel_list(struct stage *s)
{
    rig_add_channel(&s->rig, CH2);
    rig_store_many(&s->rig, CH2, 5);
    s->rig.channels[0].permissions = 7;
    stage_cut(s);
    stage_wait(s, 5000);
}

static void publish(struct stage *s, uint64_t seq, bool changed)
{
    if (!s->rig.core || !s->rig.link)
        return;
    rig_publish(&s->rig, CH, seq, changed);
    rig_turn(&s->rig);
}

static void receive_live(struct stage *s)
{
    for (int i = 0; i < 3; i++)
        publish(s, rig_store_many(&s->rig, CH, 1), false);
    stage_wait(s, 1000);
}

static void receive_alterations(struct stage *s)
{
    rig_alter(&s->rig, CH, 3, "altered 3");
    publish(s, 3, true);
    rig_alter(&s->rig, CH, 4, "");
    s->rig.channels[0].messages[4].deleted = true;
    publish(s, 4, true);
    stage_wait(s, 1000);
}

static void catch_up_pages(struct stage *s)
{
    rig_store_many(&s->rig, CH, 230);
    back_online(s);
}

static void catch_up_alterations(struct stage *s)
{
    rig_alter(&s->rig, CH, 2, "altered 2");
    rig_alter(&s->rig, CH, 9, "altered 9");
    back_online(s);
}

static void gap_fill(struct stage *s)
{
    rig_store_many(&s->rig, CH, 2); /* nobody tells */
    publish(s, rig_store_many(&s->rig, CH, 1), false);
    stage_wait(s, 5000);
}

static void told_gap(struct stage *s)
{
    s->gaps_allowed = true;
    rig_store_many(&s->rig, CH, 30);
    back_online(s);
    if (s->rig.core)
        stage_note(s, client_fetch_history(s->rig.core, CH, 20, 10, false, &s->ticket));
    stage_wait(s, 5000);
}

static void offline_with_a_limit(struct stage *s)
{
    s->rig.config.keep_max = 5;
    s->gaps_allowed = true;
    offline(s);
}

static void channel_removed(struct stage *s)
{
    WireChannelRemoved removed = WIRE_CHANNEL_REMOVED__INIT;

    s->rig.keep_sends = true;
    stage_send(s, CH2, "too late");
    free(s->rig.channels[1].messages);
    s->rig.channel_count = 1;
    s->rig.keep_sends = false;
    removed.channel_id = CH2;
    if (s->rig.core && s->rig.link)
        RIG_SAY(&s->rig, 0, CHANNEL_REMOVED, channel_removed, &removed);
    stage_cut(s);
    stage_wait(s, 70000);
}

static void rebuild_after_a_restore(struct stage *s)
{
    s->rig.channels[0].epoch = 2;
    s->rig.channels[0].seq = s->rig.channels[0].rev = s->rig.channels[0].read_seq = 0;
    rig_store_many(&s->rig, CH, 9);
    stage_send(s, CH, "after it");
    back_online(s);
}

/* --- sending --- */

static void send_live(struct stage *s)
{
    stage_send(s, CH, "one");
    stage_send(s, CH, "two");
    stage_send(s, CH, "three");
    stage_wait(s, 1000);
}

static void send_offline(struct stage *s)
{
    stage_send(s, CH, "one");
    stage_send(s, CH, "two");
    back_online(s);
}

static void resend_after_a_restart(struct stage *s)
{
    stage_send(s, CH, "one");
    stage_send(s, CH, "two");
    if (s->rig.core)
        stage_close(s);
    s->rig.dial_fails = false;
    stage_live(s);
}

static void resend_after_a_lost_link(struct stage *s)
{
    s->rig.lose_acks = true; /* done, and nobody hears of it */
    stage_send(s, CH, "one");
    stage_send(s, CH, "two");
    stage_cut(s);
    s->rig.lose_acks = false;
    stage_wait(s, 70000);
}

static void be_refused(struct stage *s, WireProblemCode code)
{
    s->refusals_allowed = true;
    s->rig.op_problem = code;
    s->rig.problem_retry = WIRE_RETRY__RETRY_NEVER;
    s->rig.op_problems = 1;
    stage_send(s, CH, "refused");
    stage_wait(s, 1000);
    s->rig.op_problems = 0;
}

static void refusal_sent_again(struct stage *s)
{
    be_refused(s, WIRE_PROBLEM_CODE__PROBLEM_FORBIDDEN);
    stage_resend(s);
    stage_wait(s, 5000);
}

static void refusal_discarded(struct stage *s)
{
    be_refused(s, WIRE_PROBLEM_CODE__PROBLEM_FORBIDDEN);
    stage_discard(s);
    stage_wait(s, 1000);
}

static void nonce_forgotten(struct stage *s)
{
    be_refused(s, WIRE_PROBLEM_CODE__PROBLEM_NONCE_STALE);
    s->refusals_allowed = false;
    stage_wait(s, 20000);
}

static void edit(struct stage *s)
{
    stage_edit(s, CH, 2, "edited 2");
    stage_wait(s, 1000);
}

static void delete_message(struct stage *s)
{
    stage_delete(s, CH, 3);
    stage_wait(s, 1000);
}

static void mark_read(struct stage *s)
{
    stage_mark(s, 5);
    stage_mark(s, 9);
    stage_wait(s, 1000);
}

/* --- asking --- */

static void history_page(struct stage *s)
{
    stage_open(s);
    stage_read(s, CH, 0, true);
    stage_read(s, CH, 1, false);
    stage_start(s);
    if (s->rig.core)
        stage_note(s, client_fetch_history(s->rig.core, CH, 0, 10, true, &s->ticket));
    stage_wait(s, 1000);
}

static void users(struct stage *s)
{
    const uint64_t ids[] = {BOB, ME};

    if (!s->rig.core)
        return;
    stage_note(s, client_fetch_users(s->rig.core, ids, 2, &s->ticket));
    stage_note(s, client_find_user(s->rig.core, "bob", 3, &s->ticket));
    stage_wait(s, 1000);
    (void)client_user(s->rig.core, BOB);
}

static void presence(struct stage *s)
{
    const uint64_t ids[] = {BOB};
    WirePresenceBatch batch = WIRE_PRESENCE_BATCH__INIT;
    WirePresence bob = WIRE_PRESENCE__INIT, *pointer = &bob;

    if (!s->rig.core)
        return;
    stage_note(s, client_watch_presence(s->rig.core, ids, 1));
    stage_note(s, client_set_presence(s->rig.core, CHAT_PRESENCE_DND));
    rig_turn(&s->rig);
    bob.user_id = BOB;
    bob.state = WIRE_PRESENCE_STATE__PRESENCE_STATE_ONLINE;
    batch.users = &pointer;
    batch.n_users = 1;
    RIG_SAY(&s->rig, 0, PRESENCE, presence, &batch);
    stage_wait(s, 1000);
}

static void open_conversations(struct stage *s)
{
    const uint64_t ids[] = {BOB};

    if (!s->rig.core)
        return;
    stage_note(s, client_open_direct(s->rig.core, BOB, &s->ticket));
    stage_note(s, client_create_group(s->rig.core, "room", 4, ids, 1, &s->ticket));
    stage_wait(s, 1000);
}

/* --- coming and going --- */

static void suspend_and_resume(struct stage *s)
{
    if (!s->rig.core)
        return;
    stage_send(s, CH, "one");
    client_suspend(s->rig.core);
    stage_send(s, CH, "two");
    stage_wait(s, 60000);
    client_resume(s->rig.core);
    stage_wait(s, 70000);
}

static void token_refresh(struct stage *s)
{
    s->rig.token_left_ms = 60000;
    stage_cut(s);
    stage_wait(s, 70000);
}

static void flush(struct stage *s)
{
    stage_send(s, CH, "one");
    if (s->rig.core)
        stage_note(s, client_flush(s->rig.core));
    stage_send(s, CH, "two");
    if (s->rig.core)
        stage_note(s, client_flush(s->rig.core));
    stage_wait(s, 1000);
}

static void stop_and_close(struct stage *s)
{
    if (!s->rig.core)
        return;
    stage_send(s, CH, "last");
    client_stop(s->rig.core);
    rig_turn(&s->rig);
    stage_pull(s);
    stage_close(s);
}

const struct scenario scenarios[] = {
    {"first_open", nothing, first_open},
    {"first_sign_in", nothing, first_sign_in},
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
    {"users", live, users},
    {"presence", live, presence},
    {"open_conversations", live, open_conversations},
    {"suspend_and_resume", live, suspend_and_resume},
    {"token_refresh", live, token_refresh},
    {"flush", live, flush},
    {"stop_and_close", live, stop_and_close},
    {NULL, NULL, NULL},
};
