/*
 * A cache file of any content, given to a whole client. The first byte says how the file is
 * made; behind the changes come the steps of fuzz_client.h.
 *
 *   0  the input is the file
 *   1  bytes of a valid file are changed
 *   2  bytes of a valid WAL beside a valid file are changed
 *   3  rows of a valid file get other values: a sound database that says nonsense
 */
#include "cache/cache.h"
#include "fuzz_client.h"

#define WAL_NAME FILE_NAME "-wal"
#define CHANGES_MAX 64u
#define TABLES_MAX 24u
#define COLUMNS_MAX 32u

struct table {
    char name[64];
    char key[64]; /* what tells its rows apart */
    char columns[COLUMNS_MAX][64];
    uint32_t columns_count;
};

/* Made once: a file at rest, and one with its WAL beside it. */
static struct memory_vfs resting, with_wal;
static struct table tables[TABLES_MAX];
static uint32_t tables_count;

/* --- a valid file --- */

static void fill(struct cache *c, uint64_t channel_id)
{
    struct cache_channel ch = {.channel_id = channel_id,
                               .home_id = channel_id,
                               .kind = CHAT_HOME_GROUP,
                               .permissions = 7,
                               .epoch = 1,
                               .head_seq = 6,
                               .head_message_id = 60,
                               .first_seq = 1,
                               .stream_seq = 6,
                               .read_seq = 2,
                               .read_message_id = 20,
                               .mark_seq = 3,
                               .name_len = 4,
                               .name = "room"};
    struct cache_outgoing o = {.device_id = 9,
                               .counter = channel_id,
                               .channel_id = channel_id,
                               .kind = (uint32_t)channel_id,
                               .state = CHAT_OUTGOING_QUEUED,
                               .seq = channel_id == 1 ? 0 : 1,
                               .base_seq = 6,
                               .text = channel_id == 3 ? "" : "typed",
                               .text_len = channel_id == 3 ? 0 : 5};
    cache_put put;
    int64_t row;

    for (uint64_t seq = 1; seq <= 6; seq++) {
        const struct chat_message m = {.channel_id = channel_id,
                                       .seq = seq,
                                       .message_id = seq * 10,
                                       .author_id = seq % 2 + 1,
                                       .nonce = {seq % 2 + 9, seq},
                                       .text = "hello",
                                       .text_len = 5};

        FUZZ_CHECK(cache_message_put(c, &m, &put) == CHAT_OK);
    }
    FUZZ_CHECK(ranges_add(&ch.ranges, NULL, 1, 3, 0) == CHAT_OK);
    FUZZ_CHECK(ranges_add(&ch.ranges, NULL, 5, 6, 1) == CHAT_OK);
    FUZZ_CHECK(cache_channel_save(c, &ch) == CHAT_OK);
    FUZZ_CHECK(cache_outbox_add(c, &o, &row) == CHAT_OK);
    ranges_fini(&ch.ranges, NULL);
}

static sqlite3 *open_sql(void)
{
    sqlite3 *db = NULL;

    FUZZ_CHECK(sqlite3_open_v2(FILE_NAME, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                               VFS_NAME) == SQLITE_OK);
    FUZZ_CHECK(sqlite3_exec(db, "PRAGMA locking_mode=EXCLUSIVE", NULL, NULL, NULL) == SQLITE_OK);
    return db;
}

static int take_table(void *user, int count, char **values, char **names)
{
    (void)user, (void)count, (void)names;
    if (tables_count < TABLES_MAX)
        snprintf(tables[tables_count++].name, sizeof(tables[0].name), "%s", values[0]);
    return 0;
}

static int take_column(void *user, int count, char **values, char **names)
{
    struct table *t = user;

    (void)count, (void)names;
    if (t->columns_count < COLUMNS_MAX)
        snprintf(t->columns[t->columns_count++], sizeof(t->columns[0]), "%s", values[0]);
    if (values[1][0] == '1' || t->columns_count == 1)
        snprintf(t->key, sizeof(t->key), "%s", values[0]);
    return 0;
}

/* Whatever tables the schema has. */
static void learn_tables(void)
{
    sqlite3 *db = open_sql();

    FUZZ_CHECK(sqlite3_exec(db, "SELECT name FROM sqlite_schema WHERE type='table' ORDER BY name",
                            take_table, NULL, NULL) == SQLITE_OK);
    for (uint32_t i = 0; i < tables_count; i++) {
        char *sql = sqlite3_mprintf("SELECT name,pk FROM pragma_table_info(%Q)", tables[i].name);

        FUZZ_CHECK(sql && sqlite3_exec(db, sql, take_column, &tables[i], NULL) == SQLITE_OK);
        sqlite3_free(sql);
    }
    sqlite3_close(db);
}

