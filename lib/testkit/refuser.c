#include "testkit/refuser.h"

#include <libchat/close.h>

#include "wire/wire.h"

#define ARENA_MAX (WIRE_MEMORY_FACTOR * CHAT_CLIENT_MESSAGE_MAX)

struct refusal_words {
    uint16_t close_code;
    WireProblemCode problem;
    WireRetry retry;
    const char *reason;
};

/* As lib/server/router/handshake.c and session.c say it. */
static const struct refusal_words words[] = {
    [CHAT_TESTKIT_REFUSE_OVERLOADED] = {CHAT_CLOSE_OVERLOADED,
                                        WIRE_PROBLEM_CODE__PROBLEM_OVERLOADED,
                                        WIRE_RETRY__RETRY_LATER, "overloaded"},
    [CHAT_TESTKIT_REFUSE_DRAINING] = {CHAT_CLOSE_DRAINING, WIRE_PROBLEM_CODE__PROBLEM_DRAINING,
                                      WIRE_RETRY__RETRY_LATER, "draining"},
    [CHAT_TESTKIT_REFUSE_UNAVAILABLE] = {CHAT_CLOSE_UNAVAILABLE,
                                         WIRE_PROBLEM_CODE__PROBLEM_UNAVAILABLE,
                                         WIRE_RETRY__RETRY_LATER, "no store for this user now"},
    [CHAT_TESTKIT_REFUSE_TOKEN] = {CHAT_CLOSE_UNAUTHENTICATED,
                                   WIRE_PROBLEM_CODE__PROBLEM_UNAUTHENTICATED,
                                   WIRE_RETRY__RETRY_REAUTH, "credentials refused"},
    [CHAT_TESTKIT_REFUSE_EXPIRED] = {CHAT_CLOSE_TOKEN_EXPIRED,
                                     WIRE_PROBLEM_CODE__PROBLEM_TOKEN_EXPIRED,
                                     WIRE_RETRY__RETRY_REAUTH, "token expired"},
    [CHAT_TESTKIT_REFUSE_REVOKED] = {CHAT_CLOSE_REVOKED, WIRE_PROBLEM_CODE__PROBLEM_UNAUTHENTICATED,
                                     WIRE_RETRY__RETRY_REAUTH, "revoked"},
    [CHAT_TESTKIT_REFUSE_SUPERSEDED] = {CHAT_CLOSE_SUPERSEDED,
                                        WIRE_PROBLEM_CODE__PROBLEM_SUPERSEDED,
                                        WIRE_RETRY__RETRY_NEVER, "superseded"},
};

static struct refuser *refuser_of(struct machine *m) { return (struct refuser *)(void *)m; }

static struct refuser_link *find(struct refuser *r, link_id id)
{
    for (uint32_t i = 0; i < REFUSER_LINKS_MAX; i++) {
        if (r->links[i].id == id)
            return &r->links[i];
    }
    return NULL;
}

/* What the first frame asked: answers bear its number. */
static uint32_t request_of(const struct refuser *r, const uint8_t *bytes, size_t len)
{
    WireClientBatch *batch = NULL;
    struct wire_fault fault;
    struct arena arena;
    uint32_t request_id = 0;

    arena_init(&arena, r->allocator, ARENA_MAX);
    if (wire_decode_client(bytes, len, &arena, &batch, &fault) == CHAT_OK && batch->n_frames > 0)
        request_id = batch->frames[0]->request_id;
    arena_fini(&arena);
    return request_id;
}

static void feed(struct machine *m, const struct event *event)
{
    struct refuser *r = refuser_of(m);
    struct refuser_link *l;

    if (event->kind == EVENT_LINK_CLOSED) {
        l = event->link ? find(r, event->link) : NULL;
        if (l)
            *l = (struct refuser_link){0};
    } else if (event->kind == EVENT_LINK_MESSAGE && !find(r, event->link)) {
        l = find(r, 0);
        if (l)
            *l = (struct refuser_link){.id = event->link,
                                       .request_id =
                                           request_of(r, event->message.bytes, event->message.len)};
    }
}

static bool tell(struct refuser *r, struct refuser_link *l, struct effect *out)
{
    const struct refusal_words *w = &words[r->refusal];
    WireServerFrame frame = WIRE_SERVER_FRAME__INIT;
    WireProblem problem = WIRE_PROBLEM__INIT;

    problem.code = w->problem;
    problem.retry = w->retry;
    problem.retry_after_ms = w->retry == WIRE_RETRY__RETRY_LATER ? r->retry_after_ms : 0;
    frame.request_id = l->request_id;
    frame.body_case = WIRE_SERVER_FRAME__BODY_PROBLEM;
    frame.problem = &problem;
    l->told = true;
    r->sent = wire_encode_server(r->allocator, &frame);
    if (!r->sent)
        return false;
    *out = (struct effect){.kind = EFFECT_SEND, .link = l->id};
    out->send.frames = &r->sent;
    out->send.count = 1;
    out->send.bytes = r->sent->len;
    return true;
}

static bool poll(struct machine *m, struct effect *out)
{
    struct refuser *r = refuser_of(m);

    frame_unref(r->sent);
    r->sent = NULL;
    if (r->refusal < CHAT_TESTKIT_REFUSE_OVERLOADED)
        return false;
    for (uint32_t i = 0; i < REFUSER_LINKS_MAX; i++) {
        struct refuser_link *l = &r->links[i];

        if (!l->id)
            continue;
        if (!l->told && tell(r, l, out))
            return true;
        *out = (struct effect){.kind = EFFECT_CLOSE, .link = l->id};
        out->close.code = words[r->refusal].close_code;
        out->close.reason = words[r->refusal].reason;
        *l = (struct refuser_link){0};
        return true;
    }
    return false;
}

static int64_t deadline(const struct machine *m)
{
    (void)m;
    return MOMENT_NEVER;
}

static const struct machine_ops ops = {
    .name = "refuser", .feed = feed, .poll = poll, .deadline = deadline};

void refuser_init(struct refuser *r, const struct chat_allocator *allocator)
{
    *r = (struct refuser){.allocator = allocator};
    r->machine.ops = &ops;
}

void refuser_fini(struct refuser *r)
{
    frame_unref(r->sent);
    r->sent = NULL;
}
