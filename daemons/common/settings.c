#include "settings.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files.h"
#include "settings_check.h"
#include "version.h"

#define HELP_MAX (1u << 18)

/* What is asked for besides settings. */
struct asked {
    bool help, version, check, print;
};

/* clearenv() leaves a NULL behind. */
static const char *const empty_environment[] = {NULL};

static void set_error(struct settings *settings, const char *format, ...) CHAT_PRINTF(2, 3);
static void set_error(struct settings *settings, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(settings->error, sizeof(settings->error), format, args);
    va_end(args);
}

/* "--name VALUE" and "--name=VALUE". NULL: not this one. *index moves on past a value. */
static const char *option_value(const struct settings *settings, int *index, const char *name)
{
    const char *arg = settings->argv[*index];
    size_t len = strlen(name);

    if (strncmp(arg, name, len) != 0)
        return NULL;
    if (arg[len] == '=')
        return arg + len + 1;
    if (arg[len] != '\0' || *index + 1 >= settings->argc)
        return NULL;
    (*index)++;
    return settings->argv[*index];
}

/* The file, wherever on the line it stands: it is read before the flags. */
static const char *find_config_file(const struct settings *settings)
{
    const char *found = getenv("LIBCHAT_CONFIG");

    for (int i = 1; i < settings->argc; i++) {
        const char *value = option_value(settings, &i, "--config");
        if (value)
            found = value;
    }
    return found;
}

static chat_status read_file(struct settings *settings)
{
    struct files_error error;
    uint8_t *bytes = NULL;
    size_t len = 0;
    chat_status status;

    settings->config_file = find_config_file(settings);
    if (!settings->config_file)
        return CHAT_OK;
    status = files_read(settings->config_file, CONFIG_FILE_MAX, &bytes, &len, &error);
    if (status != CHAT_OK) {
        set_error(settings, "%s", error.text);
        return status;
    }
    status = config_read_file(settings->config, settings->config_file, bytes, len);
    free(bytes);
    if (status != CHAT_OK)
        set_error(settings, "%s", config_error(settings->config));
    return status;
}

static chat_status read_data_flag(struct settings *settings, const char *folder)
{
    char flag[FILES_PATH_MAX];
    int n = snprintf(flag, sizeof(flag), "--store.data=%s", folder);

    if (n < 0 || (size_t)n >= sizeof(flag)) {
        set_error(settings, "--data: the path is too long");
        return CHAT_E_TOO_LARGE;
    }
    return config_read_flag(settings->config, flag);
}

static chat_status read_ready_fd(struct settings *settings, const char *text)
{
    char *end;
    long number;

    errno = 0;
    number = strtol(text, &end, 10);
    if (errno != 0 || *text == '\0' || *end != '\0' || number < 0 || number > 65535) {
        set_error(settings, "--ready-fd: \"%.40s\" is no descriptor", text);
        return CHAT_E_INVALID;
    }
    settings->ready_fd = (int)number;
    return CHAT_OK;
}

static chat_status read_flag(struct settings *settings, int *index, struct asked *asked)
{
    const char *arg = settings->argv[*index];
    const char *value;
    chat_status status;

    if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0)
        asked->help = true;
    else if (strcmp(arg, "--version") == 0)
        asked->version = true;
    else if (strcmp(arg, "--check-config") == 0)
        asked->check = true;
    else if (strcmp(arg, "--print-config") == 0)
        asked->print = true;
    else if ((value = option_value(settings, index, "--config")))
        return CHAT_OK; /* read before */
    else if ((value = option_value(settings, index, "--data")))
        return read_data_flag(settings, value);
    else if ((value = option_value(settings, index, "--ready-fd")))
        return read_ready_fd(settings, value);
    else {
        status = config_read_flag(settings->config, arg);
        if (status == CHAT_E_NOT_FOUND)
            set_error(settings, "unknown option %.80s, or its value is missing; see --help", arg);
        else if (status != CHAT_OK)
            set_error(settings, "%s", config_error(settings->config));
        return status;
    }
    return CHAT_OK;
}

static chat_status read_flags(struct settings *settings, struct asked *asked)
{
    chat_status status = CHAT_OK;

    for (int i = 1; i < settings->argc && status == CHAT_OK; i++)
        status = read_flag(settings, &i, asked);
    return status;
}

static chat_status read_all(struct settings *settings, struct asked *asked)
{
    size_t count;
    const struct config_key *keys = settings_keys(&count);
    chat_status status = config_new(NULL, keys, count, &settings->config);

    if (status == CHAT_OK)
        status = read_file(settings);
    if (status == CHAT_OK)
        status = config_read_environment(settings->config, environ ? (const char *const *)environ
                                                                   : empty_environment);
    if (status == CHAT_OK)
        status = read_flags(settings, asked);
    if (status == CHAT_OK && !asked->help && !asked->version && !asked->print)
        status = config_check(settings->config);
    if (status != CHAT_OK) {
        if (settings->error[0] == '\0')
            set_error(settings, "%s",
                      settings->config ? config_error(settings->config) : chat_status_text(status));
        return status;
    }
    return CHAT_OK;
}

