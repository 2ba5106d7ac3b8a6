/* The table of settings says what the roles' own structs say, and secrets are written once. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dev_keys.h"
#include "files.h"
#include "settings.h"

static const char *const sections[] = {NULL};
static const struct settings_program program = {
    .name = "test",
    .purpose = "Tests.",
    .sections = sections,
    .router = true,
    .presence = true,
    .store = true,
    .own_links = true,
};

static struct settings settings;
static char folder[128];

static int read_args(const char *flag)
{
    static char name[] = "test", data[] = "--data=/nowhere";
    static char copy[256];
    static char *argv[3] = {name, data, copy};

    snprintf(copy, sizeof(copy), "%s", flag ? flag : "");
    return settings_read(&settings, &program, flag ? 3 : 2, argv);
}

static void setup(void)
{
    clearenv();
    snprintf(folder, sizeof(folder), "%s", "/tmp/libchat-settings-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void teardown(void)
{
    static const char *const names[] = {"a", "lock"};
    char path[FILES_PATH_MAX];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        ck_assert_int_eq(files_join(path, sizeof(path), folder, names[i]), CHAT_OK);
        (void)unlink(path);
    }
    (void)rmdir(folder);
    settings_fini(&settings);
}

/* Padding has no value: field by field. */
static void check_same(const struct settings_limit *limits, size_t count, const void *filled,
                       const void *expected)
{
    for (size_t i = 0; i < count; i++) {
        const uint8_t *a = (const uint8_t *)filled + limits[i].offset;
        const uint8_t *b = (const uint8_t *)expected + limits[i].offset;
        ck_assert_msg(memcmp(a, b, limits[i].size) == 0, "%s has another default",
                      limits[i].key.name);
    }
}

static size_t round_up(size_t value, size_t step) { return (value + step - 1) / step * step; }

/* The table goes through the struct without leaving anything out. */
static void check_whole(const struct settings_limit *limits, size_t count, size_t size)
{
    size_t end = 0;

    for (size_t done = 0; done < count; done++) {
        const struct settings_limit *next = NULL;
        for (size_t i = 0; i < count; i++) {
            if (limits[i].offset >= end && (!next || limits[i].offset < next->offset))
                next = &limits[i];
        }
        ck_assert_ptr_nonnull(next);
        ck_assert_msg(next->offset == round_up(end, next->size), "a field before %s is missing",
                      next->key.name);
        end = next->offset + next->size;
    }
    ck_assert_uint_eq(round_up(end, sizeof(int64_t)), size);
}

START_TEST(defaults_are_those_of_the_roles)
{
    struct router_config router;
    struct store_config store;
    struct presence_config presence, presence_limits = {0};
    struct router_limits router_limits = {0};
    struct store_limits store_limits = {0};
    const struct settings_limit *limits;
    size_t count;

    router_config_init(&router);
    store_config_init(&store);
    presence_config_init(&presence);
    ck_assert_int_eq(read_args(NULL), -1);
    settings_fill_router(&settings, &router_limits);
    settings_fill_store(&settings, &store_limits);
    settings_fill_presence(&settings, &presence_limits);
    limits = settings_router_limits(&count);
    check_same(limits, count, &router_limits, &router.limits);
    limits = settings_store_limits(&count);
    check_same(limits, count, &store_limits, &store.limits);
    limits = settings_presence_limits(&count);
    check_same(limits, count, &presence_limits, &presence);
}
END_TEST

START_TEST(every_limit_of_router_and_store_is_a_setting)
{
    size_t count;
    const struct settings_limit *limits = settings_router_limits(&count);

    check_whole(limits, count, sizeof(struct router_limits));
    limits = settings_store_limits(&count);
    check_whole(limits, count, sizeof(struct store_limits));
}
END_TEST

static void set_limit(void *limits, const struct settings_limit *limit, int64_t value)
{
    uint32_t narrow = (uint32_t)value;

    ck_assert(limit->size == sizeof(narrow) || limit->size == sizeof(value));
    memcpy((uint8_t *)limits + limit->offset,
           limit->size == sizeof(narrow) ? (const void *)&narrow : (const void *)&value,
           limit->size);
}

