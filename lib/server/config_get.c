/* Values as programs read them. What they ask for was declared: anything else is our bug. */
#include <assert.h>
#include <string.h>

#include "server/config_inner.h"

static const struct config_item *item_of(const struct config *config, const char *section_name,
                                         size_t instance, const char *name,
                                         const struct config_key **out_key)
{
    const struct config_section *section =
        config_find_section(config, section_name, strlen(section_name));
    const struct config_key *key =
        section ? config_find_key(config, section, name, strlen(name)) : NULL;

    assert(key && instance < section->instance_count);
    *out_key = key;
    return &section->instances[instance]->items[key - &config->keys[section->first_key]];
}

const char *config_text_of(const struct config *config, const char *section, size_t instance,
                           const char *name)
{
    const struct config_key *key;
    const struct config_item *item = item_of(config, section, instance, name, &key);

    assert(key->type == CONFIG_TEXT || key->type == CONFIG_CHOICE);
    return item->count > 0 ? item->texts[0] : NULL;
}

int64_t config_number_of(const struct config *config, const char *section, size_t instance,
                         const char *name)
{
    const struct config_key *key;
    const struct config_item *item = item_of(config, section, instance, name, &key);

    assert(key->type == CONFIG_INTEGER || key->type == CONFIG_SIZE || key->type == CONFIG_DURATION);
    return item->number;
}

bool config_boolean_of(const struct config *config, const char *section, size_t instance,
                       const char *name)
{
    const struct config_key *key;
    const struct config_item *item = item_of(config, section, instance, name, &key);

    assert(key->type == CONFIG_BOOLEAN);
    return item->number != 0;
}

size_t config_list_count_of(const struct config *config, const char *section, size_t instance,
                            const char *name)
{
    const struct config_key *key;
    const struct config_item *item = item_of(config, section, instance, name, &key);

    assert(key->type == CONFIG_LIST);
    return item->count;
}

const char *config_list_item_of(const struct config *config, const char *section, size_t instance,
                                const char *name, size_t index)
{
    const struct config_key *key;
    const struct config_item *item = item_of(config, section, instance, name, &key);

    assert(key->type == CONFIG_LIST && index < item->count);
    return item->texts[index];
}

const char *config_origin_of(const struct config *config, const char *section, size_t instance,
                             const char *name)
{
    const struct config_key *key;
    const struct config_item *item = item_of(config, section, instance, name, &key);

    switch (item->source) {
    case CONFIG_FROM_DEFAULT: return "default";
    case CONFIG_FROM_FILE: return item->origin;
    case CONFIG_FROM_ENVIRONMENT: return "environment";
    case CONFIG_FROM_FLAG: return "flag";
    }
    return "";
}

const char *config_text(const struct config *config, const char *section, const char *name)
{
    return config_text_of(config, section, 0, name);
}

int64_t config_number(const struct config *config, const char *section, const char *name)
{
    return config_number_of(config, section, 0, name);
}

bool config_boolean(const struct config *config, const char *section, const char *name)
{
    return config_boolean_of(config, section, 0, name);
}

size_t config_list_count(const struct config *config, const char *section, const char *name)
{
    return config_list_count_of(config, section, 0, name);
}

const char *config_list_item(const struct config *config, const char *section, const char *name,
                             size_t index)
{
    return config_list_item_of(config, section, 0, name, index);
}

bool config_is_set(const struct config *config, const char *section, const char *name)
{
    const struct config_key *key;
    return item_of(config, section, 0, name, &key)->source != CONFIG_FROM_DEFAULT;
}

const char *config_origin(const struct config *config, const char *section, const char *name)
{
    return config_origin_of(config, section, 0, name);
}

static const struct config_section *declared_section(const struct config *config, const char *name)
{
    const struct config_section *section = config_find_section(config, name, strlen(name));

    assert(section);
    return section;
}

size_t config_instance_count(const struct config *config, const char *section)
{
    return declared_section(config, section)->instance_count;
}

const char *config_instance_name(const struct config *config, const char *section, size_t instance)
{
    assert(instance < declared_section(config, section)->instance_count);
    return declared_section(config, section)->instances[instance]->name;
}
