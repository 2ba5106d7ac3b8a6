#include <string.h>

#include "settings.h"

#define KEY(section_, name_, type_, fallback_, min_, max_, help_)                                  \
    {                                                                                              \
        .section = (section_), .name = (name_), .type = (type_), .fallback = (fallback_),          \
        .min = (min_), .max = (max_), .help = (help_)                                              \
    }
#define TEXT(section, name, fallback, help) KEY(section, name, CONFIG_TEXT, fallback, 0, 0, help)
#define NUMBER(section, name, fallback, min, max, help)                                            \
    KEY(section, name, CONFIG_INTEGER, fallback, min, max, help)
#define BYTES(section, name, fallback, min, max, help)                                             \
    KEY(section, name, CONFIG_SIZE, fallback, min, max, help)
#define YES_NO(section, name, fallback, help)                                                      \
    KEY(section, name, CONFIG_BOOLEAN, fallback, 0, 0, help)
#define LIST(section, name, max, help) KEY(section, name, CONFIG_LIST, NULL, 0, max, help)

/* Where a role listens, and how. */
#define LISTEN_KEYS(section, address, admin)                                                       \
    TEXT(section, "listen", address,                                                               \
         "Address and port: 127.0.0.1:8443, [::1]:8443, :8443 for all."),                          \
        YES_NO(section, "tls", "yes", "No: behind something that ends TLS, or on one machine."),   \
        TEXT(section, "tls_cert", NULL, "PEM file: certificate, then those it hangs on."),         \
        TEXT(section, "tls_key", NULL, "PEM file: the certificate's private key."),                \
        TEXT(section, "admin_listen", admin,                                                       \
             "Where /healthz, /readyz and /metrics are, without TLS; none: nowhere.")

/* The whole of it but limits.c's. Keys of a section stand together. */
static const struct config_key plain_keys[] = {
    NUMBER(
        "service", "id", "0", 0, INT64_MAX,
        "The deployment's number, the same for all stores; 0: as the data says, random at first."),
    NUMBER("service", "shards", "4", 1, CHAT_SHARDS_MAX,
           "Logical shards of the deployment; fixed when its data is first made."),

    {.section = "log",
     .name = "level",
     .type = CONFIG_CHOICE,
     .fallback = "info",
     .choices = "error|warn|info|debug",
     .help = "How much goes to stderr. Read again on SIGHUP."},

    LISTEN_KEYS("router", "127.0.0.1:8443", "127.0.0.1:8444"),
    LIST("router", "origins", 64, "Web pages that may connect, as https://host; *: all."),

    {.section = "issuer",
     .name = "issuer",
     .type = CONFIG_TEXT,
     .min = 1,
     .max = CHAT_SUBJECT_MAX,
     .many = true,
     .required = true,
     .help = "The iss of its tokens."},
    {.section = "issuer",
     .name = "audience",
     .type = CONFIG_TEXT,
     .min = 1,
     .max = CHAT_SUBJECT_MAX,
     .many = true,
     .required = true,
     .help = "What its tokens must have in aud."},
    {.section = "issuer",
     .name = "keys",
     .type = CONFIG_TEXT,
     .min = 1,
     .many = true,
     .required = true,
     .help = "File with its keys. Read again on SIGHUP."},
    {.section = "issuer",
     .name = "format",
     .type = CONFIG_CHOICE,
     .fallback = "jwks",
     .choices = "jwks|pem|secret|secret_base64",
     .many = true,
     .help = "What is in the file: a key set, a public key or certificate, an HS256 secret."},

    TEXT("tickets", "keys", NULL,
         "File with the keys of resume tickets, shared by all routers (chatctl ticket-key)."),

    TEXT("store", "data", NULL, "Folder for everything that is kept."),
    {.section = "store",
     .name = "engine",
     .type = CONFIG_CHOICE,
     .fallback = "embedded",
     .choices = "embedded|memory",
     .help = "embedded: journal and SQLite in the data folder. memory: gone at the end."},
    LISTEN_KEYS("store", "127.0.0.1:8453", "127.0.0.1:8454"),
    LIST("store", "shards", CHAT_SHARDS_MAX, "Those held here, as 0, 2-3; none given: all."),
    NUMBER("store", "map_version", "1", 1, INT64_MAX,
           "Of the plan of who holds what: raise it when a shard moves."),
    NUMBER("store", "threads", "4", 1, 16, "For each of: writing journals, rows, reading."),
    BYTES("store", "segment_bytes", "64 MiB", 1 << 20, 1 << 30, "Of a journal file."),
    BYTES("store", "log_bytes_max", "1 GiB", 3 << 20, INT64_C(1) << 40,
          "Of a shard's journal, at least 3 segments; then it refuses."),
    BYTES("store", "checkpoint_bytes", "64 MiB", 1 << 20, INT64_C(1) << 40,
          "Of new rows of a shard before they are written into place."),
    BYTES("store", "free_bytes_min", "64 MiB", 0, INT64_C(1) << 50,
          "No journal file is made that leaves less on the disk: room for the rows."),
    BYTES("store", "cache_bytes", "64 MiB", 1 << 20, INT64_C(1) << 40,
          "Of a shard's rows in memory, for writing."),
    BYTES("store", "reader_cache_bytes", "8 MiB", 1 << 16, INT64_C(1) << 40,
          "The same, for each of a shard's readers."),

    LISTEN_KEYS("presence", "127.0.0.1:8463", "127.0.0.1:8464"),

    TEXT("link", "secret_file", NULL, "What daemons show each other (chatctl secret)."),
    TEXT("link", "ca_file", NULL, "PEM: who signs daemons' certificates; none: the system's."),
    BYTES("link", "queue_max", "64 MiB", 1 << 16, 1 << 30, "Waiting for one daemon."),

    LIST("peers", "stores", LINK_PEERS_MAX,
         "wss://host:port of the stores; for a store: of the others."),
    LIST("peers", "presence", LINK_PEERS_MAX, "wss://host:port of the presence daemons."),
};

#define PLAIN_COUNT (sizeof(plain_keys) / sizeof(plain_keys[0]))

/* The tables joined, once; daemons have one settings table in their lives. */
const struct config_key *settings_keys(size_t *out_count)
{
    static struct config_key all[CONFIG_KEYS_MAX];
    static size_t count;
    const struct settings_limit *limits[3];
    size_t counts[3];

    if (count == 0) {
        memcpy(all, plain_keys, sizeof(plain_keys));
        count = PLAIN_COUNT;
        limits[0] = settings_router_limits(&counts[0]);
        limits[1] = settings_store_limits(&counts[1]);
        limits[2] = settings_presence_limits(&counts[2]);
        for (size_t t = 0; t < 3; t++) {
            for (size_t i = 0; i < counts[t]; i++)
                all[count++] = limits[t][i].key;
        }
    }
    *out_count = count;
    return all;
}
