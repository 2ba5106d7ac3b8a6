/*
 * Many accounts in one process, on one loop and one thread, with their caches in memory: for
 * bridges and bots. Tokens come from stdin, one a line. Shows chat_loop_next_conn(), which names
 * only those that have news, and prints what an account costs.
 *
 *   cc many_accounts.c $(pkg-config --cflags --libs libchat) -o many_accounts
 *   CHAT_URL=wss://localhost:8443/ CHAT_CA=ca.pem ./many_accounts <tokens
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <libchat/libchat.h>

#define ACCOUNTS_MAX 10000u
#define SIGN_INS_MAX 32u /* at once: a service takes only so many of one address */

struct account {
    chat_conn *conn;
    bool is_live;
    chat_status status; /* why it is not */
};

static struct account accounts[ACCOUNTS_MAX];
static unsigned count, started, live, failed;

static double memory_kb(void)
{
    struct rusage usage;

    (void)getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_maxrss;
}

/* Each account connected is a descriptor. */
static void raise_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static void fail(struct account *account, chat_status status)
{
    account->status = status;
    failed++;
}

/* All are opened first, which touches no network. */
static bool open_accounts(chat_loop *loop)
{
    static char line[CHAT_TOKEN_MAX + 2];
    struct chat_conn_config config;
    chat_status status = CHAT_OK;

    chat_conn_config_init(&config);
    config.url = getenv("CHAT_URL");
    while (status == CHAT_OK && count < ACCOUNTS_MAX && fgets(line, sizeof(line), stdin)) {
        line[strcspn(line, "\n")] = '\0';
        config.token = line;
        config.context = &accounts[count]; /* chat_conn_get_context() gives it back */
        status = chat_conn_new(loop, &config, &accounts[count].conn);
        count += status == CHAT_OK;
    }
    if (status != CHAT_OK)
        fprintf(stderr, "many_accounts: %s\n", chat_status_text(status));
    return status == CHAT_OK;
}

static void start_some(void)
{
    while (started < count && started - live - failed < SIGN_INS_MAX) {
        struct account *account = &accounts[started++];
        chat_status status = chat_conn_start(account->conn);

        if (status != CHAT_OK)
            fail(account, status);
    }
}

static void on_event(struct account *account, const struct chat_event *event)
{
    if (event->type == CHAT_EVENT_STATE && event->state == CHAT_CONN_LIVE && !account->is_live) {
        account->is_live = true;
        live++;
    }
    if (account->is_live || account->status != CHAT_OK)
        return;
    if ((event->type == CHAT_EVENT_NEED_TOKEN) ||
        (event->type == CHAT_EVENT_STATE && event->state == CHAT_CONN_CLOSED))
        fail(account, event->status);
}

/* Until all have been live, or never will be. One that waits to be let in comes by itself. */
static void run(chat_loop *loop)
{
    struct chat_event event = CHAT_EVENT_INIT;
    chat_conn *conn;

    start_some();
    while (live + failed < count && chat_loop_step(loop, -1) == CHAT_OK) {
        while ((conn = chat_loop_next_conn(loop)) != NULL) {
            if (chat_conn_next_event(conn, &event))
                on_event(chat_conn_get_context(conn), &event);
        }
        start_some();
    }
}

int main(void)
{
    struct chat_loop_config config;
    double before_kb, own_bytes = 0;
    chat_loop *loop = NULL;

    raise_descriptors();
    chat_loop_config_init(&config);
    config.ca_file = getenv("CHAT_CA");
    config.links_max = ACCOUNTS_MAX;
    if (chat_loop_new(&config, &loop) != CHAT_OK)
        return EXIT_FAILURE;
    before_kb = memory_kb();
    if (open_accounts(loop))
        run(loop);
    for (unsigned i = 0; i < count; i++)
        own_bytes += (double)chat_conn_get_memory(accounts[i].conn);
    printf("%u of %u accounts are live", live, count);
    if (count)
        printf("; each takes %.0f KB: libchat's own %.0f, the rest is SQLite's and TLS's",
               (memory_kb() - before_kb) / count, own_bytes / 1024 / count);
    putchar('\n');
    for (unsigned i = 0; i < count; i++)
        chat_conn_free(accounts[i].conn);
    chat_loop_free(loop);
    return count && live == count ? EXIT_SUCCESS : EXIT_FAILURE;
}
