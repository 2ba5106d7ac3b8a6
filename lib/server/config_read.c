/* Files, environments and flags, into a config. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/utf8.h"
#include "server/config_inner.h"

#define ENVIRONMENT_PREFIX "LIBCHAT_"
#define QUOTE_MAX 64

/* A run of bytes of the file. */
struct span {
    const char *text;
    size_t len;
};

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

static struct span trim(struct span s)
{
    while (s.len > 0 && is_blank(s.text[s.len - 1]))
        s.len--;
    while (s.len > 0 && is_blank(*s.text))
        s.text++, s.len--;
    return s;
}

/* "; did you mean x?", or nothing. */
static const char *hint(const char *nearest, char *out, size_t out_size)
{
    out[0] = '\0';
    if (nearest)
        snprintf(out, out_size, "; did you mean %s?", nearest);
    return out;
}

static chat_status fail_section(struct config *config, const struct config_place *place,
                                struct span name)
{
    char found[QUOTE_MAX], suggestion[CONFIG_NAME_MAX + 32];

    config_quote(name.text, name.len, found, sizeof(found));
    return config_fail(
        config, place, "[%s]: no such section%s", found,
        hint(config_nearest_section(config, name.text, name.len), suggestion, sizeof(suggestion)));
}

/* The key may be right and its section wrong. */
static chat_status fail_key(struct config *config, const struct config_place *place,
                            const struct config_section *section, struct span name)
{
    char found[QUOTE_MAX], suggestion[CONFIG_NAME_MAX + 32];
    const char *nearest = config_nearest_key(config, section, name.text, name.len);

    config_quote(name.text, name.len, found, sizeof(found));
    for (size_t i = 0; !nearest && i < config->section_count; i++)
        if (config_find_key(config, &config->sections[i], name.text, name.len))
            return config_fail(config, place, "%s.%s: no such key; it belongs in [%s]",
                               section->name, found, config->sections[i].name);
    return config_fail(config, place, "%s.%s: no such key%s", section->name, found,
                       hint(nearest, suggestion, sizeof(suggestion)));
}

static struct config_item *item_of(const struct config *config,
                                   const struct config_section *section,
                                   struct config_instance *instance, const struct config_key *key)
{
    return &instance->items[key - &config->keys[section->first_key]];
}

static chat_status fail_lex(struct config *config, const struct config_place *place,
                            const struct config_key *key, chat_status status, const char *reason)
{
    if (status == CHAT_E_NOMEM)
        return config_fail_nomem(config);
    return config_fail(config, place, "%s.%s: %s", key->section, key->name, reason);
}

/* --- the file --- */

struct reader {
    struct config *config;
    struct config_place place;
    struct config_section *section;
    struct config_instance *instance;
};

static bool is_instance_name(struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.text[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '_' || c == '-' || c == '.'))
            return false;
    }
    return s.len > 0 && s.len <= CONFIG_NAME_MAX;
}

static chat_status enter_instance(struct reader *r, struct span name)
{
    struct config_section *section = r->section;
    chat_status status;

    if (!is_instance_name(name))
        return config_fail(r->config, &r->place,
                           "[%s NAME]: needs a name of a-z, A-Z, 0-9, _ - . (at most %u bytes)",
                           section->name, CONFIG_NAME_MAX);
    for (size_t i = 0; i < section->instance_count; i++)
        if (strlen(section->instances[i]->name) == name.len &&
            memcmp(section->instances[i]->name, name.text, name.len) == 0)
            return config_fail(r->config, &r->place, "[%s %.*s] is there twice", section->name,
                               (int)name.len, name.text);
    if (section->instance_count == CONFIG_INSTANCES_MAX)
        return config_fail(r->config, &r->place, "[%s]: more than %u of them", section->name,
                           CONFIG_INSTANCES_MAX);
    status = config_add_instance(r->config, section, name.text, name.len, &r->instance);
    if (status == CHAT_OK)
        r->instance->line = r->place.line;
    return status;
}

