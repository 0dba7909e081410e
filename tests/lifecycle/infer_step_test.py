# SPDX-License-Identifier: Apache-2.0
"""The section `infer`: a file of rows scored by `kingpost run`, again only where it must be."""

import json
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from project import Project  # noqa: E402
from serving import PIPELINE, made_rows  # noqa: E402

ROWS = "id,area,kind\n1,80.5,villa\n2,100,flat\n"


class InferStep(unittest.TestCase):
    def setUp(self):
        self.project = Project(PIPELINE)
        self.addCleanup(self.project.close)
        self.project.write("rows.csv", made_rows())
        self.project.write("in.csv", ROWS)

    def run_with(self, section, code=0):
        self.project.write("made.yaml", PIPELINE + f"infer: {section}\n")
        done = self.project.command("run", "made.yaml", "--json")
        self.assertEqual(done.code, code, str(done))
        return done

    def test_it_scores_as_the_command_does_and_only_when_it_must(self):
        section = "{input: in.csv, output: out.ndjson}"
        self.assertIn("infer", self.run_with(section).ran)
        out = self.project.folder / "out.ndjson"
        first = out.read_bytes()
        done = self.project.command("infer", "homes_price", "in.csv", "same.ndjson")
        self.assertEqual(done.code, 0, str(done))
        self.assertEqual(self.project.read("same.ndjson").encode(), first)
        self.assertEqual(self.run_with(section).ran, [])
        # What was taken away or overwritten is there again, without any work.
        for spoil in (out.unlink, lambda: out.write_text("another")):
            spoil()
            self.assertEqual(self.run_with(section).ran, [])
            self.assertEqual(out.read_bytes(), first)
        rejected = self.project.folder / "out.ndjson.rejected.ndjson"
        self.assertFalse(rejected.exists())
        self.project.write("in.csv", ROWS + "3,wide,flat\n")
        self.assertEqual(self.run_with(section).ran, ["infer"])
        self.assertEqual([json.loads(line)["id"] for line in out.read_text().splitlines()], [1, 2])
        self.assertEqual(json.loads(rejected.read_text())["value"], "wide")
        report = json.loads(self.project.command("data", "report", "infer", "-f", "made.yaml").out)
        self.assertEqual((report["rows"], report["scored"], report["rejected"]), (3, 2, 1))
        # The rows of before: their answers, and no rejected ones.
        self.project.write("in.csv", ROWS)
        self.assertEqual(self.run_with(section).ran, [])
        self.assertEqual(out.read_bytes(), first)
        self.assertFalse(rejected.exists())
        named = "{model: homes_price/1, input: in.csv, output: out.csv, keep: all}"
        self.assertEqual(self.run_with(named).ran, ["infer"])
        self.assertIn("area", self.project.read("out.csv").splitlines()[0])
        plan = self.project.command("plan", "made.yaml")
        self.assertIn("infer", plan.out)

    def test_a_pattern_of_sources_does_not_take_the_answers(self):
        self.project.write("all.yaml", PIPELINE.replace("path: rows.csv", "path: 'row*.csv'")
                           + "infer: {input: in.csv, output: row_answers.csv}\n")
        done = self.project.command("check", "all.yaml")
        self.assertIn("would be read as \"row*.csv\"", done.err)

    def test_a_model_of_this_run_is_no_fault_before_it(self):
        for name in ("homes_price", "homes_price@champion", "homes_price/1"):
            self.run_with(f"{{model: {name}, input: in.csv, output: out.csv}}")
        done = self.run_with("{model: homes_price/7, input: in.csv, output: out.csv}", code=4)
        self.assertIn("error[registry.version_unknown]", done.err)
        self.assertIn("made.yaml:13", done.err)

    def test_plan_tells_of_a_model_that_is_not_there(self):
        for sealed in (False, True):
            if sealed:
                self.run_with("{input: in.csv, output: out.csv}")
            self.project.write("made.yaml", PIPELINE + "infer: {model: other, input: in.csv, "
                               "output: out.csv}\n")
            done = self.project.command("plan", "made.yaml")
            self.assertIn("error[registry.model_unknown]", done.err)
            self.assertIn("made.yaml:13", done.err)

    def test_what_is_wrong_is_told(self):
        self.project.write("base.yaml", PIPELINE)
        (self.project.folder / "link.csv").symlink_to("in.csv")
        self.project.command("run", "base.yaml", "--quiet", "--to", "clean")
        pipeline = "extends: base.yaml\n"
        for section, error in (
                ("{input: gone.csv, output: out.csv}", "file.not_found"),
                ("{input: ., output: out.csv}", "file.not_regular"),
                ("{input: in.csv, output: in.csv}", "infer.same_file"),
                ("{input: in.csv, output: rows.csv}", "infer.same_file"),
                ("{input: in.csv, output: link.csv}", "infer.same_file"),
                ("{input: in.csv, output: out.csv, rejected: made.yaml}", "infer.same_file"),
                ("{input: in.csv, output: out.csv, rejected: base.yaml}", "infer.same_file"),
                ("{input: in.csv, output: out.csv, rejected: rows.csv}", "infer.same_file"),
                ("{input: in.csv, output: out.csv, rejected: .kingpost/kingpost.db}",
                 "infer.same_file"),
                ("{input: in.csv, output: out.csv, rejected: gone/x}", "file.folder_missing"),
                ("{model: '', input: in.csv, output: out.csv}", "registry.reference_malformed"),
                ("{model: other, input: in.csv, output: out.csv}", "registry.model_unknown"),
                ("{input: in.csv, output: gone/out.csv}", "file.folder_missing"),
                ("{input: in.txt, output: out.csv}", "infer.unknown_format"),
                ("{input: in.csv, output: out.txt}", "infer.unknown_format"),
                ("{input: in.csv}", "infer.missing_key"),
                ("{input: in.csv, output: out.csv, source: x}", "infer.unknown_key")):
            self.project.write("made.yaml", pipeline + f"infer: {section}\n")
            done = self.project.command("check", "made.yaml")
            self.assertNotEqual(done.code, 0)
            self.assertIn(f"error[{error}]", done.err, section)
        self.project.write("made.yaml", PIPELINE + "infer: {model: other, input: in.csv, "
                           "output: out.csv}\n")
        done = self.project.command("run", "made.yaml", "--quiet")
        self.assertIn("error[registry.model_unknown]", done.err)
        done = self.project.command("check", "base.yaml", "--set",
                                    "infer={model: other, input: in.csv, output: out.csv}")
        self.assertIn("error[registry.model_unknown]", done.err)
        self.assertFalse((self.project.folder / "out.csv").exists())
        self.project.write("in.csv", "id,area,kind\n1,wide,flat\n")
        self.project.write("made.yaml", PIPELINE + "infer: {input: in.csv, output: out.csv}\n")
        done = self.project.command("run", "made.yaml", "--quiet")
        self.assertIn("error[infer.all_rejected]", done.err)
        self.assertIn("wide", self.project.read("out.csv.rejected.ndjson"))
        self.assertFalse((self.project.folder / "out.csv").exists())


if __name__ == "__main__":
    unittest.main()
