#!/usr/bin/env python3
"""What a reviewer should not have to say twice: layers, sizes, banned calls, formatting.

    tests/style/style.py [--no-format] [ROOT]

prints one line per violation, `file:line: rule: what is wrong`, and exits with 1 when
there is one. layers.py holds the table of docs/ARCHITECTURE.md. Limits only go down.
"""

import os
import re
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True

import layers  # noqa: E402

FILE_LINES_MAX = 800
FUNCTION_LINES_MAX = 80

CODE = (".c", ".h", ".cc", ".cpp", ".hpp", ".py", ".sh", ".proto", ".build")
C_CODE = (".c", ".h")
TEXT = CODE + (".md", ".yml", ".yaml", ".txt", ".in", ".pc", ".symbols")
# Other results than those of this version are no fault of the author.
CLANG_FORMAT_VERSION = "14"

# What cannot be called safely, anywhere, and what to use instead.
BANNED_CALLS = {
    "strcpy": "memcpy with a length",
    "strcat": "snprintf",
    "strncpy": "memcpy with a length",
    "strncat": "snprintf",
    "stpcpy": "memcpy with a length",
    "sprintf": "snprintf",
    "vsprintf": "vsnprintf",
    "gets": "fgets",
    "atoi": "strtol with its checks",
    "atol": "strtol with its checks",
    "atoll": "strtoll with its checks",
    "atof": "strtod with its checks",
    "strtok": "a scan by length",
    "alloca": "a bounded array or an arena",
    "asctime": "strftime",
    "ctime": "strftime",
    "gmtime": "gmtime_r",
    "localtime": "localtime_r",
    "tmpnam": "mkstemp",
    "mktemp": "mkstemp",
    "setjmp": "a status",
    "longjmp": "a status",
}

# What a library must not do to its host: it returns a status and logs by callback.
BANNED_IN_LIB = {
    "abort": "a status",
    "exit": "a status",
    "_exit": "a status",
    "quick_exit": "a status",
    "system": "nothing",
    "printf": "log_write",
    "fprintf": "log_write",
    "vprintf": "log_write",
    "vfprintf": "log_write",
    "puts": "log_write",
    "putchar": "log_write",
    "perror": "log_write",
    "setlocale": "nothing",
    "rand": "base/rng.h",
    "srand": "base/rng.h",
    "sscanf": "strtol and friends: scanf overflows in silence",
    "scanf": "strtol and friends: scanf overflows in silence",
    "fscanf": "strtol and friends: scanf overflows in silence",
    "random": "base/rng.h",
    "srandom": "base/rng.h",
}

# Put together here, so that this file does not contain them.
MARKERS = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "X" + "XX"]) + r")\b")

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
# A call: not a member, not part of a longer name.
CALL = re.compile(r"(?<![\w.>])([A-Za-z_]\w*)\s*\(")
TOKENS = re.compile(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.DOTALL)


class Report:
    def __init__(self):
        self.lines = []

    def add(self, path, line, rule, text):
        self.lines.append(f"{path}:{line}: {rule}: {text}")


def list_files(root):
    """Paths under root: what git knows or would take; without git, everything."""
    if os.path.isdir(os.path.join(root, ".git")) and shutil.which("git"):
        listed = subprocess.run(
            ["git", "-c", "safe.directory=*", "-C", root, "ls-files", "-z", "--cached",
             "--others", "--exclude-standard"], capture_output=True, text=True)
        if listed.returncode == 0:
            paths = sorted(set(p for p in listed.stdout.split("\0") if p))
            return [p for p in paths if os.path.isfile(os.path.join(root, p))]
    paths = []
    for folder, names, files in os.walk(root):
        names[:] = sorted(n for n in names
                          if n not in (".git", ".cache", "subprojects") and not n.startswith("build"))
        paths += [os.path.relpath(os.path.join(folder, f), root) for f in sorted(files)]
    return paths


def without_comments_and_strings(text):
    """The same text, same lines, with the insides of comments and literals blanked."""
    return TOKENS.sub(lambda m: re.sub(r"[^\n]", " ", m.group(0)), text)


def check_includes(path, text, report):
    layer = layers.layer_of(path)
    if not layer:
        return
    # Comments are blanked, but "quoted" names are needed: look at both texts.
    bare = without_comments_and_strings(text).split("\n")
    for number, line in enumerate(text.split("\n"), 1):
        found = INCLUDE.match(line)
        if found and bare[number - 1].lstrip().startswith("#"):
            problem = layers.include_problem(path, layer, found.group(2), found.group(1) == '"')
            if problem:
                report.add(path, number, "layers", problem)


