/*
 * resolver: names to addresses, without blocking the loop. The system's hosts file and
 * name servers, IPv4 and IPv6, in the order in which they should be tried.
 *
 * Threads: the loop's.
 */
#ifndef CHAT_TRANSPORT_RESOLVER_H
#define CHAT_TRANSPORT_RESOLVER_H

#include <stddef.h>

#include <libchat/status.h>

#define RESOLVER_ADDRESSES_MAX 8u
#define RESOLVER_ADDRESS_BYTES 48u /* "2001:db8::1", with its NUL */

struct net;
struct resolver;
struct resolver_query;

struct resolver_answer {
    chat_status status; /* CHAT_E_NETWORK: no such name, or no server answers */
    const char *cause;  /* for people, when there is no address */
    size_t count;
    char addresses[RESOLVER_ADDRESSES_MAX][RESOLVER_ADDRESS_BYTES];
};

typedef void (*resolver_fn)(const struct resolver_answer *answer, void *user);

/*
 * Asks; `on_answer` is called once, from the loop, never from here. `net` makes its
 * resolver at the first call.
 * Errors: CHAT_E_NOMEM, CHAT_E_IO.
 */
chat_status resolver_lookup(struct net *net, const char *host, resolver_fn on_answer, void *user,
                            struct resolver_query **out_query);

/* Before its answer came: there will be none. NULL is fine. */
void resolver_cancel(struct resolver_query *query);

/* Begins to close its handles; its queries are never answered. */
void resolver_shut(struct resolver *resolver);
void resolver_free(struct resolver *resolver); /* NULL is fine */

#endif