static void make_files(void)
{
    const struct cache_config config = {.path = FILE_NAME, .vfs = VFS_NAME, .device_id = 9};
    const struct cache_ticket ticket = {.bytes = "ticket", .len = 6, .expires_at_ms = 1};
    struct cache *c;
    sqlite3 *db;

    FUZZ_CHECK(cache_open(&config, &c) == CHAT_OK);
    FUZZ_CHECK(cache_bind(c, 7, 1) == CHAT_OK && cache_set_ticket(c, &ticket) == CHAT_OK);
    fill(c, 1);
    FUZZ_CHECK(cache_commit(c) == CHAT_OK && cache_checkpoint(c) == CHAT_OK);
    cache_close(c);
    db = open_sql(); /* small pages: a small file, and each byte means more */
    FUZZ_CHECK(sqlite3_exec(db,
                            "PRAGMA journal_mode=DELETE; PRAGMA page_size=512; VACUUM;"
                            "PRAGMA journal_mode=WAL",
                            NULL, NULL, NULL) == SQLITE_OK);
    sqlite3_close(db);
    FUZZ_CHECK(cache_open(&config, &c) == CHAT_OK);
    fill(c, 2);
    FUZZ_CHECK(cache_commit(c) == CHAT_OK);
    fill(c, 3);
    FUZZ_CHECK(cache_user_put(c, 1, "me", 2) == CHAT_OK && cache_commit(c) == CHAT_OK);
    FUZZ_CHECK(memory_vfs_copy(&with_wal, &disk));
    cache_close(c);
    FUZZ_CHECK(memory_vfs_copy(&resting, &disk));
    learn_tables();
}

/* --- changes --- */

static void change_bytes(struct input *in, const char *name)
{
    const struct memory_file *f = memory_vfs_get(&disk, name);
    uint32_t changes = input_byte(in) % CHANGES_MAX;

    FUZZ_CHECK(f);
    for (uint32_t i = 0; i < changes && f->len && !input_ended(in); i++) {
        size_t at = (size_t)input_byte(in) << 8 | input_byte(in);
        uint8_t count = input_byte(in) % 9;

        if (count == 0) { /* cut */
            FUZZ_CHECK(memory_vfs_put(&disk, name, f->bytes, at % f->len));
            continue;
        }
        for (uint8_t n = 0; n < count; n++)
            f->bytes[(at + n) % f->len] = input_byte(in);
    }
}

static void bind_value(struct input *in, sqlite3_stmt *st, struct arena *arena)
{
    size_t len;
    char *text;

    switch (input_below(in, 6)) {
    case 0: sqlite3_bind_null(st, 1); break;
    case 1:
        text = input_text(in, arena, &len);
        sqlite3_bind_blob64(st, 1, text, len, SQLITE_TRANSIENT);
        break;
    case 2:
        text = input_text(in, arena, &len);
        sqlite3_bind_text64(st, 1, text, len, SQLITE_TRANSIENT, SQLITE_UTF8);
        break;
    case 3: sqlite3_bind_double(st, 1, 1e300); break;
    default: sqlite3_bind_int64(st, 1, (sqlite3_int64)input_number(in)); break;
    }
}

static void change_rows(struct input *in, struct arena *arena)
{
    uint32_t changes = input_byte(in) % CHANGES_MAX;
    sqlite3 *db = open_sql();

    for (uint32_t i = 0; i < changes && !input_ended(in); i++) {
        const struct table *t = &tables[input_below(in, tables_count)];
        const char *column = t->columns[input_below(in, t->columns_count)];
        char *sql =
            sqlite3_mprintf("UPDATE OR IGNORE \"%w\" SET \"%w\"=?1 WHERE \"%w\"="
                            "(SELECT \"%w\" FROM \"%w\" LIMIT 1 OFFSET %d)",
                            t->name, column, t->key, t->key, t->name, (int)input_below(in, 20));
        sqlite3_stmt *st = NULL;

        FUZZ_CHECK(sql);
        if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK) {
            bind_value(in, st, arena);
            (void)sqlite3_step(st);
        }
        sqlite3_finalize(st);
        sqlite3_free(sql);
    }
    sqlite3_close(db);
}

static void make_file(struct run *r)
{
    uint64_t how = input_below(&r->in, 4);

    memory_vfs_erase(&disk);
    if (how == 0) {
        FUZZ_CHECK(memory_vfs_put(&disk, FILE_NAME, r->in.bytes + r->in.at, r->in.len - r->in.at));
        return;
    }
    FUZZ_CHECK(memory_vfs_copy(&disk, how == 2 ? &with_wal : &resting));
    if (how == 3)
        change_rows(&r->in, &r->arena);
    else
        change_bytes(&r->in, how == 2 ? WAL_NAME : FILE_NAME);
}

/* --- what an application does first --- */

static void look_at_everything(struct run *r)
{
    const struct chat_outgoing *outgoing;
    const struct chat_channel *ch;
    uint64_t id = 0;

    for (uint32_t i = 0; client_outgoing(r->core, i, &outgoing); i++)
        FUZZ_CHECK(outgoing->text && outgoing->text[outgoing->text_len] == '\0');
    while ((ch = client_next_channel(r->core, id)) != NULL) {
        for (uint32_t backwards = 0; backwards < 2; backwards++) {
            chat_page *page = NULL;

            id = ch->channel_id;
            if (client_read(r->core, id, 0, 100, backwards, &page) == CHAT_OK)
                chat_page_free(page);
        }
    }
    (void)client_user(r->core, 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static struct run r;

    run_config(&r, bytes, len);
    if (tables_count == 0)
        make_files();
    make_file(&r);
    r.unsound = true;
    open_core(&r);
    if (r.core) {
        look_at_everything(&r);
        (void)client_start(r.core);
        turn(&r);
        run_steps(&r);
    }
    run_end(&r);
    return 0;
}
