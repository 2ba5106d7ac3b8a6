/* What every engine asks of a request before it acts on it, and the common limits. */
#ifndef CHAT_SERVER_STORE_ENGINE_REQUEST_H
#define CHAT_SERVER_STORE_ENGINE_REQUEST_H

#include "server/store/engine.h"

#define ENGINE_SHARDS_MAX 1024u
#define ENGINE_NUMBER_MAX ((uint64_t)INT64_MAX) /* of positions and lsns */

/* "open", "append", ...: for logs. */
const char *engine_op_name(enum engine_op op);

/*
 * CHAT_E_INVALID when the request breaks the contract of engine.h: a shard or table
 * that cannot be, positions that are not dense, a limit exceeded, an answer without an
 * arena. The engine's state is not looked at.
 */
chat_status engine_request_check(const struct engine_request *request);

#endif
