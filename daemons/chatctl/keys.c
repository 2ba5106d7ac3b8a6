/* chatctl token, secret, ticket-key, cert: what a deployment needs before it starts. */
#include <getopt.h>
#include <string.h>

#include "chatctl.h"
#include "dev_keys.h"
#include "logger.h"
#include "mint.h"
#include "transport/dev_cert.h"

#define DAY_S 86400u

static int print_token(const struct mint *mint, const char *subject, const char *name,
                       uint64_t ttl_s)
{
    char token[CHAT_TOKEN_MAX + 1];
    size_t len;
    chat_status status = mint_token(mint, subject, name, (int64_t)ttl_s, token, &len);

    if (status != CHAT_OK) {
        ctl_say("token", "%s: a subject has 1 to %u bytes, a name at most %u",
                chat_status_text(status), CHAT_SUBJECT_MAX, CHAT_NAME_MAX);
        return CTL_WRONG;
    }
    puts(token);
    return CTL_OK;
}

static int run_token(int argc, char **argv)
{
    static const struct option options[] = {{"data", required_argument, NULL, 'd'},
                                            {"config", required_argument, NULL, 'c'},
                                            {"ttl", required_argument, NULL, 't'},
                                            {"name", required_argument, NULL, 'n'},
                                            {NULL, 0, NULL, 0}};
    const char *data = NULL, *config = NULL, *name = NULL;
    struct files_error error;
    struct mint mint;
    uint64_t ttl_s = DAY_S;
    int option, code;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == 'd')
            data = optarg;
        else if (option == 'c')
            config = optarg;
        else if (option == 'n')
            name = optarg;
        else if (option != 't' || !ctl_number("token", "--ttl", optarg, 1, UINT32_MAX, &ttl_s))
            return ctl_usage(&token_command);
    }
    if (argc - optind != 1)
        return ctl_usage(&token_command);
    if (mint_open(&mint, data, config, &error) != CHAT_OK) {
        ctl_say("token", "%s", error.text);
        return CTL_WRONG;
    }
    code = print_token(&mint, argv[optind], name, ttl_s);
    mint_close(&mint);
    return code;
}

/* To a new file, or stdout. */
static int put_secret(const struct ctl_command *command, int argc, char **argv, const char *text)
{
    struct files_error error;

    if (argc > 2 || (argc == 2 && argv[1][0] == '-'))
        return ctl_usage(command);
    if (argc == 1) {
        fputs(text, stdout);
        return CTL_OK;
    }
    if (files_write_secret(argv[1], text, strlen(text), &error) != CHAT_OK) {
        ctl_say(command->name, "%s", error.text);
        return CTL_FAILED;
    }
    return CTL_OK;
}

static int run_secret(int argc, char **argv)
{
    char text[DEV_SECRET_SIZE];

    if (dev_keys_secret(text) != CHAT_OK) {
        ctl_say("secret", "no random numbers from the system");
        return CTL_FAILED;
    }
    return put_secret(&secret_command, argc, argv, text);
}

static int run_ticket_key(int argc, char **argv)
{
    char text[DEV_TICKET_KEY_SIZE];

    if (dev_keys_ticket_key(text) != CHAT_OK) {
        ctl_say("ticket-key", "no random numbers from the system");
        return CTL_FAILED;
    }
    return put_secret(&ticket_key_command, argc, argv, text);
}

static int run_cert(int argc, char **argv)
{
    static const struct option options[] = {{"days", required_argument, NULL, 'd'},
                                            {NULL, 0, NULL, 0}};
    struct dev_cert_config config = {.days = 365};
    struct chat_logger logger;
    struct files_error error;
    uint64_t days = 365;
    int option;
    chat_status status;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option != 'd' || !ctl_number("cert", "--days", optarg, 1, 36500, &days))
            return ctl_usage(&cert_command);
    }
    if (argc - optind < 1)
        return ctl_usage(&cert_command);
    logger_init(&logger, CHAT_LOG_WARN);
    config.folder = argv[optind];
    config.names = (const char *const *)argv + optind + 1;
    config.name_count = (size_t)(argc - optind - 1);
    config.days = (int)days;
    config.logger = &logger;
    status = files_make_folder(config.folder, &error);
    if (status != CHAT_OK) {
        ctl_say("cert", "%s", error.text);
        return CTL_FAILED;
    }
    status = dev_cert_make(&config);
    if (status != CHAT_OK) {
        ctl_say("cert", "%s: %s", config.folder, chat_status_text(status));
        return status == CHAT_E_INVALID ? CTL_WRONG : CTL_FAILED;
    }
    printf("%s/ca.pem signs %s/cert.pem, its key is %s/key.pem\n", config.folder, config.folder,
           config.folder);
    return CTL_OK;
}

const struct ctl_command token_command = {
    .name = "token",
    .arguments = "SUBJECT [options]",
    .summary = "Prints a token that signs SUBJECT in.",
    .help = "  --data FOLDER   of chatd: sign with the secret it made for itself\n"
            "  --config FILE   of a router: sign with its first issuer of format secret\n"
            "  --ttl SECONDS   how long it is good for; default 86400\n"
            "  --name NAME     the user's name; default: the subject\n",
    .run = run_token,
};

const struct ctl_command secret_command = {
    .name = "secret",
    .arguments = "[FILE]",
    .summary = "Makes a secret, for links or an HS256 issuer.",
    .help = "Writes 64 hex digits to FILE, of mode 0600 and never over another, or to stdout.\n",
    .run = run_secret,
};

const struct ctl_command ticket_key_command = {
    .name = "ticket-key",
    .arguments = "[FILE]",
    .summary = "Makes a key for resume tickets.",
    .help = "Writes a line \"<id> <64 hex digits>\" to FILE, of mode 0600 and never over another,\n"
            "or to stdout. To rotate: add a new line behind the first in the file of every\n"
            "router (SIGHUP), then make it the first, and drop the old one ten minutes later.\n",
    .run = run_ticket_key,
};

const struct ctl_command cert_command = {
    .name = "cert",
    .arguments = "FOLDER [NAME ...] [--days N]",
    .summary = "Makes an authority and a server certificate.",
    .help = "For development and links of one's own: ca.pem, ca-key.pem, cert.pem and key.pem in\n"
            "FOLDER. The certificate is for the host names and addresses given; without any\n"
            "for localhost, 127.0.0.1 and ::1. An authority that is in FOLDER is used again,\n"
            "so several certificates of one authority are made by copying ca.pem and\n"
            "ca-key.pem into other folders first.\n"
            "  --days N   default 365\n",
    .run = run_cert,
};
