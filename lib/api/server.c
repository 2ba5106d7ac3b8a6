#include <libchat/server.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <uv.h>

#include "api/host.h"
#include "api/server_roles.h"
#include "base/alloc.h"
#include "base/log.h"

/* Appending a field to the public struct never moves this line. */
#define CONFIG_SIZE_V1 (offsetof(struct chat_server_config, drain_ms) + sizeof(int64_t))

#define SHARDS_DEFAULT 4u
#define SESSIONS_DEFAULT 20000u
#define OPERATIONS_DEFAULT 20u
#define DRAIN_MS_DEFAULT 2000
#define STOP_GRACE_EXTRA_MS 10000

void chat_server_config_init_sized(struct chat_server_config *config, size_t size)
{
    const struct chat_server_config defaults = {
        .size = size,
        .shards = SHARDS_DEFAULT,
        .address = "127.0.0.1",
        .issuer = "libchat",
        .audience = "libchat",
        .sessions_max = SESSIONS_DEFAULT,
        .operations_per_second = OPERATIONS_DEFAULT,
        .drain_ms = DRAIN_MS_DEFAULT,
    };
    memcpy(config, &defaults, size < sizeof(defaults) ? size : sizeof(defaults));
}

static chat_status read_config(const struct chat_server_config *given,
                               struct chat_server_config *out)
{
    if (!given || given->size < CONFIG_SIZE_V1 || given->size > sizeof(*out))
        return CHAT_E_INVALID;
    chat_server_config_init(out);
    memcpy(out, given, given->size);
    if (!out->address || !out->issuer || !out->audience || out->drain_ms < 0 ||
        (out->cert_file == NULL) != (out->key_file == NULL) || (out->keys_len > 0 && !out->keys))
        return CHAT_E_INVALID;
    if (out->keys == NULL && out->keys_format != CHAT_SERVER_KEYS_SECRET)
        return CHAT_E_INVALID;
    return CHAT_OK;
}

static chat_status take_keys(struct chat_server *server, const struct chat_server_config *config)
{
    static const enum auth_key_format formats[] = {
        [CHAT_SERVER_KEYS_SECRET] = AUTH_KEYS_SECRET_BYTES, /* random ones may end like a line */
        [CHAT_SERVER_KEYS_PEM] = AUTH_KEYS_PEM,
        [CHAT_SERVER_KEYS_JWKS] = AUTH_KEYS_JWKS,
    };
    const uint8_t *keys = config->keys;
    size_t keys_len = config->keys_len;
    const char *reason = "";
    chat_status status;

    if ((unsigned)config->keys_format >= sizeof(formats) / sizeof(formats[0]))
        return CHAT_E_INVALID;
    if (config->keys_format == CHAT_SERVER_KEYS_SECRET) {
        if (keys_len > sizeof(server->secret))
            return CHAT_E_TOO_LARGE;
        server->secret_len = keys ? keys_len : AUTH_SECRET_MIN;
        if (keys)
            memcpy(server->secret, keys, keys_len);
        else if (RAND_bytes(server->secret, (int)server->secret_len) != 1)
            return CHAT_E_IO;
        keys = server->secret;
        keys_len = server->secret_len;
    }
    status = auth_new(server->allocator, &server->auth);
    if (status == CHAT_OK)
        status = auth_add_issuer(server->auth, server->issuer, server->audience);
    if (status == CHAT_OK)
        status = auth_add_keys(server->auth, server->issuer, formats[config->keys_format], keys,
                               keys_len, &reason);
    if (status != CHAT_OK)
        log_write(server->logger, CHAT_LOG_ERROR, "server", "keys: %s", reason);
    return status == CHAT_E_INVALID ? CHAT_E_AUTH : status;
}

static chat_status make_host(struct chat_server *server, const struct chat_server_config *config)
{
    struct host_config host;

    host_config_init(&host);
    host.allocator = server->allocator;
    host.logger = server->logger;
    host.stop_grace_ms = config->drain_ms + STOP_GRACE_EXTRA_MS;
    return host_new(&host, &server->host);
}

static chat_status listen_on(struct chat_server *server, const struct chat_server_config *config)
{
    struct listener_config listener = {
        .address = config->address,
        .port = config->port,
        .serves = LISTENER_CLIENTS,
        .cert_file = config->cert_file,
        .key_file = config->key_file,
    };
    return host_listen(server->host, server->router_role, &listener, &server->listener);
}

