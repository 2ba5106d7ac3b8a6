#include "server/store/load.h"

#include "server/store/devices.h"
#include "server/store/mentions.h"
#include "server/store/rows.h"
#include "server/store/tombstones.h"

enum {
    Q_INFO,
    Q_LSN,
    Q_CHANNEL,
    Q_MEMBER,
    Q_LIST,
    Q_CURSOR,
    Q_RECEIPT,
    Q_SETTING,
    Q_DEVICE,
    Q_TOMBSTONE,
    Q_COUNT,
};

void load_queries(uint64_t home_id, struct read_job *job)
{
    job->queries[Q_INFO] = query_one(TABLE_HOME, row_key(home_id, HOME_INFO, 0));
    job->queries[Q_LSN] = query_one(TABLE_HOME, row_key(home_id, HOME_LSN, 0));
    job->queries[Q_CHANNEL] = query_one(TABLE_CHANNEL, row_key(home_id, home_id, 0));
    job->queries[Q_MEMBER] = query_under(TABLE_MEMBER, home_id, HOME_MEMBERS_MAX + 1);
    job->queries[Q_LIST] = query_under(TABLE_LIST, home_id, HOME_LISTINGS_MAX + 1);
    job->queries[Q_CURSOR] = query_under(TABLE_CURSOR, home_id, HOME_LISTINGS_MAX + 1);
    job->queries[Q_RECEIPT] = query_under(TABLE_RECEIPT, home_id, HOME_MEMBERS_MAX + 1);
    job->queries[Q_SETTING] = query_under(TABLE_SETTING, home_id, HOME_LISTINGS_MAX + 1);
    job->queries[Q_DEVICE] = query_under(TABLE_DEVICE, home_id, CHAT_DEVICES_MAX + 1);
    job->queries[Q_TOMBSTONE] = query_under(TABLE_TOMBSTONE, home_id, HOME_TOMBSTONES_MAX);
    job->queries[Q_TOMBSTONE].descending = true;
    job->query_count = Q_COUNT;
}

/* A row's bytes: the overlay's if it has the row, else what was found. NULL: none. */
struct value {
    const uint8_t *bytes;
    size_t len;
};

static struct value value_of(const struct shard *s, const struct read_job *job, size_t q)
{
    const struct engine_query *query = &job->queries[q];
    const struct overlay_row *row = overlay_find(&s->overlay, query->table, query->from);
    const struct engine_result *found = &job->results[q];

    if (row)
        return (struct value){row->deleted ? NULL : row->bytes, row->len};
    if (found->count > 0)
        return (struct value){found->rows[0].value, found->rows[0].value_len};
    return (struct value){NULL, 0};
}

typedef chat_status (*take_row)(struct shard *s, struct home *home, struct arena *arena,
                                uint64_t k2, const uint8_t *bytes, size_t len);

/* Rows of the table that the overlay does not know better, then the overlay's own. */
static chat_status take_range(struct shard *s, struct home *home, struct read_job *job, size_t q,
                              take_row take)
{
    const struct engine_result *found = &job->results[q];
    const uint32_t table = job->queries[q].table;
    const struct overlay_row *row = NULL;
    chat_status status = CHAT_OK;

    for (size_t i = 0; i < found->count && status == CHAT_OK; i++) {
        const struct engine_row *r = &found->rows[i];

        if (!overlay_find(&s->overlay, table, r->key))
            status = take(s, home, &job->arena, r->key.k2, r->value, r->value_len);
    }
    while (status == CHAT_OK &&
           (row = overlay_next_under(&s->overlay, table, home->id, row)) != NULL) {
        if (!row->deleted)
            status = take(s, home, &job->arena, row->key.k2, row->bytes, row->len);
    }
    return status;
}

static chat_status take_member(struct shard *s, struct home *home, struct arena *arena, uint64_t k2,
                               const uint8_t *bytes, size_t len)
{
    const WireMemberRow *row = row_unpack(&wire_member_row__descriptor, bytes, len, arena);
    struct member member = {.user_id = k2};

    if (!row)
        return row_trouble(arena);
    if (home->member_count >= HOME_MEMBERS_MAX)
        return CHAT_E_CORRUPT;
    if (home_reserve_member(home, s->allocator) != CHAT_OK)
        return CHAT_E_NOMEM;
    member.permissions = row->permissions;
    member.joined_at_ms = row->joined_at_ms;
    home_put_member(home, &member);
    return CHAT_OK;
}

/* What the rows of a conversation in the user's home add to. */
static chat_status listing_for(struct shard *s, struct home *home, uint64_t home_id,
                               struct listing **out)
{
    if (home->listing_count > HOME_LISTINGS_MAX)
        return CHAT_E_CORRUPT;
    *out = home_put_listing(home, s->allocator, home_id);
    return *out ? CHAT_OK : CHAT_E_NOMEM;
}

static chat_status take_listing(struct shard *s, struct home *home, struct arena *arena,
                                uint64_t k2, const uint8_t *bytes, size_t len)
{
    const WireListRow *row = row_unpack(&wire_list_row__descriptor, bytes, len, arena);
    struct listing *listing;
    chat_status status = row ? listing_for(s, home, k2, &listing) : row_trouble(arena);

    if (status != CHAT_OK)
        return status;
    listing->kind = row->kind;
    listing->note_number = row->note_number;
    home_set_listed(home, listing, !row->left);
    return mentions_load(listing, s->allocator, row);
}

