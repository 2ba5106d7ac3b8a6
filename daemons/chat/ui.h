/* The client on a whole screen: live views shown by a scene, keys that change it. */
#ifndef CHAT_PROGRAM_UI_H
#define CHAT_PROGRAM_UI_H

#include <signal.h>

#include "app.h"

/* Until the user leaves or *interrupted is set. False, and nothing has happened: the terminal
 * cannot show it. The terminal is put back on return. */
bool ui_run(struct app *app, const volatile sig_atomic_t *interrupted);

#endif
