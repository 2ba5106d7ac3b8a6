/*
 * Runs a fuzz target without a fuzzer:
 *
 *   fuzz_<name> [--changes N] [FOLDER or FILE ...]
 *
 * A file ending in .hex has one input per line; any other is one input. Each input is also
 * tried cut short and with single bytes changed, N times each, the same in every run.
 */
#include <dirent.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "fuzz.h"

#define INPUT_MAX (4u << 20)
#define CHANGES 150u /* of each input, by default */

static uint64_t seed = 0x9e3779b97f4a7c15u;
static size_t inputs, changes = CHANGES;

static uint64_t next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

/* In a block of exactly its size, so that a sanitizer sees every step outside. */
static void run(const uint8_t *bytes, size_t len)
{
    uint8_t *copy = calloc(len ? len : 1, 1);

    if (!copy)
        abort();
    if (len > 0)
        memcpy(copy, bytes, len);
    LLVMFuzzerTestOneInput(copy, len);
    free(copy);
}

static void try_input(uint8_t *bytes, size_t len)
{
    inputs++;
    run(bytes, len);
    for (size_t i = 0; i < changes && len > 0; i++) {
        size_t at = (size_t)(next_random() % len);
        uint8_t before = bytes[at];

        run(bytes, at);
        bytes[at] = (uint8_t)(i % 3 ? next_random() : before ^ 1u << i % 8);
        run(bytes, len);
        bytes[at] = before;
    }
}

static int hex_digit(int c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void try_hex_lines(uint8_t *bytes, size_t len, const char *path)
{
    size_t at = 0;

    while (at < len) {
        size_t start = at, filled = 0;

        for (; at < len && bytes[at] != '\n'; at += 2) {
            int high = hex_digit(bytes[at]), low = at + 1 < len ? hex_digit(bytes[at + 1]) : -1;

            if (high < 0 || low < 0) {
                fprintf(stderr, "%s: not hex at byte %zu\n", path, at);
                exit(EXIT_FAILURE);
            }
            bytes[start + filled++] = (uint8_t)(high << 4 | low);
        }
        try_input(bytes + start, filled);
        at++;
    }
}

static void try_file(const char *path)
{
    static uint8_t bytes[INPUT_MAX];
    size_t len, path_len = strlen(path);
    FILE *file = fopen(path, "rb");

    if (!file) {
        fprintf(stderr, "%s: cannot be read\n", path);
        exit(EXIT_FAILURE);
    }
    len = fread(bytes, 1, sizeof(bytes), file);
    fclose(file);
    if (path_len > 4 && strcmp(path + path_len - 4, ".hex") == 0)
        try_hex_lines(bytes, len, path);
    else
        try_input(bytes, len);
}

static void try_folder(const char *path)
{
    DIR *folder = opendir(path);
    struct dirent *entry;
    char inside[4096];

    if (!folder) {
        fprintf(stderr, "%s: cannot be opened\n", path);
        exit(EXIT_FAILURE);
    }
    while ((entry = readdir(folder)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(inside, sizeof(inside), "%s/%s", path, entry->d_name);
        try_file(inside);
    }
    closedir(folder);
}

int main(int argc, char **argv)
{
    int i = 1;

    run(NULL, 0);
    if (argc > 2 && strcmp(argv[1], "--changes") == 0) {
        changes = (size_t)strtoul(argv[2], NULL, 10);
        i = 3;
    }
    for (; i < argc; i++) {
        struct stat info;

        if (stat(argv[i], &info) == 0 && S_ISDIR(info.st_mode))
            try_folder(argv[i]);
        else
            try_file(argv[i]);
    }
    printf("%zu inputs and their changes\n", inputs);
    return argc > 1 && inputs == 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