def check_calls(path, text, report):
    if path.startswith("tests/"):
        in_lib, machine = False, {}
    else:
        in_lib = path.startswith("lib/")
        machine = layers.machine_calls(path)
    for number, line in enumerate(without_comments_and_strings(text).split("\n"), 1):
        for found in CALL.finditer(line):
            name = found.group(1)
            if name in BANNED_CALLS:
                report.add(path, number, "banned call", f"{name}(): use {BANNED_CALLS[name]}")
            elif in_lib and name in BANNED_IN_LIB:
                report.add(path, number, "banned in lib/", f"{name}(): use {BANNED_IN_LIB[name]}")
            elif machine and (name in machine or name.startswith(layers.MACHINE_PREFIXES)):
                report.add(path, number, "machine", f"{name}(): {machine.get(name, 'no threads')}")


def check_sizes(path, text, report):
    lines = text.split("\n")
    count = len(lines) - (1 if lines and not lines[-1] else 0)
    if count > FILE_LINES_MAX:
        report.add(path, count, "size", f"{count} lines, at most {FILE_LINES_MAX} in a file")
    if not path.endswith(C_CODE):
        return
    start = None
    for number, line in enumerate(lines, 1):
        if line.startswith("{"):
            start = number
        elif line.startswith("}") and start:
            if number - start + 1 > FUNCTION_LINES_MAX:
                report.add(path, start, "size", f"{number - start + 1} lines, "
                           f"at most {FUNCTION_LINES_MAX} in a function")
            start = None


def guard_of(path):
    """The guard a header must have, as a pattern: LIBCHAT_NAME_H or CHAT_..._NAME_H."""
    name = re.sub(r"\W", "_", os.path.basename(path)).upper()
    if path.startswith("include/libchat/"):
        return re.compile(r"^#ifndef LIBCHAT_(\w+_)?" + name + r"\n#define LIBCHAT_", re.MULTILINE)
    return re.compile(r"^#ifndef CHAT_(\w+_)?" + name + r"\n#define CHAT_", re.MULTILINE)


def check_header(path, text, report):
    if not path.endswith(".h") or not path.startswith(("include/", "lib/")):
        return
    if not text.startswith("/*"):
        report.add(path, 1, "header", "begins with no comment saying what it is")
    if not guard_of(path).search(text):
        report.add(path, 1, "header", "has no guard named after itself")


def check_text(path, text, report):
    for number, line in enumerate(text.split("\n"), 1):
        found = MARKERS.search(line)
        if found:
            report.add(path, number, "unfinished", f"says {found.group(1)}: do it, or open an issue")
        if line != line.rstrip():
            report.add(path, number, "text", "white space at the end of the line")
    if text and not text.endswith("\n"):
        report.add(path, text.count("\n") + 1, "text", "no newline at the end of the file")


def find_clang_format():
    """(command, None), or (None, why there is none)."""
    for name in ("clang-format-" + CLANG_FORMAT_VERSION, "clang-format"):
        command = shutil.which(name)
        if command:
            said = subprocess.run([command, "--version"], capture_output=True, text=True).stdout
            if re.search(r"version " + CLANG_FORMAT_VERSION + r"\.", said):
                return command, None
    return None, f"no clang-format {CLANG_FORMAT_VERSION} here; others format differently"


def check_format(root, paths, report):
    """True when it was checked."""
    command, why_not = find_clang_format()
    if not command:
        print(f"note: formatting was not checked: {why_not}")
        return False
    for first in range(0, len(paths), 50):
        batch = paths[first:first + 50]
        done = subprocess.run([command, "--dry-run", "--style=file"] + batch, cwd=root,
                              capture_output=True, text=True)
        seen = set()
        for found in re.finditer(r"^(.*?):(\d+):\d+: warning: code should be", done.stderr,
                                 re.MULTILINE):
            if found.group(1) not in seen:
                seen.add(found.group(1))
                report.add(found.group(1), found.group(2), "format", "run clang-format -i on it")
        if done.returncode != 0:
            report.add(batch[0], 1, "format", "clang-format failed: " + done.stderr.strip())
    return True


def check_tree(root, with_format=True):
    report = Report()
    paths = list_files(root)
    for path in paths:
        if not path.endswith(TEXT) and "." in os.path.basename(path):
            continue
        try:
            with open(os.path.join(root, path), encoding="utf-8") as f:
                text = f.read()
        except UnicodeDecodeError:
            if path.endswith(TEXT):
                report.add(path, 1, "text", "is not UTF-8")
            continue
        check_text(path, text, report)
        if path.endswith(CODE) or text.startswith("#!"):
            check_sizes(path, text, report)
        if path.endswith(C_CODE):
            check_includes(path, text, report)
            check_calls(path, text, report)
            check_header(path, text, report)
    if with_format:
        check_format(root, [p for p in paths if p.endswith(C_CODE)], report)
    return report.lines


def main(args):
    with_format = "--no-format" not in args
    args = [a for a in args if a != "--no-format"]
    here = os.path.dirname(os.path.abspath(__file__))
    root = args[0] if args else os.path.dirname(os.path.dirname(here))
    lines = check_tree(root, with_format)
    for line in lines:
        print(line)
    print(f"style: {len(lines)} violations")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
