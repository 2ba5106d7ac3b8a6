#include "server/config.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "server/config_inner.h"

#define QUOTE_MAX 64 /* bytes of a value that an error shows */

static bool equals(const char *name, const char *text, size_t text_len)
{
    return strlen(name) == text_len && memcmp(name, text, text_len) == 0;
}

/* --- errors --- */

chat_status config_fail(struct config *config, const struct config_place *place, const char *format,
                        ...)
{
    int len = 0;
    va_list args;

    if (place && place->source == CONFIG_FROM_FILE)
        len = snprintf(config->error, sizeof(config->error), "%.200s:%" PRIu32 ": ",
                       place->file_name, place->line);
    else if (place && place->source == CONFIG_FROM_ENVIRONMENT)
        len = snprintf(config->error, sizeof(config->error), "environment: ");
    else if (place && place->source == CONFIG_FROM_FLAG)
        len = snprintf(config->error, sizeof(config->error), "flag: ");
    va_start(args, format);
    vsnprintf(config->error + len, sizeof(config->error) - (size_t)len, format, args);
    va_end(args);
    return CHAT_E_INVALID;
}

chat_status config_fail_nomem(struct config *config)
{
    (void)config_fail(config, NULL, "out of memory");
    return CHAT_E_NOMEM;
}

const char *config_error(const struct config *config) { return config->error; }

static chat_status fail_value(struct config *config, const struct config_key *key,
                              const struct config_place *place, const char *text)
{
    char allowed[CONFIG_DESCRIPTION_MAX];
    char found[QUOTE_MAX];

    config_value_describe(key, allowed);
    config_quote(text, strlen(text), found, sizeof(found));
    if (key->secret)
        return config_fail(config, place, "%s.%s: the value is not allowed; allowed: %s",
                           key->section, key->name, allowed);
    return config_fail(config, place, "%s.%s: found \"%s\"; allowed: %s", key->section, key->name,
                       found, allowed);
}

/* --- items --- */

void config_free_texts(const struct config *config, char **texts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        alloc_free(config->allocator, texts[i]);
    alloc_free(config->allocator, texts);
}

static chat_status check_texts(struct config *config, const struct config_key *key,
                               const struct config_place *place, char **texts, size_t count,
                               int64_t *out_number)
{
    size_t max = key->max > 0 ? (size_t)key->max : CONFIG_LIST_MAX;

    for (size_t i = 0; i < count; i++)
        if (!config_value_parse(key, texts[i], out_number))
            return fail_value(config, key, place, texts[i]);
    if (key->type == CONFIG_LIST && count > max)
        return config_fail(config, place, "%s.%s: %zu items; allowed: at most %zu", key->section,
                           key->name, count, max);
    return CHAT_OK;
}

chat_status config_set_item(struct config *config, const struct config_key *key,
                            struct config_item *item, const struct config_place *place,
                            char **texts, size_t count)
{
    int64_t number = 0;
    char *origin = NULL;
    chat_status status = check_texts(config, key, place, texts, count, &number);

    if (status == CHAT_OK && place->source == CONFIG_FROM_FILE) {
        char text[300];

        snprintf(text, sizeof(text), "%.200s:%" PRIu32, place->file_name, place->line);
        origin = alloc_strdup(config->allocator, text);
        if (!origin)
            status = config_fail_nomem(config);
    }
    if (status != CHAT_OK) {
        config_free_texts(config, texts, count);
        return status;
    }
    config_free_texts(config, item->texts, item->count);
    alloc_free(config->allocator, item->origin);
    *item = (struct config_item){
        .source = place->source,
        .line = place->line,
        .origin = origin,
        .number = number,
        .texts = texts,
        .count = count,
    };
    return CHAT_OK;
}