static chat_status verify_nothing(void *user, const char *token, size_t token_len, int64_t wall_ms,
                                  struct token_claims *out_claims, const char **out_reason)
{
    (void)user, (void)token, (void)token_len, (void)wall_ms, (void)out_claims, (void)out_reason;
    return CHAT_E_AUTH;
}

static chat_status try_router(const struct settings_limit *limit, int64_t value)
{
    static const WireLinkRole peers[] = {WIRE_LINK_ROLE__LINK_ROLE_STORE};
    struct router_config config;
    struct router *router = NULL;
    chat_status status;

    router_config_init(&config);
    config.auth.verify = verify_nothing;
    config.peers = peers;
    config.peer_count = 1;
    set_limit(&config.limits, limit, value);
    status = router_new(&config, &router);
    router_free(router);
    return status;
}

static chat_status try_store(const struct settings_limit *limit, int64_t value)
{
    static const uint32_t shards[] = {0};
    struct store_config config;
    struct store *store = NULL;
    chat_status status;

    store_config_init(&config);
    config.shard_count = config.shards_held = 1;
    config.shards = shards;
    set_limit(&config.limits, limit, value);
    status = store_new(&config, &store);
    store_free(store);
    return status;
}

/* Else --check-config says "right", and the start "an argument is not allowed". */
START_TEST(what_a_setting_allows_its_role_takes)
{
    size_t count;
    const struct settings_limit *limits = settings_router_limits(&count);

    for (size_t i = 0; i < count; i++) {
        ck_assert_msg(try_router(&limits[i], limits[i].key.min) == CHAT_OK, "least of %s",
                      limits[i].key.name);
        ck_assert_msg(try_router(&limits[i], limits[i].key.max) == CHAT_OK, "most of %s",
                      limits[i].key.name);
    }
    limits = settings_store_limits(&count);
    for (size_t i = 0; i < count; i++) {
        ck_assert_msg(try_store(&limits[i], limits[i].key.min) == CHAT_OK, "least of %s",
                      limits[i].key.name);
        ck_assert_msg(try_store(&limits[i], limits[i].key.max) == CHAT_OK, "most of %s",
                      limits[i].key.name);
    }
}
END_TEST

START_TEST(a_flag_reaches_the_limit_it_names)
{
    struct router_limits limits = {0};

    ck_assert_int_eq(read_args("--limits.drain_ms=2 min"), -1);
    settings_fill_router(&settings, &limits);
    ck_assert_int_eq(limits.drain_ms, 120000);
}
END_TEST

START_TEST(addresses_are_read_as_people_write_them)
{
    struct settings_address address;

    ck_assert_ptr_null(settings_parse_address("127.0.0.1:8443", &address));
    ck_assert_str_eq(address.host, "127.0.0.1");
    ck_assert_uint_eq(address.port, 8443);
    ck_assert_ptr_null(settings_parse_address("[::1]:0", &address));
    ck_assert_str_eq(address.host, "::1");
    ck_assert_uint_eq(address.port, 0);
    ck_assert_ptr_null(settings_parse_address(":65535", &address));
    ck_assert_str_eq(address.host, "");
    ck_assert_uint_eq(address.port, 65535);
    ck_assert_ptr_null(settings_parse_address("80", &address));
    ck_assert_ptr_nonnull(settings_parse_address("", &address));
    ck_assert_ptr_nonnull(settings_parse_address("127.0.0.1", &address));
    ck_assert_ptr_nonnull(settings_parse_address("::1:80", &address));
    ck_assert_ptr_nonnull(settings_parse_address(":65536", &address));
    ck_assert_ptr_nonnull(settings_parse_address(":80x", &address));
}
END_TEST

