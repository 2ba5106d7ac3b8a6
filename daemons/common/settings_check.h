/* settings_check: what one key alone cannot say: keys that need each other. */
#ifndef CHAT_DAEMONS_SETTINGS_CHECK_H
#define CHAT_DAEMONS_SETTINGS_CHECK_H

#include "settings.h"

/* False: settings->error says what is wrong, where, and what is allowed. */
bool settings_are_right(struct settings *settings);

#endif
