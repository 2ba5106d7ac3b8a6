/*
 * The memory that libchat itself allocates comes from here, object by object;
 * there is no process-wide hook. The libraries beneath (SQLite, OpenSSL,
 * libwebsockets, libuv) allocate their own.
 */
#ifndef LIBCHAT_ALLOC_H
#define LIBCHAT_ALLOC_H

#include <stddef.h>

#include <libchat/export.h>

CHAT_BEGIN_DECLS

/*
 * A pair of functions and their context. `alloc` returns memory aligned for any
 * type, or NULL; `free` takes what `alloc` gave, or NULL. `user` comes first, as
 * protobuf-c wants it.
 *
 * Owner:   the caller; it outlives every object made with it.
 * Threads: called from whatever thread runs the object it was given to; those of a
 *          chat_server from threads of its own, too. Neither calls back into libchat.
 * Errors:  NULL is CHAT_E_NOMEM: nothing is aborted, see what the call at hand says of it.
 */
struct chat_allocator {
    void *(*alloc)(void *user, size_t size);
    void (*free)(void *user, void *memory);
    void *user;
};

CHAT_END_DECLS

#endif
