#!/usr/bin/env python3
"""The last line of ./check tells the truth."""

import contextlib
import io
import json
import os
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../scripts"))

import tally


class TallyTest(unittest.TestCase):
    def tally(self, logs, *options):
        with tempfile.TemporaryDirectory() as folder:
            paths = []
            for i, log in enumerate(logs):
                paths.append(os.path.join(folder, f"{i}.json"))
                if log is not None:
                    with open(paths[-1], "w") as f:
                        for name, result in log:
                            f.write(json.dumps({"name": name, "result": result}) + "\n")
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                code = tally.main(list(options) + paths)
        return code, out.getvalue().rstrip("\n").split("\n")

    def test_sums_over_runs(self):
        code, lines = self.tally([[("a", "OK"), ("b", "EXPECTEDFAIL")], [("a", "OK")]])
        self.assertEqual((code, lines), (0, ["3 passed, 0 failed"]))

    def test_every_kind_of_failure_counts_and_is_named(self):
        kinds = ("FAIL", "TIMEOUT", "ERROR", "INTERRUPT", "UNEXPECTEDPASS", "of a later Meson")
        for kind in kinds:
            with self.subTest(kind=kind):
                code, lines = self.tally([[("a", "OK"), ("b", kind)]])
                self.assertEqual(code, 1)
                self.assertIn("b: " + kind, lines[0])
                self.assertEqual(lines[-1], "1 passed, 1 failed")

    def test_skipped_are_told_apart(self):
        code, lines = self.tally([[("a", "OK"), ("b", "SKIP")]])
        self.assertEqual((code, lines), (0, ["1 skipped", "1 passed, 0 failed"]))

    def test_broken_build_or_missing_log_is_a_failure(self):
        self.assertEqual(self.tally([[("a", "OK")]], "--failed", "2"),
                         (1, ["1 passed, 2 failed"]))
        code, lines = self.tally([[("a", "OK")], None])
        self.assertEqual((code, lines[-1]), (1, "1 passed, 1 failed"))

    def test_nothing_at_all_is_no_success(self):
        self.assertEqual(self.tally([]), (1, ["0 passed, 0 failed"]))


if __name__ == "__main__":
    unittest.main()
