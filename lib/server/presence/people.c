#include "server/presence/people.h"

#include "base/alloc.h"

#define STATE(name) WIRE_PRESENCE_STATE__PRESENCE_STATE_##name

struct person {
    uint64_t user_id;
    struct list sessions;
    uint32_t session_count;
    struct list watches;
    WirePresenceState state; /* best of the sessions; never invisible */
    int64_t last_active_at_ms;
};

struct session {
    struct list_node of_person, of_teller;
    struct person *person;
    struct people_teller *teller;
    uint64_t session_no;
    int64_t last_active_at_ms;
    WirePresenceState state;
    uint32_t generation;
};

struct watch {
    struct list_node of_person, marked;
    struct person *person;
    struct people_teller *teller;
    WirePresenceState told; /* UNSPECIFIED: nothing yet */
};

void people_init(struct people *p, const struct chat_allocator *allocator, uint32_t sessions_max,
                 uint32_t watches_max)
{
    *p = (struct people){.allocator = allocator};
    p->sessions_max = sessions_max;
    p->watches_max = watches_max;
    map_init(&p->users, allocator);
    list_init(&p->stirred);
}

void people_fini(struct people *p) { map_fini(&p->users); }

void people_teller_init(struct people *p, struct people_teller *t)
{
    *t = (struct people_teller){.generation = 0};
    list_init(&t->sessions);
    list_init(&t->marked);
    map_init(&t->watches, p->allocator);
}

void people_teller_fini(struct people *p, struct people_teller *t)
{
    people_forget_watches(p, t);
    people_forget_sessions(p, t);
    list_remove(&t->stirred);
}

static struct person *find_or_add_person(struct people *p, uint64_t user_id)
{
    struct person *person = map_get(&p->users, user_id);

    if (person)
        return person;
    person = alloc_zeroed(p->allocator, sizeof(*person));
    if (!person)
        return NULL;
    person->user_id = user_id;
    person->state = STATE(OFFLINE);
    list_init(&person->sessions);
    list_init(&person->watches);
    if (map_put(&p->users, user_id, person) != CHAT_OK) {
        alloc_free(p->allocator, person);
        return NULL;
    }
    return person;
}

/* Nobody tells of it and nobody asks for it. */
static void drop_if_unused(struct people *p, struct person *person)
{
    if (!list_is_empty(&person->sessions) || !list_is_empty(&person->watches))
        return;
    map_take(&p->users, person->user_id);
    alloc_free(p->allocator, person);
}

static void mark(struct people *p, struct watch *w)
{
    struct people_teller *t = w->teller;

    if (list_node_is_linked(&w->marked))
        return;
    list_push_back(&t->marked, &w->marked);
    if (!list_node_is_linked(&t->stirred))
        list_push_back(&p->stirred, &t->stirred);
}

static WirePresenceState seen_state(WirePresenceState state)
{
    switch (state) {
    case STATE(OFFLINE):
    case STATE(INVISIBLE): return STATE(OFFLINE);
    case STATE(IDLE): return STATE(IDLE);
    case STATE(DND): return STATE(DND);
    case STATE(ONLINE):
    case STATE(UNSPECIFIED):
    case _WIRE_PRESENCE_STATE_IS_INT_SIZE: break;
    }
    return STATE(ONLINE);
}

/* The states' numbers rise from offline to online. What an invisible session does leaves
 * no trace, so its activity does not count either. */
static void recompute(struct people *p, struct person *person)
{
    WirePresenceState best = STATE(OFFLINE);

    LIST_EACH(node, &person->sessions)
    {
        const struct session *s = LIST_ENTRY(node, struct session, of_person);
        WirePresenceState seen = seen_state(s->state);

        if (seen > best)
            best = seen;
        if (seen != STATE(OFFLINE) && s->last_active_at_ms > person->last_active_at_ms)
            person->last_active_at_ms = s->last_active_at_ms;
    }
    if (best == person->state)
        return;
    p->changes++;
    p->online_count += best != STATE(OFFLINE);
    p->online_count -= person->state != STATE(OFFLINE);
    person->state = best;
    LIST_EACH(node, &person->watches)
    mark(p, LIST_ENTRY(node, struct watch, of_person));
}

/* --- sessions --- */

static struct session *find_session(const struct person *person, const struct people_teller *t,
                                    uint64_t session_no)
{
    LIST_EACH(node, &person->sessions)
    {
        struct session *s = LIST_ENTRY(node, struct session, of_person);

        if (s->teller == t && s->session_no == session_no)
            return s;
    }
    return NULL;
}

static void end_session(struct people *p, struct session *s)
{
    struct person *person = s->person;

    list_remove(&s->of_person);
    list_remove(&s->of_teller);
    person->session_count--;
    p->session_count--;
    alloc_free(p->allocator, s);
    recompute(p, person);
    drop_if_unused(p, person);
}

