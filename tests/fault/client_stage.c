#include "client_stage.h"

#include "../support/sound_db.h"
#include "base/hash.h"

#define SETTLE_MS 300000
#define PAGE 100u

static const uint64_t key[2] = {11, 12};

/* --- the service --- */

/* What it says of channels that are not ours; the rest it answers as ever. */
static bool answer_unknown(struct rig *rig, const WireClientFrame *f)
{
    uint64_t id = CH;

    if (f->body_case == WIRE_CLIENT_FRAME__BODY_SEND_MESSAGE)
        id = f->send_message->channel_id;
    else if (f->body_case == WIRE_CLIENT_FRAME__BODY_FETCH_HISTORY)
        id = f->fetch_history->channel_id;
    else if (f->body_case == WIRE_CLIENT_FRAME__BODY_EDIT_MESSAGE)
        id = f->edit_message->channel_id;
    else if (f->body_case == WIRE_CLIENT_FRAME__BODY_DELETE_MESSAGE)
        id = f->delete_message->channel_id;
    else if (f->body_case == WIRE_CLIENT_FRAME__BODY_MARK_READ)
        id = f->mark_read->channel_id;
    else if (f->body_case == WIRE_CLIENT_FRAME__BODY_FETCH_CHANGES)
        id = f->fetch_changes->channel_id;
    if (rig_channel(rig, id))
        return false;
    rig_problem(rig, f->request_id, WIRE_PROBLEM_CODE__PROBLEM_NOT_FOUND, WIRE_RETRY__RETRY_NEVER,
                0);
    return true;
}

/* --- life --- */

void client_stage_init(struct client_stage *s, struct faults *faults)
{
    memset(s, 0, sizeof(*s));
    s->faults = faults;
    rig_init(&s->rig);
    s->rig.on_frame = answer_unknown;
    s->rig.config.allocator = &faults->memory.allocator;
    s->rig.config.cache_path = CLIENT_STAGE_FILE;
    s->rig.config.cache_vfs = FAULTS_VFS;
}

void client_stage_close(struct client_stage *s)
{
    rig_crash(&s->rig);
    ck_assert(faults_are_clean(s->faults));
}

void client_stage_fini(struct client_stage *s)
{
    rig_fini(&s->rig);
    memory_vfs_erase(&s->faults->disk);
}

/* What tells an application that something of ours failed; a lost link is none. */
static bool is_trouble(chat_status status)
{
    return status == CHAT_E_NOMEM || status == CHAT_E_FULL || status == CHAT_E_IO ||
           status == CHAT_E_CORRUPT || status == CHAT_E_CACHE || status == CHAT_E_CONFLICT;
}

void client_stage_note(struct client_stage *s, chat_status status)
{
    s->told |= is_trouble(status);
}

static void begin_channel(struct client_stage *s, const struct chat_channel *view)
{
    for (uint32_t i = 0; i < s->rig.channel_count; i++)
        if (view && s->rig.channels[i].id == view->channel_id)
            s->shown[i] = view->stream_seq;
}

static void begin_all(struct client_stage *s)
{
    const struct chat_channel *view;
    uint64_t id = 0;

    memset(s->shown, 0, sizeof(s->shown));
    while ((view = client_next_channel(s->rig.core, id)) != NULL) {
        id = view->channel_id;
        begin_channel(s, view);
    }
}

void client_stage_open(struct client_stage *s)
{
    chat_status status;

    s->rig.config.seed++;
    status = client_new(&s->rig.config, &s->rig.core);
    client_stage_note(s, status);
    if (status != CHAT_OK) {
        ck_assert(is_trouble(status));
        ck_assert(faults_are_clean(s->faults));
        s->rig.core = NULL;
        return;
    }
    s->rig.m = client_machine(s->rig.core);
    rig_feed(&s->rig, (struct event){.kind = EVENT_TIMER});
    begin_all(s);
}

void client_stage_start(struct client_stage *s)
{
    if (!s->rig.core)
        return;
    client_stage_note(s, client_start(s->rig.core));
    rig_turn(&s->rig);
}

void client_stage_live(struct client_stage *s)
{
    client_stage_open(s);
    client_stage_start(s);
    client_stage_wait(s, 2000);
}

void client_stage_cut(struct client_stage *s)
{
    if (s->rig.core && s->rig.link)
        rig_cut(&s->rig, 1006);
    if (s->rig.core)
        rig_turn(&s->rig);
}

void client_stage_wait(struct client_stage *s, int64_t ms)
{
    if (!s->rig.core)
        return;
    rig_wait(&s->rig, ms);
    s->rig.heard_count = 0;
    client_stage_pull(s);
}

