/* What somebody may have meant. */
#include <string.h>

#include "server/config_inner.h"

/* Levenshtein's distance; names are at most CONFIG_NAME_MAX bytes, longer ones are far. */
static size_t distance(const char *a, size_t a_len, const char *b)
{
    size_t b_len = strlen(b);
    size_t row[CONFIG_NAME_MAX + 1];

    if (a_len > CONFIG_NAME_MAX || b_len > CONFIG_NAME_MAX)
        return SIZE_MAX;
    for (size_t k = 0; k <= b_len; k++)
        row[k] = k;
    for (size_t i = 0; i < a_len; i++) {
        size_t diagonal = row[0];

        row[0] = i + 1;
        for (size_t k = 0; k < b_len; k++) {
            size_t replace = diagonal + (a[i] != b[k]);
            size_t insert = row[k] + 1;
            size_t drop = row[k + 1] + 1;

            diagonal = row[k + 1];
            if (insert < replace)
                replace = insert;
            row[k + 1] = drop < replace ? drop : replace;
        }
    }
    return row[b_len];
}

/* A third of the letters may be wrong, at least two. */
static size_t tolerance(size_t len) { return len / 3 > 2 ? len / 3 : 2; }

const char *config_nearest_section(const struct config *config, const char *name, size_t name_len)
{
    const char *nearest = NULL;
    size_t best = tolerance(name_len) + 1;

    for (size_t i = 0; i < config->section_count; i++) {
        size_t d = distance(name, name_len, config->sections[i].name);

        if (d < best) {
            best = d;
            nearest = config->sections[i].name;
        }
    }
    return nearest;
}

const char *config_nearest_key(const struct config *config, const struct config_section *section,
                               const char *name, size_t name_len)
{
    const char *nearest = NULL;
    size_t best = tolerance(name_len) + 1;

    for (size_t i = 0; i < section->key_count; i++) {
        const char *candidate = config->keys[section->first_key + i].name;
        size_t d = distance(name, name_len, candidate);

        if (d < best) {
            best = d;
            nearest = candidate;
        }
    }
    return nearest;
}
