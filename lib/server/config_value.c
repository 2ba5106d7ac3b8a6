/* Values: numbers with units, words, and what is allowed. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "server/config_inner.h"

struct unit {
    const char *name;
    int64_t factor;
};

/* The greatest first: so a number is written with the greatest unit that divides it. */
static const struct unit size_units[] = {
    {"GiB", INT64_C(1) << 30},
    {"GB", 1000000000},
    {"MiB", 1 << 20},
    {"MB", 1000000},
    {"KiB", 1024},
    {"kB", 1000},
    {"B", 1},
};
static const struct unit duration_units[] = {
    {"d", 86400000}, {"h", 3600000}, {"min", 60000}, {"s", 1000}, {"ms", 1},
};

static const struct unit *units_of(enum config_type type, size_t *out_count)
{
    *out_count = 0;
    if (type == CONFIG_SIZE) {
        *out_count = sizeof(size_units) / sizeof(size_units[0]);
        return size_units;
    }
    if (type == CONFIG_DURATION) {
        *out_count = sizeof(duration_units) / sizeof(duration_units[0]);
        return duration_units;
    }
    return NULL;
}

/* Digits, in full; *out_rest is what follows. */
static bool parse_digits(const char *text, int64_t *out_number, const char **out_rest)
{
    bool negative = *text == '-';
    int64_t number = 0;

    text += negative;
    if (*text < '0' || *text > '9')
        return false;
    for (; *text >= '0' && *text <= '9'; text++) {
        if (number > (INT64_MAX - (*text - '0')) / 10)
            return false;
        number = number * 10 + (*text - '0');
    }
    *out_number = negative ? -number : number;
    *out_rest = text;
    return true;
}

static bool parse_number(const struct config_key *key, const char *text, int64_t *out_number)
{
    size_t unit_count;
    const struct unit *units = units_of(key->type, &unit_count);
    int64_t number, factor = 0;

    if (!parse_digits(text, &number, &text))
        return false;
    while (*text == ' ' || *text == '\t')
        text++;
    /* Bytes may stand alone; a duration says its unit, unless it is none. */
    if (*text == '\0' && (key->type != CONFIG_DURATION || number == 0))
        factor = 1;
    for (size_t i = 0; i < unit_count; i++)
        if (strcmp(units[i].name, text) == 0)
            factor = units[i].factor;
    if (factor == 0 || number > INT64_MAX / factor || number < INT64_MIN / factor)
        return false;
    *out_number = number * factor;
    return *out_number >= key->min && *out_number <= key->max;
}

static bool parse_boolean(const char *text, int64_t *out_number)
{
    static const char *const words[] = {"no", "yes", "false", "true", "off", "on"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(words[i], text) == 0) {
            *out_number = (int64_t)(i % 2);
            return true;
        }
    }
    return false;
}

static bool is_choice(const char *choices, const char *text)
{
    size_t len = strlen(text);

    for (const char *at = choices; at; at = strchr(at, '|')) {
        at += *at == '|';
        if (strncmp(at, text, len) == 0 && (at[len] == '|' || at[len] == '\0') && len > 0)
            return true;
    }
    return false;
}

static bool is_text(const struct config_key *key, const char *text)
{
    size_t len = strlen(text);
    size_t max = key->max > 0 ? (size_t)key->max : CONFIG_VALUE_MAX;

    return len >= (size_t)key->min && len <= max && utf8_is_valid((const uint8_t *)text, len);
}

bool config_value_parse(const struct config_key *key, const char *text, int64_t *out_number)
{
    *out_number = 0;
    switch (key->type) {
    case CONFIG_TEXT: return is_text(key, text);
    case CONFIG_INTEGER:
    case CONFIG_SIZE:
    case CONFIG_DURATION: return parse_number(key, text, out_number);
    case CONFIG_BOOLEAN: return parse_boolean(text, out_number);
    case CONFIG_CHOICE: return is_choice(key->choices, text);
    case CONFIG_LIST:
        return strlen(text) <= CONFIG_VALUE_MAX &&
               utf8_is_valid((const uint8_t *)text, strlen(text));
    }
    return false;
}

void config_value_format(const struct config_key *key, int64_t number, char out[CONFIG_NUMBER_MAX])
{
    size_t unit_count;
    const struct unit *units = units_of(key->type, &unit_count);

    if (key->type == CONFIG_BOOLEAN) {
        snprintf(out, CONFIG_NUMBER_MAX, "%s", number ? "yes" : "no");
        return;
    }
    for (size_t i = 0; i < unit_count; i++) {
        if (number != 0 && number % units[i].factor == 0) {
            snprintf(out, CONFIG_NUMBER_MAX, "%" PRId64 " %s", number / units[i].factor,
                     units[i].name);
            return;
        }
    }
    snprintf(out, CONFIG_NUMBER_MAX, "%" PRId64, number);
}

static void describe_range(const struct config_key *key, const char *what, char *out)
{
    char min[CONFIG_NUMBER_MAX], max[CONFIG_NUMBER_MAX];

    config_value_format(key, key->min, min);
    config_value_format(key, key->max, max);
    snprintf(out, CONFIG_DESCRIPTION_MAX, "%s from %s to %s", what, min, max);
}

void config_value_describe(const struct config_key *key, char out[CONFIG_DESCRIPTION_MAX])
{
    int64_t max = key->max;

    switch (key->type) {
    case CONFIG_TEXT:
        snprintf(out, CONFIG_DESCRIPTION_MAX, "a text of %" PRId64 " to %" PRId64 " bytes",
                 key->min, max > 0 ? max : (int64_t)CONFIG_VALUE_MAX);
        return;
    case CONFIG_INTEGER: describe_range(key, "a number", out); return;
    case CONFIG_SIZE: describe_range(key, "a size (B, KiB, MiB, GiB, kB, MB, GB)", out); return;
    case CONFIG_DURATION: describe_range(key, "a duration (ms, s, min, h, d)", out); return;
    case CONFIG_BOOLEAN: snprintf(out, CONFIG_DESCRIPTION_MAX, "yes or no"); return;
    case CONFIG_CHOICE: snprintf(out, CONFIG_DESCRIPTION_MAX, "one of %s", key->choices); return;
    case CONFIG_LIST:
        snprintf(out, CONFIG_DESCRIPTION_MAX, "a list of %" PRId64 " to %" PRId64 " texts",
                 key->min, max > 0 ? max : (int64_t)CONFIG_LIST_MAX);
        return;
    }
}

void config_quote(const char *text, size_t text_len, char *out, size_t out_size)
{
    bool is_utf8 = utf8_is_valid((const uint8_t *)text, text_len);
    size_t cut = text_len < out_size ? text_len : out_size - 1;

    if (is_utf8)
        cut = utf8_cut(text, text_len, out_size - 1);
    for (size_t i = 0; i < cut; i++) {
        unsigned char c = (unsigned char)text[i];
        bool show = c >= 0x20 && c != 0x7f && (c < 0x80 || is_utf8);

        out[i] = show ? text[i] : '?';
    }
    out[cut] = '\0';
}
