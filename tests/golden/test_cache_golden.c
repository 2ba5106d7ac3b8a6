/*
 * Cache files of every schema since the first are opened today, and nothing that the user
 * cannot get back is lost: history, names, what is queued, the device's identity.
 */
#include <check.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../support/files.h"
#include "../support/sound_db.h"
#include "cache_sample.h"

#define OWN_SINCE 3 /* from this schema on a sample has what is own, too */

static char folder[FOLDER_MAX];
static char path[200];

static void take_sample(int version, bool own)
{
    const char *root = getenv("CHAT_SOURCE_ROOT");
    char from[512];

    (void)snprintf(from, sizeof(from), "%s/tests/golden/cache/v%d%s.db", root ? root : ".", version,
                   own ? "_own" : "");
    copy_file(from, path);
}

static void setup(void)
{
    make_folder(folder);
    (void)snprintf(path, sizeof(path), "%s/cache.db", folder);
}

static void teardown(void) { remove_folder(folder); }

static struct cache *open_sample(void)
{
    const struct cache_config config = {.path = path, .device_id = 1};
    struct cache *c = NULL;

    ck_assert_int_eq(cache_open(&config, &c), CHAT_OK);
    return c;
}

/* --- what is in it --- */

static uint32_t channels_seen;

static const struct sample_channel *find_sample(uint64_t channel_id)
{
    for (size_t i = 0; i < SAMPLE_COUNT(sample_channels); i++)
        if (sample_channels[i].c.channel_id == channel_id)
            return &sample_channels[i];
    ck_abort_msg("a channel that nobody wrote");
}

static chat_status see_channel(const struct cache_channel *channel, void *user)
{
    const struct sample_channel *sample = find_sample(channel->channel_id);
    struct cache_channel copy = *channel;
    const uint64_t ours[] = {
        sample->c.channel_id,      sample->c.home_id,        sample->c.kind,
        sample->c.permissions,     sample->c.epoch,          sample->c.head_seq,
        sample->c.head_message_id, sample->c.head_rev,       sample->c.first_seq,
        sample->c.stream_seq,      sample->c.read_seq,       sample->c.read_message_id,
        sample->c.mark_seq,        sample->c.deleted_unread, sample->c.peer_id,
        sample->c.last_counter,    sample->c.last_device,
    };
    const uint64_t theirs[] = {
        channel->channel_id,      channel->home_id,        channel->kind,
        channel->permissions,     channel->epoch,          channel->head_seq,
        channel->head_message_id, channel->head_rev,       channel->first_seq,
        channel->stream_seq,      channel->read_seq,       channel->read_message_id,
        channel->mark_seq,        channel->deleted_unread, channel->peer_id,
        channel->last_counter,    channel->last_device,
    };
    uint32_t count = 0;

    (void)user;
    channels_seen++;
    ck_assert_mem_eq(theirs, ours, sizeof(ours));
    ck_assert_str_eq(channel->name, sample->c.name);
    for (size_t i = 0; i < SAMPLE_COUNT(sample->ranges); i++) {
        if (!sample->ranges[i].from)
            continue;
        ck_assert_uint_lt(count, channel->ranges.count);
        ck_assert_uint_eq(channel->ranges.items[count].from, sample->ranges[i].from);
        ck_assert_uint_eq(channel->ranges.items[count].to, sample->ranges[i].to);
        ck_assert_uint_eq(channel->ranges.items[count].rev, sample->ranges[i].rev);
        count++;
    }
    ck_assert_uint_eq(channel->ranges.count, count);
    ranges_fini(&copy.ranges, NULL);
    return CHAT_OK;
}

static chat_status see_message(const struct chat_message *m, void *user)
{
    const struct chat_message want = sample_message(m->channel_id, m->seq);

    ++*(uint64_t *)user;
    ck_assert_uint_eq(m->message_id, want.message_id);
    ck_assert_uint_eq(m->author_id, want.author_id);
    ck_assert_uint_eq(m->nonce.device_id, want.nonce.device_id);
    ck_assert_uint_eq(m->nonce.counter, want.nonce.counter);
    ck_assert_int_eq(m->sent_at_ms, want.sent_at_ms);
    ck_assert_int_eq(m->edited_at_ms, want.edited_at_ms);
    ck_assert_uint_eq(m->reply_to_seq, want.reply_to_seq);
    ck_assert_uint_eq(m->rev, want.rev);
    ck_assert_str_eq(m->text, want.text);
    ck_assert_uint_eq(m->extra_len, want.extra_len);
    if (m->extra_len)
        ck_assert_mem_eq(m->extra, want.extra, want.extra_len);
    ck_assert(m->deleted == want.deleted);
    return CHAT_OK;
}