static chat_status take_cursor(struct shard *s, struct home *home, struct arena *arena, uint64_t k2,
                               const uint8_t *bytes, size_t len)
{
    const WireCursorRow *row = row_unpack(&wire_cursor_row__descriptor, bytes, len, arena);
    struct listing *listing;
    chat_status status = row ? listing_for(s, home, k2, &listing) : row_trouble(arena);

    if (status != CHAT_OK)
        return status;
    listing->read_seq = row->read_seq;
    listing->read_message_id = row->read_message_id;
    return CHAT_OK;
}

static chat_status take_receipt(struct shard *s, struct home *home, struct arena *arena,
                                uint64_t k2, const uint8_t *bytes, size_t len)
{
    const WireReceiptRow *row = row_unpack(&wire_receipt_row__descriptor, bytes, len, arena);
    struct member *member = home_find_member(home, k2);

    (void)s;
    if (!row)
        return row_trouble(arena);
    if (!member) /* it goes with the membership, in the same record */
        return CHAT_E_CORRUPT;
    member->receipt = member->marked =
        (struct receipt){.delivered_seq = row->delivered_seq, .read_seq = row->read_seq};
    return CHAT_OK;
}

static chat_status take_setting(struct shard *s, struct home *home, struct arena *arena,
                                uint64_t k2, const uint8_t *bytes, size_t len)
{
    const WireSettingRow *row = row_unpack(&wire_setting_row__descriptor, bytes, len, arena);
    struct listing *listing;
    chat_status status = row ? listing_for(s, home, k2, &listing) : row_trouble(arena);

    if (status != CHAT_OK)
        return status;
    listing->muted_until_ms = row->muted_until_ms;
    listing->settings_version = row->version;
    home_set_draft(home, listing, row->draft_version, row->has_draft);
    return CHAT_OK;
}

static chat_status take_device(struct shard *s, struct home *home, struct arena *arena, uint64_t k2,
                               const uint8_t *bytes, size_t len)
{
    const WireDeviceRow *row = row_unpack(&wire_device_row__descriptor, bytes, len, arena);
    struct known_device known;

    (void)k2;
    if (!row)
        return row_trouble(arena);
    if (home->known_count >= CHAT_DEVICES_MAX)
        return CHAT_E_CORRUPT;
    if (home_reserve_known(home, s->allocator) != CHAT_OK)
        return CHAT_E_NOMEM;
    devices_from_row(&known, row);
    home_put_known(home, &known);
    return CHAT_OK;
}

static chat_status take_tombstone(struct shard *s, struct home *home, struct arena *arena,
                                  uint64_t k2, const uint8_t *bytes, size_t len)
{
    (void)arena, (void)bytes, (void)len;
    if (tombstones_reserve(home, s->allocator) != CHAT_OK)
        return CHAT_E_NOMEM;
    tombstones_put(home, k2);
    return CHAT_OK;
}

static chat_status take_head(struct home *home, struct value value, struct arena *arena)
{
    const WireChannelRow *row;

    if (!value.bytes)
        return CHAT_OK; /* a user's home has no channel */
    row = row_unpack(&wire_channel_row__descriptor, value.bytes, value.len, arena);
    if (!row)
        return row_trouble(arena);
    home->head = (struct head){.seq = row->seq,
                               .message_id = row->message_id,
                               .rev = row->rev,
                               .first_seq = row->first_seq,
                               .epoch = row->epoch};
    if (row->lsn > home->lsn)
        home->lsn = row->lsn;
    return CHAT_OK;
}

static chat_status take_lsn(struct home *home, struct value value, struct arena *arena)
{
    const WireLsnRow *row;

    if (!value.bytes)
        return CHAT_OK; /* nothing was decided there yet */
    row = row_unpack(&wire_lsn_row__descriptor, value.bytes, value.len, arena);
    if (!row)
        return row_trouble(arena);
    home->lsn = row->lsn;
    return CHAT_OK;
}

chat_status load_home(struct shard *s, struct home *home, struct read_job *job, bool *out_exists)
{
    const struct value info = value_of(s, job, Q_INFO);
    const WireHomeRow *row;
    chat_status status;

    *out_exists = info.bytes != NULL;
    if (!info.bytes)
        return CHAT_OK;
    row = row_unpack(&wire_home_row__descriptor, info.bytes, info.len, &job->arena);
    if (!row)
        return row_trouble(&job->arena);
    home_set_info(home, row);
    status = take_lsn(home, value_of(s, job, Q_LSN), &job->arena);
    if (status == CHAT_OK)
        status = take_head(home, value_of(s, job, Q_CHANNEL), &job->arena);
    if (status == CHAT_OK)
        status = take_range(s, home, job, Q_MEMBER, take_member);
    if (status == CHAT_OK)
        status = take_range(s, home, job, Q_LIST, take_listing);
    if (status == CHAT_OK)
        status = take_range(s, home, job, Q_CURSOR, take_cursor);
    if (status == CHAT_OK)
        status = take_range(s, home, job, Q_RECEIPT, take_receipt);
    if (status == CHAT_OK)
        status = take_range(s, home, job, Q_SETTING, take_setting);
    if (status == CHAT_OK)
        status = take_range(s, home, job, Q_DEVICE, take_device);
    if (status == CHAT_OK)
        status = take_range(s, home, job, Q_TOMBSTONE, take_tombstone);
    if (status == CHAT_OK)
        devices_sort(home);
    return status;
}
