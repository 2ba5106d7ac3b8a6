/* The people that the kit plays: real conns on a perfect network. */
#include <string.h>

#include "base/alloc.h"
#include "testkit/kit.h"

#define YEAR_S INT64_C(31536000)
#define URL "wss://testkit/"

/* --- what the network asks --- */

static struct sim_node *route(void *user)
{
    return ((struct kit_person *)user)->kit->server.router_node;
}

static chat_status give_token(struct kit_person *p)
{
    char token[CHAT_TOKEN_MAX + 1];
    chat_status status =
        chat_testkit_mint_token(p->kit, p->subject, NULL, YEAR_S, token, sizeof(token));

    return status == CHAT_OK ? chat_conn_set_token(p->conn, token, strlen(token)) : status;
}

static bool is_same(const struct chat_nonce *a, const struct chat_nonce *b)
{
    return a->device_id == b->device_id && a->counter == b->counter;
}

static void hear_outgoing(struct kit_answer *a, const struct chat_outgoing *outgoing)
{
    if (is_same(&a->nonce, &outgoing->old_nonce))
        a->nonce = outgoing->nonce;
    if (a->ticket || !is_same(&a->nonce, &outgoing->nonce) ||
        outgoing->state == CHAT_OUTGOING_QUEUED)
        return;
    a->done = true;
    a->status = outgoing->state == CHAT_OUTGOING_DONE ? CHAT_OK
                : outgoing->status != CHAT_OK         ? outgoing->status
                                                      : CHAT_E_UNKNOWN;
    a->seq = outgoing->seq;
}

static void hear(struct kit_person *p, const struct chat_event *event)
{
    struct kit_answer *a = &p->answer;

    if (event->type == CHAT_EVENT_NEED_TOKEN)
        (void)give_token(p);
    if (event->type == CHAT_EVENT_OUTGOING)
        hear_outgoing(a, event->outgoing);
    if (event->ticket == 0 || event->ticket != a->ticket)
        return;
    a->done = true;
    a->status = event->status;
    if (event->type == CHAT_EVENT_OPENED)
        a->id = event->channel_id;
    if (event->type == CHAT_EVENT_USERS && event->users_count > 0)
        a->id = event->users[0]->user_id;
}

static void step(void *user)
{
    struct kit_person *p = user;
    struct chat_event event = CHAT_EVENT_INIT;

    if (!p->conn)
        return;
    (void)chat_loop_step(p->loop, 0);
    while (chat_conn_next_event(p->conn, &event))
        hear(p, &event);
}

static int64_t timeout_ms(void *user)
{
    struct kit_person *p = user;

    return p->conn ? chat_loop_get_timeout_ms(p->loop) : -1;
}

static bool is_dead(void *user)
{
    (void)user;
    return false;
}

static bool delivered(void *user, const uint8_t *bytes, size_t len)
{
    (void)user, (void)bytes, (void)len;
    return true;
}

static const struct sim_port_ops port_ops = {
    .route = route,
    .step = step,
    .timeout_ms = timeout_ms,
    .is_dead = is_dead,
    .delivered = delivered,
};

static const struct sim_node_ops node_ops = {0};

bool kit_person_is_busy(const struct kit_person *person)
{
    return timeout_ms((void *)(uintptr_t)person) == 0;
}

/* --- life --- */

static struct kit_person *find(const chat_testkit *kit, const char *subject)
{
    for (uint32_t i = 0; i < kit->person_count; i++) {
        if (strcmp(kit->people[i]->subject, subject) == 0)
            return kit->people[i];
    }
    return NULL;
}