/* --- events --- */

static uint64_t *shown_of(struct client_stage *s, uint64_t channel_id)
{
    static uint64_t nowhere;

    for (uint32_t i = 0; i < 3; i++)
        if (s->rig.channels[i].id == channel_id)
            return &s->shown[i];
    nowhere = 0;
    return &nowhere;
}

static void see(struct client_stage *s, const struct chat_event *e)
{
    uint64_t *shown = shown_of(s, e->channel_id);

    client_stage_note(s, e->status);
    switch ((int)e->type) {
    case CHAT_EVENT_MESSAGE:
        shown = shown_of(s, e->message->channel_id);
        ck_assert_uint_eq(e->message->seq, *shown + 1);
        *shown = e->message->seq;
        break;
    case CHAT_EVENT_GAP:
        if (e->to_seq > *shown) {
            ck_assert_uint_eq(e->from_seq, *shown + 1);
            *shown = e->to_seq;
        }
        break;
    case CHAT_EVENT_CHANNEL_RESET:
    case CHAT_EVENT_CHANNEL_REMOVED: *shown = 0; break;
    case CHAT_EVENT_REREAD:
        s->told = true;
        if (e->channel_id)
            begin_channel(s, client_channel(s->rig.core, e->channel_id));
        else
            begin_all(s);
        break;
    case CHAT_EVENT_NEED_TOKEN:
        client_stage_note(s, client_set_token(s->rig.core, "fresh", 5));
        break;
    default: break;
    }
}

void client_stage_pull(struct client_stage *s)
{
    struct chat_event e = CHAT_EVENT_INIT;

    while (s->rig.core && client_next_event(s->rig.core, &e))
        see(s, &e);
    if (s->rig.core)
        rig_turn(&s->rig);
}

/* --- operations --- */

static struct promise *promise(struct client_stage *s, chat_outgoing_kind kind, uint64_t channel_id,
                               uint64_t seq, const char *text)
{
    struct promise *p = &s->promises[s->promises_count++];

    ck_assert_uint_le(s->promises_count, CLIENT_STAGE_PROMISES_MAX);
    *p = (struct promise){.kind = kind, .channel_id = channel_id, .seq = seq};
    snprintf(p->text, sizeof(p->text), "%s", text);
    return p;
}

void client_stage_queued_before(struct client_stage *s, const struct cache_outgoing *o)
{
    struct promise *p = promise(s, (chat_outgoing_kind)o->kind, o->channel_id, o->seq, o->text);

    p->nonce = (struct chat_nonce){o->device_id, o->counter};
}

void client_stage_send(struct client_stage *s, uint64_t channel_id, const char *text)
{
    struct promise *p;

    if (!s->rig.core)
        return;
    p = promise(s, CHAT_OUTGOING_SEND, channel_id, 0, text);
    p->status = rig_try_send(&s->rig, channel_id, text, strlen(text), &p->nonce);
    client_stage_note(s, p->status);
    rig_turn(&s->rig);
}

void client_stage_edit(struct client_stage *s, uint64_t channel_id, uint64_t seq, const char *text)
{
    struct chat_content content;
    struct promise *p;

    if (!s->rig.core)
        return;
    content = rig_content(text, strlen(text));
    p = promise(s, CHAT_OUTGOING_EDIT, channel_id, seq, text);
    p->status = client_edit(s->rig.core, channel_id, seq, &content, &p->nonce);
    client_stage_note(s, p->status);
    rig_turn(&s->rig);
}

void client_stage_delete(struct client_stage *s, uint64_t channel_id, uint64_t seq)
{
    struct promise *p;

    if (!s->rig.core)
        return;
    p = promise(s, CHAT_OUTGOING_DELETE, channel_id, seq, "");
    p->status = client_delete(s->rig.core, channel_id, seq, &p->nonce);
    client_stage_note(s, p->status);
    rig_turn(&s->rig);
}

void client_stage_mark(struct client_stage *s, uint64_t seq)
{
    chat_status status;

    if (!s->rig.core)
        return;
    status = client_mark_read(s->rig.core, CH, seq);
    client_stage_note(s, status);
    if (status == CHAT_OK && seq > s->marked)
        s->marked = seq;
    rig_turn(&s->rig);
}

static struct promise *refused(struct client_stage *s, struct chat_nonce *out_nonce)
{
    const struct chat_outgoing *o;

