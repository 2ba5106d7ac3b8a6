/* chatctl replay: options, the order of phases, and the report. */
#include "replay.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chatctl.h"

#define STEP_MS 50
#define SAY_EVERY_MS 1000
#define OTHERS_MAX 2u /* listener and late one */

static const char *const phase_names[] = {
    [REPLAY_SIGN_IN] = "signing in",
    [REPLAY_OPEN] = "opening groups",
    [REPLAY_SEND] = "sending",
    [REPLAY_LIVE] = "listening to the last",
    [REPLAY_LATE] = "the late catches up",
    [REPLAY_PAGES] = "fetching pages",
    [REPLAY_DONE] = "done",
};

uint32_t replay_channel(const struct replay *replay, uint64_t channel_id)
{
    for (uint32_t i = 0; i < replay->opened; i++) {
        if (replay->channel_ids[i] == channel_id)
            return i;
    }
    return REPLAY_END;
}

static bool members_fit(const struct replay *replay)
{
    for (uint32_t c = 0; c < replay->log.channel_count; c++) {
        uint32_t count = OTHERS_MAX + replay->options.member_count;
        for (uint32_t i = 0; i < replay->log.nick_count; i++)
            count += (replay->log.nicks[i].channels >> c) & 1;
        if (count > CHAT_GROUP_MEMBERS_MAX) {
            ctl_say("replay", "%s has %u people, a group holds %u: take fewer --lines",
                    replay->log.channels[c], count, CHAT_GROUP_MEMBERS_MAX);
            return false;
        }
    }
    return true;
}

static void enter(struct replay *replay, enum replay_phase phase, int64_t now_ms)
{
    replay->phase = phase;
    replay->said_at_ms = 0;
    if (phase == REPLAY_SEND)
        replay->sending_ms = now_ms;
    if (phase == REPLAY_LIVE || (phase == REPLAY_DONE && replay->sent_ms == 0))
        replay->sent_ms = now_ms;
    if (!replay->options.quiet)
        fprintf(stderr, "replay: %s\n", phase_names[phase]);
}

static void say_progress(struct replay *replay, int64_t now_ms)
{
    int64_t since_ms = now_ms - replay->sending_ms;

    if (replay->options.quiet || now_ms - replay->said_at_ms < SAY_EVERY_MS)
        return;
    replay->said_at_ms = now_ms;
    if (replay->phase == REPLAY_SIGN_IN)
        fprintf(stderr, "replay: %u of %u signed in\n", replay->signed_in, replay->log.nick_count);
    else if (replay->phase == REPLAY_SEND && since_ms > 0)
        fprintf(stderr,
                "replay: %u of %u lines, %" PRId64 "/s, %u connections, %" PRIu64 " lost so far\n",
                replay->done, replay->log.count, replay->done * INT64_C(1000) / since_ms,
                replay->crowd.count, replay_people_drops(replay));
    else if (replay->phase == REPLAY_LATE)
        fprintf(stderr, "replay: %" PRIu64 " of %u caught up\n", replay->late_view.count,
                replay->done);
    else if (replay->phase == REPLAY_PAGES)
        fprintf(stderr, "replay: %" PRIu64 " of %u paged\n", replay->page_view.count, replay->done);
}

/* True while anything moves. */
static bool is_alive(struct replay *replay, int64_t now_ms)
{
    uint64_t progress = (uint64_t)replay->phase + replay->signed_in + replay->opened +
                        replay->sent + replay->done + replay->refused + replay->live_view.count +
                        replay->late_view.count + replay->page_view.count;

    if (progress != replay->progress || replay->options.speed > 0) {
        replay->progress = progress;
        replay->progress_at_ms = now_ms;
    }
    return now_ms - replay->progress_at_ms < (int64_t)replay->options.crowd.timeout_s * 1000;
}

static chat_status advance(struct replay *replay, int64_t now_ms)
{
    bool verify = replay->options.verify;
    chat_status status = CHAT_OK;

    switch (replay->phase) {
    case REPLAY_SIGN_IN:
        if (replay_people_sign_in(replay))
            enter(replay, REPLAY_OPEN, now_ms);
        break;
    case REPLAY_OPEN:
        if (replay_watch_open(replay))
            enter(replay, REPLAY_SEND, now_ms);
        break;
    case REPLAY_SEND:
        status = replay_people_talk(replay, now_ms);
        if (replay->done + replay->refused == replay->log.count)
            enter(replay, verify ? REPLAY_LIVE : REPLAY_DONE, now_ms);
        break;
    case REPLAY_LIVE:
        if (replay_watch_live(replay))
            enter(replay, REPLAY_LATE, now_ms);
        break;
    case REPLAY_LATE:
        if (replay_watch_late(replay))
            enter(replay, REPLAY_PAGES, now_ms);
        break;
    case REPLAY_PAGES:
        if (replay_watch_pages(replay))
            enter(replay, REPLAY_DONE, now_ms);
        break;
    case REPLAY_DONE: break;
    }
    return status;
}

