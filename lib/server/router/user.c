#include "server/router/user.h"

#include "base/alloc.h"
#include "server/router/core.h"
#include "server/router/output.h"
#include "server/router/sync.h"

struct user *user_find(const struct router *r, uint64_t user_id)
{
    return user_id != 0 ? map_get(&r->by_user, user_id) : NULL;
}

struct user *user_get(struct router *r, uint64_t user_id)
{
    struct user *u = user_find(r, user_id);

    if (u || user_id == 0)
        return u;
    u = alloc_zeroed(r->allocator, sizeof(*u));
    if (!u)
        return NULL;
    u->user_id = user_id;
    u->lost = true;
    u->routers = 1;
    list_init(&u->sessions);
    if (map_put(&r->by_user, user_id, u) != CHAT_OK) {
        alloc_free(r->allocator, u);
        return NULL;
    }
    return u;
}

bool user_attach(struct router *r, struct user *u, struct session *s)
{
    if (u->count >= r->limits.user_sessions)
        return false;
    s->user = u;
    s->user_id = u->user_id;
    list_push_back(&u->sessions, &s->of_user);
    u->count++;
    return true;
}

static void unlist(struct router *r, struct user *u)
{
    if (!list_node_is_linked(&u->lost_link))
        return;
    list_remove(&u->lost_link);
    r->lost_users--;
}

void user_release(struct router *r, struct user *u)
{
    struct link *link = router_link(r, router_shard(r, u->user_id));
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireUnsubscribe leave = WIRE_UNSUBSCRIBE__INIT;

    if (u->count > 0 || u->asks > 0)
        return;
    leave.home_id = u->user_id;
    frame.body_case = WIRE_LINK_FRAME__BODY_UNSUBSCRIBE;
    frame.unsubscribe = &leave;
    if (link)
        (void)links_send(&r->links, link, &frame);
    r->parted[r->parted_count++ % ROUTER_PARTED_MAX].user_id = u->user_id;
    unlist(r, u);
    map_take(&r->by_user, u->user_id);
    alloc_free(r->allocator, u);
}

void user_detach(struct router *r, struct session *s)
{
    struct user *u = s->user;

    if (!u)
        return;
    list_remove(&s->of_user);
    s->user = NULL;
    u->count--;
    user_release(r, u);
}

void users_fini(struct router *r)
{
    size_t cursor = 0;
    uint64_t user_id;
    void *user;

    while (map_next(&r->by_user, &cursor, &user_id, &user))
        alloc_free(r->allocator, user);
}

void user_lose(struct router *r, struct user *u)
{
    uint32_t shard = router_shard(r, u->user_id);

    u->lost = true;
    if (u->count == 0 || u->asks > 0 || list_node_is_linked(&u->lost_link) || shard == SHARD_NONE)
        return;
    list_push_back(&r->lists[shard].users, &u->lost_link);
    r->lost_users++;
}

void user_found(struct router *r, struct user *u, uint64_t lsn)
{
    if (!u->lost)
        return; /* what was published up to a newer lsn is still to come, in order */
    unlist(r, u);
    u->lost = false;
    u->lsn = lsn;
}

void user_supersede(struct router *r, struct user *u, uint64_t device_id, uint64_t session_no)
{
    /* `u` stands as long as it has a session; the last one ends here only if there is none
     * newer, and then nobody looks at `u` again. */
    LIST_EACH(node, &u->sessions)
    {
        struct session *s = LIST_ENTRY(node, struct session, of_user);
        bool last = node_next == &u->sessions.head;

        if (s->device_id == device_id && s->session_no < session_no) {
            r->stats.superseded++;
            session_end(r, s,
                        &(struct session_end){
                            .close_code = CHAT_CLOSE_SUPERSEDED,
                            .reason = "superseded",
                            .problem = WIRE_PROBLEM_CODE__PROBLEM_SUPERSEDED,
                            .retry = WIRE_RETRY__RETRY_NEVER,
                        });
        }
        if (last)
            return;
    }
}

static void end_older_epochs(struct router *r, struct user *u, uint64_t epoch)
{
    LIST_EACH(node, &u->sessions)
    {
        struct session *s = LIST_ENTRY(node, struct session, of_user);
        bool last = node_next == &u->sessions.head;

        if (s->auth_epoch < epoch)
            session_revoke(r, s, "signed out everywhere");
        if (last)
            return;
    }
}

static void end_signed_out(struct router *r, struct user *u, const WireSignedOut *out)
{
    LIST_EACH(node, &u->sessions)
    {
        struct session *s = LIST_ENTRY(node, struct session, of_user);
        bool last = node_next == &u->sessions.head;

        if (s->device_id == out->device_id && s->session_no < out->session_no)
            session_revoke(r, s, "signed out");
        if (last)
            return;
    }
}

