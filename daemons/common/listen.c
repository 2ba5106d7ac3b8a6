#include <openssl/ssl.h>
#include <string.h>

#include "base/log.h"
#include "program.h"
#include "transport/tls.h"

static const char *section_of(const struct settings_program *what)
{
    return what->router ? "router" : what->store ? "store" : "presence";
}

/* Configured ones, or chatd's own. NULL: no TLS. */
static void choose_cert(const struct program *program, const char **out_cert, const char **out_key)
{
    const struct settings *settings = &program->settings;
    const char *section = section_of(program->what);

    *out_cert = *out_key = NULL;
    if (!config_boolean(settings->config, section, "tls"))
        return;
    *out_cert = settings_text(settings, section, "tls_cert");
    *out_key = settings_text(settings, section, "tls_key");
    if (!*out_cert && program->with_dev) {
        *out_cert = program->dev.cert;
        *out_key = program->dev.key;
    }
}

static chat_status open_one(struct program *program, struct host_role *role, const char *address,
                            struct listener_config *config, uint16_t *out_port)
{
    struct settings_address where;
    struct ws_listener *listener;
    chat_status status;

    (void)settings_parse_address(address, &where);
    config->address = where.host[0] ? where.host : NULL;
    config->port = where.port;
    status = host_listen(program->host, role, config, &listener);
    if (status != CHAT_OK) {
        log_write(&program->logger, CHAT_LOG_ERROR, program->what->name, "cannot listen on %s: %s",
                  address,
                  status == CHAT_E_CONFLICT ? "the port is taken" : chat_status_text(status));
        return status;
    }
    *out_port = listener_get_port(listener);
    return CHAT_OK;
}

static bool is_loopback(const char *address)
{
    struct settings_address where;

    (void)settings_parse_address(address, &where);
    return strncmp(where.host, "127.", 4) == 0 || strcmp(where.host, "::1") == 0;
}

static chat_status open_main(struct program *program, struct host_role *role)
{
    const struct settings *settings = &program->settings;
    const char *section = section_of(program->what);
    const char *address = settings_text(settings, section, "listen");
    const char *origins[LISTENER_ORIGINS_MAX];
    struct listener_config config = {.serves = LISTENER_LINKS};

    choose_cert(program, &config.cert_file, &config.key_file);
    if (program->what->router) {
        config.serves = LISTENER_CLIENTS;
        config.origin_count = config_list_count(settings->config, "router", "origins");
        for (size_t i = 0; i < config.origin_count; i++)
            origins[i] = config_list_item(settings->config, "router", "origins", i);
        config.origins = origins;
    } else {
        config.link_secret = program->access.link_secret;
    }
    if (!config.cert_file && !is_loopback(address))
        log_write(&program->logger, CHAT_LOG_WARN, program->what->name,
                  "%s is open without TLS: whoever is on the way can read %s", address,
                  program->what->router ? "tokens and messages" : "the link secret and messages");
    return open_one(program, role, address, &config, &program->port);
}

chat_status listen_open(struct program *program, struct host_role *role)
{
    struct listener_config admin = {.serves = LISTENER_HTTP};
    const char *address =
        settings_text(&program->settings, section_of(program->what), "admin_listen");
    chat_status status = open_main(program, role);

    if (status == CHAT_OK && address)
        status = open_one(program, NULL, address, &admin, &program->admin_port);
    return status;
}

/* The setting by its place; what is wrong with the file was logged, or is `text`. */
static void blame(struct program *program, const char *section, const char *key, const char *text)
{
    settings_say(&program->settings, section, key, "%.300s: %s",
                 settings_text(&program->settings, section, key), text);
    log_write(&program->logger, CHAT_LOG_ERROR, program->what->name, "%s", program->settings.error);
}

chat_status listen_check(struct program *program)
{
    const char *section = section_of(program->what);
    const char *cert, *key, *ca = settings_text(&program->settings, "link", "ca_file");
    chat_status status = CHAT_OK;
    SSL_CTX *ctx;

    choose_cert(program, &cert, &key);
    if (cert && files_exists(cert)) {
        ctx = SSL_CTX_new(TLS_server_method());
        status = ctx ? tls_server_load(ctx, cert, key, &program->logger) : CHAT_E_NOMEM;
        SSL_CTX_free(ctx);
        if (status == CHAT_E_AUTH && settings_text(&program->settings, section, "tls_cert"))
            blame(program, section, "tls_cert", "not usable, or not with its tls_key");
    } else if (cert && settings_text(&program->settings, section, "tls_cert")) {
        blame(program, section, "tls_cert", "there is no such file");
        status = CHAT_E_NOT_FOUND;
    }
    if (status == CHAT_OK && ca) {
        status = tls_client_new(&(struct tls_trust){.ca_file = ca}, &program->logger, &ctx);
        if (status == CHAT_OK)
            SSL_CTX_free(ctx);
        else
            blame(program, "link", "ca_file", "not usable");
    }
    return status;
}
