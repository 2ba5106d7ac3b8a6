/* The version all programs say. */
#ifndef CHAT_DAEMONS_VERSION_H
#define CHAT_DAEMONS_VERSION_H

#ifndef CHAT_VERSION
#define CHAT_VERSION "0.1.0"
#endif

#endif