    for (uint32_t i = 0; s->rig.core && client_outgoing(s->rig.core, i, &o); i++) {
        if (o->state != CHAT_OUTGOING_REFUSED)
            continue;
        *out_nonce = o->nonce;
        for (uint32_t n = 0; n < s->promises_count; n++)
            if (s->promises[n].nonce.counter == o->nonce.counter)
                return &s->promises[n];
    }
    return NULL;
}

void client_stage_resend(struct client_stage *s)
{
    struct chat_nonce nonce, fresh = {0};
    struct promise *p = refused(s, &nonce);
    chat_status status;

    if (!p)
        return;
    status = client_resend(s->rig.core, &nonce, &fresh);
    client_stage_note(s, status);
    if (status == CHAT_OK)
        p->nonce = fresh;
    rig_turn(&s->rig);
}

void client_stage_discard(struct client_stage *s)
{
    struct chat_nonce nonce;
    struct promise *p = refused(s, &nonce);
    chat_status status;

    if (!p)
        return;
    status = client_discard(s->rig.core, &nonce);
    client_stage_note(s, status);
    p->discarded = status == CHAT_OK;
    rig_turn(&s->rig);
}

/* Reads a page and compares it with the service. */
void client_stage_read(struct client_stage *s, uint64_t channel_id, uint64_t start, bool backwards)
{
    const struct rig_channel *ch = rig_channel(&s->rig, channel_id);
    chat_page *page = NULL;
    chat_status status;

    if (!s->rig.core)
        return;
    status = client_read(s->rig.core, channel_id, start, PAGE, backwards, &page);
    client_stage_note(s, status);
    if (status != CHAT_OK)
        return;
    for (size_t i = 0; ch && i < chat_page_get_count(page); i++) {
        const struct chat_message *m = chat_page_get_message(page, i);

        ck_assert_uint_le(m->seq, ch->seq);
        ck_assert(m->rev <= ch->messages[m->seq].rev);
    }
    chat_page_free(page);
}

/* --- judging --- */

static uint64_t mix(uint64_t sum, uint64_t value) { return hash_pair(sum, value); }

static uint64_t mix_page(struct client_stage *s, uint64_t channel_id, uint64_t sum)
{
    chat_page *page = NULL;

    for (uint64_t from = 1; from; from = page ? chat_page_get_to_seq(page) + 1 : 0) {
        chat_page_free(page);
        page = NULL;
        if (client_read(s->rig.core, channel_id, from, PAGE, false, &page) != CHAT_OK ||
            chat_page_get_count(page) == 0)
            break;
        for (size_t i = 0; i < chat_page_get_count(page); i++) {
            const struct chat_message *m = chat_page_get_message(page, i);

            sum = mix(mix(sum, hash_bytes(key, m->text, m->text_len)), m->seq + m->deleted);
        }
    }
    chat_page_free(page);
    return sum;
}

uint64_t client_stage_fingerprint(struct client_stage *s)
{
    const struct chat_channel *view;
    uint64_t sum, id = 0;

    if (!s->rig.core)
        return 0;
    sum = mix(client_outgoing_count(s->rig.core), client_state(s->rig.core));
    while ((view = client_next_channel(s->rig.core, id)) != NULL) {
        id = view->channel_id;
        sum = mix(mix(mix(mix(sum, id), view->head_seq), view->stream_seq), view->read_seq);
        sum = mix_page(s, id, mix(sum, view->unread));
    }
    return sum;
}

void client_stage_check_file(struct client_stage *s)
{
    if (memory_vfs_get(&s->faults->disk, CLIENT_STAGE_FILE)) /* else it was never made */
        expect_sound_db(CLIENT_STAGE_FILE, FAULTS_VFS);
}

/* How often the service has it. */
static uint32_t count_done(struct client_stage *s, const struct promise *p, uint64_t *out_seq)
{
    const struct rig_channel *ch = rig_channel(&s->rig, p->channel_id);
    uint32_t count = 0;

    if (p->kind == CHAT_OUTGOING_EDIT)
        return strcmp(ch->messages[p->seq].text, p->text) == 0;
    if (p->kind == CHAT_OUTGOING_DELETE)
        return ch->messages[p->seq].deleted;
    for (uint64_t seq = 1; seq <= ch->seq; seq++) {
        if (ch->messages[seq].author != ME || strcmp(ch->messages[seq].text, p->text) != 0)
            continue;
        *out_seq = seq;
        count++;
    }
    return count;
}

