#!/usr/bin/env python3
"""Sums up Meson's test logs.

    scripts/tally.py [--failed N] [--passed N] testlog.json ...

prints the names of failed tests, then `N passed, N failed`. A log that cannot be read
counts as one failure. Exits with 1 when anything failed or nothing passed.
"""

import json
import sys

PASSED = {"OK", "EXPECTEDFAIL"}
SKIPPED = {"SKIP", "IGNORED"}


def results(path):
    """[(name, result)] of one log: a line of JSON per test."""
    with open(path, encoding="utf-8") as f:
        return [(t["name"], t["result"]) for t in map(json.loads, filter(str.strip, f))]


def main(args):
    passed = failed = skipped = 0
    while len(args) >= 2 and args[0] in ("--failed", "--passed"):
        if args[0] == "--failed":
            failed += int(args[1])
        else:
            passed += int(args[1])
        args = args[2:]
    for path in args:
        try:
            seen = results(path)
        except (OSError, ValueError, KeyError) as e:
            print(f"failed: {path}: {e}")
            failed += 1
            continue
        for name, result in seen:
            if result in PASSED:
                passed += 1
            elif result in SKIPPED:
                skipped += 1
            else:
                failed += 1
                print(f"failed: {name}: {result} ({path})")
    if skipped:
        print(f"{skipped} skipped")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