static int give_up(const struct replay *replay)
{
    ctl_say("replay",
            "nothing moves while %s: %u of %u lines done, live %" PRIu64 ", late %" PRIu64
            ", pages %" PRIu64 "; last problem: %s",
            phase_names[replay->phase], replay->done, replay->log.count, replay->live_view.count,
            replay->late_view.count, replay->page_view.count,
            replay->crowd.problem[0] ? replay->crowd.problem : "none");
    return CTL_TIMEOUT;
}

static int run_phases(struct replay *replay)
{
    int code = CTL_OK;

    replay->begun_ms = replay->progress_at_ms = crowd_now_ms();
    enter(replay, REPLAY_SIGN_IN, replay->begun_ms);
    while (code == CTL_OK && replay->phase != REPLAY_DONE) {
        int64_t now_ms = crowd_now_ms();
        chat_status status = advance(replay, now_ms);
        if (status != CHAT_OK) {
            ctl_say("replay", "%s", chat_status_text(status));
            return CTL_FAILED;
        }
        if (crowd_interrupted()) {
            ctl_say("replay", "interrupted after %u of %u lines", replay->done, replay->log.count);
            return CTL_FAILED;
        }
        say_progress(replay, now_ms);
        if (!is_alive(replay, now_ms))
            return give_up(replay);
        code = crowd_step(&replay->crowd, STEP_MS);
    }
    replay->ended_ms = crowd_now_ms();
    return code;
}

static int report(const struct replay *replay)
{
    const struct view *const views[] = {&replay->live_view, &replay->late_view, &replay->page_view};
    int64_t took_ms = replay->sent_ms - replay->sending_ms;

    printf("replayed %u lines of %u people in %u groups: %.1f s, %.0f lines/s; %u refused, "
           "%" PRIu64 " connections lost and back\n",
           replay->done, replay->log.nick_count, replay->log.channel_count,
           (double)took_ms / 1000.0, replay->done * 1000.0 / (double)(took_ms > 0 ? took_ms : 1),
           replay->refused, replay_people_drops(replay));
    if (replay->log.skipped)
        printf("left out %u lines that are no messages (the first: line %u)\n", replay->log.skipped,
               replay->log.skipped_first);
    if (replay->refused)
        printf("first refusal: %s\n", replay->refusal);
    if (!replay->options.verify)
        return replay->refused ? CTL_FAILED : CTL_OK;
    printf("seen: live %" PRIu64 ", late %" PRIu64 ", by %" PRIu64 " pages %" PRIu64
           "; gaps told: live %" PRIu64 ", late %" PRIu64 "; %.1f s in all\n",
           views[0]->count, views[1]->count, replay->page_count, views[2]->count, views[0]->gaps,
           views[1]->gaps, (double)(replay->ended_ms - replay->begun_ms) / 1000.0);
    if (!view_judge(&replay->log, replay->author_ids, views, 3)) {
        puts("BROKEN: see above");
        return CTL_BROKEN;
    }
    puts("verified: all three are the same sequence, every byte equal, none lost, none twice, "
         "each sender's order kept");
    return CTL_OK;
}

static int run_replay(struct replay *replay)
{
    int code;

    replay_watch_init(replay);
    if (!replay_people_init(replay)) {
        ctl_say("replay", "out of memory");
        return CTL_FAILED;
    }
    code = crowd_open(&replay->crowd, &replay->options.crowd);
    if (code == CTL_OK)
        code = run_phases(replay);
    if (code == CTL_OK)
        code = report(replay);
    crowd_close(&replay->crowd);
    return code;
}

enum {
    OPT_LINES = 1,
    OPT_SPEED,
    OPT_SYNTHETIC,
    OPT_PEOPLE,
    OPT_TITLE,
    OPT_MEMBER,
    OPT_WINDOW,
    OPT_VERIFY,
    OPT_COME,
    OPT_QUIET
};

static const struct option long_options[] = {
    CROWD_LONG_OPTIONS,
    {"lines", required_argument, NULL, OPT_LINES},
    {"speed", required_argument, NULL, OPT_SPEED},
    {"synthetic", required_argument, NULL, OPT_SYNTHETIC},
    {"people", required_argument, NULL, OPT_PEOPLE},
    {"title", required_argument, NULL, OPT_TITLE},
    {"member", required_argument, NULL, OPT_MEMBER},
    {"window", required_argument, NULL, OPT_WINDOW},
    {"verify", no_argument, NULL, OPT_VERIFY},
    {"come-and-go", no_argument, NULL, OPT_COME},
    {"quiet", no_argument, NULL, OPT_QUIET},
    {NULL, 0, NULL, 0},
};

