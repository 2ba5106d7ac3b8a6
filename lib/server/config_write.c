/* The table as help, the values as a file. */
#include <stdio.h>
#include <string.h>

#include "server/config_inner.h"

#define HELP_WIDTH 88u
#define HELP_INDENT "      "

static chat_status add(struct buf *out, chat_status status, const char *text)
{
    return status == CHAT_OK ? buf_append(out, text, strlen(text)) : status;
}

/* Wrapped at blanks, each line indented. */
static chat_status add_wrapped(struct buf *out, chat_status status, const char *text)
{
    while (*text && status == CHAT_OK) {
        size_t len = strlen(text);
        size_t room = HELP_WIDTH - strlen(HELP_INDENT);

        if (len > room) {
            len = room;
            while (len > 0 && text[len] != ' ')
                len--;
            if (len == 0)
                len = strcspn(text, " ");
        }
        status = add(out, status, HELP_INDENT);
        if (status == CHAT_OK)
            status = buf_append(out, text, len);
        status = add(out, status, "\n");
        text += len;
        text += strspn(text, " ");
    }
    return status;
}

static chat_status add_key_help(struct buf *out, chat_status status, const struct config_key *key)
{
    char allowed[CONFIG_DESCRIPTION_MAX];
    char line[CONFIG_DESCRIPTION_MAX + 16];

    status = add(out, status, "  ");
    status = add(out, status, key->name);
    if (key->fallback) {
        status = add(out, status, " = ");
        status = add(out, status, key->fallback);
    }
    status = add(out, status, key->required ? "  (required)\n" : "\n");
    status = add_wrapped(out, status, key->help);
    config_value_describe(key, allowed);
    snprintf(line, sizeof(line), "Allowed: %s.", allowed);
    return add_wrapped(out, status, line);
}

chat_status config_write_help(const struct config_key *keys, size_t key_count, struct buf *out)
{
    const char *section = "";
    chat_status status =
        add(out, CHAT_OK,
            "Settings, with their defaults. Later wins: the file ([section], key = value),\n"
            "the environment (LIBCHAT_SECTION_KEY), flags (--section.key=value).\n");

    for (size_t i = 0; i < key_count; i++) {
        if (strcmp(section, keys[i].section) != 0) {
            section = keys[i].section;
            status = add(out, status, "\n[");
            status = add(out, status, section);
            status = add(out, status, keys[i].many ? " NAME]  (as many as needed)\n" : "]\n");
        }
        status = add_key_help(out, status, &keys[i]);
    }
    return status;
}

static const char *escape_of(char c)
{
    switch (c) {
    case '"': return "\\\"";
    case '\\': return "\\\\";
    case '\n': return "\\n";
    case '\t': return "\\t";
    case '\r': return "\\r";
    default: return NULL;
    }
}

static chat_status add_quoted(struct buf *out, chat_status status, const char *text)
{
    status = add(out, status, "\"");
    for (; *text && status == CHAT_OK; text++) {
        const char *escape = escape_of(*text);

        status = escape ? add(out, status, escape) : buf_append(out, text, 1);
    }
    return add(out, status, "\"");
}

static chat_status add_value(struct buf *out, chat_status status, const struct config_key *key,
                             const struct config_item *item)
{
    char number[CONFIG_NUMBER_MAX];

    switch (key->type) {
    case CONFIG_TEXT: return add_quoted(out, status, item->texts[0]);
    case CONFIG_CHOICE: return add(out, status, item->texts[0]);
    case CONFIG_LIST:
        for (size_t i = 0; i < item->count; i++) {
            status = add(out, status, i > 0 ? ", " : "");
            status = add_quoted(out, status, item->texts[i]);
        }
        return status;
    case CONFIG_INTEGER:
    case CONFIG_SIZE:
    case CONFIG_DURATION:
    case CONFIG_BOOLEAN:
        config_value_format(key, item->number, number);
        return add(out, status, number);
    }
    return status;
}

static chat_status print_item(const struct config *config, const struct config_section *section,
                              size_t instance, size_t index, struct buf *out, chat_status status)
{
    const struct config_key *key = &config->keys[section->first_key + index];
    const struct config_item *item = &section->instances[instance]->items[index];
    bool is_empty =
        item->count == 0 && (key->type != CONFIG_LIST || item->source == CONFIG_FROM_DEFAULT);

    /* What is unset or secret is a comment: the rest reads back the same. */
    if (is_empty || key->secret)
        status = add(out, status, "# ");
    status = add(out, status, key->name);
    status = add(out, status, " = ");
    if (key->secret && !is_empty)
        status = add(out, status, "***");
    else if (!is_empty)
        status = add_value(out, status, key, item);
    status = add(out, status, " # ");
    status = add(out, status, config_origin_of(config, section->name, instance, key->name));
    return add(out, status, "\n");
}

chat_status config_print(const struct config *config, struct buf *out)
{
    chat_status status = CHAT_OK;

    for (size_t i = 0; i < config->section_count; i++) {
        const struct config_section *section = &config->sections[i];

        for (size_t k = 0; k < section->instance_count; k++) {
            status = add(out, status, i + k > 0 ? "\n[" : "[");
            status = add(out, status, section->name);
            if (section->many) {
                status = add(out, status, " ");
                status = add(out, status, section->instances[k]->name);
            }
            status = add(out, status, "]\n");
            for (size_t n = 0; n < section->key_count; n++)
                status = print_item(config, section, k, n, out, status);
        }
    }
    return status;
}