static chat_status add_session(struct people *p, struct people_teller *t, struct person *person,
                               uint64_t session_no, struct session **out_session)
{
    struct session *s;

    if (p->session_count >= p->sessions_max || person->session_count >= PEOPLE_USER_SESSIONS_MAX)
        return CHAT_E_FULL;
    s = alloc_zeroed(p->allocator, sizeof(*s));
    if (!s)
        return CHAT_E_NOMEM;
    s->person = person;
    s->teller = t;
    s->session_no = session_no;
    list_push_back(&person->sessions, &s->of_person);
    list_push_back(&t->sessions, &s->of_teller);
    person->session_count++;
    p->session_count++;
    *out_session = s;
    return CHAT_OK;
}

chat_status people_tell(struct people *p, struct people_teller *t, uint64_t user_id,
                        uint64_t session_no, WirePresenceState state, int64_t last_active_at_ms)
{
    struct person *person = map_get(&p->users, user_id);
    struct session *s = person ? find_session(person, t, session_no) : NULL;
    chat_status status;

    if (state == STATE(OFFLINE)) {
        if (s && seen_state(s->state) != STATE(OFFLINE) &&
            last_active_at_ms > person->last_active_at_ms)
            person->last_active_at_ms = last_active_at_ms;
        if (s)
            end_session(p, s);
        return CHAT_OK;
    }
    if (!s) {
        person = find_or_add_person(p, user_id);
        if (!person)
            return CHAT_E_NOMEM;
        status = add_session(p, t, person, session_no, &s);
        if (status != CHAT_OK) {
            drop_if_unused(p, person);
            return status;
        }
    }
    s->state = state;
    s->last_active_at_ms = last_active_at_ms;
    s->generation = t->generation;
    recompute(p, person);
    return CHAT_OK;
}

void people_snapshot_begin(struct people_teller *t) { t->generation++; }

void people_snapshot_end(struct people *p, struct people_teller *t)
{
    LIST_EACH(node, &t->sessions)
    {
        struct session *s = LIST_ENTRY(node, struct session, of_teller);

        if (s->generation != t->generation)
            end_session(p, s);
    }
}

void people_forget_sessions(struct people *p, struct people_teller *t)
{
    LIST_EACH(node, &t->sessions)
    end_session(p, LIST_ENTRY(node, struct session, of_teller));
}

/* --- watches --- */

static void free_watch(struct people *p, struct watch *w)
{
    struct person *person = w->person;

    list_remove(&w->of_person);
    list_remove(&w->marked);
    p->watch_count--;
    alloc_free(p->allocator, w);
    drop_if_unused(p, person);
}

static struct watch *new_watch(struct people *p, struct people_teller *t, struct person *person)
{
    struct watch *w = alloc_zeroed(p->allocator, sizeof(*w));

    if (!w)
        return NULL;
    if (map_put(&t->watches, person->user_id, w) != CHAT_OK) {
        alloc_free(p->allocator, w);
        return NULL;
    }
    w->person = person;
    w->teller = t;
    list_push_back(&person->watches, &w->of_person);
    p->watch_count++;
    return w;
}

chat_status people_watch(struct people *p, struct people_teller *t, uint64_t user_id)
{
    struct watch *w = map_get(&t->watches, user_id);
    struct person *person;

    if (!w) {
        if (p->watch_count >= p->watches_max)
            return CHAT_E_FULL;
        person = find_or_add_person(p, user_id);
        if (!person)
            return CHAT_E_NOMEM;
        w = new_watch(p, t, person);
        if (!w) {
            drop_if_unused(p, person);
            return CHAT_E_NOMEM;
        }
    }
    w->told = STATE(UNSPECIFIED);
    mark(p, w);
    return CHAT_OK;
}

void people_unwatch(struct people *p, struct people_teller *t, uint64_t user_id)
{
    struct watch *w = map_take(&t->watches, user_id);

    if (w)
        free_watch(p, w);
}

void people_forget_watches(struct people *p, struct people_teller *t)
{
    size_t cursor = 0;
    uint64_t user_id;
    void *w;

    while (map_next(&t->watches, &cursor, &user_id, &w))
        free_watch(p, w);
    map_fini(&t->watches);
    map_init(&t->watches, p->allocator);
}

void people_reveal(struct people *p)
{
    size_t cursor = 0;
    uint64_t user_id;
    void *value;

    p->offline_is_known = true;
    while (map_next(&p->users, &cursor, &user_id, &value)) {
        const struct person *person = value;

        if (person->state != STATE(OFFLINE))
            continue;
        LIST_EACH(node, &person->watches)
        mark(p, LIST_ENTRY(node, struct watch, of_person));
    }
}

size_t people_take(struct people *p, struct people_teller *t, WirePresence *out, size_t max)
{
    struct list_node *node;
    size_t count = 0;

    while (count < max && (node = list_pop_front(&t->marked)) != NULL) {
        struct watch *w = LIST_ENTRY(node, struct watch, marked);

        if (w->told == w->person->state)
            continue;
        if (w->person->state == STATE(OFFLINE) && !p->offline_is_known)
            continue;
        w->told = w->person->state;
        wire_presence__init(&out[count]);
        out[count].user_id = w->person->user_id;
        out[count].state = w->person->state;
        out[count].last_active_at_ms = w->person->last_active_at_ms;
        count++;
    }
    return count;
}

WirePresenceState people_state(const struct people *p, uint64_t user_id)
{
    const struct person *person = map_get(&p->users, user_id);
    return person ? person->state : STATE(OFFLINE);
}
