/*
 * The disk under a client's cache fails at the Nth call, once or for good, for every N that a
 * story has: no crash, no leak, a status; the file is sound, and what was promised is in it.
 *
 * A story runs on a copy of a prepared file. Promised is what client_send() said CHAT_OK to:
 * afterwards it is queued in the file, or the service has it.
 */
#include <check.h>
#include <sqlite3.h>
#include <unistd.h>

#include "cache/cache.h"
#include "client_rig.h"
#include "faulty_alloc.h"
#include "faulty_vfs.h"

#define PROMISES_MAX 16
#define STORIES_FULL 8   /* a full disk is told apart by writes only: the first stories show it */
#define CALLS_MAX 20000u /* of one story; more would be a loop */

static struct rig rig;
static struct faulty_vfs disk;
static struct faulty_alloc memory;
static char folder[64], prepared[128], path[128];
static struct chat_nonce promises[PROMISES_MAX];
static uint32_t promised;
static bool told; /* some call or event said that something is wrong */

/* --- files --- */

static void copy_file(const char *from, const char *to)
{
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    char bytes[8192];
    size_t len;

    ck_assert_ptr_nonnull(in);
    ck_assert_ptr_nonnull(out);
    while ((len = fread(bytes, 1, sizeof(bytes), in)) > 0)
        ck_assert_uint_eq(fwrite(bytes, 1, len, out), len);
    fclose(in);
    fclose(out);
}

static void remove_cache(void)
{
    char name[160];

    (void)unlink(path);
    (void)snprintf(name, sizeof(name), "%s-wal", path);
    (void)unlink(name);
    (void)snprintf(name, sizeof(name), "%s-journal", path);
    (void)unlink(name);
}

/* --- what a story may do --- */

static void hear(chat_status status) { told |= status != CHAT_OK; }

static void type(uint64_t channel_id, const char *text)
{
    struct chat_nonce nonce = {0};
    chat_status status = rig_try_send(&rig, channel_id, text, strlen(text), &nonce);

    hear(status);
    if (status == CHAT_OK)
        promises[promised++] = nonce;
}

static void pull(void)
{
    struct chat_event e = CHAT_EVENT_INIT;

    while (client_next_event(rig.core, &e))
        told |= e.type == CHAT_EVENT_CACHE;
}

static void wait_ms(int64_t ms)
{
    rig_wait(&rig, ms);
    pull();
}

static void go_online(void)
{
    hear(client_start(rig.core));
    rig_turn(&rig);
    pull();
}

static void search(const char *text)
{
    uint64_t ticket;

    hear(client_search(rig.core, text, strlen(text), 0, 0, 20, &ticket));
    wait_ms(5);
}

/* --- stories --- */

static void only_open(void) {}

static void catch_up(void)
{
    rig_store_many(&rig, CH, 250);
    go_online();
    wait_ms(500);
}

static void receive(void)
{
    go_online();
    for (int i = 0; i < 3; i++) {
        rig_post(&rig, CH, "news");
        pull();
    }
    rig_alter(&rig, CH, 2, "edited");
    rig_publish(&rig, CH, 2, true);
    rig_turn(&rig);
    pull();
    wait_ms(300);
}

static void send(void)
{
    go_online();
    type(CH, "one");
    type(CH, "two");
    rig_turn(&rig);
    pull();
    hear(rig_try_edit(&rig, CH, 1, "better"));
    hear(client_delete(rig.core, CH, 3, NULL));
    hear(client_mark_read(rig.core, CH, 4));
    wait_ms(3000);
}

static void send_offline(void)
{
    type(CH, "in a tunnel");
    type(CH, "still there");
    hear(client_flush(rig.core));
    pull();
}

static void refuse_and_resend(void)
{
    struct chat_nonce nonce;
    const struct chat_outgoing *o;

    rig.op_problem = WIRE_PROBLEM_CODE__PROBLEM_FORBIDDEN;
    rig.problem_retry = WIRE_RETRY__RETRY_NEVER;
    rig.op_problems = 1;
    go_online();
    hear(rig_try_send(&rig, CH, "refused", 7, &nonce));
    wait_ms(100);
    for (uint32_t i = 0; client_outgoing(rig.core, i, &o); i++) {
        struct chat_nonce refused = o->nonce, again = {0};

        if (o->state == CHAT_OUTGOING_REFUSED &&
            client_resend(rig.core, &refused, &again) == CHAT_OK)
            promises[promised++] = again;
    }
    wait_ms(3000);
}

static void look_for(void)
{
    go_online();
    for (int i = 0; i < 5; i++)
        rig_post(&rig, CH, "needle in hay");
    wait_ms(500);
    search("needle");
    rig_alter(&rig, CH, rig.channels[0].seq, "no more");
    rig_publish(&rig, CH, rig.channels[0].seq, true);
    rig_turn(&rig);
    wait_ms(500);
    search("need");
}

