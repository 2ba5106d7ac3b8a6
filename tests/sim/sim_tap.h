/* sim_tap: tells the checker what an engine made durable, or found at recovery. */
#ifndef CHAT_SIM_TAP_H
#define CHAT_SIM_TAP_H

#include "checker.h"
#include "server/store/engine.h"
#include "wire/wire.h"

/* `request` was executed. */
void sim_tap(struct checker *checker, const struct engine_request *request);

/* Of text, extra and mentions; never 0. */
uint64_t sim_tap_body(const char *text, size_t text_len, const uint8_t *extra, size_t extra_len,
                      const uint64_t *mention_ids, size_t mentions_count);
/* Reactions one after the other, from 0 on. */
uint64_t sim_tap_mark(uint64_t marks, const char *emoji, size_t len, const uint64_t *user_ids,
                      size_t count);

/* A message as the checker knows it. */
struct check_message sim_tap_message(const WireMessage *m);

/* Bytes that reached a user's device. */
void sim_tap_delivered(struct checker *checker, uint64_t user_id, uint32_t device,
                       const uint8_t *bytes, size_t len);

#endif