static chat_status read_section(struct reader *r, struct span line)
{
    const char *close = memchr(line.text, ']', line.len);
    struct span inside, rest, name, instance = {NULL, 0};

    if (!close)
        return config_fail(r->config, &r->place, "a section's closing ] is missing");
    inside = trim((struct span){line.text + 1, (size_t)(close - line.text) - 1});
    rest = trim((struct span){close + 1, line.len - (size_t)(close - line.text) - 1});
    if (rest.len > 0 && rest.text[0] != '#')
        return config_fail(r->config, &r->place, "something follows the section's ]");
    name = inside;
    for (size_t i = 0; i < inside.len; i++) {
        if (is_blank(inside.text[i])) {
            name.len = i;
            instance = trim((struct span){inside.text + i, inside.len - i});
            break;
        }
    }
    r->section = config_find_section(r->config, name.text, name.len);
    if (!r->section)
        return fail_section(r->config, &r->place, name);
    if (r->section->many)
        return enter_instance(r, instance);
    if (instance.len > 0)
        return config_fail(r->config, &r->place, "[%s] is there once and has no name",
                           r->section->name);
    r->instance = r->section->instances[0];
    return CHAT_OK;
}

/* A list said again goes on. Takes texts. */
static chat_status extend_list(struct reader *r, const struct config_key *key,
                               struct config_item *item, char **texts, size_t count)
{
    struct config *config = r->config;
    size_t total = item->count + count;
    char **joined = alloc_array(config->allocator, total ? total : 1, sizeof(*joined));

    if (!joined) {
        config_free_texts(config, texts, count);
        return config_fail_nomem(config);
    }
    for (size_t i = 0; i < item->count; i++)
        joined[i] = item->texts[i];
    for (size_t i = 0; i < count; i++)
        joined[item->count + i] = texts[i];
    alloc_free(config->allocator, texts);
    alloc_free(config->allocator, item->texts);
    item->texts = NULL;
    item->count = 0;
    return config_set_item(config, key, item, &r->place, joined, total);
}

static chat_status read_key(struct reader *r, struct span line)
{
    const char *equal = memchr(line.text, '=', line.len);
    const struct config_key *key;
    struct config_item *item;
    struct span name;
    const char *reason = NULL;
    char **texts;
    size_t count;
    chat_status status;

    if (!equal)
        return config_fail(r->config, &r->place, "neither [section] nor key = value");
    if (!r->section)
        return config_fail(r->config, &r->place, "a key before the first [section]");
    name = trim((struct span){line.text, (size_t)(equal - line.text)});
    key = config_find_key(r->config, r->section, name.text, name.len);
    if (!key)
        return fail_key(r->config, &r->place, r->section, name);
    item = item_of(r->config, r->section, r->instance, key);
    if (item->source == CONFIG_FROM_FILE && key->type != CONFIG_LIST)
        return config_fail(r->config, &r->place, "%s.%s is said twice, first in line %u",
                           key->section, key->name, (unsigned)item->line);
    status = config_lex(r->config->allocator, equal + 1, line.len - (size_t)(equal - line.text) - 1,
                        key->type == CONFIG_LIST, true, &texts, &count, &reason);
    if (status != CHAT_OK)
        return fail_lex(r->config, &r->place, key, status, reason);
    if (item->source == CONFIG_FROM_FILE)
        return extend_list(r, key, item, texts, count);
    return config_set_item(r->config, key, item, &r->place, texts, count);
}

static chat_status read_line(struct reader *r, struct span line)
{
    if (!utf8_is_valid((const uint8_t *)line.text, line.len))
        return config_fail(r->config, &r->place, "not UTF-8, or a NUL in it");
    line = trim(line);
    if (line.len == 0 || line.text[0] == '#' || line.text[0] == ';')
        return CHAT_OK;
    return line.text[0] == '[' ? read_section(r, line) : read_key(r, line);
}

chat_status config_read_file(struct config *config, const char *file_name, const uint8_t *bytes,
                             size_t bytes_len)
{
    struct reader r = {
        .config = config,
        .place = {.source = CONFIG_FROM_FILE, .file_name = file_name, .line = 0},
    };
    const char *at = (const char *)bytes;
    const char *end = at + bytes_len;

    (void)snprintf(config->file_name, sizeof(config->file_name), "%s", file_name);
    if (bytes_len > CONFIG_FILE_MAX) {
        (void)config_fail(config, NULL, "%.200s: larger than 1 MiB", file_name);
        return CHAT_E_TOO_LARGE;
    }
    if (bytes_len >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0)
        at += 3;
    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *line_end = newline ? newline : end;
        chat_status status;

        r.place.line++;
        status = read_line(&r, (struct span){at, (size_t)(line_end - at)});
        if (status != CHAT_OK)
            return status;
        at = newline ? newline + 1 : end;
    }
    return CHAT_OK;
}

/* --- environment and flags --- */

