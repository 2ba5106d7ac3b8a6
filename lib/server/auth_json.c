#include <string.h>

#include "server/auth_key.h"

/* jansson's own bound is 2,048 levels of its stack; tokens need few. Brackets within
 * strings don't nest. */
static bool is_shallow(const uint8_t *bytes, size_t len)
{
    size_t depth = 0;
    bool in_text = false;

    for (size_t i = 0; i < len; i++) {
        uint8_t c = bytes[i];

        if (in_text && c == '\\')
            i++;
        else if (c == '"')
            in_text = !in_text;
        else if (!in_text && (c == '{' || c == '['))
            depth++;
        else if (!in_text && (c == '}' || c == ']') && depth > 0)
            depth--;
        if (depth > AUTH_JSON_DEPTH_MAX)
            return false;
    }
    return true;
}

json_t *auth_json_load(const uint8_t *bytes, size_t bytes_len)
{
    json_error_t error;
    json_t *json;

    if (bytes_len == 0 || !is_shallow(bytes, bytes_len))
        return NULL;
    json = json_loadb((const char *)bytes, bytes_len, JSON_REJECT_DUPLICATES, &error);
    if (json && !json_is_object(json)) {
        json_decref(json);
        return NULL;
    }
    return json;
}

const char *auth_json_text(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}