static void outgrow(void)
{
    go_online();
    type(CH, "typed before");
    for (uint64_t seq = rig_store_many(&rig, CH, 300) - 299; seq <= rig.channels[0].seq; seq++) {
        rig_publish(&rig, CH, seq, false);
        if (seq % 50 == 0)
            rig_turn(&rig);
    }
    wait_ms(3000);
}

static void suspend(void)
{
    go_online();
    rig_post(&rig, CH, "news");
    client_suspend(rig.core);
    rig_turn(&rig);
    type(CH, "while suspended");
    client_resume(rig.core);
    wait_ms(3000);
}

static void rewritten_history(void)
{
    go_online();
    rig_cut(&rig, 1006);
    rig.channels[0].epoch = 2;
    rig_store_many(&rig, CH, 2);
    type(CH, "after the rewrite");
    wait_ms(5000);
}

static void migrate(void)
{
    wait_ms(500); /* its words are indexed, too */
    search("words");
}

static void full_of_log(void)
{
    go_online();
    for (int i = 0; i < 60; i++)
        rig_post(&rig, CH, "many small commits");
    wait_ms(5000); /* the checkpoint of idle time */
}

static const struct story {
    const char *name;
    void (*run)(void);
    bool new_file, old_schema;
    uint64_t cache_bytes_max;
} stories[] = {
    {.name = "open a new file", .run = only_open, .new_file = true},
    {.name = "open", .run = only_open},
    {.name = "catch up into a new file", .run = catch_up, .new_file = true},
    {.name = "catch up", .run = catch_up},
    {.name = "receive", .run = receive},
    {.name = "send", .run = send},
    {.name = "send offline", .run = send_offline},
    {.name = "refused, and sent again", .run = refuse_and_resend},
    {.name = "search", .run = look_for},
    {.name = "evict", .run = outgrow, .cache_bytes_max = 48u << 10},
    {.name = "suspend and resume", .run = suspend},
    {.name = "a rewritten history", .run = rewritten_history},
    {.name = "a file of the first schema", .run = migrate, .old_schema = true},
    {.name = "a log that is written back", .run = full_of_log},
};

/* --- one run --- */

static void begin_rig(const struct story *story)
{
    rig_init(&rig);
    rig.config.seed = 42;
    rig.config.allocator = &memory.allocator;
    rig.config.cache_path = path;
    rig.config.wal_pages_max = 20;
    rig.config.cache_bytes_max = story->cache_bytes_max;
    rig.config.keep_max = story->cache_bytes_max ? 20 : 0;
    rig_store_many(&rig, CH, 10);
    promised = 0;
    told = false;
}

/* As it would be left by an earlier session: 10 messages, one queued. */
static void prepare(void)
{
    const struct story plain = {.name = ""};

    (void)snprintf(path, sizeof(path), "%s/prepared.db", folder);
    (void)snprintf(prepared, sizeof(prepared), "%s", path);
    begin_rig(&plain);
    rig_open(&rig);
    rig_start(&rig);
    rig_wait(&rig, 500);
    client_stop(rig.core);
    (void)rig_type(&rig, CH, "queued before");
    ck_assert_int_eq(client_flush(rig.core), CHAT_OK);
    rig_fini(&rig);
    (void)snprintf(path, sizeof(path), "%s/story.db", folder);
}

static void take_file(const struct story *story)
{
    const char *root = getenv("CHAT_SOURCE_ROOT");
    char sample[512];

    remove_cache();
    (void)snprintf(sample, sizeof(sample), "%s/tests/golden/cache/v1.db", root ? root : ".");
    if (!story->new_file)
        copy_file(story->old_schema ? sample : prepared, path);
}

struct queued {
    struct chat_nonce nonces[PROMISES_MAX * 2];
    uint32_t count;
};

static chat_status see_queued(const struct cache_outgoing *o, void *user)
{
    struct queued *q = user;

    ck_assert_uint_lt(q->count, PROMISES_MAX * 2);
    q->nonces[q->count++] = (struct chat_nonce){o->device_id, o->counter};
    return CHAT_OK;
}

static bool is_safe(const struct chat_nonce *nonce, const struct queued *q)
{
    const struct rig_channel *ch = &rig.channels[0];

    for (uint32_t i = 0; i < q->count; i++)
        if (q->nonces[i].device_id == nonce->device_id && q->nonces[i].counter == nonce->counter)
            return true;
    for (uint64_t s = 1; s <= ch->seq; s++)
        if (ch->messages[s].device == nonce->device_id && ch->messages[s].counter == nonce->counter)
            return true;
    return false;
}

