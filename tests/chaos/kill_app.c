/*
 * An application of libchat's public calls that is made to be killed: tests/chaos/kill.py
 * runs it, reads what it says and compares.
 *
 *   kill_app --url URL --ca FILE --token TOKEN [--cache FILE] --name NAME [--number N]
 *            [--seed N] [--die-at N] [--dump FILE] [--want CHANNEL:SEQ ...] work|follow|settle
 *
 * work     sends, edits, deletes and marks as read for as long as it lives, as fast as the
 *          outbox takes it. Each text is NAME-N, N rising from --number.
 * follow   answers every fourth message of others, until SIGTERM; then settles.
 * settle   waits until all that is queued is sent and all that was said is here (and read
 *          positions are as wanted), writes the cache to --dump and leaves.
 *
 * Every line goes to stdout in one write(2): what was said survives the speaker. "+" is said
 * before a call, "=" with its status after it.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libchat/libchat.h>

#include "deadly_vfs.h"

#define CHANNELS_MAX 8u
#define OWN_MAX 16u
#define OUTBOX_MAX 48u
#define OPERATIONS_IN_TURN 8u
#define PAGE 100u

struct channel {
    uint64_t id;
    uint64_t own[OWN_MAX]; /* seqs of messages of this user, 0: none */
    uint32_t own_next;
    uint64_t wanted_read;
};

static struct options {
    const char *url, *ca, *token, *cache, *name, *dump, *mode;
    uint64_t number, die_at;
} options;
static struct channel channels[CHANNELS_MAX];
static uint32_t channels_count;
static uint64_t dice = 1;
static chat_loop *loop;
static chat_conn *conn;
static uint32_t heard; /* messages of others, for follow */
static bool full;      /* the outbox said so in this turn */
static volatile sig_atomic_t asked_to_end;

static void on_signal(int number)
{
    (void)number;
    asked_to_end = 1;
}

static uint64_t below(uint64_t limit)
{
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^= dice << 17;
    return dice % limit;
}

static void CHAT_PRINTF(1, 2) say(const char *format, ...)
{
    char line[256];
    size_t at = 0, len;
    va_list args;
    int wrote;

    va_start(args, format);
    wrote = vsnprintf(line, sizeof(line) - 1, format, args);
    va_end(args);
    len = wrote < 0 ? 0 : (size_t)wrote;
    if (len > sizeof(line) - 2)
        len = sizeof(line) - 2;
    line[len++] = '\n';
    while (at < len) {
        ssize_t n = write(STDOUT_FILENO, line + at, len - at);

        if (n < 0 && errno != EINTR)
            exit(EXIT_FAILURE);
        at += n > 0 ? (size_t)n : 0;
    }
}

static void fail(const char *what, chat_status status)
{
    say("! %s: %s %s", what, chat_status_name(status), conn ? chat_conn_last_problem(conn) : "");
    exit(EXIT_FAILURE);
}

/* --- what is known --- */

static struct channel *channel_of(uint64_t id)
{
    for (uint32_t i = 0; i < channels_count; i++)
        if (channels[i].id == id)
            return &channels[i];
    if (channels_count == CHANNELS_MAX)
        return NULL;
    channels[channels_count] = (struct channel){.id = id};
    return &channels[channels_count++];
}

static void note_own(const struct chat_message *m)
{
    struct channel *ch = channel_of(m->channel_id);

    if (ch && m->own && !m->deleted)
        ch->own[ch->own_next++ % OWN_MAX] = m->seq;
}

/* The channel as it is read when an application begins. */
static void begin_channel(const struct chat_channel *view)
{
    uint64_t id = view->channel_id;
    chat_page *page = NULL;
    chat_status status;

    say("C %" PRIu64 " %" PRIu64 " %" PRIu64, id, view->stream_seq, view->read_seq);
    (void)channel_of(id);
    if (view->stream_seq == 0)
        return;
    status = chat_conn_read_messages(conn, id, 0, PAGE, true, &page);
    if (status != CHAT_OK)
        fail("read", status);
    for (size_t i = 0; i < chat_page_get_count(page); i++)
        note_own(chat_page_get_message(page, i));
    chat_page_free(page);
}

