/* sim_tap: tells the checker what an engine made durable, or found at recovery. */
#ifndef CHAT_SIM_TAP_H
#define CHAT_SIM_TAP_H

#include "checker.h"
#include "server/store/engine.h"
#include "wire/wire.h"

/* `request` was executed. */
void sim_tap(struct checker *checker, const struct engine_request *request);

/* A message as the checker knows it. */
struct check_message sim_tap_message(const WireMessage *m);

/* A message that reached a user's device. */
void sim_tap_delivered(struct checker *checker, uint64_t user_id, const uint8_t *bytes, size_t len);

#endif
