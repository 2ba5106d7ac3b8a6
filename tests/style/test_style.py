#!/usr/bin/env python3
"""Plants each violation in a tree of its own and sees it reported, and only it."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import no_globals
import style

CLEAN_HEADER = """/* A thing. */
#ifndef CHAT_BASE_THING_H
#define CHAT_BASE_THING_H

#include <stdint.h>

#endif
"""


def header(folder, name, body="", public=False):
    guard = ("LIBCHAT_" if public else "CHAT_X_") + name.upper() + "_H"
    return f"/* {folder}. */\n#ifndef {guard}\n#define {guard}\n{body}\n#endif\n"


def include(name):
    return f"#include {name}\n"


class StyleTest(unittest.TestCase):
    def check(self, files, with_format=False):
        with tempfile.TemporaryDirectory() as root:
            for path, text in files.items():
                whole = os.path.join(root, path)
                os.makedirs(os.path.dirname(whole), exist_ok=True)
                mode = "wb" if isinstance(text, bytes) else "w"
                with open(whole, mode) as f:
                    f.write(text)
            return style.check_tree(root, with_format)

    def allowed(self, path, text, **more):
        self.assertEqual(self.check({path: text}, **more), [])

    def refused(self, path, text, rule, words="", line=None, **more):
        found = self.check({path: text}, **more)
        self.assertEqual(len(found), 1, found)
        self.assertIn(f": {rule}: ", found[0])
        self.assertIn(words, found[0])
        self.assertTrue(found[0].startswith(f"{path}:{line if line else ''}"), found[0])

    def test_clean_tree_passes(self):
        self.assertEqual(self.check({
            "lib/base/thing.h": CLEAN_HEADER,
            "lib/base/thing.c": include('"base/thing.h"') + include("<string.h>"),
            "docs/x.md": "Words.\n",
        }), [])

    def test_includes_that_point_down_pass(self):
        for path, name in (
                ("lib/base/a.c", "<libchat/status.h>"),
                ("lib/wire/a.c", "<protobuf-c/protobuf-c.h>"),
                ("lib/wire/a.c", '"libchat/v1/link.pb-c.h"'),
                ("lib/cache/a.c", "<sqlite3.h>"),
                ("lib/client/a.c", '"cache/cache.h"'),
                ("lib/server/auth_keys.c", "<openssl/evp.h>"),
                ("lib/server/auth_keys.c", "<jansson.h>"),
                ("lib/server/ticket.c", "<openssl/hmac.h>"),
                ("lib/server/router/a.c", '"server/link.h"'),
                ("lib/server/store/a.c", '"server/store/engine.h"'),
                ("lib/server/store/engine_rows.c", "<sqlite3.h>"),
                ("lib/server/store/disk_posix.c", "<fcntl.h>"),
                ("lib/transport/a.c", "<libwebsockets.h>"),
                ("lib/transport/a.c", "<sys/socket.h>"),
                ("lib/api/a.c", '"client/core.h"'),
                ("daemons/chatd.c", '"server/router/router.h"')):
            with self.subTest(path=path, name=name):
                self.allowed(path, include(name))

    def test_includes_that_point_up_or_sideways_are_reported(self):
        for path, name in (
                ("lib/base/a.c", '"wire/wire.h"'),
                ("lib/base/a.c", "<libchat/conn.h>"),
                ("lib/base/a.c", "<unistd.h>"),
                ("lib/base/a.c", '"libchat/v1/link.pb-c.h"'),
                ("lib/wire/a.c", '"server/link.h"'),
                ("lib/wire/a.c", "<sqlite3.h>"),
                ("lib/cache/a.c", '"client/core.h"'),
                ("lib/client/a.c", '"transport/loop.h"'),
                ("lib/client/a.c", '"server/link.h"'),
                ("lib/client/a.c", "<sqlite3.h>"),
                ("lib/client/a.c", "<pthread.h>"),
                ("lib/client/a.c", "<time.h>"),
                ("lib/client/a.c", "<sys/socket.h>"),
                ("lib/server/a.c", '"server/router/router.h"'),
                ("lib/server/a.c", '"client/core.h"'),
                ("lib/server/link.c", "<openssl/evp.h>"),
                ("lib/server/link.c", "<jansson.h>"),
                ("lib/server/router/a.c", '"server/store/store.h"'),
                ("lib/server/router/a.c", '"server/presence/presence.h"'),
                ("lib/server/presence/a.c", '"server/router/router.h"'),
                ("lib/server/store/a.c", '"server/presence/presence.h"'),
                ("lib/server/store/a.c", "<sqlite3.h>"),
                ("lib/server/store/a.c", "<unistd.h>"),
                ("lib/server/store/engine_rows.c", "<sys/socket.h>"),
                ("lib/transport/a.c", '"client/core.h"'),
                ("lib/transport/a.c", '"server/link.h"'),
                ("lib/base/a.c", '"../wire/wire.h"'),
                ("lib/base/a.c", '"thing.h"')):
            with self.subTest(path=path, name=name):
                self.refused(path, "/* a */\n" + include(name), "layers", line=2)

    def test_public_headers_see_only_public_headers(self):
        self.allowed("include/libchat/a.h", header("a", "a", include("<libchat/b.h>"), True))
        for name in ('"base/buf.h"', "<sqlite3.h>", "<sys/types.h>"):
            with self.subTest(name=name):
                self.refused("include/libchat/a.h", header("a", "a", include(name), True),
                             "layers", line=4)

    def test_include_in_a_comment_is_none(self):
        self.allowed("lib/base/a.c", "/*\n" + include('"wire/wire.h"') + "*/\n")

    def test_machines_call_no_clock_heap_thread_file_or_environment(self):
        calls = ("time(NULL)", "clock_gettime(0, &t)", "malloc(3)", "free(p)", "strdup(s)",
                 "pthread_create(0)", "mtx_lock(&m)", "fopen(s, s)", "getenv(s)", "getrandom(p)")
        for path in ("lib/client/a.c", "lib/server/router/a.c", "lib/server/presence/a.c",
                     "lib/server/store/a.c", "lib/wire/a.c", "lib/cache/a.c", "lib/base/a.c"):
            for call in calls:
                with self.subTest(path=path, call=call):
                    self.refused(path, f"void f(void)\n{{\n    {call};\n}}\n", "machine", line=3)

    def test_hosts_and_engines_may_call_them(self):
        for path in ("lib/transport/a.c", "lib/api/a.c", "daemons/a.c", "tests/unit/a.c",
                     "lib/server/store/engine_a.c", "lib/server/store/disk_a.c",
                     "lib/base/alloc.c"):
            with self.subTest(path=path):
                self.allowed(path, "void f(void) { free(malloc(3)); }\n")
        self.allowed("lib/server/config.c", "void f(void) { fopen(a, b); }\n")
        self.refused("lib/server/config.c", "void f(void) { malloc(3); }\n", "machine")

    def test_members_strings_comments_and_longer_names_are_no_calls(self):
        self.allowed("lib/client/a.c", 'a->free(b); a.time(c); alloc_free(d);\n'
                     '/* malloc(1) */ "free(2)" // strcpy(3)\nvoid (*free)(void *);\n')

    def test_banned_calls_are_reported_everywhere(self):
        for name in style.BANNED_CALLS:
            for path in ("lib/base/a.c", "lib/api/a.c", "daemons/a.c", "tests/unit/a.c"):
                with self.subTest(name=name, path=path):
                    self.refused(path, f"\n{name}(a);\n", "banned call", name, line=2)

    def test_libraries_neither_print_nor_end_the_process(self):
        for name in style.BANNED_IN_LIB:
            with self.subTest(name=name):
                self.refused("lib/transport/a.c", f"{name}(a);\n", "banned in lib/", name)
                self.allowed("daemons/a.c", f"{name}(a);\n")

    def test_file_of_800_lines_passes_and_801_is_reported(self):
        self.allowed("lib/base/a.c", "int a;\n" * 800)
        self.refused("lib/base/a.c", "int a;\n" * 801, "size", "801 lines")
        self.refused("tests/x.sh", "true\n" * 801, "size", "801 lines")
        self.refused("check", "#!/bin/sh\n" + "true\n" * 800, "size", "801 lines")

    def test_function_of_80_lines_passes_and_81_is_reported(self):
        self.allowed("lib/base/a.c", "int f(void)\n{\n" + "    g();\n" * 78 + "}\n")
        self.refused("lib/base/a.c", "int f(void)\n{\n" + "    g();\n" * 79 + "}\n", "size",
                     "81 lines", line=2)
        self.allowed("lib/base/a.c", "int a[] = {\n" + "    1,\n" * 200 + "};\n")

    def test_header_without_comment_or_guard_is_reported(self):
        good = header("a", "a", "", True)
        self.refused("include/libchat/a.h", good.split("\n", 1)[1], "header", "comment")
        self.refused("lib/base/thing.h", CLEAN_HEADER.split("\n", 1)[1], "header", "comment")
        self.refused("lib/base/other.h", CLEAN_HEADER, "header", "guard")
        self.refused("include/libchat/thing.h", CLEAN_HEADER, "header", "guard")

    def test_unfinished_work_is_reported(self):
        for word in ("TO" + "DO", "FIX" + "ME", "X" + "XX"):
            for path in ("lib/base/a.c", "docs/a.md", "meson.build", "start", "tests/x/a.py"):
                with self.subTest(word=word, path=path):
                    self.refused(path, f"\n# {word}: later\n", "unfinished", word, line=2)
        self.allowed("docs/a.md", "mkdtemp takes a name that ends in XX" + "XXXX\n")

    def test_untidy_text_is_reported(self):
        self.refused("docs/a.md", "a \n", "text", "white space", line=1)
        self.refused("docs/a.md", "a\nb", "text", "newline", line=2)
        self.refused("docs/a.md", b"\xff\n", "text", "UTF-8")
        self.allowed("docs/a.png", b"\xff \n\0")

    def test_formatting_is_reported(self):
        if not style.find_clang_format()[0]:
            self.skipTest(style.find_clang_format()[1])
        with open(os.path.join(os.path.dirname(__file__), "../../.clang-format")) as f:
            rules = f.read()
        found = self.check({".clang-format": rules, "lib/base/a.c": "int  a;\n\nint b;\n"}, True)
        self.assertEqual(found, ["lib/base/a.c:1: format: run clang-format -i on it"])
        self.assertEqual(self.check({".clang-format": rules, "lib/base/a.c": "int a;\n"}, True),
                         [])

    def test_build_folders_are_left_alone(self):
        with tempfile.TemporaryDirectory() as root:
            os.makedirs(os.path.join(root, "build-x"))
            with open(os.path.join(root, "build-x", "a.c"), "w") as f:
                f.write("strcpy(a);\n")
            self.assertEqual(style.check_tree(root, False), [])

    def test_writable_data_of_an_object_is_reported(self):
        cc = shutil.which("cc")
        if not cc or not shutil.which("objdump"):
            self.skipTest("no compiler or objdump here")
        source = ("static int counter;\nint f(void) { static int calls; return ++calls + counter++; }\n"
                  "static const char *const names[] = {\"a\", \"b\"};\n"
                  "static const char *mutable_names[] = {\"a\", \"b\"};\n"
                  "const char *g(int i) { mutable_names[i] = 0; return names[i]; }\n"
                  "_Thread_local int mine;\nint shared = 1;\n")
        with tempfile.TemporaryDirectory() as root:
            with open(os.path.join(root, "a.c"), "w") as f:
                f.write(source)
            subprocess.run([cc, "-fPIC", "-c", "a.c"], cwd=root, check=True)
            subprocess.run(["ar", "rcs", "libchat-a.a", "a.o"], cwd=root, check=True)
            found = no_globals.writable_symbols(os.path.join(root, "libchat-a.a"))
        names = sorted(name.split(".")[0] for _, name in found)
        self.assertEqual(names, ["calls", "counter", "mine", "mutable_names", "shared"])


if __name__ == "__main__":
    unittest.main()
