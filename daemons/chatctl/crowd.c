#include "crowd.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "chatctl.h"
#include "dev_keys.h"
#include "logger.h"
#include "transport/fd_limit.h"
#include "transport/url.h"
#include "version.h"

#define TOKEN_TTL_S 86400
#define LEAVE_MS 3000
#define OUTBOX_MAX 4096u

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

bool crowd_interrupted(void) { return interrupted != 0; }

int64_t crowd_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void crowd_options_init(struct crowd_options *options, const char *command)
{
    *options = (struct crowd_options){.command = command, .timeout_s = 60};
}

bool crowd_options_take(struct crowd_options *options, int option, const char *value)
{
    const char *problem;
    struct url url;

    switch (option) {
    case 1000:
        if (options->url_count >= CROWD_URLS_MAX) {
            ctl_say(options->command, "--url: at most %u", CROWD_URLS_MAX);
            return false;
        }
        problem = url_parse(value, &url);
        if (problem) {
            ctl_say(options->command, "--url: \"%.80s\": %s", value, problem);
            return false;
        }
        options->urls[options->url_count++] = value;
        return true;
    case 1001: options->ca = value; return true;
    case 1002: options->data = value; return true;
    case 1003: options->config = value; return true;
    case 1004:
        return ctl_number(options->command, "--timeout", value, 1, 86400, &options->timeout_s);
    case 1005: options->verbose = true; return true;
    default: return false;
    }
}

static void choose_ca(struct crowd *crowd)
{
    struct dev_keys keys;

    if (crowd->options.ca)
        snprintf(crowd->ca, sizeof(crowd->ca), "%s", crowd->options.ca);
    else if (crowd->options.data && dev_keys_locate(&keys, crowd->options.data) == CHAT_OK &&
             files_exists(keys.ca))
        snprintf(crowd->ca, sizeof(crowd->ca), "%s", keys.ca);
}

static chat_status open_loop(struct crowd *crowd)
{
    struct chat_transport_ws_config carrier;
    struct chat_loop_config config;
    chat_status status;

    (void)fd_limit_raise();
    chat_transport_ws_config_init(&carrier);
    carrier.logger = &crowd->logger;
    carrier.ca_file = crowd->ca[0] ? crowd->ca : NULL;
    carrier.links_max = CROWD_PEOPLE_MAX;
    status = chat_transport_ws_new(&carrier, &crowd->transport);
    if (status != CHAT_OK)
        return status;
    chat_loop_config_init(&config);
    config.transport = crowd->transport;
    config.logger = &crowd->logger;
    return chat_loop_new(&config, &crowd->loop);
}

int crowd_open(struct crowd *crowd, const struct crowd_options *options)
{
    struct sigaction action = {.sa_handler = on_signal};
    struct files_error error;
    chat_status status;

    *crowd = (struct crowd){.options = *options};
    if (crowd->options.url_count == 0)
        crowd->options.urls[crowd->options.url_count++] = CROWD_URL_DEFAULT;
    logger_init(&crowd->logger, options->verbose ? CHAT_LOG_DEBUG : CHAT_LOG_ERROR);
    if (mint_open(&crowd->mint, options->data, options->config, &error) != CHAT_OK) {
        ctl_say(options->command, "%s", error.text);
        return CTL_WRONG;
    }
    choose_ca(crowd);
    status = open_loop(crowd);
    if (status != CHAT_OK) {
        ctl_say(options->command, "%s%s%s", chat_status_text(status), crowd->ca[0] ? ": " : "",
                crowd->ca);
        return CTL_WRONG;
    }
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    return CTL_OK;
}

void crowd_close(struct crowd *crowd)
{
    while (crowd->count > 0)
        crowd_drop(crowd->people[crowd->count - 1]);
    chat_loop_free(crowd->loop);
    chat_transport_free(crowd->transport);
    mint_close(&crowd->mint);
    crowd->loop = NULL;
    crowd->transport = NULL;
}

static chat_status give_token(struct person *person)
{
    char token[CHAT_TOKEN_MAX + 1];
    size_t len;
    chat_status status =
        mint_token(&person->crowd->mint, person->subject, person->name, TOKEN_TTL_S, token, &len);

    return status == CHAT_OK ? chat_conn_set_token(person->conn, token, len) : status;
}