static uint32_t operations_seen;

static chat_status see_whole(const struct cache_outgoing *o, void *user)
{
    const struct cache_outgoing *want = user;

    ck_assert_uint_eq(o->text_len, want->text_len);
    ck_assert_mem_eq(o->text, want->text, want->text_len + 1);
    ck_assert_uint_eq(o->extra_len, want->extra_len);
    if (o->extra_len)
        ck_assert_mem_eq(o->extra, want->extra, want->extra_len);
    return CHAT_OK;
}

static struct cache_outgoing find_outgoing(uint32_t index)
{
    const uint32_t count = SAMPLE_COUNT(sample_outbox);

    ck_assert_uint_lt(index, count + SAMPLE_COUNT(sample_own_outbox));
    return index < count ? sample_outbox[index] : sample_own_outbox[index - count];
}

static chat_status see_outgoing(const struct cache_outgoing *o, void *user)
{
    struct cache_outgoing want = find_outgoing(operations_seen++);

    ck_assert_uint_eq(o->device_id, want.device_id);
    ck_assert_uint_eq(o->counter, want.counter);
    ck_assert_uint_eq(o->old_device_id, want.old_device_id);
    ck_assert_uint_eq(o->old_counter, want.old_counter);
    ck_assert_uint_eq(o->channel_id, want.channel_id);
    ck_assert_uint_eq(o->kind, want.kind);
    ck_assert_uint_eq(o->state, want.state);
    ck_assert_int_eq(o->status, want.status);
    ck_assert_uint_eq(o->seq, want.seq);
    ck_assert_uint_eq(o->reply_to_seq, want.reply_to_seq);
    ck_assert_uint_eq(o->base_seq, want.base_seq);
    ck_assert_int_eq(o->created_at_ms, want.created_at_ms);
    return cache_outbox_get(user, o->row, see_whole, &want);
}

/* --- what is own --- */

static int64_t row_before;

static chat_status see_own_whole(const struct cache_outgoing *o, void *user)
{
    const struct cache_outgoing *want = user;

    ck_assert_uint_eq(o->mentions_count, want->mentions_count);
    if (want->mentions_count)
        ck_assert_mem_eq(o->mention_ids, want->mention_ids, 8 * want->mentions_count);
    return CHAT_OK;
}

static chat_status see_own_outgoing(const struct cache_outgoing *o, void *user)
{
    struct cache_outgoing want = find_outgoing(operations_seen++);

    if (operations_seen > SAMPLE_COUNT(sample_outbox)) {
        ck_assert(o->removes == want.removes);
        ck_assert(o->sent == want.sent);
        ck_assert_int_eq(o->parent,
                         operations_seen == SAMPLE_COUNT(sample_outbox) + 1 ? 0 : row_before);
    }
    row_before = o->row;
    return cache_outbox_get(user, o->row, see_own_whole, &want);
}

static chat_status see_mentions(const struct cache_channel *channel, void *user)
{
    struct cache_channel copy = *channel;

    (void)user;
    if (channel->channel_id == SAMPLE_OWN_CHANNEL)
        ck_assert_uint_eq(channel->mentions, SAMPLE_OWN_MENTIONS);
    ranges_fini(&copy.ranges, NULL);
    return CHAT_OK;
}

static chat_status see_own_message(const struct chat_message *m, void *user)
{
    const struct chat_message *want = &sample_own_message;

    ++*(uint32_t *)user;
    ck_assert_str_eq(m->text, want->text);
    ck_assert_uint_eq(m->rev, want->rev);
    ck_assert(m->mentions_me);
    ck_assert_uint_eq(m->mentions_count, want->mentions_count);
    ck_assert_mem_eq(m->mention_ids, want->mention_ids, 8 * want->mentions_count);
    ck_assert_uint_eq(m->reactions_count, want->reactions_count);
    for (size_t i = 0; i < m->reactions_count; i++) {
        const struct chat_reaction *r = m->reactions[i], *other = want->reactions[i];

        ck_assert_str_eq(r->emoji, other->emoji);
        ck_assert_uint_eq(r->count, other->count);
        ck_assert_mem_eq(r->user_ids, other->user_ids, 8 * other->count);
        ck_assert(r->mine == (i == 0));
    }
    return CHAT_OK;
}

