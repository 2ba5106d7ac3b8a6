/* ws_transport: libchat's own struct chat_transport, over a net and a loop of its own. */
#ifndef CHAT_TRANSPORT_WS_TRANSPORT_H
#define CHAT_TRANSPORT_WS_TRANSPORT_H

#include <libchat/transport.h>

/* chat_transport_ws_new(), which has read the config's size. */
chat_status ws_transport_new(const struct chat_transport_ws_config *config,
                             struct chat_transport **out_transport);

#endif
