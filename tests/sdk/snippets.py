#!/usr/bin/env python3
"""Compiles the C of the pages in docs/sdk against the headers of today.

    snippets.py ROOT COMPILER...

A block that begins with a function or an include stands as it is, others are the body of
one; snippets.h is the application around them. Prints the page and line of what does not
compile. Names of functions, events and statuses in the text are looked up, too.
"""

import glob
import os
import re
import subprocess
import sys
import tempfile

BLOCK = re.compile(r"^```c\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SPOKEN = re.compile(r"`((?:chat|CHAT)_\w+[a-z0-9A-Z])(?:\(\))?(?:\.\w+)?`")
FLAGS = ["-std=c11", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-Wno-unused-function",
         "-Wno-unused-result", "-Wno-unused-variable"]


def compile_block(root, compiler, page, line, code):
    """What the compiler said, or None."""
    here = os.path.dirname(os.path.abspath(__file__))
    source = '#include "snippets.h"\n'
    if not code.startswith(("static ", "#include", "/*")):
        code = "static void block(void)\n{\n#line %d \"%s\"\n%s}\n" % (line, page, code)
    source += "#line %d \"%s\"\n%s" % (line, page, code)
    with tempfile.NamedTemporaryFile("w", suffix=".c", encoding="utf-8") as f:
        f.write(source)
        f.flush()
        done = subprocess.run(compiler + FLAGS + ["-I", os.path.join(root, "include"), "-I", here,
                                                  f.name], capture_output=True, text=True)
    return done.stderr if done.returncode else None


def check(root, compiler):
    problems, count = [], 0
    known = set()
    for path in glob.glob(os.path.join(root, "include", "libchat", "**", "*.h"), recursive=True):
        with open(path, encoding="utf-8") as f:
            known |= set(re.findall(r"\b\w+\b", f.read()))
    for path in sorted(glob.glob(os.path.join(root, "docs", "sdk", "*.md"))):
        page = os.path.relpath(path, root)
        with open(path, encoding="utf-8") as f:
            text = f.read()
        for found in BLOCK.finditer(text):
            count += 1
            said = compile_block(root, compiler, page, text.count("\n", 0, found.start(1)) + 1,
                                 found.group(1))
            if said:
                problems.append(said.rstrip())
        for found in SPOKEN.finditer(text):
            if found.group(1) not in known:
                line = text.count("\n", 0, found.start()) + 1
                problems.append(f"{page}:{line}: no header has {found.group(1)}")
    return problems, count


def main(args):
    problems, count = check(args[0], args[1:] or ["cc"])
    for problem in problems:
        print(problem)
    print(f"snippets: {count} blocks, {len(problems)} do not hold")
    return 1 if problems or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
