/*
 * A fuzz target is a file fuzz_<name>.c with LLVMFuzzerTestOneInput(), a line in
 * tests/fuzz/meson.build and a folder corpus/<name>. It runs as a libFuzzer program
 * (tests/fuzz/run) and, on its corpus alone, as a plain test.
 */
#ifndef CHAT_TESTS_FUZZ_H
#define CHAT_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* What must hold for any input; also without assertions. */
#define FUZZ_CHECK(truth)                                                                          \
    do {                                                                                           \
        if (!(truth)) {                                                                            \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #truth);             \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#endif
