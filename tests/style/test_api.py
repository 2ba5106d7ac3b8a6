#!/usr/bin/env python3
"""What api.py must find, and what it must let pass."""

import os
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True

import api

GOOD_HEADER = """/* A thing. */
#define CHAT_CODEC_WRITE(name, body)                                                               \\
    CHAT_API int chat_codec_write_##name(const struct body *body)

struct chat_config {
    size_t size;
    int x;
};

/* Makes one. */
CHAT_API CHAT_USE_RESULT chat_status chat_thing_new(int a,
                                                    chat_thing **out);
/* The two ends of it. */
CHAT_API void chat_thing_open(chat_thing *thing);
CHAT_API void chat_thing_close(chat_thing *thing);

/* Sets the defaults. */
CHAT_API void chat_config_init_sized(struct chat_config *config, size_t size);
static inline void chat_config_init(struct chat_config *config)
{
    chat_config_init_sized(config, sizeof(*config));
}

static inline void chat_thing_step_(chat_thing *thing)
{
    chat_thing_open(thing);
}

/* Kinds. */
CHAT_CODEC_WRITE(hello, chat_hello);
"""

GOOD_TEST = """
#define TYPED(name) chat_codec_write_##name(NULL)
void f(void)
{
    chat_thing_new(1, &t);
    chat_thing_open(t);
    chat_thing_close(t);
    chat_config_init(&config);
    TYPED(hello);
}
"""

SYMBOLS = """chat_codec_write_hello
chat_config_init_sized
chat_thing_close
chat_thing_new
chat_thing_open
"""


class Finds(unittest.TestCase):
    def problems(self, header=GOOD_HEADER, test=GOOD_TEST, symbols=SYMBOLS,
                 older="struct chat_config config;\n"):
        files = {"include/libchat/thing.h": header, "tests/unit/test_thing.c": test,
                 "tests/abi/lib.symbols": symbols, "tests/abi/older.c": older}
        with tempfile.TemporaryDirectory() as root:
            for path, text in files.items():
                whole = os.path.join(root, path)
                os.makedirs(os.path.dirname(whole), exist_ok=True)
                with open(whole, "w", encoding="utf-8") as f:
                    f.write(text)
            return api.check(root)[0]

    def found(self, text, **files):
        problems = self.problems(**files)
        self.assertEqual(len(problems), 1, problems)
        self.assertIn(text, problems[0])

    def test_nothing_where_all_is_well(self):
        self.assertEqual(self.problems(), [])

    def test_no_comment(self):
        self.found("thing.h:11: manual: chat_thing_new has no comment",
                   header=GOOD_HEADER.replace("/* Makes one. */\n", "\n"))

    def test_an_empty_line_ends_a_group(self):
        self.found("chat_thing_close has no comment",
                   header=GOOD_HEADER.replace("CHAT_API void chat_thing_close",
                                              "\nCHAT_API void chat_thing_close"))

    def test_a_comment_that_stands_apart(self):
        self.found("chat_thing_new has no comment",
                   header=GOOD_HEADER.replace("/* Makes one. */\n", "/* Makes one. */\n\n"))

    def test_no_test(self):
        self.found("no test calls chat_thing_open",
                   test=GOOD_TEST.replace("chat_thing_open", "chat_thing_opened"))

    def test_a_name_in_a_comment_is_no_test(self):
        self.found("no test calls chat_thing_open",
                   test=GOOD_TEST.replace("chat_thing_open(t);", "/* chat_thing_open(t); */"))

    def test_no_test_of_what_a_macro_names(self):
        self.found("no test calls chat_codec_write_hello",
                   test=GOOD_TEST.replace("TYPED(hello)", "TYPED(other)"))

    def test_exported_and_in_no_header(self):
        self.found("chat_secret is exported, and no header has it",
                   symbols=SYMBOLS + "chat_secret\n")

    def test_in_a_header_and_not_exported(self):
        self.found("chat_thing_new is in a header, and is not exported",
                   symbols=SYMBOLS.replace("chat_thing_new\n", ""))

    def test_a_sized_struct_without_older_callers(self):
        self.found("does not have chat_config", older="struct chat_configs config;\n")


if __name__ == "__main__":
    unittest.main()
