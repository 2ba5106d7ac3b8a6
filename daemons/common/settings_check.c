#include "settings_check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "transport/url.h"

const char *settings_parse_address(const char *text, struct settings_address *out)
{
    const char *colon = strrchr(text, ':');
    const char *port = colon ? colon + 1 : text;
    size_t host_len = colon ? (size_t)(colon - text) : 0;
    char *end;
    unsigned long number;

    errno = 0;
    number = strtoul(port, &end, 10);
    if (*port < '0' || *port > '9' || *end != '\0' || errno != 0 || number > 65535)
        return "the port must be 0 to 65535, as in 127.0.0.1:8443";
    if (host_len >= 2 && text[0] == '[' && text[host_len - 1] == ']') {
        text++;
        host_len -= 2;
    } else if (memchr(text, ':', host_len)) {
        return "an IPv6 address stands in brackets, as in [::1]:8443";
    }
    if (host_len >= sizeof(out->host))
        return "the address is too long";
    memcpy(out->host, text, host_len);
    out->host[host_len] = '\0';
    out->port = (uint16_t)number;
    return NULL;
}

/* "3" or "2-5". */
static const char *parse_span(const char *text, uint32_t shard_count, uint32_t *out_from,
                              uint32_t *out_to)
{
    static const char wrong[] = "must be numbers below service.shards, as in 0, 2-3";
    char *end;
    unsigned long from, to;

    errno = 0;
    if (*text < '0' || *text > '9')
        return wrong;
    from = to = strtoul(text, &end, 10);
    if (*end == '-' && end[1] >= '0' && end[1] <= '9')
        to = strtoul(end + 1, &end, 10);
    if (*end != '\0' || errno != 0 || from > to || to >= shard_count)
        return wrong;
    *out_from = (uint32_t)from;
    *out_to = (uint32_t)to;
    return NULL;
}

const char *settings_parse_shards(const struct settings *settings,
                                  uint32_t out_shards[CHAT_SHARDS_MAX], uint32_t *out_count)
{
    uint32_t shard_count = (uint32_t)config_number(settings->config, "service", "shards");
    size_t items = config_list_count(settings->config, "store", "shards");
    bool held[CHAT_SHARDS_MAX] = {false};
    const char *wrong = NULL;
    uint32_t from = 0, to = shard_count - 1;

    for (size_t i = 0; i < items && !wrong; i++) {
        wrong = parse_span(config_list_item(settings->config, "store", "shards", i), shard_count,
                           &from, &to);
        for (uint32_t s = from; s <= to && !wrong; s++) {
            if (held[s])
                wrong = "names a shard twice";
            held[s] = true;
        }
    }
    if (wrong)
        return wrong;
    *out_count = 0;
    for (uint32_t s = 0; s < shard_count; s++) {
        if (held[s] || items == 0)
            out_shards[(*out_count)++] = s;
    }
    return NULL;
}

static bool check_listen(struct settings *settings, const char *section)
{
    struct settings_address address;
    const char *text = settings_text(settings, section, "listen");
    const char *wrong = text ? settings_parse_address(text, &address) : "is missing";

    if (wrong) {
        settings_say(settings, section, "listen", "%s", wrong);
        return false;
    }
    text = settings_text(settings, section, "admin_listen");
    wrong = text ? settings_parse_address(text, &address) : NULL;
    if (wrong)
        settings_say(settings, section, "admin_listen", "%s", wrong);
    return !wrong;
}

static bool check_tls(struct settings *settings, const char *section)
{
    bool tls = config_boolean(settings->config, section, "tls");
    bool cert = settings_text(settings, section, "tls_cert") != NULL;
    bool key = settings_text(settings, section, "tls_key") != NULL;

    if (cert != key) {
        settings_say(settings, section, cert ? "tls_key" : "tls_cert",
                     "is missing: tls_cert and tls_key go together, and only one is said in %s",
                     config_origin(settings->config, section, cert ? "tls_cert" : "tls_key"));
        return false;
    }
    if (tls && !cert && !settings->program->own_links) {
        settings_say(settings, section, "tls_cert",
                     "is missing; make one with chatctl cert, or say tls = no");
        return false;
    }
    return true;
}

static bool check_peers(struct settings *settings, const char *key, bool required)
{
    size_t count = config_list_count(settings->config, "peers", key);

    if (required && count == 0) {
        settings_say(settings, "peers", key, "is missing: wss://host:port of at least one");
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        const char *text = config_list_item(settings->config, "peers", key, i);
        struct url url;
        const char *wrong = url_parse(text, &url);
        if (wrong) {
            settings_say(settings, "peers", key, "\"%.80s\": %s", text, wrong);
            return false;
        }
    }
    return true;
}

static bool check_links(struct settings *settings)
{
    const struct settings_program *program = settings->program;

    if (program->own_links)
        return true;
    if (!settings_text(settings, "link", "secret_file")) {
        settings_say(settings, "link", "secret_file",
                     "is missing: what daemons show each other; make one with chatctl secret");
        return false;
    }
    if ((program->router || program->store) && !check_peers(settings, "stores", program->router))
        return false;
    return !program->router || check_peers(settings, "presence", false);
}

static bool check_store(struct settings *settings)
{
    uint32_t shards[CHAT_SHARDS_MAX], count;
    const char *wrong;
    bool embedded = strcmp(config_text(settings->config, "store", "engine"), "embedded") == 0;

    if ((embedded || settings->program->own_links) && !settings_text(settings, "store", "data")) {
        settings_say(settings, "store", "data", "is missing: say where to keep it, --data FOLDER");
        return false;
    }
    wrong = settings_parse_shards(settings, shards, &count);
    if (!wrong && settings->program->own_links &&
        count != (uint32_t)config_number(settings->config, "service", "shards"))
        wrong = "chatd holds all shards: leave it out";
    if (wrong)
        settings_say(settings, "store", "shards", "%s", wrong);
    return !wrong;
}

/* As a browser writes it: scheme://host or scheme://host:port, no path, no slash at the end. */
static bool is_origin(const char *text)
{
    const char *host = strstr(text, "://");

    return strcmp(text, "*") == 0 || (host && host > text && host[3] != '\0' &&
                                      strcspn(host + 3, "/?# \t") == strlen(host + 3));
}

static bool check_origins(struct settings *settings)
{
    size_t count = config_list_count(settings->config, "router", "origins");

    for (size_t i = 0; i < count; i++) {
        const char *text = config_list_item(settings->config, "router", "origins", i);

        if (!is_origin(text)) {
            settings_say(settings, "router", "origins",
                         "\"%.80s\" must be as browsers write it, https://host or "
                         "https://host:port without a / at the end; or * for all",
                         text);
            return false;
        }
    }
    return true;
}

static bool check_router(struct settings *settings)
{
    if (!check_origins(settings))
        return false;
    if (settings->program->own_links)
        return true;
    if (config_instance_count(settings->config, "issuer") == 0) {
        snprintf(settings->error, sizeof(settings->error),
                 "%s: no [issuer NAME] section: nobody could sign in",
                 settings->config_file ? settings->config_file : "settings");
        return false;
    }
    return true;
}

bool settings_are_right(struct settings *settings)
{
    const struct settings_program *program = settings->program;
    const char *section = program->router ? "router" : program->store ? "store" : "presence";

    return check_listen(settings, section) && check_tls(settings, section) &&
           check_links(settings) && (!program->router || check_router(settings)) &&
           (!program->store || check_store(settings));
}
