/* Scripts: faults as text, planned ahead. */
#include <string.h>

#include "base/alloc.h"
#include "testkit/kit.h"

#define WORD_MAX CHAT_TESTKIT_NAME_MAX
#define NUMBER_MAX UINT64_C(1000000000000)
#define DEVICE_ALL UINT32_MAX

enum verb {
    DROP,
    DROP_AFTER,
    CLOSE,
    ONLINE,
    OFFLINE,
    DELAY,
    STALL,
    MUTE,
    DOUBLE,
    REFUSE,
    SERVER,
    DISK,
};

enum server_verb { SERVER_KILL, SERVER_POWER_LOSS, SERVER_START, SERVER_FULL, SERVER_ROOM };
enum disk_verb { DISK_FULL, DISK_ROOM, DISK_FAIL, DISK_DIE, DISK_POWER_LOSS };

struct action {
    int64_t at_ms; /* after the script was given */
    enum verb verb;
    unsigned what;   /* a way, a refusal, a server_verb or a disk_verb */
    uint32_t device; /* index, or DEVICE_ALL */
    uint64_t number; /* a count, a code, a retry_after_ms */
    uint64_t times;
    int64_t time_ms;
};

struct kit_plan {
    struct kit_plan *next;
    chat_testkit *kit;
    uint32_t count;
    struct action actions[];
};

/* --- words --- */

struct reader {
    const chat_testkit *kit;
    const char *start, *at;
    char word[WORD_MAX + 1];
    const char *word_at; /* where it began: where an error is */
};

static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r'; }
static bool ends_statement(char c) { return c == '\0' || c == ';' || c == '\n' || c == '#'; }

static void skip_spaces(struct reader *r)
{
    while (is_space(*r->at))
        r->at++;
    r->word_at = r->at;
}

/* Up to the next statement that has anything in it. False at the end. */
static bool skip_empty(struct reader *r)
{
    for (;;) {
        skip_spaces(r);
        if (*r->at == '#') {
            while (*r->at && *r->at != '\n')
                r->at++;
        } else if (*r->at == ';' || *r->at == '\n') {
            r->at++;
        } else {
            return *r->at != '\0';
        }
    }
}

static bool read_word(struct reader *r)
{
    size_t len = 0;

    skip_spaces(r);
    while (!is_space(*r->at) && !ends_statement(*r->at)) {
        if (len == WORD_MAX)
            return false;
        r->word[len++] = *r->at++;
    }
    r->word[len] = '\0';
    return len > 0;
}

static bool is_at_end(struct reader *r)
{
    skip_spaces(r);
    return ends_statement(*r->at);
}

/* Digits at *text, which moves behind them. */
static bool read_digits(const char **text, uint64_t *out)
{
    uint64_t value = 0;

    if (**text < '0' || **text > '9')
        return false;
    for (; **text >= '0' && **text <= '9'; ++*text) {
        value = value * 10 + (uint64_t)(**text - '0');
        if (value > NUMBER_MAX)
            return false;
    }
    *out = value;
    return true;
}

static bool read_number(struct reader *r, uint64_t max, uint64_t *out)
{
    const char *text = r->word;

    return read_word(r) && read_digits(&text, out) && !*text && *out <= max;
}

static bool parse_time(const char *text, int64_t *out_ms)
{
    static const struct {
        const char *name;
        uint64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"min", 60000}, {"h", 3600000}};
    uint64_t value;

    if (!read_digits(&text, &value))
        return false;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(text, units[i].name) != 0)
            continue;
        if (value > (uint64_t)CHAT_TESTKIT_TIME_MAX_MS / units[i].ms)
            return false;
        *out_ms = (int64_t)(value * units[i].ms);
        return true;
    }
    return false;
}

static bool read_time(struct reader *r, int64_t max_ms, int64_t *out_ms)
{
    return read_word(r) && parse_time(r->word, out_ms) && *out_ms <= max_ms;
}

static bool read_device(struct reader *r, uint32_t *out)
{
    if (!read_word(r))
        return false;
    *out = DEVICE_ALL;
    if (strcmp(r->word, "all") == 0)
        return true;
    for (uint32_t i = 0; i < r->kit->device_count; i++) {
        if (strcmp(r->kit->devices[i]->name, r->word) == 0) {
            *out = i;
            return true;
        }
    }
    return false;
}