static void begin_all(void)
{
    const struct chat_channel *view;
    uint64_t id = 0;

    while ((view = chat_conn_next_channel(conn, id)) != NULL) {
        id = view->channel_id;
        begin_channel(view);
    }
}

/* --- events --- */

static void show_outgoing(const struct chat_outgoing *o)
{
    if (o->old_nonce.device_id)
        say("N %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64, o->old_nonce.device_id,
            o->old_nonce.counter, o->nonce.device_id, o->nonce.counter);
    if (o->state != CHAT_OUTGOING_REFUSED)
        return;
    say("O %" PRIu64 " %" PRIu64 " %d", o->nonce.device_id, o->nonce.counter, (int)o->status);
    (void)chat_conn_discard(conn, &o->nonce);
}

static void show_reread(uint64_t channel_id)
{
    const struct chat_channel *view;

    say("R %" PRIu64, channel_id);
    if (!channel_id)
        begin_all();
    else if ((view = chat_conn_get_channel(conn, channel_id)) != NULL)
        begin_channel(view);
}

static void show_message(const struct chat_message *m)
{
    say("M %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %.*s", m->channel_id, m->seq,
        m->nonce.device_id, m->nonce.counter, (int)m->text_len, m->text);
    note_own(m);
    heard += !m->own;
}

static void show(const struct chat_event *e)
{
    switch ((int)e->type) {
    case CHAT_EVENT_MESSAGE: show_message(e->message); break;
    case CHAT_EVENT_GAP:
        say("G %" PRIu64 " %" PRIu64 " %" PRIu64, e->channel_id, e->from_seq, e->to_seq);
        break;
    case CHAT_EVENT_REREAD: show_reread(e->channel_id); break;
    case CHAT_EVENT_CHANNEL_RESET: say("Z %" PRIu64, e->channel_id); break;
    case CHAT_EVENT_CHANNEL_REMOVED: say("D %" PRIu64, e->channel_id); break;
    case CHAT_EVENT_CHANNEL: (void)channel_of(e->channel->channel_id); break;
    case CHAT_EVENT_READ:
        say("P %" PRIu64 " %" PRIu64, e->channel->channel_id, e->channel->read_seq);
        break;
    case CHAT_EVENT_OUTGOING: show_outgoing(e->outgoing); break;
    case CHAT_EVENT_STATE:
        say("S %s %s", chat_conn_state_name(e->state), chat_status_name(e->status));
        break;
    case CHAT_EVENT_CACHE: say("! cache %s", chat_status_name(e->status)); break;
    case CHAT_EVENT_NEED_TOKEN:
        (void)chat_conn_set_token(conn, options.token, strlen(options.token));
        break;
    default: break;
    }
}

static void step(int64_t timeout_ms)
{
    struct chat_event event = CHAT_EVENT_INIT;
    chat_status status = chat_loop_step(loop, timeout_ms);

    if (status != CHAT_OK)
        fail("step", status);
    while (chat_conn_next_event(conn, &event))
        show(&event);
}

/* --- operations --- */

static void done(const char *what, uint64_t channel_id, uint64_t which, chat_status status,
                 struct chat_nonce nonce)
{
    say("= %s %" PRIu64 " %" PRIu64 " %d %" PRIu64 " %" PRIu64, what, channel_id, which,
        (int)status, nonce.device_id, nonce.counter);
    full |= status == CHAT_E_FULL;
}

static void do_send(struct channel *ch)
{
    uint64_t n = options.number++;
    struct chat_nonce nonce = {0};
    char text[64];
    chat_status status;

    snprintf(text, sizeof(text), "%s-%" PRIu64, options.name, n);
    say("+ send %" PRIu64 " %" PRIu64, ch->id, n);
    status = chat_conn_send_text(conn, ch->id, text, strlen(text), &nonce);
    done("send", ch->id, n, status, nonce);
}

