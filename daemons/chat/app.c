#include "app.h"

#include <string.h>
#include <time.h>
#include <unistd.h>

#define NAMES_AT_ONCE 100u
#define GOODBYE_MS 20
#define GOODBYE_STEPS 10

int64_t app_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void write_log(chat_log_level level, const char *component, const char *text, void *user)
{
    struct app *app = user;
    time_t now = time(NULL);
    struct tm tm;
    char when[32] = "";

    if (localtime_r(&now, &tm))
        strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
    fprintf(app->log, "%s %s %s: %s\n", when, chat_log_level_name(level), component, text);
    fflush(app->log);
}

static bool open_log(struct app *app)
{
    if (!app->options.log_path)
        return true;
    app->log = fopen(app->options.log_path, "a");
    if (!app->log) {
        perror(app->options.log_path);
        return false;
    }
    app->logger = (struct chat_logger){
        .write = write_log,
        .level = app->options.verbose ? CHAT_LOG_DEBUG : CHAT_LOG_INFO,
        .user = app,
    };
    return true;
}

static chat_status open_conn(struct app *app)
{
    struct chat_loop_config loop_config;
    struct chat_conn_config conn_config;
    const struct chat_logger *logger = app->log ? &app->logger : NULL;
    chat_status status;

    chat_loop_config_init(&loop_config);
    loop_config.ca_file = app->options.ca_file;
    loop_config.logger = logger;
    status = chat_loop_new(&loop_config, &app->loop);
    if (status != CHAT_OK)
        return status;
    chat_conn_config_init(&conn_config);
    conn_config.url = app->options.url;
    conn_config.token = app->options.token;
    conn_config.cache_path = app->options.cache_path;
    conn_config.client = "chat/" CHAT_PROGRAM_VERSION;
    conn_config.logger = logger;
    status = chat_conn_new(app->loop, &conn_config, &app->conn);
    if (status != CHAT_OK)
        return status;
    return chat_conn_start(app->conn);
}

bool app_open(struct app *app)
{
    chat_status status;

    app->out = stdout;
    app->token.fd = -1;
    if (!open_log(app))
        return false;
    status = open_conn(app);
    if (status == CHAT_OK)
        return true;
    fprintf(stderr, "chat: %s: %s\n",
            status == CHAT_E_CONFLICT && app->options.cache_path ? app->options.cache_path
                                                                 : app->options.url,
            chat_status_text(status));
    return false;
}

void app_close(struct app *app)
{
    token_end(app);
    if (app->conn) {
        uint32_t unsent = chat_conn_get_outgoing_count(app->conn);

        if (unsent > 0)
            fprintf(stderr, "-- %u unsent%s\n", unsent,
                    app->options.cache_path ? ": they wait in the cache" : "");
        chat_conn_stop(app->conn);
        for (int i = 0; i < GOODBYE_STEPS && chat_conn_get_state(app->conn) != CHAT_CONN_CLOSED;
             i++)
            (void)chat_loop_step(app->loop, GOODBYE_MS);
        chat_conn_flush(app->conn);
    }
    chat_conn_free(app->conn);
    chat_loop_free(app->loop);
    if (app->log)
        fclose(app->log);
}

/* What is asked is answered soon. */
static bool has_link(const struct app *app)
{
    const chat_conn_state state = chat_conn_get_state(app->conn);

    return state == CHAT_CONN_SYNCING || state == CHAT_CONN_LIVE;
}

chat_status app_ask_members(struct app *app)
{
    const struct chat_channel *channel = chat_conn_get_channel(app->conn, app->channel_id);

    if (!channel)
        return CHAT_E_NOT_FOUND;
    if (!has_link(app))
        return CHAT_E_STATE;
    if (app->members_ticket != 0)
        return CHAT_OK; /* one at a time: what is under way asks again if it was for another */
    app->members_of = app->channel_id;
    return chat_conn_fetch_members(app->conn, channel->home_id, 0, CHAT_GROUP_MEMBERS_MAX,
                                   &app->members_ticket);
}

bool app_take_members(struct app *app, const struct chat_event *event)
{
    if (event->type != CHAT_EVENT_MEMBERS || event->ticket != app->members_ticket ||
        event->ticket == 0)
        return false;
    app->members_ticket = 0;
    if (app->members_of != app->channel_id) {
        (void)app_ask_members(app);
        return true;
    }
    app->member_count = 0;
    for (size_t i = 0; i < event->members_count && i < CHAT_GROUP_MEMBERS_MAX; i++)
        app->member_ids[app->member_count++] = event->members[i]->user_id;
    for (size_t i = 0; i < app->member_count; i++)
        want_name(app, app->member_ids[i]);
    return true;
}

void app_ask_names(struct app *app)
{
    uint64_t ticket;

    if (!has_link(app))
        return;
    while (app->asked_count < app->wanted_count) {
        size_t count = app->wanted_count - app->asked_count;

        if (count > NAMES_AT_ONCE)
            count = NAMES_AT_ONCE;
        if (chat_conn_fetch_users(app->conn, app->wanted_ids + app->asked_count, count, &ticket) !=
            CHAT_OK)
            return;
        app->asked_count += count;
    }
    if (app->asked_count == APP_NAMES_MAX)
        app->wanted_count = app->asked_count = 0;
}

const char *app_problem(struct app *app, chat_status status)
{
    const char *problem = chat_conn_last_problem(app->conn);

    return problem[0] ? problem : status != CHAT_OK ? chat_status_text(status) : "";
}
