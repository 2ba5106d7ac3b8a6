/* Names of emoji for reactions: "thumbsup", "heart", as they are known from elsewhere. */
#ifndef CHAT_SCREEN_EMOJI_H
#define CHAT_SCREEN_EMOJI_H

#include <stddef.h>

/* What a person typed to react with: a digit of the offered ones, ":name" or "name", also its
 * beginning if no other has that, or an emoji itself, which is handed back. NULL: a name that
 * is not known. Neither leading nor closing colon matters. */
const char *emoji_find(const char *typed);

#endif