static void do_edit(struct channel *ch, uint64_t seq)
{
    uint64_t n = options.number++;
    struct chat_nonce nonce = {0};
    char text[64];
    chat_status status;

    snprintf(text, sizeof(text), "%s-%" PRIu64, options.name, n);
    say("+ edit %" PRIu64 " %" PRIu64 " %" PRIu64, ch->id, seq, n);
    status = chat_conn_edit_text(conn, ch->id, seq, text, strlen(text), &nonce);
    done("edit", ch->id, seq, status, nonce);
}

static void do_delete(struct channel *ch, uint64_t *seq)
{
    struct chat_nonce nonce = {0};
    chat_status status;

    say("+ delete %" PRIu64 " %" PRIu64, ch->id, *seq);
    status = chat_conn_delete(conn, ch->id, *seq, &nonce);
    done("delete", ch->id, *seq, status, nonce);
    if (status == CHAT_OK)
        *seq = 0;
}

static void do_mark(struct channel *ch)
{
    const struct chat_channel *view = chat_conn_get_channel(conn, ch->id);
    uint64_t seq = view && view->head_seq ? 1 + below(view->head_seq) : 0;
    chat_status status;

    if (!seq)
        return;
    say("+ mark %" PRIu64 " %" PRIu64, ch->id, seq);
    status = chat_conn_mark_read(conn, ch->id, seq);
    done("mark", ch->id, seq, status, (struct chat_nonce){0});
}

static void operate(void)
{
    struct channel *ch = &channels[below(channels_count)];
    uint64_t *own = &ch->own[below(OWN_MAX)], what = below(16);

    if (what < 2)
        do_mark(ch);
    else if (what < 4 && *own)
        do_edit(ch, *own);
    else if (what == 4 && *own)
        do_delete(ch, own);
    else
        do_send(ch);
}

static void work(void)
{
    for (;;) {
        full = false;
        for (uint32_t i = 0; i < OPERATIONS_IN_TURN && channels_count && !full; i++)
            operate();
        step(full || !channels_count ? 1000 : 0);
    }
}

static void follow(void)
{
    uint32_t answered = 0;

    while (!asked_to_end) {
        step(50);
        full = false;
        for (; answered < heard / 4 && channels_count && !full; answered++)
            do_send(&channels[below(channels_count)]);
    }
}

/* --- the end --- */

static bool is_settled(void)
{
    const struct chat_channel *view;
    uint64_t id = 0;

    if (chat_conn_get_state(conn) != CHAT_CONN_LIVE || chat_conn_get_outgoing_count(conn))
        return false;
    while ((view = chat_conn_next_channel(conn, id)) != NULL) {
        const struct channel *ch = channel_of(view->channel_id);

        id = view->channel_id;
        if (view->stream_seq < view->head_seq || (ch && view->read_seq < ch->wanted_read))
            return false;
    }
    return true;
}

static void dump_channel(FILE *out, uint64_t id, uint64_t head)
{
    for (uint64_t from = 1; from <= head;) {
        chat_page *page = NULL;
        chat_status status = chat_conn_read_messages(conn, id, from, PAGE, false, &page);

        if (status != CHAT_OK || chat_page_get_count(page) == 0)
            fail("dump", status);
        for (size_t i = 0; i < chat_page_get_count(page); i++) {
            const struct chat_message *m = chat_page_get_message(page, i);

            fprintf(out,
                    "m %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
                    " %" PRIu64 " %d %s\n",
                    id, m->seq, m->message_id, m->author_id, m->nonce.device_id, m->nonce.counter,
                    m->rev, m->deleted, m->text);
        }
        from = chat_page_get_to_seq(page) + 1;
        chat_page_free(page);
    }
}

