#include "transport/resolver.h"

#include <ares.h>
#include <netdb.h>
#include <string.h>
#include <sys/time.h>

#include "base/alloc.h"
#include "transport/net.h"

#define TRY_MS 2000
#define TRIES 3

struct resolver {
    struct net *net;
    ares_channel channel;
    uv_timer_t timer;
    struct list sockets;
    struct list queries;
    bool library; /* initialised */
    bool shut;
};

/* One of c-ares' sockets. */
struct resolver_socket {
    struct list_node link;
    struct resolver *resolver;
    ares_socket_t fd;
    uv_poll_t poll;
};

struct resolver_query {
    struct list_node link;
    struct resolver *resolver;
    resolver_fn on_answer; /* NULL: cancelled */
    void *user;
    struct net_work work;
    struct resolver_answer answer;
};

static void on_time(uv_timer_t *timer)
{
    struct resolver *r = timer->data;
    struct timeval left;

    ares_process_fd(r->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    if (!r->shut && ares_timeout(r->channel, NULL, &left))
        (void)uv_timer_start(&r->timer, on_time,
                             (uint64_t)left.tv_sec * 1000 + (uint64_t)left.tv_usec / 1000 + 1, 0);
}

static void watch_time(struct resolver *r)
{
    if (!r->shut && !uv_is_active((uv_handle_t *)&r->timer))
        (void)uv_timer_start(&r->timer, on_time, TRY_MS / 4, 0);
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct resolver_socket *s = poll->data;
    struct resolver *r = s->resolver;
    ares_socket_t fd = s->fd;
    bool broken = status < 0;

    ares_process_fd(r->channel, broken || (events & UV_READABLE) ? fd : ARES_SOCKET_BAD,
                    broken || (events & UV_WRITABLE) ? fd : ARES_SOCKET_BAD);
}

static void on_socket_closed(uv_handle_t *handle)
{
    struct resolver_socket *s = handle->data;

    alloc_free(s->resolver->net->allocator, s);
}

static struct resolver_socket *socket_of(struct resolver *r, ares_socket_t fd)
{
    LIST_EACH(node, &r->sockets)
    {
        struct resolver_socket *s = LIST_ENTRY(node, struct resolver_socket, link);
        if (s->fd == fd)
            return s;
    }
    return NULL;
}

static struct resolver_socket *socket_new(struct resolver *r, ares_socket_t fd)
{
    struct resolver_socket *s = alloc_zeroed(r->net->allocator, sizeof(*s));

    if (!s)
        return NULL;
    s->resolver = r;
    s->fd = fd;
    if (uv_poll_init_socket(r->net->loop, &s->poll, fd) != 0) {
        alloc_free(r->net->allocator, s);
        return NULL;
    }
    s->poll.data = s;
    list_push_back(&r->sockets, &s->link);
    return s;
}

/* c-ares says what it wants of a socket; neither means that it closes it now. Without
 * memory the query simply runs into its timeout. */
static void on_socket_state(void *user, ares_socket_t fd, int readable, int writable)
{
    struct resolver *r = user;
    struct resolver_socket *s = socket_of(r, fd);

    if (!readable && !writable) {
        if (s) {
            list_remove(&s->link);
            uv_close((uv_handle_t *)&s->poll, on_socket_closed);
        }
        return;
    }
    if (!s)
        s = socket_new(r, fd);
    if (s)
        (void)uv_poll_start(&s->poll, (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0),
                            on_ready);
}

static chat_status resolver_new(struct net *net, struct resolver **out_resolver)
{
    struct ares_options options = {0};
    struct resolver *r = alloc_zeroed(net->allocator, sizeof(*r));

    if (!r)
        return CHAT_E_NOMEM;
    r->net = net;
    list_init(&r->sockets);
    list_init(&r->queries);
    options.sock_state_cb = on_socket_state;
    options.sock_state_cb_data = r;
    options.timeout = TRY_MS;
    options.tries = TRIES;
    if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS)
        goto fail;
    r->library = true;
    if (ares_init_options(&r->channel, &options,
                          ARES_OPT_SOCK_STATE_CB | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES) !=
        ARES_SUCCESS)
        goto fail;
    if (net->dns_servers &&
        ares_set_servers_ports_csv(r->channel, net->dns_servers) != ARES_SUCCESS) {
        ares_destroy(r->channel);
        goto fail;
    }
    (void)uv_timer_init(net->loop, &r->timer);
    r->timer.data = r;
    *out_resolver = r;
    return CHAT_OK;

fail:
    if (r->library)
        ares_library_cleanup();
    alloc_free(net->allocator, r);
    return CHAT_E_IO;
}

static void query_free(struct resolver_query *q)
{
    net_work_cancel(&q->work);
    list_remove(&q->link);
    alloc_free(q->resolver->net->allocator, q);
}

static void give_answer(struct net_work *work)
{
    struct resolver_query *q = LIST_ENTRY(work, struct resolver_query, work);

    if (q->on_answer)
        q->on_answer(&q->answer, q->user);
    query_free(q);
}

static bool to_text(const struct ares_addrinfo_node *node, char out_text[RESOLVER_ADDRESS_BYTES])
{
    return getnameinfo(node->ai_addr, (socklen_t)node->ai_addrlen, out_text, RESOLVER_ADDRESS_BYTES,
                       NULL, 0, NI_NUMERICHOST) == 0;
}

static void on_addresses(void *user, int status, int timeouts, struct ares_addrinfo *info)
{
    struct resolver_query *q = user;
    struct resolver_answer *a = &q->answer;

    (void)timeouts;
    if (status == ARES_EDESTRUCTION) {
        query_free(q);
        return;
    }
    if (status == ARES_SUCCESS) {
        for (struct ares_addrinfo_node *n = info->nodes; n && a->count < RESOLVER_ADDRESSES_MAX;
             n = n->ai_next)
            if (to_text(n, a->addresses[a->count]))
                a->count++;
        ares_freeaddrinfo(info);
    }
    a->status = a->count ? CHAT_OK : CHAT_E_NETWORK;
    a->cause = status == ARES_SUCCESS ? "the name has no address" : ares_strerror(status);
    q->work.run = give_answer;
    net_work_add(q->resolver->net, &q->work);
}

chat_status resolver_lookup(struct net *net, const char *host, resolver_fn on_answer, void *user,
                            struct resolver_query **out_query)
{
    struct ares_addrinfo_hints hints = {0};
    struct resolver_query *q;
    chat_status status = CHAT_OK;

    if (!net->resolver)
        status = resolver_new(net, &net->resolver);
    if (status != CHAT_OK)
        return status;
    q = alloc_zeroed(net->allocator, sizeof(*q));
    if (!q)
        return CHAT_E_NOMEM;
    q->resolver = net->resolver;
    q->on_answer = on_answer;
    q->user = user;
    list_push_back(&net->resolver->queries, &q->link);
    *out_query = q;
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    ares_getaddrinfo(net->resolver->channel, host, NULL, &hints, on_addresses, q);
    watch_time(net->resolver);
    return CHAT_OK;
}

void resolver_cancel(struct resolver_query *query)
{
    if (query)
        query->on_answer = NULL;
}

void resolver_shut(struct resolver *r)
{
    if (r->shut)
        return;
    r->shut = true;
    ares_destroy(r->channel);
    uv_close((uv_handle_t *)&r->timer, NULL);
}

void resolver_free(struct resolver *r)
{
    if (!r)
        return;
    LIST_EACH(node, &r->queries) { query_free(LIST_ENTRY(node, struct resolver_query, link)); }
    ares_library_cleanup();
    alloc_free(r->net->allocator, r);
}