chat_status chat_server_new(const struct chat_server_config *given, chat_server **out_server)
{
    struct chat_server_config config;
    struct chat_server *server;
    chat_status status = read_config(given, &config);

    if (status != CHAT_OK)
        return status;
    server = alloc_zeroed(config.allocator, sizeof(*server));
    if (!server)
        return CHAT_E_NOMEM;
    server->allocator = alloc_or_default(config.allocator);
    if (config.logger) {
        server->logger_copy = *config.logger;
        server->logger = &server->logger_copy;
    }
    server->issuer = alloc_strdup(server->allocator, config.issuer);
    server->audience = alloc_strdup(server->allocator, config.audience);
    status = server->issuer && server->audience ? CHAT_OK : CHAT_E_NOMEM;
    if (status == CHAT_OK)
        status = take_keys(server, &config);
    if (status == CHAT_OK)
        status = make_host(server, &config);
    if (status == CHAT_OK)
        status = server_roles_make(server, &config);
    if (status == CHAT_OK)
        status = listen_on(server, &config);
    if (status != CHAT_OK) {
        chat_server_free(server);
        return status;
    }
    *out_server = server;
    return CHAT_OK;
}

/* Accepts a half-built server. */
void chat_server_free(chat_server *server)
{
    if (!server)
        return;
    host_free(server->host);
    server_roles_free(server);
    auth_free(server->auth);
    OPENSSL_cleanse(server->secret, sizeof(server->secret));
    OPENSSL_cleanse(&server->tickets, sizeof(server->tickets));
    alloc_free(server->allocator, server->issuer);
    alloc_free(server->allocator, server->audience);
    alloc_free(server->allocator, server);
}

chat_status chat_server_step(chat_server *server, int64_t timeout_ms)
{
    if (server->stopped)
        return CHAT_E_STATE;
    server->stopped = !host_step(server->host, timeout_ms);
    return server->stopped ? CHAT_E_STATE : CHAT_OK;
}

int chat_server_get_fd(chat_server *server) { return uv_backend_fd(host_get_loop(server->host)); }

int64_t chat_server_get_timeout_ms(chat_server *server)
{
    return uv_backend_timeout(host_get_loop(server->host));
}

bool chat_server_is_ready(const chat_server *server)
{
    return store_is_ready(server->store) && router_is_ready(server->router);
}

uint16_t chat_server_get_port(const chat_server *server)
{
    return listener_get_port(server->listener);
}

chat_status chat_server_mint_token(chat_server *server, const char *subject, const char *name,
                                   int64_t life_s, char *out, size_t out_size)
{
    const int64_t now_s = host_now(server->host).wall_ms / 1000;
    const struct token_grant grant = {
        .issuer = server->issuer,
        .audience = server->audience,
        .subject = subject,
        .name = name,
        .issued_at_s = now_s,
        .expires_at_s = now_s + life_s,
    };
    size_t len;

    if (server->secret_len == 0)
        return CHAT_E_STATE;
    if (!subject || life_s <= 0 || life_s > INT32_MAX)
        return CHAT_E_INVALID;
    return auth_mint_hs256(&grant, server->secret, server->secret_len, out, out_size, &len);
}

chat_status chat_server_write_metrics(chat_server *server, char *out, size_t out_size,
                                      size_t *out_len)
{
    struct metrics metrics;
    chat_status status;

    metrics_init(&metrics, server->allocator, NULL);
    router_write_metrics(server->router, &metrics);
    presence_write_metrics(server->presence, &metrics);
    store_write_metrics(server->store, &metrics);
    host_write_metrics(server->host, &metrics);
    status = metrics.status;
    if (status == CHAT_OK) {
        *out_len = metrics.text.len;
        if (metrics.text.len >= out_size) {
            status = CHAT_E_TOO_LARGE;
        } else {
            memcpy(out, metrics.text.bytes, metrics.text.len);
            out[metrics.text.len] = '\0';
        }
    }
    metrics_fini(&metrics);
    return status;
}

void chat_server_stop(chat_server *server) { host_stop(server->host); }
void chat_server_request_stop(chat_server *server) { host_request_stop(server->host); }