static chat_status add(chat_testkit *kit, const char *subject, struct kit_person **out_person)
{
    struct kit_person *p;

    if (kit->person_count == CHAT_TESTKIT_PEOPLE_MAX)
        return CHAT_E_FULL;
    p = alloc_zeroed(kit->allocator, sizeof(*p));
    if (!p)
        return CHAT_E_NOMEM;
    p->kit = kit;
    memcpy(p->subject, subject, strlen(subject) + 1);
    p->node = sim_world_add(kit->world, p->subject, &node_ops, p);
    if (!p->node) {
        alloc_free(kit->allocator, p);
        return CHAT_E_FULL;
    }
    p->node->peer_is_client = true;
    sim_port_init(&p->port, p->node, &port_ops, p, rng_u64(&kit->rng));
    sim_node_start(p->node, &p->port.machine);
    kit->people[kit->person_count++] = p;
    *out_person = p;
    return CHAT_OK;
}

static void sign_out(struct kit_person *p)
{
    chat_conn_free(p->conn);
    chat_loop_free(p->loop);
    p->conn = NULL;
    p->loop = NULL;
}

static chat_status sign_in(struct kit_person *p)
{
    struct chat_loop_config loop_config;
    struct chat_conn_config config;
    chat_status status;

    chat_loop_config_init(&loop_config);
    loop_config.allocator = p->kit->allocator;
    loop_config.transport = &p->port.transport;
    status = chat_loop_new(&loop_config, &p->loop);
    if (status != CHAT_OK)
        return status;
    chat_conn_config_init(&config);
    config.allocator = p->kit->allocator;
    config.url = URL;
    config.client = "testkit/1";
    config.seed = rng_id(&p->kit->rng);
    status = chat_conn_new(p->loop, &config, &p->conn);
    if (status == CHAT_OK)
        status = give_token(p);
    if (status == CHAT_OK)
        status = chat_conn_start(p->conn);
    if (status != CHAT_OK)
        sign_out(p);
    return status;
}

void kit_person_free(struct kit_person *p)
{
    sign_out(p);
    if (p->node->machine)
        (void)sim_node_crash(p->node, false);
    sim_port_fini(&p->port);
    alloc_free(p->kit->allocator, p);
}

static bool is_live(void *user)
{
    return chat_conn_get_state(((struct kit_person *)user)->conn) == CHAT_CONN_LIVE;
}

static chat_status check_call(const chat_testkit *kit, const char *subject)
{
    chat_status status;

    if (!kit_may_run(kit, &status))
        return status;
    if (!subject || !subject[0])
        return CHAT_E_INVALID;
    if (strlen(subject) > CHAT_SUBJECT_MAX)
        return CHAT_E_TOO_LARGE;
    return kit->server.router ? CHAT_OK : CHAT_E_UNAVAILABLE;
}

/* Somebody who is played, and live. */
static chat_status get_live(chat_testkit *kit, const char *subject, struct kit_person **out_person)
{
    struct kit_person *p;
    chat_status status = check_call(kit, subject);

    if (status != CHAT_OK)
        return status;
    p = find(kit, subject);
    if (!p)
        status = add(kit, subject, &p);
    if (status == CHAT_OK && !p->conn)
        status = sign_in(p);
    if (status == CHAT_OK)
        status = kit_run_until(kit, is_live, p, CHAT_TESTKIT_PEOPLE_WAIT_MS);
    if (status != CHAT_OK)
        return status;
    p->user_id = chat_conn_get_user_id(p->conn);
    *out_person = p;
    return CHAT_OK;
}

/* --- the test's calls --- */

chat_status chat_testkit_get_conn(chat_testkit *kit, const char *subject, chat_conn **out_conn)
{
    struct kit_person *p;
    chat_status status = out_conn ? get_live(kit, subject, &p) : CHAT_E_INVALID;

    if (status == CHAT_OK)
        *out_conn = p->conn;
    return status;
}

/* Who is not played stays known: a slot without a conn. */
chat_status chat_testkit_get_user_id(chat_testkit *kit, const char *subject, uint64_t *out_user_id)
{
    struct kit_person *p;
    bool was_played;
    chat_status status = out_user_id ? check_call(kit, subject) : CHAT_E_INVALID;

    if (status != CHAT_OK)
        return status;
    p = find(kit, subject);
    was_played = p && p->conn;
    if (!p || !p->user_id) {
        status = get_live(kit, subject, &p);
        if (p && !was_played && p->conn) {
            chat_conn_stop(p->conn);
            if (status == CHAT_OK)
                status = chat_testkit_run_until_idle(kit);
            sign_out(p);
        }
    }
    if (status == CHAT_OK)
        *out_user_id = p->user_id;
    return status;
}