/* One of `names`, by its index. */
static bool read_choice(struct reader *r, const char *const *names, size_t count, unsigned *out)
{
    if (!read_word(r))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], r->word) == 0) {
            *out = (unsigned)i;
            return true;
        }
    }
    return false;
}

#define READ_CHOICE(r, names, out) read_choice(r, names, sizeof(names) / sizeof((names)[0]), out)

/* --- actions --- */

static bool read_mute(struct reader *r, struct action *a)
{
    static const char *const ways[] = {"", "up", "down", "both"}; /* by chat_testkit_way */

    return READ_CHOICE(r, ways, &a->what);
}

static bool read_refuse(struct reader *r, struct action *a)
{
    /* By chat_testkit_refusal. */
    static const char *const refusals[] = {"nothing",  "network",     "silent", "overloaded",
                                           "draining", "unavailable", "token",  "expired",
                                           "revoked",  "superseded"};
    int64_t retry_ms;

    a->time_ms = -1;
    if (!READ_CHOICE(r, refusals, &a->what))
        return false;
    if (is_at_end(r))
        return true;
    if (!read_word(r))
        return false;
    if (parse_time(r->word, &retry_ms)) {
        a->number = (uint64_t)retry_ms;
        if (is_at_end(r))
            return true;
        if (!read_word(r))
            return false;
    }
    return strcmp(r->word, "for") == 0 && read_time(r, CHAT_TESTKIT_TIME_MAX_MS, &a->time_ms);
}

static bool read_server(struct reader *r, struct action *a)
{
    static const char *const verbs[] = {"kill", "power-loss", "start", "full", "room"};

    return READ_CHOICE(r, verbs, &a->what);
}

static bool read_disk(struct reader *r, struct action *a)
{
    static const char *const verbs[] = {"full", "room", "fail", "die", "power-loss"};

    if (!READ_CHOICE(r, verbs, &a->what))
        return false;
    if (a->what < DISK_FAIL)
        return true;
    if (!read_number(r, NUMBER_MAX, &a->number))
        return false;
    return a->what != DISK_FAIL || read_number(r, NUMBER_MAX, &a->times);
}

static bool read_arguments(struct reader *r, struct action *a)
{
    switch (a->verb) {
    case DROP:
    case ONLINE:
    case OFFLINE: return true;
    case DROP_AFTER: return read_number(r, UINT32_MAX, &a->number);
    case CLOSE: return read_number(r, UINT16_MAX, &a->number);
    case DELAY: return read_time(r, KIT_DELAY_MAX_MS, &a->time_ms);
    case STALL:
    case DOUBLE: return read_time(r, CHAT_TESTKIT_TIME_MAX_MS, &a->time_ms);
    case MUTE: return read_mute(r, a);
    case REFUSE: return read_refuse(r, a);
    case SERVER: return read_server(r, a);
    case DISK: return read_disk(r, a);
    }
    return false;
}

static bool read_action(struct reader *r, struct action *a)
{
    static const char *const verbs[] = {"drop",   "drop-after", "close", "online", "offline",
                                        "delay",  "stall",      "mute",  "double", "refuse",
                                        "server", "disk"}; /* by enum verb */
    unsigned verb;

    *a = (struct action){.device = DEVICE_ALL};
    if (!read_word(r) || strcmp(r->word, "at") != 0 ||
        !read_time(r, CHAT_TESTKIT_TIME_MAX_MS, &a->at_ms) || !READ_CHOICE(r, verbs, &verb))
        return false;
    a->verb = (enum verb)verb;
    if (a->verb != SERVER && !read_device(r, &a->device))
        return false;
    return read_arguments(r, a) && is_at_end(r);
}

/* --- when the time has come --- */

static void do_server(chat_testkit *kit, const struct action *a)
{
    switch ((enum server_verb)a->what) {
    case SERVER_KILL: (void)chat_testkit_server_stop(kit, CHAT_TESTKIT_KILL); break;
    case SERVER_POWER_LOSS: (void)chat_testkit_server_stop(kit, CHAT_TESTKIT_POWER_LOSS); break;
    case SERVER_START: (void)chat_testkit_server_start(kit); break;
    case SERVER_FULL: (void)chat_testkit_server_set_full(kit, true); break;
    case SERVER_ROOM: (void)chat_testkit_server_set_full(kit, false); break;
    }
}

