/* ws_callback: where libwebsockets calls us, for every connection of either kind. */
#ifndef CHAT_TRANSPORT_WS_CALLBACK_H
#define CHAT_TRANSPORT_WS_CALLBACK_H

struct lws_context_creation_info;

/* Names of our own ends of dialed connections; they never leave the process. */
#define WS_LOCAL_DIAL "dial"
#define WS_LOCAL_DIAL_LINK "dial-link"

/* What all our vhosts have in common. */
void ws_callback_fill_vhost(struct lws_context_creation_info *info);

#endif