static void settle(void)
{
    const struct chat_channel *view;
    uint64_t id = 0;
    FILE *out;

    while (!is_settled())
        step(1000);
    if (!options.dump)
        return;
    out = fopen(options.dump, "w");
    if (!out)
        fail(options.dump, CHAT_E_IO);
    while ((view = chat_conn_next_channel(conn, id)) != NULL) {
        uint64_t head = view->head_seq;

        id = view->channel_id;
        fprintf(out, "c %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", id, head, view->read_seq);
        dump_channel(out, id, head);
    }
    if (fclose(out) != 0)
        fail(options.dump, CHAT_E_IO);
}

/* --- beginning --- */

static uint64_t number_of(const char *text)
{
    char *end;
    uint64_t value = strtoull(text, &end, 10);

    if (end == text || (*end && *end != ':'))
        fail(text, CHAT_E_INVALID);
    return value;
}

static void want(const char *text)
{
    const char *colon = strchr(text, ':');
    struct channel *ch = channel_of(number_of(text));

    if (!colon || !ch)
        fail(text, CHAT_E_INVALID);
    ch->wanted_read = number_of(colon + 1);
}

static void read_options(int argc, char **argv)
{
    static const struct option known[] = {
        {"url", 1, NULL, 'u'},   {"ca", 1, NULL, 'c'},   {"token", 1, NULL, 't'},
        {"cache", 1, NULL, 'f'}, {"name", 1, NULL, 'n'}, {"number", 1, NULL, 'i'},
        {"seed", 1, NULL, 's'},  {"dump", 1, NULL, 'd'}, {"die-at", 1, NULL, 'k'},
        {"want", 1, NULL, 'w'},  {NULL, 0, NULL, 0}};
    int option;

    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (option) {
        case 'u': options.url = optarg; break;
        case 'c': options.ca = optarg; break;
        case 't': options.token = optarg; break;
        case 'f': options.cache = optarg; break;
        case 'n': options.name = optarg; break;
        case 'd': options.dump = optarg; break;
        case 'i': options.number = number_of(optarg); break;
        case 'k': options.die_at = number_of(optarg); break;
        case 's': dice = number_of(optarg) * 2654435761u + 1; break;
        case 'w': want(optarg); break;
        default: exit(2);
        }
    }
    if (optind + 1 != argc || !options.url || !options.ca || !options.token || !options.name)
        exit(2);
    options.mode = argv[optind];
}

static void open_conn(void)
{
    struct chat_loop_config loop_config;
    struct chat_conn_config config;
    chat_status status;

    deadly_vfs_init(options.die_at);
    chat_loop_config_init(&loop_config);
    loop_config.ca_file = options.ca;
    status = chat_loop_new(&loop_config, &loop);
    if (status != CHAT_OK)
        fail("loop", status);
    chat_conn_config_init(&config);
    config.url = options.url;
    config.token = options.token;
    config.cache_path = options.cache;
    config.keep_max = 0; /* everything is compared in the end */
    config.cache_vfs = options.cache ? DEADLY_VFS : NULL;
    config.outbox_max = OUTBOX_MAX;
    config.backoff_base_ms = 50;
    status = chat_conn_new(loop, &config, &conn);
    if (status != CHAT_OK)
        fail("open", status);
    begin_all();
    say("B"); /* begins */
    status = chat_conn_start(conn);
    if (status != CHAT_OK)
        fail("start", status);
}

/* Refused by an earlier opening, and nobody was told. */
static void clear_refused(void)
{
    const struct chat_outgoing *o;

    for (uint32_t i = chat_conn_get_outgoing_count(conn); i > 0; i--)
        if (chat_conn_get_outgoing(conn, i - 1, &o) && o->state == CHAT_OUTGOING_REFUSED)
            show_outgoing(o);
}

int main(int argc, char **argv)
{
    struct sigaction action = {.sa_handler = on_signal};

    sigaction(SIGTERM, &action, NULL);
    read_options(argc, argv);
    open_conn();
    clear_refused();
    if (strcmp(options.mode, "work") == 0)
        work();
    if (strcmp(options.mode, "follow") == 0)
        follow();
    settle();
    chat_conn_free(conn);
    chat_loop_free(loop);
    return EXIT_SUCCESS;
}