static bool is_answered(void *user) { return ((struct kit_person *)user)->answer.done; }

static chat_status wait_for_answer(struct kit_person *p)
{
    chat_status status = kit_run_until(p->kit, is_answered, p, CHAT_TESTKIT_PEOPLE_WAIT_MS);

    return status == CHAT_OK ? p->answer.status : status;
}

static bool knows_channel(void *user)
{
    struct kit_person *p = user;

    return chat_conn_get_channel(p->conn, p->answer.id) != NULL;
}

/* A conversation was asked for: its id, once the conns of its members know it. */
static chat_status wait_for_channel(struct kit_person *p, uint64_t ticket, uint64_t *out_channel_id)
{
    chat_status status;

    p->answer = (struct kit_answer){.ticket = ticket};
    status = wait_for_answer(p);
    if (status == CHAT_OK)
        status = kit_run_until(p->kit, knows_channel, p, CHAT_TESTKIT_PEOPLE_WAIT_MS);
    if (status != CHAT_OK)
        return status;
    *out_channel_id = p->answer.id;
    status = chat_testkit_run_until_idle(p->kit); /* the others hear of it, too */
    return status == CHAT_E_TIMEOUT ? CHAT_OK : status;
}

chat_status chat_testkit_open_direct(chat_testkit *kit, const char *subject, const char *peer,
                                     uint64_t *out_channel_id)
{
    struct kit_person *p;
    uint64_t peer_id, ticket;
    chat_status status = out_channel_id ? get_live(kit, subject, &p) : CHAT_E_INVALID;

    if (status == CHAT_OK)
        status = chat_testkit_get_user_id(kit, peer, &peer_id);
    if (status == CHAT_OK)
        status = chat_conn_open_direct(p->conn, peer_id, &ticket);
    return status == CHAT_OK ? wait_for_channel(p, ticket, out_channel_id) : status;
}

chat_status chat_testkit_create_group(chat_testkit *kit, const char *subject, const char *name,
                                      const char *const *others, size_t count,
                                      uint64_t *out_channel_id)
{
    uint64_t ids[CHAT_TESTKIT_PEOPLE_MAX], ticket;
    struct kit_person *p;
    chat_status status;

    if (!name || !out_channel_id || (!others && count > 0) || count > CHAT_TESTKIT_PEOPLE_MAX)
        return CHAT_E_INVALID;
    status = get_live(kit, subject, &p);
    for (size_t i = 0; status == CHAT_OK && i < count; i++)
        status = chat_testkit_get_user_id(kit, others[i], &ids[i]);
    if (status == CHAT_OK)
        status = chat_conn_create_group(p->conn, name, strlen(name), ids, count, &ticket);
    return status == CHAT_OK ? wait_for_channel(p, ticket, out_channel_id) : status;
}

chat_status chat_testkit_post(chat_testkit *kit, uint64_t channel_id, const char *subject,
                              const char *text, uint64_t *out_seq)
{
    struct kit_person *p;
    chat_status status = text ? get_live(kit, subject, &p) : CHAT_E_INVALID;

    if (status != CHAT_OK)
        return status;
    if (!chat_conn_get_channel(p->conn, channel_id)) /* word of it may be under way */
        status = chat_testkit_run_until_idle(kit);
    if (status != CHAT_OK)
        return status;
    p->answer = (struct kit_answer){0};
    status = chat_conn_send_text(p->conn, channel_id, text, strlen(text), &p->answer.nonce);
    if (status == CHAT_OK)
        status = wait_for_answer(p);
    if (status == CHAT_OK && out_seq)
        *out_seq = p->answer.seq;
    return status;
}