chat_status crowd_arrive(struct crowd *crowd, struct person *person)
{
    struct chat_conn_config config;
    chat_status status;

    if (crowd->count >= CROWD_PEOPLE_MAX)
        return CHAT_E_FULL;
    person->crowd = crowd;
    person->url = crowd->next_url++ % crowd->options.url_count;
    chat_conn_config_init(&config);
    config.url = crowd->options.urls[person->url];
    config.client = "chatctl/" CHAT_VERSION;
    config.logger = &crowd->logger;
    config.outbox_max = OUTBOX_MAX;
    config.keep_max = person->keep_max;
    config.backoff_max_ms = 5000; /* it is a test: soon back */
    status = chat_conn_new(crowd->loop, &config, &person->conn);
    if (status != CHAT_OK)
        return status;
    person->leaving = false;
    person->state = CHAT_CONN_OFFLINE;
    crowd->people[crowd->count++] = person;
    status = give_token(person);
    if (status == CHAT_OK)
        status = chat_conn_start(person->conn);
    if (status != CHAT_OK)
        crowd_drop(person);
    return status;
}

void crowd_leave(struct person *person)
{
    if (!person->conn || person->leaving)
        return;
    person->leaving = true;
    person->leave_by_ms = crowd_now_ms() + LEAVE_MS;
    chat_conn_stop(person->conn);
}

void crowd_drop(struct person *person)
{
    struct crowd *crowd = person->crowd;

    if (!person->conn)
        return;
    for (uint32_t i = 0; i < crowd->count; i++) {
        if (crowd->people[i] == person) {
            crowd->people[i] = crowd->people[--crowd->count];
            break;
        }
    }
    chat_conn_free(person->conn);
    person->conn = NULL;
    person->leaving = false;
}

static void note_problem(struct person *person, const struct chat_event *event)
{
    struct crowd *crowd = person->crowd;

    const char *problem = chat_conn_last_problem(person->conn); /* begins with the status */

    snprintf(crowd->problem, sizeof(crowd->problem), "%.40s at %.60s: %.140s", person->subject,
             crowd->options.urls[person->url],
             problem[0] ? problem : chat_status_text(event->status));
}

static void handle(struct person *person, const struct chat_event *event)
{
    if (event->type == CHAT_EVENT_WELCOME) {
        person->user_id = chat_conn_get_user_id(person->conn);
    } else if (event->type == CHAT_EVENT_NEED_TOKEN) {
        if (give_token(person) != CHAT_OK)
            note_problem(person, event);
    } else if (event->type == CHAT_EVENT_STATE) {
        if (event->state == CHAT_CONN_BACKING_OFF && person->state >= CHAT_CONN_SYNCING &&
            person->state <= CHAT_CONN_LIVE)
            person->drops++;
        person->state = event->state;
        if (event->status != CHAT_OK)
            note_problem(person, event);
    } else if (event->type == CHAT_EVENT_CACHE) {
        note_problem(person, event);
    }
    if (person->on_event && !person->leaving)
        person->on_event(person, event);
}

static void pull_events(struct person *person)
{
    struct chat_event event = CHAT_EVENT_INIT;

    while (person->conn && chat_conn_next_event(person->conn, &event))
        handle(person, &event);
}

int crowd_step(struct crowd *crowd, int64_t timeout_ms)
{
    int64_t now_ms;

    if (chat_loop_step(crowd->loop, timeout_ms) != CHAT_OK) {
        ctl_say(crowd->options.command, "the network cannot be polled");
        return CTL_FAILED;
    }
    now_ms = crowd_now_ms();
    /* Backwards: who leaves changes places with the last, who was looked at already. */
    for (uint32_t i = crowd->count; i-- > 0;) {
        struct person *person = crowd->people[i];
        pull_events(person);
        if (person->conn && person->leaving &&
            (chat_conn_get_state(person->conn) == CHAT_CONN_CLOSED ||
             now_ms >= person->leave_by_ms))
            crowd_drop(person);
    }
    return CTL_OK;
}
