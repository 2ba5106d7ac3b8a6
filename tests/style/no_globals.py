#!/usr/bin/env python3
"""No layer keeps state of its own: two servers in one process never meet.

    tests/style/no_globals.py BUILD_ROOT

looks into the static libraries of the layers for symbols in writable sections. Exits
with 77 (skipped) when there is no objdump.
"""

import os
import re
import shutil
import subprocess
import sys

LAYERS = ("base", "wire", "cache", "client", "server", "router", "presence", "store", "transport")
# .data.rel.ro is only written by the loader, before anything runs.
WRITABLE = re.compile(r"^\.(data|bss|tdata|tbss)(?!\.rel\.ro)(\.|$)|^\*COM\*$")
SYMBOL = re.compile(r"^[0-9a-f]{8,16} .{7} (\S+)\s+[0-9a-f]{8,16}\s+(?:\.hidden )?(\S+)$")
MEMBER = re.compile(r"^(\S+):\s+file format ")


def writable_symbols(archive):
    """[(object, symbol)] of what `archive` can write to."""
    listed = subprocess.run(["objdump", "-t", archive], capture_output=True, text=True, check=True)
    found, member = [], "?"
    for line in listed.stdout.split("\n"):
        head = MEMBER.match(line)
        symbol = SYMBOL.match(line)
        if head:
            member = os.path.basename(head.group(1))
        elif symbol and WRITABLE.match(symbol.group(1)) and symbol.group(1) != symbol.group(2):
            found.append((member, symbol.group(2)))
    return found


def main(build_root):
    if not shutil.which("objdump"):
        print("skipped: no objdump here")
        return 77
    count = checked = 0
    for layer in LAYERS:
        archive = os.path.join(build_root, "lib", f"libchat-{layer}.a")
        if not os.path.isfile(archive):
            continue
        checked += 1
        for member, name in writable_symbols(archive):
            print(f"{layer}: {member}: {name} is writable and outlives every object")
            count += 1
    print(f"no_globals: {count} in {checked} layers")
    return 1 if count or not checked else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