static chat_status see_settings(const struct cache_settings *s, void *user)
{
    ++*(uint32_t *)user;
    ck_assert_uint_eq(s->channel_id, sample_settings.channel_id);
    ck_assert_int_eq(s->muted_until_ms, sample_settings.muted_until_ms);
    ck_assert_uint_eq(s->version, sample_settings.version);
    ck_assert(s->dirty);
    ck_assert_uint_eq(s->shown_seq, sample_settings.shown_seq);
    return CHAT_OK;
}

static chat_status see_draft(const struct cache_draft *d, void *user)
{
    ++*(uint32_t *)user;
    ck_assert_uint_eq(d->version, sample_draft.version);
    ck_assert(d->dirty);
    ck_assert_uint_eq(d->reply_to_seq, sample_draft.reply_to_seq);
    ck_assert_int_eq(d->updated_at_ms, sample_draft.updated_at_ms);
    ck_assert_str_eq(d->text, sample_draft.text);
    return CHAT_OK;
}

static uint32_t receipts_seen;

static chat_status see_receipt(const struct cache_receipt *r, void *user)
{
    bool found = false;

    (void)user;
    receipts_seen++;
    for (size_t i = 0; i < SAMPLE_COUNT(sample_receipts); i++)
        found |= memcmp(r, &sample_receipts[i], sizeof(*r)) == 0;
    ck_assert(found);
    return CHAT_OK;
}

static void expect_own(struct cache *c)
{
    uint32_t seen = 0;
    uint64_t mentions = 0;

    ck_assert_int_eq(cache_channels_load(c, see_mentions, NULL), CHAT_OK);
    ck_assert_int_eq(
        cache_messages_read(c, SAMPLE_OWN_CHANNEL, 1, 100, 100, see_own_message, &seen), CHAT_OK);
    ck_assert_int_eq(cache_settings_load(c, see_settings, &seen), CHAT_OK);
    ck_assert_int_eq(cache_draft_get(c, SAMPLE_OWN_CHANNEL, see_draft, &seen), CHAT_OK);
    ck_assert_uint_eq(seen, 3); /* one of each */
    ck_assert_int_eq(cache_messages_count_mentions(c, SAMPLE_OWN_CHANNEL, 1, 100, &mentions),
                     CHAT_OK);
    ck_assert_uint_eq(mentions, 1);
    receipts_seen = operations_seen = 0;
    ck_assert_int_eq(cache_receipts_read(c, SAMPLE_OWN_CHANNEL, see_receipt, NULL), CHAT_OK);
    ck_assert_uint_eq(receipts_seen, 2);
    ck_assert_int_eq(cache_receipts_load_peers(c, see_receipt, NULL), CHAT_OK);
    ck_assert_uint_eq(receipts_seen, 3);
    ck_assert_int_eq(cache_outbox_load(c, see_own_outgoing, c), CHAT_OK);
}

static void expect_sample(struct cache *c, bool own)
{
    char name[CHAT_NAME_MAX + 1];
    struct cache_ticket ticket;
    uint64_t messages = 0;
    size_t len;

    ck_assert_uint_eq(cache_identity(c)->device_id, SAMPLE_DEVICE);
    ck_assert_uint_gt(cache_identity(c)->opens, 1);
    ck_assert_uint_eq(cache_identity(c)->service_id, SAMPLE_SERVICE);
    ck_assert_uint_eq(cache_identity(c)->user_id, SAMPLE_USER);
    ck_assert_int_eq(cache_get_ticket(c, &ticket), CHAT_OK);
    ck_assert_uint_eq(ticket.len, sizeof(SAMPLE_TICKET) - 1);
    ck_assert_mem_eq(ticket.bytes, SAMPLE_TICKET, ticket.len);
    ck_assert_uint_eq(ticket.token_hash, 4);
    for (size_t i = 0; i < SAMPLE_COUNT(sample_users); i++) {
        ck_assert_int_eq(cache_user_get(c, sample_users[i].user_id, name, &len), CHAT_OK);
        ck_assert_str_eq(name, sample_users[i].name);
    }
    channels_seen = operations_seen = 0;
    ck_assert_int_eq(cache_channels_load(c, see_channel, NULL), CHAT_OK);
    ck_assert_uint_eq(channels_seen, SAMPLE_COUNT(sample_channels));
    ck_assert_int_eq(cache_messages_read(c, 500, 1, 100, 1000, see_message, &messages), CHAT_OK);
    ck_assert_uint_eq(messages, 20);
    ck_assert_int_eq(cache_messages_read(c, SAMPLE_GROUP, 1, 100, 1000, see_message, &messages),
                     CHAT_OK);
    ck_assert_uint_eq(messages, 23);
    ck_assert_int_eq(cache_outbox_load(c, see_outgoing, c), CHAT_OK);
    ck_assert_uint_eq(operations_seen,
                      SAMPLE_COUNT(sample_outbox) + (own ? SAMPLE_COUNT(sample_own_outbox) : 0));
    if (own)
        expect_own(c);
}

