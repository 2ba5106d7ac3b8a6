#include "program.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "logger.h"
#include "version.h"

#define LOOK_EVERY_MS 20
#define STOP_MARGIN_MS 30000 /* for all but the draining of clients */

static chat_log_level level_of(const struct settings *settings)
{
    return logger_level(config_text(settings->config, "log", "level"));
}

/* --- what the admin listener and signals ask for --- */

static bool is_ready(struct buf *why, void *user) { return roles_are_ready(user, why); }

static void write_metrics(struct metrics *out, void *user)
{
    struct program *program = user;
    char host[256] = "", labels[512], escaped[300];

    (void)gethostname(host, sizeof(host) - 1);
    metrics_escape(host, escaped, sizeof(escaped));
    snprintf(labels, sizeof(labels), "program=\"%s\",version=\"%s\",pid=\"%ld\",host=\"%s\"",
             program->what->name, CHAT_VERSION, (long)getpid(), escaped);
    metrics_family(out, "chat_process_info", "Which process this is.", METRIC_GAUGE);
    metrics_u64(out, labels, 1);
    roles_write_metrics(program, out);
}

static void on_reload(void *user)
{
    struct program *program = user;
    struct settings fresh;
    chat_status status = settings_reread(&program->settings, &fresh);

    if (status == CHAT_OK)
        status = access_reload(&program->access, &fresh, program->with_dev ? &program->dev : NULL);
    if (status == CHAT_OK) {
        program->logger.level = level_of(&fresh);
        log_write(&program->logger, CHAT_LOG_INFO, program->what->name,
                  "token keys, ticket keys, certificates and the log level were read again");
    } else {
        log_write(&program->logger, CHAT_LOG_ERROR, program->what->name,
                  "not read again, all stays as it was: %s", fresh.error);
    }
    settings_fini(&fresh);
}

/* The host stops by itself; this only counts, for the exit code. */
static void on_stop_signal(uv_signal_t *handle, int number)
{
    struct program *program = handle->data;

    (void)number;
    program->stop_signals++;
}

/* --- saying that it is ready --- */

static void say_ready(const struct program *program)
{
    char line[256];
    int n = snprintf(line, sizeof(line), "%s ready pid=%ld listen=%u admin=%u\n",
                     program->what->name, (long)getpid(), program->port, program->admin_port);
    int fds[] = {STDOUT_FILENO, program->settings.ready_fd};

    for (size_t i = 0; i < 2; i++) {
        if (fds[i] >= 0 && write(fds[i], line, (size_t)n) != n)
            log_write(&program->logger, CHAT_LOG_WARN, program->what->name,
                      "nobody reads the line that says ready");
    }
    if (program->settings.ready_fd > STDERR_FILENO)
        close(program->settings.ready_fd);
    log_write(&program->logger, CHAT_LOG_INFO, program->what->name,
              "ready: version %s, pid %ld, port %u, admin port %u", CHAT_VERSION, (long)getpid(),
              program->port, program->admin_port);
}

static void on_look(uv_timer_t *timer)
{
    struct program *program = timer->data;

    if (!roles_have_started(program))
        return;
    uv_timer_stop(timer);
    say_ready(program);
}

/* None of these keeps the loop alive. */
static void add_handles(struct program *program)
{
    static const int numbers[] = {SIGTERM, SIGINT};
    uv_loop_t *loop = host_get_loop(program->host);

    (void)uv_timer_init(loop, &program->ready_timer);
    program->ready_timer.data = program;
    (void)uv_timer_start(&program->ready_timer, on_look, 0, LOOK_EVERY_MS);
    uv_unref((uv_handle_t *)&program->ready_timer);
    for (size_t i = 0; i < 2; i++) {
        (void)uv_signal_init(loop, &program->signals[i]);
        program->signals[i].data = program;
        (void)uv_signal_start(&program->signals[i], on_stop_signal, numbers[i]);
        uv_unref((uv_handle_t *)&program->signals[i]);
    }
}

/* They are closed while the host is freed. */
static void close_handles(struct program *program)
{
    uv_close((uv_handle_t *)&program->ready_timer, NULL);
    for (size_t i = 0; i < 2; i++)
        uv_close((uv_handle_t *)&program->signals[i], NULL);
}

/* --- from settings to a running host --- */

static chat_status open_host(struct program *program)
{
    struct host_config config;

    host_config_init(&config);
    config.logger = &program->logger;
    config.ca_file = settings_text(&program->settings, "link", "ca_file");
    config.link_secret = program->access.link_secret;
    config.stop_grace_ms = STOP_MARGIN_MS;
    if (program->what->router)
        config.stop_grace_ms += config_number(program->settings.config, "limits", "drain_ms") +
                                config_number(program->settings.config, "limits", "drain_grace_ms");
    config.signals = true;
    config.http =
        (struct host_http){.is_ready = is_ready, .write_metrics = write_metrics, .user = program};
    config.on_reload = on_reload;
    config.user = program;
    return host_new(&config, &program->host);
}

/* chatd's keys. Those that the settings name are not made, but the rest may be asked for later. */
static chat_status prepare_dev(struct program *program)
{
    struct settings *settings = &program->settings;
    struct files_error error;
    chat_status status;

    program->with_dev = program->what->own_links;
    if (!program->with_dev)
        return CHAT_OK;
    status = dev_keys_locate(&program->dev, settings_text(settings, "store", "data"));
    if (status != CHAT_OK)
        snprintf(error.text, sizeof(error.text), "the path is too long");
    if (status == CHAT_OK && !settings->check_only)
        status = dev_keys_make(&program->dev, &program->logger, &error);
    if (status != CHAT_OK)
        settings_say(settings, "store", "data", "%s", error.text);
    else if (config_instance_count(settings->config, "issuer") == 0)
        log_write(&program->logger, CHAT_LOG_INFO, program->what->name,
                  "no [issuer] is configured: whoever can read %s can sign in as anybody",
                  program->dev.issuer_secret);
    return status;
}

static int run(struct program *program)
{
    chat_status status = open_host(program);

    if (status != CHAT_OK) {
        log_write(&program->logger, CHAT_LOG_ERROR, program->what->name, "cannot start: %s",
                  chat_status_text(status));
        return EXIT_FAILED;
    }
    add_handles(program);
    status = roles_make(program);
    if (status == CHAT_OK)
        status = host_run(program->host);
    close_handles(program);
    host_free(program->host);
    roles_free(program);
    if (status != CHAT_OK)
        return EXIT_FAILED;
    return program->stop_signals > 1 ? EXIT_CUT : EXIT_STOPPED;
}

int program_main(const struct settings_program *what, int argc, char **argv)
{
    struct program program = {.what = what, .data_lock = -1};
    int code = settings_read(&program.settings, what, argc, argv);
    chat_status status;

    if (code >= 0) {
        settings_fini(&program.settings);
        return code;
    }
    logger_init(&program.logger, level_of(&program.settings));
    status = prepare_dev(&program);
    if (status == CHAT_OK)
        status =
            access_load(&program.access, &program.settings, program.with_dev ? &program.dev : NULL);
    if (status != CHAT_OK)
        fprintf(stderr, "%s: %s\n", what->name, program.settings.error);
    else
        status = listen_check(&program);
    if (status != CHAT_OK)
        code = EXIT_WRONG;
    else if (program.settings.check_only)
        code = printf("%s: the settings are right\n", what->name) > 0 ? EXIT_STOPPED : EXIT_FAILED;
    else
        code = run(&program);
    access_fini(&program.access);
    settings_fini(&program.settings);
    return code;
}
