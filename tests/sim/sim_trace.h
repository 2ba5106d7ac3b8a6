/*
 * sim_trace: shows the frames between nodes, for whoever looks into one seed:
 *   SIM_TRACE=all sim --seed N
 *   SIM_TRACE=,store#0,router#2, sim --seed N   only those from or to these nodes
 */
#ifndef CHAT_SIM_TRACE_H
#define CHAT_SIM_TRACE_H

#include <stddef.h>
#include <stdint.h>

#include <libchat/log.h>

struct sim_node;

/* A message arrives: shown when it was asked for. A sim_tap_fn. */
void sim_trace(const struct sim_node *from, const struct sim_node *to, const uint8_t *bytes,
               size_t len);

/* What the node logs, of SIM_LOG=info or debug; NULL, silent, without. `logger` is filled in. */
const struct chat_logger *sim_trace_logger(struct sim_node *node, struct chat_logger *logger);

#endif