/* To all sessions of the user. */
static void push_to_user(struct router *r, struct user *u, WireServerFrame__BodyCase body,
                         void *message)
{
    WireServerFrame frame = WIRE_SERVER_FRAME__INIT;
    struct frame *encoded;

    frame.body_case = body;
    frame.message = message; /* every member of the union is a pointer */
    encoded = wire_encode_server(r->allocator, &frame);
    if (!encoded) {
        user_lose(r, u); /* told again when it is announced */
        return;
    }
    USER_EACH_SESSION(s, u) { output_push(r, s, encoded); }
    frame_unref(encoded);
}

static void push_cursor(struct router *r, struct user *u, WireCursor *cursor)
{
    push_to_user(r, u, WIRE_SERVER_FRAME__BODY_CURSOR, cursor);
    USER_EACH_SESSION(s, u) { sync_heard_cursor(s, cursor); }
}

static void push_mentions(struct router *r, struct user *u, WireMentions *mentions)
{
    push_to_user(r, u, WIRE_SERVER_FRAME__BODY_MENTIONS, mentions);
    USER_EACH_SESSION(s, u) { sync_heard_mentions(s, mentions); }
}

static void push_settings(struct router *r, struct user *u, WireChannelSettings *settings)
{
    push_to_user(r, u, WIRE_SERVER_FRAME__BODY_CHANNEL_SETTINGS, settings);
    USER_EACH_SESSION(s, u) { sync_heard_settings(s, settings); }
}

static void push_draft(struct router *r, struct user *u, WireDraft *draft)
{
    push_to_user(r, u, WIRE_SERVER_FRAME__BODY_DRAFT, draft);
    USER_EACH_SESSION(s, u) { sync_heard_draft(s, draft); }
}

/* The conversation's home is the truth about who belongs to it, and this note may be older
 * than what the home published since: so a session that has the home asks it. */
static void remove_channel(struct router *r, struct user *u, uint64_t home_id)
{
    const struct home *h = home_find(r, home_id);

    USER_EACH_SESSION(s, u)
    {
        if (h && home_slot(h, s) != SLAB_NONE)
            sync_look(r, s, home_id);
        else if (!sync_has(s, home_id))
            home_send_removed(r, home_id, 0, s);
    }
}

static void take_event(struct router *r, struct user *u, const WireHomeEvent *event)
{
    switch ((int)event->body_case) {
    case WIRE_HOME_EVENT__BODY_CURSOR: push_cursor(r, u, event->cursor); break;
    case WIRE_HOME_EVENT__BODY_MENTIONS: push_mentions(r, u, event->mentions); break;
    case WIRE_HOME_EVENT__BODY_CHANNEL_ADDED:
        USER_EACH_SESSION(s, u) { sync_add(r, s, event->channel_added); }
        break;
    case WIRE_HOME_EVENT__BODY_CHANNEL_REMOVED: remove_channel(r, u, event->channel_removed); break;
    case WIRE_HOME_EVENT__BODY_SESSION_STARTED:
        user_supersede(r, u, event->session_started->device_id, event->session_started->session_no);
        break;
    case WIRE_HOME_EVENT__BODY_AUTH_EPOCH: end_older_epochs(r, u, event->auth_epoch); break;
    case WIRE_HOME_EVENT__BODY_ROUTERS: u->routers = event->routers; break;
    case WIRE_HOME_EVENT__BODY_CHANNEL_SETTINGS:
        push_settings(r, u, event->channel_settings);
        break;
    case WIRE_HOME_EVENT__BODY_DRAFT: push_draft(r, u, event->draft); break;
    case WIRE_HOME_EVENT__BODY_SIGNED_OUT: end_signed_out(r, u, event->signed_out); break;
    default: break; /* not of a user's home, or unknown */
    }
}

void user_publication(struct router *r, struct user *u, const WirePublication *p)
{
    uint64_t user_id = u->user_id;

    r->stats.publications++;
    if (p->lsn != 0) { /* else ephemeral */
        if (u->lost)
            return;
        if (p->lsn <= u->lsn) {
            r->stats.duplicates++;
            return;
        }
        if (p->prev_lsn > u->lsn) {
            r->stats.holes++;
            user_lose(r, u);
            return;
        }
        u->lsn = p->lsn;
    }
    for (size_t i = 0; i < p->n_events; i++) {
        r->stats.events++;
        take_event(r, u, p->events[i]);
        u = user_find(r, user_id); /* its last session may have ended */
        if (!u)
            return;
    }
}
