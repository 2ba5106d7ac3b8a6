#include "server/store/devices.h"

#include <stdlib.h>
#include <string.h>

#include "server/store/answer.h"
#include "server/store/batch.h"
#include "server/store/role.h"
#include "server/store/users.h"

/* --- rows --- */

static void keep_client(struct known_device *d, const char *client)
{
    size_t len = strlen(client);

    if (len > CHAT_CLIENT_NAME_MAX)
        len = CHAT_CLIENT_NAME_MAX;
    memcpy(d->client, client, len);
    d->client[len] = '\0';
}

void devices_from_row(struct known_device *out, const WireDeviceRow *row)
{
    *out = (struct known_device){.device_id = row->device_id,
                                 .session_no = row->session_no,
                                 .signed_out_no = row->signed_out_no,
                                 .first_seen_at_ms = row->first_seen_at_ms,
                                 .last_seen_at_ms = row->last_seen_at_ms,
                                 .signed_out_at_ms = row->signed_out_at_ms};
    keep_client(out, row->client);
}

static void to_row(struct known_device *d, WireDeviceRow *out)
{
    wire_device_row__init(out);
    out->device_id = d->device_id;
    out->client = d->client;
    out->first_seen_at_ms = d->first_seen_at_ms;
    out->last_seen_at_ms = d->last_seen_at_ms;
    out->session_no = d->session_no;
    out->signed_out_no = d->signed_out_no;
    out->signed_out_at_ms = d->signed_out_at_ms;
}

/* Signing it out counts: while it is known, what it was signed in by is refused. */
static int64_t touched_at_ms(const struct known_device *d)
{
    return d->signed_out_at_ms > d->last_seen_at_ms ? d->signed_out_at_ms : d->last_seen_at_ms;
}

static int by_use(const void *a, const void *b)
{
    const struct known_device *x = a, *y = b;

    if (touched_at_ms(x) != touched_at_ms(y))
        return touched_at_ms(x) < touched_at_ms(y) ? -1 : 1;
    return x->device_id < y->device_id ? -1 : x->device_id > y->device_id;
}

void devices_sort(struct home *home)
{
    if (home->known_count > 1)
        qsort(home->known, home->known_count, sizeof(*home->known), by_use);
}

/* --- signing in --- */

/*
 * Tokens tell whole seconds: one of the very second counts as issued after. A time far ahead was
 * told by a clock that was set back since; by it nobody would ever get in again.
 */
static bool is_older_token(const struct shard *s, const WireOpenSession *open,
                           int64_t signed_out_at_ms)
{
    return open->user_id == 0 && open->token_issued_at_ms != 0 &&
           signed_out_at_ms <= s->store->now.wall_ms + DEVICE_CLOCK_MS &&
           open->token_issued_at_ms / 1000 < signed_out_at_ms / 1000;
}

bool devices_is_signed_out(const struct shard *s, const struct home *home,
                           const WireOpenSession *open)
{
    const struct known_device *d = home_find_known(home, open->device_id);

    if (is_older_token(s, open, home->signed_out_at_ms) ||
        (d && is_older_token(s, open, d->signed_out_at_ms)))
        return true;
    if (!d || open->user_id == 0) /* by a token: its issuer has the say */
        return false;
    return (open->session_no != 0 ? open->session_no : open->ticket_session_no) < d->signed_out_no;
}

static bool is_news(const struct shard *s, const struct known_device *d, const char *client)
{
    const int64_t unseen_ms = d ? s->store->now.wall_ms - d->last_seen_at_ms : 0;

    return !d || unseen_ms >= DEVICE_SEEN_MS || unseen_ms <= -DEVICE_SEEN_MS ||
           d->signed_out_no > d->session_no || strcmp(d->client, client) != 0;
}

