/* The client line by line: what is typed or piped in is sent, what is said is printed. */
#ifndef CHAT_PROGRAM_LINES_H
#define CHAT_PROGRAM_LINES_H

#include <signal.h>

#include "app.h"

/* Until the user leaves or *interrupted is set. */
void lines_run(struct app *app, const volatile sig_atomic_t *interrupted);

#endif
