#include "server/store/engine_request.h"

const char *engine_op_name(enum engine_op op)
{
    switch (op) {
    case ENGINE_OPEN: return "open";
    case ENGINE_LOG_READ: return "log read";
    case ENGINE_APPEND: return "append";
    case ENGINE_APPLY: return "apply";
    case ENGINE_READ: return "read";
    case ENGINE_CLOSE: return "close";
    }
    return "unknown";
}

static bool is_table(uint32_t table) { return table >= 1 && table <= TABLE_MAX; }

static chat_status check_append(const struct engine_request *request)
{
    const struct engine_record *records = request->append.records;
    size_t bytes = 0;

    if (request->append.count == 0 || request->append.count > ENGINE_APPEND_RECORDS_MAX)
        return CHAT_E_INVALID;
    for (size_t i = 0; i < request->append.count; i++) {
        if (records[i].position == 0 || records[i].position > ENGINE_NUMBER_MAX)
            return CHAT_E_INVALID;
        if (i > 0 && records[i].position != records[i - 1].position + 1)
            return CHAT_E_INVALID;
        if (records[i].lsn == 0 || records[i].lsn > ENGINE_NUMBER_MAX)
            return CHAT_E_INVALID;
        if (!records[i].bytes || records[i].len > ENGINE_APPEND_BYTES_MAX - bytes)
            return CHAT_E_INVALID;
        bytes += records[i].len;
    }
    return CHAT_OK;
}

static chat_status check_apply(const struct engine_request *request)
{
    if (request->apply.count > ENGINE_APPLY_ROWS_MAX ||
        request->apply.applied_position > ENGINE_NUMBER_MAX)
        return CHAT_E_INVALID;
    for (size_t i = 0; i < request->apply.count; i++) {
        if (!is_table(request->apply.rows[i].table))
            return CHAT_E_INVALID;
        if (request->apply.rows[i].value_len > ENGINE_VALUE_MAX)
            return CHAT_E_INVALID;
    }
    return CHAT_OK;
}

static chat_status check_read(const struct engine_request *request)
{
    if (!request->arena || request->read.count > ENGINE_QUERIES_MAX)
        return CHAT_E_INVALID;
    for (size_t i = 0; i < request->read.count; i++) {
        if (!is_table(request->read.queries[i].table))
            return CHAT_E_INVALID;
    }
    return CHAT_OK;
}

chat_status engine_request_check(const struct engine_request *request)
{
    if (request->shard >= ENGINE_SHARDS_MAX)
        return CHAT_E_INVALID;
    switch (request->op) {
    case ENGINE_OPEN:
    case ENGINE_CLOSE: return CHAT_OK;
    case ENGINE_LOG_READ:
        return request->arena && request->log_read.from_position > 0 ? CHAT_OK : CHAT_E_INVALID;
    case ENGINE_APPEND: return check_append(request);
    case ENGINE_APPLY: return check_apply(request);
    case ENGINE_READ: return check_read(request);
    }
    return CHAT_E_INVALID;
}
