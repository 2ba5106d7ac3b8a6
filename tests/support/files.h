/* Real files of tests: a folder of their own that goes with them, copies of files. */
#ifndef CHAT_TESTS_FILES_H
#define CHAT_TESTS_FILES_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FOLDER_MAX 64u

/* Makes one, in the folder that the test runs in. */
static inline void make_folder(char folder[FOLDER_MAX])
{
    (void)snprintf(folder, FOLDER_MAX, "chat_test_XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

/* With all that is in it. */
static inline void remove_folder(const char *folder)
{
    char command[FOLDER_MAX + 16];

    (void)snprintf(command, sizeof(command), "rm -r '%s'", folder);
    ck_assert_int_eq(system(command), 0);
}

static inline void copy_file(const char *from, const char *to)
{
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    char bytes[8192];
    size_t len;

    ck_assert_msg(in != NULL, "%s is not there", from);
    ck_assert_msg(out != NULL, "%s cannot be written", to);
    while ((len = fread(bytes, 1, sizeof(bytes), in)) > 0)
        ck_assert_uint_eq(fwrite(bytes, 1, len, out), len);
    fclose(in);
    ck_assert_int_eq(fclose(out), 0);
}

#endif
