/* Settings files: what is taken prints as a file that is taken again and prints the same. */
#include <string.h>

#include "fuzz.h"
#include "server/config.h"

static const struct config_key keys[] = {
    {.section = "a", .name = "text", .type = CONFIG_TEXT, .fallback = "x", .help = ""},
    {.section = "a", .name = "number", .type = CONFIG_INTEGER, .max = INT64_MAX, .help = ""},
    {.section = "a", .name = "size", .type = CONFIG_SIZE, .max = INT64_MAX, .help = ""},
    {.section = "a", .name = "time", .type = CONFIG_DURATION, .max = INT64_MAX, .help = ""},
    {.section = "a", .name = "on", .type = CONFIG_BOOLEAN, .fallback = "yes", .help = ""},
    {.section = "a", .name = "list", .type = CONFIG_LIST, .help = ""},
    {.section = "b", .name = "pick", .type = CONFIG_CHOICE, .choices = "one|two", .help = ""},
    {.section = "c", .name = "text", .type = CONFIG_TEXT, .help = "", .many = true},
    {.section = "c", .name = "list", .type = CONFIG_LIST, .help = "", .many = true},
};
#define KEY_COUNT (sizeof(keys) / sizeof(keys[0]))

static struct config *make_config(void)
{
    struct config *config;

    FUZZ_CHECK(config_new(NULL, keys, KEY_COUNT, &config) == CHAT_OK);
    return config;
}

/* Origins stand behind the values and name lines, so the second print is held against the
 * third. */
static void print_again(const struct config *config, struct buf *out)
{
    struct config *again = make_config();
    struct buf first;

    buf_init(&first, NULL, 64u << 20);
    FUZZ_CHECK(config_print(config, &first) == CHAT_OK);
    if (first.len <= CONFIG_FILE_MAX) {
        FUZZ_CHECK(config_read_file(again, "again", first.bytes, first.len) == CHAT_OK);
        FUZZ_CHECK(config_print(again, out) == CHAT_OK);
    }
    buf_fini(&first);
    config_free(again);
}

static void check_printing(const struct config *config)
{
    struct config *second = make_config();
    struct buf once, twice;

    buf_init(&once, NULL, 64u << 20);
    buf_init(&twice, NULL, 64u << 20);
    print_again(config, &once);
    if (once.len > 0 && once.len <= CONFIG_FILE_MAX) {
        FUZZ_CHECK(config_read_file(second, "again", once.bytes, once.len) == CHAT_OK);
        FUZZ_CHECK(config_print(second, &twice) == CHAT_OK);
        FUZZ_CHECK(once.len == twice.len && memcmp(once.bytes, twice.bytes, once.len) == 0);
    }
    buf_fini(&once);
    buf_fini(&twice);
    config_free(second);
}

static void read_flag(struct config *config, const uint8_t *bytes, size_t len)
{
    char *flag = malloc(len + 3);

    FUZZ_CHECK(flag);
    memcpy(flag, "--", 2);
    memcpy(flag + 2, bytes, len);
    flag[len + 2] = '\0';
    if (config_read_flag(config, flag) == CHAT_E_INVALID)
        FUZZ_CHECK(config_error(config)[0] != '\0');
    free(flag);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct config *config = make_config();
    chat_status status = config_read_file(config, "f", bytes, len);

    FUZZ_CHECK(status == CHAT_OK || config_error(config)[0] != '\0');
    if (status == CHAT_OK)
        check_printing(config);
    read_flag(config, bytes, len);
    config_free(config);
    return 0;
}