static void expect_sound(int version)
{
    sqlite3_stmt *st = NULL;
    sqlite3 *db;

    expect_sound_db(path, NULL);
    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &st, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(st), SQLITE_ROW);
    ck_assert_int_eq(sqlite3_column_int(st, 0), version);
    sqlite3_finalize(st);
    sqlite3_close(db);
}

static void migrate(int version, bool own)
{
    struct cache *c;

    take_sample(version, own);
    c = open_sample();
    expect_sample(c, own);
    cache_close(c);
    expect_sound(CACHE_SCHEMA_VERSION);
    c = open_sample(); /* migrated for good, and once */
    expect_sample(c, own);
    cache_close(c);
}

START_TEST(nothing_of_a_file_of_any_schema_is_lost) { migrate(_i, false); }
END_TEST

START_TEST(nothing_that_is_the_users_own_is_lost) { migrate(_i, true); }
END_TEST

/* --- a later version's file --- */

struct bytes {
    uint8_t *data;
    size_t len;
};

static struct bytes read_all(const char *suffix)
{
    char name[256];
    struct bytes b = {.data = malloc(1u << 20)};
    FILE *f;

    (void)snprintf(name, sizeof(name), "%s%s", path, suffix);
    f = fopen(name, "rb");
    ck_assert_ptr_nonnull(b.data);
    if (!f)
        return b;
    b.len = fread(b.data, 1, 1u << 20, f);
    fclose(f);
    return b;
}

static void expect_same(const char *suffix, struct bytes before)
{
    struct bytes now = read_all(suffix);

    ck_assert_uint_eq(now.len, before.len);
    ck_assert_mem_eq(now.data, before.data, before.len);
    free(now.data);
    free(before.data);
}

static void refuse(void)
{
    const struct cache_config config = {.path = path, .device_id = 1};
    struct bytes file = read_all(""), wal = read_all("-wal");
    struct cache *c = NULL;

    ck_assert_int_eq(cache_open(&config, &c), CHAT_E_UNSUPPORTED);
    ck_assert_ptr_null(c);
    expect_same("", file);
    expect_same("-wal", wal);
}

static void run_sql(sqlite3 *db, const char *sql)
{
    ck_assert_int_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
}

START_TEST(a_newer_schema_is_refused_and_not_a_byte_changes)
{
    sqlite3 *db;

    take_sample(1, false);
    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    run_sql(db, "PRAGMA user_version=1000000");
    sqlite3_close(db);
    refuse();
}
END_TEST

START_TEST(a_newer_schema_with_a_log_that_was_not_written_back_is_left_alone_too)
{
    char copy[100], wal[256], wal_copy[256];
    struct bytes log;
    sqlite3 *db;

    take_sample(1, false);
    (void)snprintf(copy, sizeof(copy), "%s/later.db", folder);
    (void)snprintf(wal, sizeof(wal), "%s-wal", path);
    (void)snprintf(wal_copy, sizeof(wal_copy), "%s-wal", copy);
    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    run_sql(db, "PRAGMA wal_autocheckpoint=0; PRAGMA user_version=1000000;"
                "CREATE TABLE later(x); INSERT INTO later VALUES(1)");
    copy_file(path, copy); /* as after the death of the process that wrote it */
    copy_file(wal, wal_copy);
    sqlite3_close(db);
    (void)snprintf(path, sizeof(path), "%s", copy);
    log = read_all("-wal");
    ck_assert_uint_gt(log.len, 0);
    free(log.data);
    refuse();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cache_golden");
    TCase *tc = tcase_create("samples");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, nothing_of_a_file_of_any_schema_is_lost, 1, OWN_SINCE + 1);
    tcase_add_loop_test(tc, nothing_that_is_the_users_own_is_lost, OWN_SINCE,
                        CACHE_SCHEMA_VERSION + 1);
    tcase_add_test(tc, a_newer_schema_is_refused_and_not_a_byte_changes);
    tcase_add_test(tc, a_newer_schema_with_a_log_that_was_not_written_back_is_left_alone_too);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
