#!/usr/bin/env python3
"""The public headers as a manual: every function has its comment, and some test calls it.

    tests/style/api.py [ROOT]

prints one line per violation, `file:line: rule: what is wrong`, and exits with 1 when there
is one. Functions are what the headers declare with CHAT_API, the inline ones beside them and
those of the adapters. A comment stands right above its function; functions without an empty
line between them share the one above the first. The lists of exported symbols
(tests/abi/*.symbols) and the headers name the same functions. Structs that begin with their
`size` are in the test of callers that were built earlier.
"""

import glob
import os
import re
import sys

sys.dont_write_bytecode = True

COMMENTS = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
DECLARED = re.compile(r"^CHAT_API\b[^;{]*?\b(chat_\w+)\s*\(", re.MULTILINE)
WRITERS = re.compile(r"^CHAT_CODEC_WRITE\((\w+),", re.MULTILINE)
INLINE = re.compile(r"^(?:CHAT_USE_RESULT )?static inline\b[^;{(]*?\b(chat_\w+)\s*\(", re.MULTILINE)
SIZED = re.compile(r"^struct (chat_\w+) \{\n    size_t size;", re.MULTILINE)
PASTED = re.compile(r"\b(chat_\w+_)##")
WORD = re.compile(r"\b\w+\b")
FRAMES = "chat_frame"  # one codec, by tables, serves them all: tests/unit/test_codec_writer.c
OLDER = "tests/abi/older"


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def without_comments(text):
    return COMMENTS.sub(lambda m: re.sub(r"[^\n]", " ", m.group(0)), text)


class Header:
    def __init__(self, root, path):
        self.path = os.path.relpath(path, root)
        self.text = read(path)
        self.bare = without_comments(self.text)
        self.functions = []  # (name, line of its beginning, from 0)
        self.exported = set()
        self.calls = {}  # of inline functions: the words of their bodies
        for pattern in (DECLARED, WRITERS, INLINE):
            for found in pattern.finditer(self.bare):
                name = found.group(1)
                if pattern is WRITERS:
                    name = "chat_codec_write_" + name
                if name.endswith("_"):
                    continue  # of an adapter, for itself
                self.functions.append((name, self.bare.count("\n", 0, found.start())))
                if pattern is INLINE:
                    body = self.bare[found.start():self.bare.index("\n}", found.start())]
                    self.calls[name] = set(WORD.findall(body))
                else:
                    self.exported.add(name)
        self.sized = [s for s in SIZED.findall(self.bare) if not s.startswith(FRAMES)]

    def lines_without_comment(self):
        """(name, line from 1) of functions with no comment right above, nor above their group."""
        lines, bare = self.text.split("\n"), self.bare.split("\n")
        for name, line in self.functions:
            above = line - 1
            while above >= 0 and bare[above].strip() and not bare[above].startswith("#"):
                above -= 1
            if above < 0 or bare[above].strip() or not lines[above].rstrip().endswith("*/"):
                yield name, line + 1


def words_of_tests(root):
    """What tests and examples say in code, with names that a macro puts together."""
    words = set()
    paths = glob.glob(os.path.join(root, "examples", "*.c"))
    for ending in ("c", "h", "cc"):
        paths += glob.glob(os.path.join(root, "tests", "**", "*." + ending), recursive=True)
    for path in sorted(paths):
        text = without_comments(read(path))
        found = set(WORD.findall(text))
        words |= found
        for prefix in set(PASTED.findall(text)):
            words |= {prefix + word for word in found}
    return words


def check(root):
    problems = []
    folder = os.path.join(root, "include", "libchat")
    headers = [Header(root, p) for p in sorted(glob.glob(os.path.join(folder, "**", "*.h"), recursive=True))]
    used = words_of_tests(root)
    for header in headers:
        for name, words in header.calls.items():
            if name in used:
                used |= words
    older = "".join(read(p) for p in glob.glob(os.path.join(root, OLDER + "*.c")))

    for header in headers:
        for name, line in header.lines_without_comment():
            problems.append(f"{header.path}:{line}: manual: {name} has no comment right above it")
        for name, line in header.functions:
            if name not in used:
                problems.append(f"{header.path}:{line + 1}: tests: no test calls {name}")
        for name in header.sized:
            if not re.search(r"\b" + name + r"\b", older):
                problems.append(f"{header.path}:1: sizes: {OLDER}.c does not have {name}")

    exported = set().union(*[h.exported for h in headers]) if headers else set()
    listed = set()
    for path in glob.glob(os.path.join(root, "tests", "abi", "*.symbols")):
        listed |= set(read(path).split())
    for name in sorted(listed - exported):
        problems.append(f"tests/abi:1: manual: {name} is exported, and no header has it")
    for name in sorted(exported - listed):
        problems.append(f"tests/abi:1: manual: {name} is in a header, and is not exported")
    return problems, sum(len(h.functions) for h in headers)


def main(args):
    here = os.path.dirname(os.path.abspath(__file__))
    problems, count = check(args[0] if args else os.path.dirname(os.path.dirname(here)))
    for problem in problems:
        print(problem)
    print(f"api: {count} functions, {len(problems)} violations")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
