#!/usr/bin/env python3
"""protoc, which shares no code with us, reads each golden vector's bytes as its text and
writes its text as its bytes. Skipped (77) where there is no protoc.

  protoc.py PROTO_ROOT GOLDEN_DIR
"""
import pathlib
import shutil
import subprocess
import sys

FILES = ["client", "link", "record"]


def protoc(root, option, type_name, given):
    command = ["protoc", f"-I{root}", f"--{option}={type_name}"]
    command += [f"libchat/v1/{name}.proto" for name in FILES]
    done = subprocess.run(command, input=given, capture_output=True)
    if done.returncode != 0:
        sys.exit(f"protoc --{option}={type_name}: {done.stderr.decode()}")
    return done.stdout


def main():
    root, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    if not shutil.which("protoc"):
        print("skipped: no protoc here")
        sys.exit(77)
    failed = 0
    paths = sorted(folder.glob("*.hex"))
    for path in paths:
        head, text = path.read_text().split("\n\n", 1)
        first, *lines = head.split("\n")
        type_name, wire = first.removeprefix("# "), bytes.fromhex("".join(lines))
        if protoc(root, "decode", type_name, wire) != text.encode():
            print(f"{path.name}: protoc reads another text")
            failed += 1
        if protoc(root, "encode", type_name, text.encode()) != wire:
            print(f"{path.name}: protoc writes other bytes")
            failed += 1
    print(f"protoc agrees with {len(paths)} golden vectors" if not failed else f"{failed} differ")
    sys.exit(1 if failed else 0)


main()
