/* socket: listening sockets, and the options of those that carry connections. */
#ifndef CHAT_TRANSPORT_SOCKET_H
#define CHAT_TRANSPORT_SOCKET_H

#include <stdbool.h>
#include <stdint.h>

#include <libchat/log.h>
#include <libchat/status.h>

#define SOCKET_BACKLOG 4096
#define SOCKET_UNACKED_MS 30000 /* a peer that acknowledges nothing for so long is gone */

/*
 * A non-blocking listener. `address` NULL: all, of both families where the system has
 * them. Errors: as listener_new(); the logger is told why.
 */
chat_status socket_listen(const char *address, uint16_t port, bool share_port,
                          const struct chat_logger *logger, int *out_fd, uint16_t *out_port);

/* Small messages leave at once; a half-open peer is noticed. */
void socket_tune(int fd);

#endif