static bool is_read_by(const struct settings_program *program, const char *section)
{
    for (size_t i = 0; program->sections[i]; i++) {
        if (strcmp(program->sections[i], section) == 0)
            return true;
    }
    return false;
}

static void print_bytes(const struct buf *text) { fwrite(text->bytes, 1, text->len, stdout); }

static void print_help(const struct settings_program *program)
{
    static struct config_key read[CONFIG_KEYS_MAX];
    size_t count, read_count = 0;
    const struct config_key *keys = settings_keys(&count);
    struct buf text;

    printf("usage: %s [options]\n\n%s\n\n"
           "  --config FILE         read settings from FILE (or LIBCHAT_CONFIG)\n"
           "  --data FOLDER         short for --store.data=FOLDER\n"
           "  --SECTION.KEY=VALUE   set one setting; also LIBCHAT_SECTION_KEY=VALUE in the\n"
           "                        environment. Later wins: default, file, environment, flag\n"
           "  --check-config        say whether the settings are right, and leave\n"
           "  --print-config        print all settings as a file, and leave\n"
           "  --ready-fd N          also write the line that says \"ready\" to descriptor N\n"
           "  --help, --version\n\n"
           "Signals: SIGTERM or SIGINT drains and stops, a second one stops at once; SIGHUP reads\n"
           "token keys, ticket keys, certificates and the log level again.\n"
           "Exit codes: 0 stopped as asked, 1 failed, 2 wrong options or settings, 3 stopped\n"
           "before it was drained.\n\n",
           program->name, program->purpose);
    for (size_t i = 0; i < count; i++) {
        if (is_read_by(program, keys[i].section))
            read[read_count++] = keys[i];
    }
    buf_init(&text, NULL, HELP_MAX);
    if (config_write_help(read, read_count, &text) == CHAT_OK)
        print_bytes(&text);
    buf_fini(&text);
}

static int print_config(const struct settings *settings)
{
    struct buf text;
    chat_status status;

    buf_init(&text, NULL, HELP_MAX);
    status = config_print(settings->config, &text);
    if (status == CHAT_OK)
        print_bytes(&text);
    buf_fini(&text);
    return status == CHAT_OK ? EXIT_STOPPED : EXIT_FAILED;
}

static int complain(const struct settings *settings)
{
    fprintf(stderr, "%s: %s\n", settings->program->name, settings->error);
    return EXIT_WRONG;
}

static void begin(struct settings *settings, const struct settings_program *program, int argc,
                  char **argv)
{
    *settings = (struct settings){.program = program, .ready_fd = -1, .argc = argc, .argv = argv};
}

int settings_read(struct settings *settings, const struct settings_program *program, int argc,
                  char **argv)
{
    struct asked asked = {0};

    begin(settings, program, argc, argv);
    if (read_all(settings, &asked) != CHAT_OK)
        return complain(settings);
    if (asked.help) {
        print_help(program);
        return EXIT_STOPPED;
    }
    if (asked.version) {
        printf("%s %s\n", program->name, CHAT_VERSION);
        return EXIT_STOPPED;
    }
    if (asked.print)
        return print_config(settings);
    if (!settings_are_right(settings))
        return complain(settings);
    settings->check_only = asked.check;
    return -1;
}

chat_status settings_reread(const struct settings *settings, struct settings *out)
{
    struct asked asked = {0};
    chat_status status;

    begin(out, settings->program, settings->argc, settings->argv);
    status = read_all(out, &asked);
    if (status == CHAT_OK && !settings_are_right(out))
        status = CHAT_E_INVALID;
    return status;
}

void settings_fini(struct settings *settings)
{
    config_free(settings->config);
    settings->config = NULL;
}

void settings_say(struct settings *settings, const char *section, const char *key,
                  const char *format, ...)
{
    char text[SETTINGS_ERROR_MAX / 2];
    const char *origin = config_origin(settings->config, section, key);
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (!config_is_set(settings->config, section, key) && settings->config_file)
        origin = settings->config_file; /* what is missing is missing there */
    set_error(settings, "%s: %s.%s: %s", origin, section, key, text);
}

const char *settings_text(const struct settings *settings, const char *section, const char *key)
{
    const char *text = config_text(settings->config, section, key);

    return text && *text && strcmp(text, "none") != 0 ? text : NULL;
}