/* Where it lies in the outbox, with its text; UINT32_MAX when it does not. */
static uint32_t find_queued(struct client_stage *s, const struct promise *p,
                            chat_outgoing_state *out_state)
{
    const struct chat_outgoing *o;

    for (uint32_t i = 0; client_outgoing(s->rig.core, i, &o); i++) {
        if (o->kind != p->kind || o->channel_id != p->channel_id || strcmp(o->text, p->text) != 0 ||
            (p->seq && o->seq != p->seq))
            continue;
        *out_state = o->state;
        return i;
    }
    return UINT32_MAX;
}

void client_stage_check_outbox(struct client_stage *s)
{
    chat_outgoing_state state;
    uint64_t seq;

    for (uint32_t i = 0; i < s->promises_count; i++) {
        const struct promise *p = &s->promises[i];
        bool queued = find_queued(s, p, &state) != UINT32_MAX;

        if (p->discarded || p->status != CHAT_OK) {
            ck_assert_msg(!queued, "\"%s\" is queued, and its call failed", p->text);
            continue;
        }
        ck_assert_msg(queued || !rig_channel(&s->rig, p->channel_id) || count_done(s, p, &seq),
                      "\"%s\" is neither queued nor done", p->text);
    }
}

static void check_promises(struct client_stage *s)
{
    uint64_t last_seq = 0;

    for (uint32_t i = 0; i < s->promises_count; i++) {
        const struct promise *p = &s->promises[i];
        chat_outgoing_state state = CHAT_OUTGOING_DONE;
        bool queued = find_queued(s, p, &state) != UINT32_MAX;
        uint64_t seq = 0;
        uint32_t done;

        if (!rig_channel(&s->rig, p->channel_id)) { /* removed meanwhile: what was typed is kept */
            ck_assert(p->status != CHAT_OK || (queued && state == CHAT_OUTGOING_REFUSED));
            continue;
        }
        done = count_done(s, p, &seq);
        if (p->discarded || p->status != CHAT_OK) {
            ck_assert_msg(!done && !queued, "\"%s\" is done, and its call failed", p->text);
            continue;
        }
        if (queued) {
            ck_assert_msg(s->refusals_allowed && state == CHAT_OUTGOING_REFUSED && !done,
                          "\"%s\" is still queued", p->text);
            continue;
        }
        ck_assert_msg(done == 1, "\"%s\" is done %u times", p->text, done);
        ck_assert_msg(p->kind != CHAT_OUTGOING_SEND || s->refusals_allowed || seq > last_seq,
                      "\"%s\" is out of order", p->text);
        last_seq = seq;
    }
}

/* The client shows the channel as the service has it. */
static void check_channel(struct client_stage *s, const struct rig_channel *ch)
{
    const struct chat_channel *view = client_channel(s->rig.core, ch->id);
    uint64_t held = 0;
    chat_page *page = NULL;

    ck_assert_ptr_nonnull(view);
    ck_assert_uint_eq(view->stream_seq, ch->seq);
    ck_assert_uint_eq(view->head_seq, ch->seq);
    ck_assert_uint_eq(view->epoch, ch->epoch);
    for (uint64_t to = ch->seq; to >= 1;) {
        ck_assert_int_eq(client_read(s->rig.core, ch->id, to, PAGE, true, &page), CHAT_OK);
        if (chat_page_get_count(page) == 0) {
            chat_page_free(page);
            break;
        }
        for (size_t i = 0; i < chat_page_get_count(page); i++) {
            const struct chat_message *m = chat_page_get_message(page, i);

            ck_assert_str_eq(m->text, ch->messages[m->seq].text);
            ck_assert_uint_eq(m->rev, ch->messages[m->seq].rev);
            ck_assert(m->deleted == ch->messages[m->seq].deleted);
            held++;
        }
        to = chat_page_get_from_seq(page) - 1;
        chat_page_free(page);
    }
    ck_assert(s->gaps_allowed || held == ch->seq);
}

void client_stage_check_whole(struct client_stage *s)
{
    struct rig *rig = &s->rig;

    rig->dial_fails = rig->dial_hangs = rig->silent = rig->mute_beats = false;
    rig->keep_pages = rig->keep_sends = rig->lose_acks = rig->no_publish = false;
    rig->op_problems = 0;
    if (!rig->core)
        client_stage_open(s);
    ck_assert_ptr_nonnull(rig->core);
    client_resume(rig->core);
    (void)client_start(rig->core);
    client_stage_wait(s, SETTLE_MS);
    ck_assert_int_eq(client_state(rig->core), CHAT_CONN_LIVE);
    check_promises(s);
    for (uint32_t i = 0; i < rig->channel_count; i++)
        check_channel(s, &rig->channels[i]);
    ck_assert_uint_ge(rig->channels[0].read_seq, s->marked);
}
