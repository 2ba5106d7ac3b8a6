/* sim_tap: tells the checker what an engine made durable, or found at recovery. */
#ifndef CHAT_SIM_TAP_H
#define CHAT_SIM_TAP_H

#include "checker.h"
#include "server/store/engine.h"

/* `request` was executed. */
void sim_tap(struct checker *checker, const struct engine_request *request);

#endif