static void expect_sound(const struct story *story, uint64_t call)
{
    sqlite3_stmt *st = NULL;
    sqlite3 *db;

    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &st, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(st), SQLITE_ROW);
    ck_assert_msg(strcmp((const char *)sqlite3_column_text(st, 0), "ok") == 0, "%s, call %llu: %s",
                  story->name, (unsigned long long)call, (const char *)sqlite3_column_text(st, 0));
    sqlite3_finalize(st);
    sqlite3_close(db);
}

/* With a disk that works again. */
static void expect_kept(const struct story *story, uint64_t call)
{
    const struct cache_config config = {.path = path, .device_id = 5};
    struct cache *c = NULL;
    struct queued q = {.count = 0};
    chat_status status = cache_open(&config, &c);

    ck_assert_msg(status == CHAT_OK, "%s, call %llu: %s", story->name, (unsigned long long)call,
                  chat_status_name(status));
    ck_assert_int_eq(cache_outbox_load(c, see_queued, &q), CHAT_OK);
    for (uint32_t i = 0; i < promised; i++)
        ck_assert_msg(is_safe(&promises[i], &q), "%s, call %llu: what was queued is lost",
                      story->name, (unsigned long long)call);
    if (story->old_schema)
        ck_assert_uint_eq(q.count, 5);
    else if (!story->new_file)
        ck_assert(q.count >= 1 || rig.channels[0].seq > 10); /* "queued before" */
    cache_close(c);
    expect_sound(story, call);
}

/* False: the story has fewer calls than that. */
static bool run(const struct story *story, uint64_t call, bool for_good)
{
    chat_status status;

    take_file(story);
    faulty_alloc_init(&memory);
    begin_rig(story);
    rig.config.cache_vfs = "faulty";
    faulty_vfs_fail_at(&disk, call, for_good);
    status = client_new(&rig.config, &rig.core);
    if (status == CHAT_OK) {
        rig.m = client_machine(rig.core);
        rig_feed(&rig, (struct event){.kind = EVENT_TIMER});
        story->run();
    } else {
        rig.core = NULL;
        told = true;
        ck_assert_msg(disk.fired, "%s: %s without a fault", story->name, chat_status_name(status));
    }
    client_free(rig.core);
    rig.core = NULL;
    ck_assert_uint_eq(memory.live, 0);
    disk.fail_at = 0;
    ck_assert_uint_lt(disk.calls, CALLS_MAX);
    if (access(path, F_OK) == 0)
        expect_kept(story, call);
    ck_assert(!(told && !disk.fired));
    rig_fini(&rig);
    return disk.fired;
}

static void run_all(const struct story *story, bool for_good)
{
    const int64_t used = sqlite3_memory_used();
    uint64_t call = 1, heard = 0;

    while (run(story, call, for_good)) {
        heard += told;
        call++;
    }
    if (getenv("FAULT_COUNTS"))
        fprintf(stderr, "%s: %llu calls, %llu told\n", story->name, (unsigned long long)call,
                (unsigned long long)heard);
    /* A fault may pass unseen where SQLite can do without, but not all do. */
    ck_assert_uint_gt(call, 3); /* an opening alone writes some times */
    ck_assert_uint_gt(heard, 0);
    ck_assert_int_le(sqlite3_memory_used(), used);
}

START_TEST(each_call_of_the_disk_fails_once) { run_all(&stories[_i], false); }
END_TEST

START_TEST(the_disk_fails_for_good_from_each_call_on) { run_all(&stories[_i], true); }
END_TEST

START_TEST(the_disk_is_full_from_each_call_on)
{
    disk.full = true;
    run_all(&stories[_i], true);
}
END_TEST

static void setup(void)
{
    (void)snprintf(folder, sizeof(folder), "chat_fault_XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    faulty_alloc_init(&memory);
    faulty_vfs_init(&disk, "faulty");
    prepare();
}

static void teardown(void)
{
    char command[160];

    faulty_vfs_fini(&disk);
    (void)snprintf(command, sizeof(command), "rm -r '%s'", folder);
    ck_assert_int_eq(system(command), 0);
}

int main(void)
{
    const int count = (int)(sizeof(stories) / sizeof(stories[0]));
    Suite *suite = suite_create("cache_disk");
    TCase *tc = tcase_create("disk");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 240);
    tcase_add_loop_test(tc, each_call_of_the_disk_fails_once, 0, count);
    tcase_add_loop_test(tc, the_disk_fails_for_good_from_each_call_on, 0, count);
    tcase_add_loop_test(tc, the_disk_is_full_from_each_call_on, 0, STORIES_FULL);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