static bool take_text(struct replay_options *o, int option, const char *value)
{
    size_t len = strlen(value);

    if (len == 0 || len > CHAT_NAME_MAX ||
        (option == OPT_MEMBER && o->member_count == REPLAY_MEMBERS_MAX)) {
        ctl_say("replay", "%s: 1 to %u bytes; at most %u members",
                option == OPT_MEMBER ? "--member" : "--title", CHAT_NAME_MAX, REPLAY_MEMBERS_MAX);
        return false;
    }
    if (option == OPT_MEMBER)
        o->members[o->member_count++] = value;
    else
        o->title = value;
    return true;
}

static bool take_option(struct replay_options *o, int option, const char *value)
{
    switch (option) {
    case OPT_LINES: return ctl_number("replay", "--lines", value, 1, REPLAY_LINES_MAX, &o->lines);
    case OPT_SPEED: return ctl_number("replay", "--speed", value, 1, 1000000, &o->speed);
    case OPT_SYNTHETIC:
        return ctl_number("replay", "--synthetic", value, 1, REPLAY_LINES_MAX, &o->synthetic);
    case OPT_PEOPLE: return ctl_number("replay", "--people", value, 1, 490, &o->people);
    case OPT_WINDOW: return ctl_number("replay", "--window", value, 1, 65536, &o->window);
    case OPT_TITLE:
    case OPT_MEMBER: return take_text(o, option, value);
    case OPT_VERIFY: o->verify = true; return true;
    case OPT_COME: o->come_and_go = true; return true;
    case OPT_QUIET: o->quiet = true; return true;
    default: return crowd_options_take(&o->crowd, option, value);
    }
}

static int run(int argc, char **argv)
{
    struct replay *replay = calloc(1, sizeof(*replay));
    struct replay_options *o;
    int option, code;

    if (!replay)
        return CTL_FAILED;
    o = &replay->options;
    *o = (struct replay_options){.lines = REPLAY_LINES_MAX, .people = 20, .window = 512};
    crowd_options_init(&o->crowd, "replay");
    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        if (!take_option(o, option, optarg)) {
            free(replay);
            return ctl_usage(&replay_command);
        }
    }
    o->file = optind < argc ? argv[optind] : NULL;
    if (argc - optind > 1 || (o->file != NULL) == (o->synthetic != 0)) {
        free(replay);
        return ctl_usage(&replay_command);
    }
    if (o->file)
        code = replay_log_read(&replay->log, o->file, (uint32_t)o->lines);
    else
        code = replay_log_make(&replay->log,
                               (uint32_t)(o->synthetic < o->lines ? o->synthetic : o->lines),
                               (uint32_t)o->people);
    if (code == CTL_OK)
        code = members_fit(replay) ? run_replay(replay) : CTL_WRONG;
    replay_people_fini(replay);
    replay_watch_fini(replay);
    replay_log_fini(&replay->log);
    free(replay);
    return code;
}

const struct ctl_command replay_command = {
    .name = "replay",
    .arguments = "[options] FILE | --synthetic N",
    .summary = "Says a log's lines again, each nick a user.",
    .help =
        "FILE has lines of \"channel TAB time TAB nick TAB text\". Each channel becomes a group,\n"
        "each nick a user on its own connection; a nick's lines keep their order. Progress is\n"
        "on stderr, the report on stdout.\n"
        "  --verify          look on from three more devices: one that listens, one that is\n"
        "                    offline until the end, one that pages history; all must be the\n"
        "                    same sequence, every byte equal, none lost, none twice, each\n"
        "                    sender's order kept; else the exit code is 4\n"
        "  --synthetic N     make up N lines instead of reading a file\n"
        "  --people N        who say them; default 20\n"
        "  --lines N         at most so many of them\n"
        "  --speed N         lines a second; default: as fast as it goes\n"
        "  --window N        lines under way, default 512\n"
        "  --come-and-go     people connect for their first line and leave after their last;\n"
        "                    else all are there all the time\n"
        "  --title TITLE     of the group; default: the channel's name\n"
        "  --member NAME     somebody else who is to be in the group; may be said again\n"
        "  --quiet           no progress\n" CROWD_OPTIONS_HELP
        "The rate of one user is limited by the service (limits.operations_per_second), so\n"
        "raise that for full speed.\n",
    .run = run,
};
