# SPDX-License-Identifier: Apache-2.0
"""A column that holds whole numbers in its first MiB and text behind it: once ingest has read all
of it, the later steps are looked at again before any of them runs."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from project import STEPS, Project  # noqa: E402

PIPELINE = """\
version: 1
project: retype
ingest:
  readings: {path: readings.csv}
clean:
  readings: [{rule: set_null, column: load, where: "load > 900"}]
curate:
  spine: readings
  split: {type: random, seed: 3}
  target: {name: high, type: binary, expr: "load > 500"}
"""
FAULTS = 2


def make_readings(path, odd):
    """1.3 MiB, in which only the last lines tell the type."""
    lines = ["id,load,note"]
    lines += [f"{i},{i % 1000},{'x' * 40}" for i in range(28_000)]
    lines += [f"{28_000 + i},{odd},y" for i in range(3)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


class RetypeTest(unittest.TestCase):
    def setUp(self):
        self.project = Project(PIPELINE, rows=1)
        self.addCleanup(self.project.close)
        self.readings = self.project.folder / "readings.csv"

    def assert_refused(self, done):
        self.assertEqual(done.code, 2, str(done))
        self.assertIn("readings.load is string, and looked like int64", done.err)
        self.assertIn(f"made.yaml has {FAULTS} faults; no step behind ingest was run", done.err)
        self.assertIn("made.yaml:6:", done.err)
        self.assertIn("made.yaml:10:", done.err)
        self.assertIn('where: "load > 900"', done.err)
        self.assertIn("declare a type under ingest", done.err)
        self.assertNotIn("clean", done.ran + done.steps("started"), str(done))

    def test_text_behind_the_first_mebibyte(self):
        make_readings(self.readings, "broken")
        check = self.project.command("check", "made.yaml")
        self.assertEqual(check.code, 0, str(check))
        done = self.project.run()
        self.assertEqual(done.ran, ["ingest"], str(done))
        self.assertIn('column "load" looked like int64 in the first MiB but holds "broken"',
                      done.warnings()[0])
        self.assert_refused(done)
        # Ingest is sealed now; that does not let the rest pass.
        again = self.project.run()
        self.assertEqual(again.sealed, ["ingest"], str(again))
        self.assert_refused(again)

    def test_the_ways_out(self):
        """Those that the hint names."""
        make_readings(self.readings, "broken")
        self.assert_refused(self.project.run())
        for words, rejected in (("types: {load: int64}", "3 rejected"),
                                ('nulls: ["", broken], drift: {retyped: warn}', "0 rejected")):
            with self.subTest(words):
                source = f"{{path: readings.csv, {words}}}"
                self.project.write("made.yaml", PIPELINE.replace("{path: readings.csv}", source))
                done = self.project.run()
                self.assertEqual(done.code, 0, str(done))
                self.assertEqual(done.ran, STEPS, str(done))
                self.assertIn(rejected, done.out)
                self.assertEqual(self.project.run().sealed, STEPS)

    def test_a_wider_number_is_fine(self):
        make_readings(self.readings, "12.5")
        done = self.project.run()
        self.assertEqual(done.ran, STEPS, str(done))
        self.assertIn("taken as float64", done.warnings()[0])
        self.assertEqual(self.project.run().sealed, STEPS)


if __name__ == "__main__":
    unittest.main()
