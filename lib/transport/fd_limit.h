/* fd_limit: how many descriptors the process may have. */
#ifndef CHAT_TRANSPORT_FD_LIMIT_H
#define CHAT_TRANSPORT_FD_LIMIT_H

#include <stdint.h>

/* Raises the soft limit to the hard one. Call it before the first net: libwebsockets sizes
 * its table by it. Returns the limit now in force. */
uint32_t fd_limit_raise(void);

/* The limit in force. */
uint32_t fd_limit_get(void);

#endif