static void free_instance(const struct config *config, const struct config_section *section,
                          struct config_instance *instance)
{
    for (size_t i = 0; i < section->key_count; i++) {
        config_free_texts(config, instance->items[i].texts, instance->items[i].count);
        alloc_free(config->allocator, instance->items[i].origin);
    }
    alloc_free(config->allocator, instance->name);
    alloc_free(config->allocator, instance);
}

static chat_status set_default(struct config *config, const struct config_key *key,
                               struct config_item *item)
{
    static const struct config_place place = {.source = CONFIG_FROM_DEFAULT};
    const char *reason = NULL;
    char **texts;
    size_t count;
    chat_status status;

    if (!key->fallback)
        return CHAT_OK;
    status = config_lex(config->allocator, key->fallback, strlen(key->fallback),
                        key->type == CONFIG_LIST, false, &texts, &count, &reason);
    if (status == CHAT_E_NOMEM)
        return config_fail_nomem(config);
    if (status != CHAT_OK)
        return config_fail(config, NULL, "%s.%s: the default: %s", key->section, key->name, reason);
    return config_set_item(config, key, item, &place, texts, count);
}

chat_status config_add_instance(struct config *config, struct config_section *section,
                                const char *name, size_t name_len,
                                struct config_instance **out_instance)
{
    struct config_instance *instance = alloc_zeroed(
        config->allocator, sizeof(*instance) + section->key_count * sizeof(instance->items[0]));

    if (!instance)
        return config_fail_nomem(config);
    if (name) {
        instance->name = alloc_text(config->allocator, name, name_len);
        if (!instance->name) {
            free_instance(config, section, instance);
            return config_fail_nomem(config);
        }
    }
    for (size_t i = 0; i < section->key_count; i++) {
        chat_status status =
            set_default(config, &config->keys[section->first_key + i], &instance->items[i]);

        if (status != CHAT_OK) {
            free_instance(config, section, instance);
            return status;
        }
    }
    section->instances[section->instance_count++] = instance;
    *out_instance = instance;
    return CHAT_OK;
}

/* --- the table --- */

struct config_section *config_find_section(const struct config *config, const char *name,
                                           size_t name_len)
{
    for (size_t i = 0; i < config->section_count; i++)
        if (equals(config->sections[i].name, name, name_len))
            return (struct config_section *)(uintptr_t)&config->sections[i];
    return NULL;
}

const struct config_key *config_find_key(const struct config *config,
                                         const struct config_section *section, const char *name,
                                         size_t name_len)
{
    for (size_t i = 0; i < section->key_count; i++)
        if (equals(config->keys[section->first_key + i].name, name, name_len))
            return &config->keys[section->first_key + i];
    return NULL;
}

static bool is_good_name(const char *name)
{
    size_t len = name ? strlen(name) : 0;

    for (size_t i = 0; i < len; i++)
        if (!((name[i] >= 'a' && name[i] <= 'z') || (name[i] >= '0' && name[i] <= '9') ||
              name[i] == '_'))
            return false;
    return len > 0 && len <= CONFIG_NAME_MAX;
}

static bool is_number(enum config_type type)
{
    return type == CONFIG_INTEGER || type == CONFIG_SIZE || type == CONFIG_DURATION;
}

static chat_status check_key(struct config *config, size_t index)
{
    const struct config_key *key = &config->keys[index];

    if (!is_good_name(key->section) || !is_good_name(key->name) || !key->help ||
        (key->type == CONFIG_CHOICE && !key->choices) || key->min < 0 ||
        (key->max < key->min && (key->max != 0 || is_number(key->type))))
        return config_fail(config, NULL, "the table's key %zu is not well declared", index);
    for (size_t i = 0; i < index; i++) {
        const struct config_key *other = &config->keys[i];

        /* Also of different sections: LIBCHAT_A_B_C must name one key. */
        char one[2 * CONFIG_NAME_MAX + 2], two[2 * CONFIG_NAME_MAX + 2];

        snprintf(one, sizeof(one), "%s_%s", key->section, key->name);
        snprintf(two, sizeof(two), "%s_%s", other->section, other->name);
        if (strcmp(one, two) == 0)
            return config_fail(config, NULL, "%s.%s is declared twice", key->section, key->name);
    }
    return CHAT_OK;
}