void devices_saw(struct shard *s, struct home *home, const WireOpenSession *open,
                 uint64_t session_no)
{
    const struct known_device *old = home_find_known(home, open->device_id);
    struct known_device next = {.device_id = open->device_id,
                                .first_seen_at_ms = s->store->now.wall_ms};
    WireRecord record = WIRE_RECORD__INIT;
    WireDeviceRecord body = WIRE_DEVICE_RECORD__INIT;
    WireDeviceRow row;

    if (!is_news(s, old, open->client) || shard_limit(s))
        return;
    if (old)
        next = *old;
    else if (home->known_count == CHAT_DEVICES_MAX)
        body.forget_device = home->known[0].device_id;
    next.last_seen_at_ms = s->store->now.wall_ms;
    next.session_no = session_no;
    keep_client(&next, open->client);
    to_row(&next, &row);
    body.device = &row;
    record.body_case = WIRE_RECORD__BODY_DEVICE;
    record.device = &body;
    /* Without memory it is noted at its next sign-in. */
    if (home_reserve_known(home, s->allocator) == CHAT_OK &&
        batch_decide(s, home, &record, NULL, NULL, NULL) == CHAT_OK)
        home_put_known(home, &next);
}

/* --- requests --- */

void devices_fetch(struct shard *s, const struct request *req)
{
    struct home *home = users_home(s, req);
    WireLinkFrame frame = WIRE_LINK_FRAME__INIT;
    WireDevices devices = WIRE_DEVICES__INIT;
    WireDevice bodies[CHAT_DEVICES_MAX], *list[CHAT_DEVICES_MAX];

    if (!home)
        return;
    for (uint32_t i = home->known_count; i-- > 0;) {
        struct known_device *d = &home->known[i];
        WireDevice *body = &bodies[devices.n_devices];

        if (d->signed_out_no > d->session_no)
            continue;
        wire_device__init(body);
        body->device_id = d->device_id;
        body->client = d->client;
        body->first_seen_at_ms = d->first_seen_at_ms;
        body->last_seen_at_ms = d->last_seen_at_ms;
        list[devices.n_devices++] = body;
    }
    devices.devices = list;
    frame.body_case = WIRE_LINK_FRAME__BODY_DEVICES;
    frame.devices = &devices;
    answer(s, home, req, &frame);
}

static void fill_signed_out(WireLinkFrame *frame, WireSignedOut *out, uint64_t device_id,
                            uint64_t session_no)
{
    wire_link_frame__init(frame);
    wire_signed_out__init(out);
    out->device_id = device_id;
    out->session_no = session_no;
    frame->body_case = WIRE_LINK_FRAME__BODY_SIGNED_OUT;
    frame->signed_out = out;
}

void devices_sign_out(struct shard *s, const struct request *req)
{
    struct home *home = users_home(s, req);
    WireRecord record = WIRE_RECORD__INIT;
    WireDeviceRecord body = WIRE_DEVICE_RECORD__INIT;
    WireLinkFrame frame;
    WireSignedOut out;
    WireDeviceRow row;
    struct known_device *known, d;

    if (!home)
        return;
    known = home_find_known(home, req->frame->sign_out_device->device_id);
    if (!known) {
        answer_problem(s, home, req, PROBLEM(NOT_FOUND), "device");
        return;
    }
    if (!shard_may_decide(s, req))
        return;
    d = *known;
    d.signed_out_no = snowflake_mint_next(&s->mint, s->store->now.wall_ms);
    d.signed_out_at_ms = s->store->now.wall_ms;
    to_row(&d, &row);
    body.device = &row;
    body.signed_out = true;
    record.body_case = WIRE_RECORD__BODY_DEVICE;
    record.device = &body;
    fill_signed_out(&frame, &out, d.device_id, d.signed_out_no);
    if (batch_decide(s, home, &record, req, &frame, NULL) != CHAT_OK) {
        answer_no_memory(s, req);
        return;
    }
    home_put_known(home, &d);
    s->stats->devices_signed_out++;
}

void devices_sign_out_everywhere(struct shard *s, const struct request *req)
{
    struct home *home = users_home(s, req);
    WireRecord record = WIRE_RECORD__INIT;
    WireLinkFrame frame;
    WireSignedOut out;
    WireHomeRow row;

    if (!home || !shard_may_decide(s, req))
        return;
    home_to_info(home, &row);
    row.auth_epoch++;
    row.signed_out_at_ms = s->store->now.wall_ms;
    record.body_case = WIRE_RECORD__BODY_INFO;
    record.info = &row;
    fill_signed_out(&frame, &out, 0, 0);
    if (batch_decide(s, home, &record, req, &frame, NULL) != CHAT_OK) {
        answer_no_memory(s, req);
        return;
    }
    home->auth_epoch = row.auth_epoch;
    home->signed_out_at_ms = row.signed_out_at_ms;
    s->stats->devices_signed_out++;
}