/* A value from outside a file: scalars are taken as they stand. */
static chat_status set_from_outside(struct config *config, const struct config_place *place,
                                    const struct config_section *section,
                                    const struct config_key *key, const char *value)
{
    struct config_item *item = item_of(config, section, section->instances[0], key);
    const char *reason = NULL;
    char **texts = NULL;
    size_t count = 0;
    chat_status status;

    if (strlen(value) > (key->type == CONFIG_LIST ? CONFIG_FILE_MAX : CONFIG_VALUE_MAX))
        return config_fail(config, place, "%s.%s: the value is too long", key->section, key->name);
    if (key->type == CONFIG_LIST) {
        status = config_lex(config->allocator, value, strlen(value), true, false, &texts, &count,
                            &reason);
        if (status != CHAT_OK)
            return fail_lex(config, place, key, status, reason);
    } else {
        texts = alloc_array(config->allocator, 1, sizeof(*texts));
        if (!texts)
            return config_fail_nomem(config);
        texts[0] = alloc_strdup(config->allocator, value);
        count = 1;
        if (!texts[0]) {
            alloc_free(config->allocator, texts);
            return config_fail_nomem(config);
        }
    }
    return config_set_item(config, key, item, place, texts, count);
}

/* Does NAME (of NAME=value, without prefix) spell this key? */
static bool spells(const char *name, size_t name_len, const struct config_key *key)
{
    char text[2 * CONFIG_NAME_MAX + 2];
    int len = snprintf(text, sizeof(text), "%s_%s", key->section, key->name);

    if (len < 0 || (size_t)len != name_len)
        return false;
    for (size_t i = 0; i < name_len; i++) {
        char c = text[i];

        if (c >= 'a' && c <= 'z')
            c = (char)(c - 'a' + 'A');
        if (c != name[i])
            return false;
    }
    return true;
}

static chat_status read_variable(struct config *config, const char *variable)
{
    static const struct config_place place = {.source = CONFIG_FROM_ENVIRONMENT};
    const char *name = variable + strlen(ENVIRONMENT_PREFIX);
    const char *equal = strchr(variable, '=');

    if (strncmp(variable, ENVIRONMENT_PREFIX, strlen(ENVIRONMENT_PREFIX)) != 0 || !equal)
        return CHAT_OK;
    for (size_t i = 0; i < config->section_count; i++) {
        const struct config_section *section = &config->sections[i];

        for (size_t k = 0; k < section->key_count; k++) {
            const struct config_key *key = &config->keys[section->first_key + k];

            if (!section->many && spells(name, (size_t)(equal - name), key))
                return set_from_outside(config, &place, section, key, equal + 1);
        }
    }
    return CHAT_OK;
}

chat_status config_read_environment(struct config *config, const char *const *environment)
{
    for (; *environment; environment++) {
        chat_status status = read_variable(config, *environment);

        if (status != CHAT_OK)
            return status;
    }
    return CHAT_OK;
}

/* A boolean may stand without a value: --a.b, --no-a.b. */
static const char *flag_value(const struct config_key *key, const char *equal, bool negated)
{
    if (equal)
        return negated ? NULL : equal + 1;
    if (key->type != CONFIG_BOOLEAN)
        return NULL;
    return negated ? "no" : "yes";
}

chat_status config_read_flag(struct config *config, const char *flag)
{
    static const struct config_place place = {.source = CONFIG_FROM_FLAG};
    bool negated = strncmp(flag, "--no-", 5) == 0;
    const char *name = flag + (negated ? 5 : 2);
    const struct config_section *section;
    const struct config_key *key;
    const char *equal, *dot, *value;
    struct span section_name, key_name;

    if (strncmp(flag, "--", 2) != 0)
        return CHAT_E_NOT_FOUND;
    equal = strchr(name, '=');
    dot = strchr(name, '.');
    if (!dot || (equal && dot > equal))
        return CHAT_E_NOT_FOUND;
    section_name = (struct span){name, (size_t)(dot - name)};
    key_name = (struct span){dot + 1, equal ? (size_t)(equal - dot) - 1 : strlen(dot + 1)};
    section = config_find_section(config, section_name.text, section_name.len);
    if (!section)
        return fail_section(config, &place, section_name);
    key = config_find_key(config, section, key_name.text, key_name.len);
    if (!key)
        return fail_key(config, &place, section, key_name);
    if (section->many)
        return config_fail(config, &place, "%s.%s: can be set in the file only", section->name,
                           key->name);
    value = flag_value(key, equal, negated);
    if (!value)
        return config_fail(config, &place, "%s.%s: write --%s.%s=VALUE", section->name, key->name,
                           section->name, key->name);
    return set_from_outside(config, &place, section, key, value);
}
