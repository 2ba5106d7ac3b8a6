#include "server/store/homes.h"

#include "base/alloc.h"
#include "server/store/answer.h"
#include "server/store/load.h"
#include "server/store/notes.h"
#include "server/store/reads.h"
#include "server/store/receipts.h"
#include "server/store/role.h"
#include "server/store/rows.h"
#include "server/store/subscriptions.h"

#define EVICT_TRIES 64u /* homes that may not go, looked at to load one */

void homes_init(struct shard *s)
{
    map_init(&s->homes, s->allocator);
    list_init(&s->home_lru);
    s->homes_loaded = 0;
    s->root = NULL;
}

static void count(struct shard *s, struct home *home)
{
    if (!home->counted)
        s->homes_loaded++;
    home->counted = true;
}

static void uncount(struct shard *s, struct home *home)
{
    if (home->counted)
        s->homes_loaded--;
    home->counted = false;
}

static void free_memory(struct shard *s, struct home *home)
{
    uncount(s, home);
    list_remove(&home->lru);
    receipts_forget(s, home);
    wait_drop(s, &home->waiting);
    subscriptions_end_home(s, home);
    home_fini(home, s->allocator);
    alloc_free(s->allocator, home);
}

void homes_fini(struct shard *s)
{
    size_t cursor = 0;
    uint64_t id;
    void *home;

    if (!s->home_lru.head.next)
        return;
    while (map_next(&s->homes, &cursor, &id, &home))
        free_memory(s, home);
    map_fini(&s->homes);
    s->root = NULL;
}

struct home *homes_find(const struct shard *s, uint64_t id)
{
    return id != 0 ? map_get(&s->homes, id) : NULL;
}

/* Table and overlay say all there is to know of it. */
static bool is_evictable(const struct shard *s, const struct home *home)
{
    return home->pins == 0 && home->waiting.count == 0 && home->decided_position <= s->synced;
}

static void unload(struct shard *s, struct home *home)
{
    uncount(s, home);
    list_remove(&home->lru);
    receipts_forget(s, home);
    home_unload(home, s->allocator);
}

void homes_settle(struct shard *s, struct home *home)
{
    if (home->state == HOME_EMPTY && home->pins == 0 && home->waiting.count == 0 &&
        list_is_empty(&home->subscriptions)) {
        map_take(&s->homes, home->id);
        free_memory(s, home);
    }
}

static bool make_room(struct shard *s)
{
    uint32_t tries = 0;

    LIST_EACH(node, &s->home_lru)
    {
        struct home *home = LIST_ENTRY(node, struct home, lru);

        if (s->homes_loaded < s->limits->homes_max || tries++ == EVICT_TRIES)
            break;
        if (is_evictable(s, home)) {
            unload(s, home);
            homes_settle(s, home);
            s->stats->home_evictions++;
        } else { /* out of the way of the others */
            list_remove(&home->lru);
            list_push_back(&s->home_lru, &home->lru);
        }
    }
    return s->homes_loaded < s->limits->homes_max;
}

static struct home *new_home(struct shard *s, uint64_t id)
{
    struct home *home = alloc_zeroed(s->allocator, sizeof(*home));

    if (!home)
        return NULL;
    home->id = id;
    list_init(&home->subscriptions);
    wait_init(&home->waiting);
    if (map_put(&s->homes, id, home) != CHAT_OK) {
        alloc_free(s->allocator, home);
        return NULL;
    }
    return home;
}

static void become_loaded(struct shard *s, struct home *home)
{
    home->state = HOME_LOADED;
    count(s, home);
    list_push_back(&s->home_lru, &home->lru);
}

/* There is no such home: everybody who asked hears it. */
static void refuse_waiting(struct shard *s, struct home *home)
{
    home->state = HOME_EMPTY;
    uncount(s, home);
    home->missing = true;
    wait_resume_all(s, &home->waiting);
    home->missing = false;
}

static void loaded(struct shard *s, struct read_job *job)
{
    struct home *home = job->home;
    bool exists = false;
    chat_status status;

    s->stats->home_loads++;
    status = load_home(s, home, job, &exists);
    if (status != CHAT_OK) {
        home_unload(home, s->allocator);
        shard_give_up(s, status == CHAT_E_CORRUPT ? AFTER_REFUSED : AFTER_REOPEN, status,
                      "load of a home");
        return;
    }
    if (!exists) {
        refuse_waiting(s, home);
    } else {
        become_loaded(s, home);
        wait_resume_all(s, &home->waiting);
    }
    home->pins--; /* settling is ours, before the job drops its pin */
    job->home = NULL;
    homes_settle(s, home);
}

static bool start_load(struct shard *s, struct home *home)
{
    struct read_job *job = make_room(s) ? reads_new(s, loaded) : NULL;

    if (!job)
        return false;
    load_queries(home->id, job);
    reads_pin(job, home);
    home->state = HOME_LOADING;
    count(s, home); /* already: its room is taken */
    reads_start(s, job);
    return true;
}

static void say_missing(struct shard *s, const struct request *req)
{
    if (req->frame->body_case == WIRE_LINK_FRAME__BODY_NOTE)
        notes_acknowledge(s, NULL, req);
    else
        answer_problem(s, NULL, req, PROBLEM(NOT_FOUND), "home");
}

struct home *homes_need(struct shard *s, uint64_t id, const struct request *req)
{
    struct home *home = homes_find(s, id);

    if (home && home->state == HOME_LOADED && home != s->root) {
        if (home->lru.next != &s->home_lru.head) {
            list_remove(&home->lru);
            list_push_back(&s->home_lru, &home->lru);
        }
        return home;
    }
    /* Ids that no shard ever mints are not even looked up. */
    if (id == 0 || id > INT64_MAX || (home && (home->missing || home == s->root))) {
        say_missing(s, req);
        return NULL;
    }
    if (!home)
        home = new_home(s, id);
    if (!home) {
        answer_no_memory(s, req);
        return NULL;
    }
    if (home->state == HOME_EMPTY && !start_load(s, home)) {
        answer_problem(s, NULL, req, PROBLEM(OVERLOADED), "homes");
        homes_settle(s, home);
        return NULL;
    }
    (void)wait_add(s, &home->waiting, req);
    return NULL;
}

struct home *homes_create(struct shard *s, uint64_t id)
{
    struct home *home = make_room(s) ? new_home(s, id) : NULL;

    if (home)
        become_loaded(s, home);
    return home;
}

void homes_discard(struct shard *s, struct home *home)
{
    unload(s, home);
    homes_settle(s, home);
}

chat_status homes_set_root(struct shard *s, uint64_t lsn)
{
    s->root = new_home(s, root_home_id(s->id));
    if (!s->root)
        return CHAT_E_NOMEM;
    s->root->state = HOME_LOADED; /* and never evicted */
    s->root->lsn = lsn;
    s->root_synced_lsn = lsn;
    return CHAT_OK;
}

void homes_refused(struct shard *s)
{
    LIST_EACH(node, &s->home_lru)
    {
        struct home *home = LIST_ENTRY(node, struct home, lru);

        home->group = NULL;
        if (home->decided_position > s->synced) {
            unload(s, home);
            homes_settle(s, home);
        }
    }
    s->root->group = NULL;
    s->root->lsn = s->root_synced_lsn;
    s->root->decided_position = 0;
}
