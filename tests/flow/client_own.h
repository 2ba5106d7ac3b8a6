/*
 * A client rig whose service also keeps what belongs to a user: receipts of CH, one draft, one
 * mute, two devices. Included once, by a test that then has `rig` and `service`.
 */
#ifndef CHAT_TESTS_CLIENT_OWN_H
#define CHAT_TESTS_CLIENT_OWN_H

#include <unistd.h>

#include "client_rig.h"

#define EVE UINT64_C(1003)
#define OTHER_DEVICE UINT64_C(0xd2)

static struct rig rig;
static char path[64];

/* --- the service's side --- */

static struct {
    uint64_t delivered, read; /* of CH, as marked last */
    size_t marks_of_last;     /* channels in the last MarkReceipts */
    char draft[CHAT_DRAFT_MAX + 1];
    uint64_t draft_version, draft_device, version;
    int64_t muted_until_ms;
    uint64_t settings_version;
    bool typing_stop;
    bool refuse_marks, refuse_settings, lose_draft_answers;
    bool other_mutes_first;
    WireReceipt receipts[2];
} service;

static WireDraft draft_now(void)
{
    WireDraft d = WIRE_DRAFT__INIT;

    d.channel_id = CH;
    d.text = service.draft;
    d.version = service.draft_version;
    d.device_id = service.draft_device;
    return d;
}

static inline void write_draft(const char *text, uint64_t device)
{
    snprintf(service.draft, sizeof(service.draft), "%s", text);
    service.draft_version = ++service.version;
    service.draft_device = device;
}

static inline void answer_draft(uint32_t request_id)
{
    WireDraft d = draft_now();

    RIG_SAY(&rig, request_id, DRAFT, draft, &d);
}

/* Another device writes, and this one hears of it. */
static inline void other_writes(const char *text)
{
    write_draft(text, OTHER_DEVICE);
    answer_draft(0);
    rig_turn(&rig);
}

static inline void take_draft(const WireClientFrame *f)
{
    const WireSetDraft *s = f->set_draft;

    if (s->base_version >= service.draft_version &&
        (s->text[0] != '\0' || service.draft[0] != '\0'))
        write_draft(s->text, rig.keep_device);
    if (!service.lose_draft_answers)
        answer_draft(f->request_id);
}

static inline void answer_settings(uint32_t request_id)
{
    WireChannelSettings s = WIRE_CHANNEL_SETTINGS__INIT;

    s.channel_id = CH;
    s.muted_until_ms = service.muted_until_ms;
    s.version = service.settings_version;
    s.draft_version = service.draft_version;
    s.has_draft = service.draft[0] != '\0';
    RIG_SAY(&rig, request_id, CHANNEL_SETTINGS, channel_settings, &s);
}

static inline void say_receipts(uint32_t request_id, uint64_t user, uint64_t delivered,
                                uint64_t read)
{
    WireReceipts receipts = WIRE_RECEIPTS__INIT;
    WireReceipt one = WIRE_RECEIPT__INIT, *list[] = {&one};

    one.user_id = user;
    one.delivered_seq = delivered;
    one.read_seq = read;
    receipts.channel_id = CH;
    receipts.receipts = list;
    receipts.n_receipts = 1;
    RIG_SAY(&rig, request_id, RECEIPTS, receipts, &receipts);
    rig_turn(&rig);
}

static inline void take_marks(const WireMarkReceipts *marks)
{
    service.marks_of_last = marks->n_marks;
    for (size_t i = 0; i < marks->n_marks; i++) {
        if (marks->marks[i]->channel_id != CH)
            continue;
        service.delivered = marks->marks[i]->delivered_seq;
        service.read = marks->marks[i]->read_seq;
    }
}

