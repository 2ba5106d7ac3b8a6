/* chatctl direct, group: opens conversations. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "chatctl.h"
#include "crowd.h"

#define SIGNING_IN_MAX 32u

/* One conversation being opened by the first of the people. */
struct opening {
    struct crowd crowd;
    struct person *people;
    uint32_t count, arrived;
    const char *title; /* NULL: a direct */
    uint64_t ticket;
    uint64_t channel_id;
    chat_status status;
    bool answered;
};

static void on_event(struct person *person, const struct chat_event *event)
{
    struct opening *opening = person->user;

    if (event->type != CHAT_EVENT_OPENED || event->ticket != opening->ticket)
        return;
    opening->answered = true;
    opening->status = event->status;
    opening->channel_id = event->channel_id;
}

/* Users come to exist by signing in; a few at a time, as servers limit newcomers. */
static chat_status sign_in_more(struct opening *opening)
{
    uint32_t waiting = 0;

    for (uint32_t i = 0; i < opening->arrived; i++)
        waiting += opening->people[i].user_id == 0;
    while (opening->arrived < opening->count && waiting < SIGNING_IN_MAX) {
        chat_status status = crowd_arrive(&opening->crowd, &opening->people[opening->arrived]);
        if (status != CHAT_OK)
            return status;
        opening->arrived++;
        waiting++;
    }
    for (uint32_t i = 1; i < opening->arrived; i++) {
        if (opening->people[i].user_id != 0)
            crowd_leave(&opening->people[i]); /* only the first is needed from here on */
    }
    return CHAT_OK;
}

static uint32_t signed_in(const struct opening *opening)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < opening->count; i++)
        count += opening->people[i].user_id != 0;
    return count;
}

static chat_status ask(struct opening *opening)
{
    uint64_t ids[CHAT_GROUP_MEMBERS_MAX];
    struct person *first = &opening->people[0];

    for (uint32_t i = 1; i < opening->count; i++)
        ids[i - 1] = opening->people[i].user_id;
    if (!opening->title)
        return chat_conn_open_direct(first->conn, ids[0], &opening->ticket);
    return chat_conn_create_group(first->conn, opening->title, strlen(opening->title), ids,
                                  opening->count - 1, &opening->ticket);
}

static int run_opening(struct opening *opening)
{
    const char *command = opening->crowd.options.command;
    int64_t limit_ms = (int64_t)opening->crowd.options.timeout_s * 1000;
    int64_t give_up_ms = crowd_now_ms() + limit_ms;
    uint32_t seen = 0;
    int code = CTL_OK;

    while (code == CTL_OK && !opening->answered && !crowd_interrupted()) {
        chat_status status = sign_in_more(opening);
        uint32_t now_seen = signed_in(opening);
        if (now_seen > seen)
            give_up_ms = crowd_now_ms() + limit_ms;
        seen = now_seen;
        if (status == CHAT_OK && seen == opening->count && opening->ticket == 0)
            status = ask(opening);
        if (status != CHAT_OK) {
            ctl_say(command, "%s", chat_status_text(status));
            return CTL_FAILED;
        }
        if (crowd_now_ms() > give_up_ms) {
            ctl_say(command, "no answer: %s", opening->crowd.problem);
            return CTL_TIMEOUT;
        }
        code = crowd_step(&opening->crowd, 100);
    }
    if (code == CTL_OK && opening->status != CHAT_OK) {
        ctl_say(command, "%s %s", chat_status_text(opening->status),
                chat_conn_last_problem(opening->people[0].conn));
        return CTL_FAILED;
    }
    return opening->answered ? code : CTL_FAILED;
}

static int open_conversation(const struct crowd_options *options, const char *title, char **names,
                             uint32_t count)
{
    struct opening *opening = calloc(1, sizeof(*opening));
    struct person *people = calloc(count, sizeof(*people));
    int code = CTL_FAILED;

    if (opening && people) {
        opening->people = people;
        opening->count = count;
        opening->title = title;
        for (uint32_t i = 0; i < count; i++) {
            snprintf(people[i].subject, sizeof(people[i].subject), "%s", names[i]);
            people[i].keep_max = 1;
            people[i].on_event = on_event;
            people[i].user = opening;
        }
        code = crowd_open(&opening->crowd, options);
        if (code == CTL_OK)
            code = run_opening(opening);
        if (code == CTL_OK)
            printf("%" PRIu64 "\n", opening->channel_id);
        crowd_close(&opening->crowd);
    }
    free(people);
    free(opening);
    return code;
}

static bool names_are_right(const char *command, char **names, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        size_t len = strlen(names[i]);
        if (len == 0 || len > CHAT_SUBJECT_MAX) {
            ctl_say(command, "a name has 1 to %u bytes", CHAT_SUBJECT_MAX);
            return false;
        }
        for (uint32_t j = 0; j < i; j++) {
            if (strcmp(names[i], names[j]) == 0) {
                ctl_say(command, "%s is named twice", names[i]);
                return false;
            }
        }
    }
    return true;
}

static int run(const struct ctl_command *command, int argc, char **argv, bool group)
{
    static const struct option options[] = {CROWD_LONG_OPTIONS, {NULL, 0, NULL, 0}};
    struct crowd_options crowd;
    int option, first, count;

    crowd_options_init(&crowd, command->name);
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (!crowd_options_take(&crowd, option, optarg))
            return ctl_usage(command);
    }
    first = optind + (group ? 1 : 0);
    count = argc - first;
    if (group ? count < 1 || count > (int)CHAT_GROUP_MEMBERS_MAX : count != 2)
        return ctl_usage(command);
    if (!names_are_right(command->name, argv + first, (uint32_t)count))
        return CTL_WRONG;
    return open_conversation(&crowd, group ? argv[optind] : NULL, argv + first, (uint32_t)count);
}

static int run_direct(int argc, char **argv) { return run(&direct_command, argc, argv, false); }

static int run_group(int argc, char **argv) { return run(&group_command, argc, argv, true); }

const struct ctl_command direct_command = {
    .name = "direct",
    .arguments = "A B [options]",
    .summary = "Opens the conversation of two users.",
    .help = "Acts as A; both are signed in once, so that they exist. Prints the channel's "
            "id.\n" CROWD_OPTIONS_HELP,
    .run = run_direct,
};

const struct ctl_command group_command = {
    .name = "group",
    .arguments = "TITLE A B ... [options]",
    .summary = "Makes a group.",
    .help = "Acts as A, who may manage it; all are signed in once, so that they exist. Prints\n"
            "the channel's id.\n" CROWD_OPTIONS_HELP,
    .run = run_group,
};