START_TEST(shards_are_lists_of_numbers_and_spans)
{
    uint32_t shards[CHAT_SHARDS_MAX], count;

    ck_assert_int_eq(read_args(NULL), -1);
    ck_assert_ptr_null(settings_parse_shards(&settings, shards, &count));
    ck_assert_uint_eq(count, 4);
    settings_fini(&settings);

    ck_assert_int_eq(read_args("--store.shards=0-1,3,2"), -1);
    ck_assert_ptr_null(settings_parse_shards(&settings, shards, &count));
    ck_assert_uint_eq(count, 4);
    ck_assert_uint_eq(shards[3], 3);
}
END_TEST

START_TEST(wrong_shards_are_refused)
{
    static const char *const wrong[] = {"--store.shards=4",   "--store.shards=2-1",
                                        "--store.shards=0,0", "--store.shards=x",
                                        "--store.shards=1-",  "--store.shards=0-2"};

    /* The last is right, but chatd holds all. */
    ck_assert_int_eq(read_args(wrong[_i]), EXIT_WRONG);
}
END_TEST

START_TEST(a_secret_is_written_once_and_for_its_owner_alone)
{
    char path[FILES_PATH_MAX];
    struct files_error error;
    struct stat info;
    uint8_t *bytes;
    size_t len;

    ck_assert_int_eq(files_join(path, sizeof(path), folder, "a"), CHAT_OK);
    ck_assert_int_eq(files_write_secret(path, "one", 3, &error), CHAT_OK);
    ck_assert_int_eq(files_write_secret(path, "two", 3, &error), CHAT_E_CONFLICT);
    ck_assert_int_eq(files_read(path, 3, &bytes, &len, &error), CHAT_OK);
    ck_assert_uint_eq(len, 3);
    ck_assert_str_eq((const char *)bytes, "one");
    free(bytes);
    ck_assert_int_eq(files_read(path, 2, &bytes, &len, &error), CHAT_E_TOO_LARGE);
    ck_assert_int_eq(stat(path, &info), 0);
    ck_assert_uint_eq(info.st_mode & 0777, 0600);
}
END_TEST

START_TEST(a_folder_has_one_process)
{
    struct files_error error;
    int first = -1, second = -1;

    ck_assert_int_eq(files_lock_folder(folder, &first, &error), CHAT_OK);
    ck_assert_int_eq(files_lock_folder(folder, &second, &error), CHAT_E_CONFLICT);
    ck_assert_ptr_nonnull(strstr(error.text, "works there"));
    close(first);
    ck_assert_int_eq(files_lock_folder(folder, &second, &error), CHAT_OK);
    close(second);
}
END_TEST

START_TEST(made_secrets_are_long_and_never_the_same)
{
    char one[DEV_SECRET_SIZE], two[DEV_SECRET_SIZE], key[DEV_TICKET_KEY_SIZE];
    struct ticket_keys keys;
    uint32_t line;

    ck_assert_int_eq(dev_keys_secret(one), CHAT_OK);
    ck_assert_int_eq(dev_keys_secret(two), CHAT_OK);
    ck_assert_uint_eq(strlen(one), 65);
    ck_assert_str_ne(one, two);
    ck_assert_int_eq(dev_keys_ticket_key(key), CHAT_OK);
    ck_assert_int_eq(ticket_keys_parse(key, strlen(key), &keys, &line), CHAT_OK);
    ck_assert_uint_eq(keys.count, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("settings");
    TCase *all = tcase_create("all");

    tcase_add_checked_fixture(all, setup, teardown);
    tcase_add_test(all, defaults_are_those_of_the_roles);
    tcase_add_test(all, every_limit_of_router_and_store_is_a_setting);
    tcase_add_test(all, what_a_setting_allows_its_role_takes);
    tcase_add_test(all, a_flag_reaches_the_limit_it_names);
    tcase_add_test(all, addresses_are_read_as_people_write_them);
    tcase_add_test(all, shards_are_lists_of_numbers_and_spans);
    tcase_add_loop_test(all, wrong_shards_are_refused, 0, 6);
    tcase_add_test(all, a_secret_is_written_once_and_for_its_owner_alone);
    tcase_add_test(all, a_folder_has_one_process);
    tcase_add_test(all, made_secrets_are_long_and_never_the_same);
    suite_add_tcase(suite, all);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