static void do_disk(chat_testkit_device *device, const struct action *a)
{
    switch ((enum disk_verb)a->what) {
    case DISK_FULL: (void)chat_testkit_disk_set_full(device, true); break;
    case DISK_ROOM: (void)chat_testkit_disk_set_full(device, false); break;
    case DISK_FAIL: (void)chat_testkit_disk_fail(device, a->number, a->times, CHAT_E_IO); break;
    case DISK_DIE: (void)chat_testkit_disk_die(device, a->number, false); break;
    case DISK_POWER_LOSS: (void)chat_testkit_disk_die(device, a->number, true); break;
    }
}

static void do_disks(chat_testkit *kit, const struct action *a)
{
    for (uint32_t i = 0; i < kit->device_count; i++) {
        if (a->device == DEVICE_ALL || a->device == i)
            do_disk(kit->devices[i], a);
    }
}

static void do_action(chat_testkit *kit, const struct action *a)
{
    chat_testkit_device *d = a->device == DEVICE_ALL ? CHAT_TESTKIT_ALL : kit->devices[a->device];

    switch (a->verb) {
    case DROP: (void)chat_testkit_drop_links(kit, d); break;
    case DROP_AFTER: (void)chat_testkit_drop_after(kit, d, (uint32_t)a->number); break;
    case CLOSE: (void)chat_testkit_close_links(kit, d, (uint16_t)a->number); break;
    case ONLINE: (void)chat_testkit_set_online(kit, d, true); break;
    case OFFLINE: (void)chat_testkit_set_online(kit, d, false); break;
    case DELAY: (void)chat_testkit_set_delay(kit, d, (uint32_t)a->time_ms); break;
    case STALL: (void)chat_testkit_stall_links(kit, d, a->time_ms); break;
    case MUTE: (void)chat_testkit_mute_links(kit, d, (chat_testkit_way)a->what); break;
    case DOUBLE: (void)chat_testkit_double_links(kit, d, a->time_ms); break;
    case REFUSE:
        (void)chat_testkit_refuse(kit, d, (chat_testkit_refusal)a->what, (uint32_t)a->number,
                                  a->time_ms);
        break;
    case SERVER: do_server(kit, a); break;
    case DISK: do_disks(kit, a); break;
    }
}

static void on_action(void *user, uint64_t index)
{
    struct kit_plan *plan = user;

    do_action(plan->kit, &plan->actions[index]);
}

/* --- the call --- */

/* Reads all of it; `actions` may be NULL. */
static chat_status read_script(struct reader *r, struct action *actions, uint32_t *out_count)
{
    struct action action;

    *out_count = 0;
    while (skip_empty(r)) {
        if (!read_action(r, &action))
            return CHAT_E_INVALID;
        if (*out_count == CHAT_TESTKIT_SCRIPT_MAX)
            return CHAT_E_TOO_LARGE;
        if (actions)
            actions[*out_count] = action;
        ++*out_count;
    }
    return CHAT_OK;
}

chat_status chat_testkit_run_script(chat_testkit *kit, const char *script, size_t *out_at)
{
    struct reader r = {.kit = kit, .start = script, .at = script, .word_at = script};
    struct kit_plan *plan;
    uint32_t count;
    chat_status status;

    if (!kit || !script)
        return CHAT_E_INVALID;
    status = read_script(&r, NULL, &count);
    if (status != CHAT_OK) {
        if (out_at)
            *out_at = (size_t)(r.word_at - r.start);
        return status;
    }
    plan = alloc_zeroed(kit->allocator, sizeof(*plan) + count * sizeof(plan->actions[0]));
    if (!plan)
        return CHAT_E_NOMEM;
    plan->kit = kit;
    plan->next = kit->plans;
    kit->plans = plan;
    r.at = script;
    (void)read_script(&r, plan->actions, &plan->count);
    for (uint32_t i = 0; i < plan->count; i++)
        sim_world_at(kit->world, sim_world_now_ms(kit->world) + plan->actions[i].at_ms, on_action,
                     plan, i);
    return kit_status(kit);
}

void kit_plans_free(chat_testkit *kit)
{
    while (kit->plans) {
        struct kit_plan *plan = kit->plans;
        kit->plans = plan->next;
        alloc_free(kit->allocator, plan);
    }
}