static chat_status read_table(struct config *config)
{
    struct config_section *section = NULL;

    if (config->key_count > CONFIG_KEYS_MAX)
        return config_fail(config, NULL, "the table has more than %u keys", CONFIG_KEYS_MAX);
    for (size_t i = 0; i < config->key_count; i++) {
        const struct config_key *key = &config->keys[i];
        chat_status status = check_key(config, i);

        if (status != CHAT_OK)
            return status;
        if (!section || strcmp(section->name, key->section) != 0) {
            if (config->section_count == CONFIG_SECTIONS_MAX ||
                config_find_section(config, key->section, strlen(key->section)))
                return config_fail(config, NULL, "[%s]: its keys don't stand together",
                                   key->section);
            section = &config->sections[config->section_count++];
            *section = (struct config_section){.name = key->section, .first_key = i};
            section->many = key->many;
        }
        if (section->many != key->many)
            return config_fail(config, NULL, "[%s]: many on some keys only", key->section);
        section->key_count++;
    }
    return CHAT_OK;
}

chat_status config_new(const struct chat_allocator *allocator, const struct config_key *keys,
                       size_t key_count, struct config **out_config)
{
    struct config *config;
    chat_status status;

    allocator = alloc_or_default(allocator);
    config = alloc_zeroed(allocator, sizeof(*config));
    if (!config)
        return CHAT_E_NOMEM;
    config->allocator = allocator;
    config->keys = keys;
    config->key_count = key_count;
    status = read_table(config);
    for (size_t i = 0; i < config->section_count && status == CHAT_OK; i++) {
        struct config_section *section = &config->sections[i];
        struct config_instance *instance;

        status = config_add_instance(config, section, NULL, 0, &instance);
        /* A bad default of a many-section shows here, too. */
        if (status == CHAT_OK && section->many) {
            free_instance(config, section, instance);
            section->instance_count = 0;
        }
    }
    if (status == CHAT_E_NOMEM) {
        config_free(config);
        return status;
    }
    *out_config = config;
    return status;
}

void config_free(struct config *config)
{
    if (!config)
        return;
    for (size_t i = 0; i < config->section_count; i++)
        for (size_t k = 0; k < config->sections[i].instance_count; k++)
            free_instance(config, &config->sections[i], config->sections[i].instances[k]);
    alloc_free(config->allocator, config);
}

static chat_status check_item(struct config *config, const struct config_key *key,
                              const struct config_instance *instance,
                              const struct config_item *item)
{
    const char *space = instance->name ? " " : "";
    const char *name = instance->name ? instance->name : "";
    const struct config_place place = {
        .source = CONFIG_FROM_FILE, .file_name = config->file_name, .line = instance->line};

    if (key->required && item->count == 0)
        return config_fail(config, instance->line ? &place : NULL, "[%s%s%s]: %s is required: %s",
                           key->section, space, name, key->name, key->help);
    if (key->type == CONFIG_LIST && item->source != CONFIG_FROM_DEFAULT &&
        item->count < (size_t)key->min)
        return config_fail(config, NULL, "[%s%s%s]: %s: %zu items; allowed: at least %" PRId64,
                           key->section, space, name, key->name, item->count, key->min);
    return CHAT_OK;
}

chat_status config_check(struct config *config)
{
    for (size_t i = 0; i < config->section_count; i++) {
        const struct config_section *section = &config->sections[i];

        for (size_t k = 0; k < section->instance_count; k++) {
            for (size_t n = 0; n < section->key_count; n++) {
                chat_status status =
                    check_item(config, &config->keys[section->first_key + n], section->instances[k],
                               &section->instances[k]->items[n]);
                if (status != CHAT_OK)
                    return status;
            }
        }
    }
    return CHAT_OK;
}