static inline void answer_devices(uint32_t request_id)
{
    WireDevices devices = WIRE_DEVICES__INIT;
    WireDevice both[2], *list[2] = {&both[0], &both[1]};

    for (size_t i = 0; i < 2; i++) {
        wire_device__init(&both[i]);
        both[i].device_id = i ? OTHER_DEVICE : rig.keep_device;
        both[i].client = (char *)(i ? "phone/2" : "desk/1");
        both[i].last_seen_at_ms = 100 + (int64_t)i;
    }
    devices.devices = list;
    devices.n_devices = 2;
    RIG_SAY(&rig, request_id, DEVICES, devices, &devices);
}

static inline bool on_frame(struct rig *r, const WireClientFrame *f)
{
    switch ((int)f->body_case) {
    case WIRE_CLIENT_FRAME__BODY_HELLO: r->keep_device = f->hello->device_id; return false;
    case WIRE_CLIENT_FRAME__BODY_MARK_RECEIPTS:
        take_marks(f->mark_receipts);
        if (!service.refuse_marks)
            return false;
        rig_problem(r, f->request_id, WIRE_PROBLEM_CODE__PROBLEM_RATE_LIMITED,
                    WIRE_RETRY__RETRY_LATER, 500);
        return true;
    case WIRE_CLIENT_FRAME__BODY_SET_DRAFT: take_draft(f); return true;
    case WIRE_CLIENT_FRAME__BODY_SET_CHANNEL_SETTINGS:
        if (service.refuse_settings) {
            rig_problem(r, f->request_id, WIRE_PROBLEM_CODE__PROBLEM_LIMIT, WIRE_RETRY__RETRY_NEVER,
                        0);
            return true;
        }
        if (service.other_mutes_first) {
            service.muted_until_ms = 9000;
            service.settings_version = ++service.version;
            answer_settings(0);
        }
        service.muted_until_ms = f->set_channel_settings->muted_until_ms;
        service.settings_version = ++service.version;
        answer_settings(f->request_id);
        return true;
    case WIRE_CLIENT_FRAME__BODY_FETCH_RECEIPTS:
        say_receipts(f->request_id, EVE, 2, 1);
        return true;
    case WIRE_CLIENT_FRAME__BODY_FETCH_DEVICES: answer_devices(f->request_id); return true;
    case WIRE_CLIENT_FRAME__BODY_TYPING: service.typing_stop = f->typing->stop; return true;
    default: return false;
    }
}

/* The list as it is now. */
static inline void list_settings(void)
{
    static WireChannelSettings s;

    wire_channel_settings__init(&s);
    s.channel_id = CH;
    s.muted_until_ms = service.muted_until_ms;
    s.version = service.settings_version;
    s.draft_version = service.draft_version;
    s.has_draft = service.draft[0] != '\0';
    rig_channel(&rig, CH)->settings = &s;
}

static inline void list_receipt(uint64_t user, uint64_t delivered, uint64_t read)
{
    struct rig_channel *ch = rig_channel(&rig, CH);
    WireReceipt *one = &service.receipts[ch->receipts_count];

    wire_receipt__init(one);
    one->user_id = user;
    one->delivered_seq = delivered;
    one->read_seq = read;
    ch->receipts[ch->receipts_count++] = one;
}

static inline void setup(void)
{
    memset(&service, 0, sizeof(service));
    rig_init(&rig);
    rig.on_frame = on_frame;
    path[0] = '\0';
}

static inline void teardown(void)
{
    rig_fini(&rig);
    if (path[0])
        unlink(path);
}

static inline void on_disk(void)
{
    snprintf(path, sizeof(path), "/tmp/chat-own-%ld.db", (long)getpid());
    unlink(path);
    rig.config.cache_path = path;
}

static inline void reconnect(void)
{
    rig_cut(&rig, 1006);
    rig_wait(&rig, 2000);
    ck_assert_int_eq(client_state(rig.core), CHAT_CONN_LIVE);
}

static inline const struct chat_channel *channel(void) { return client_channel(rig.core, CH); }
static inline size_t marks(void) { return rig_heard(&rig, WIRE_CLIENT_FRAME__BODY_MARK_RECEIPTS); }

#endif
