# SPDX-License-Identifier: Apache-2.0
"""The command line as a person uses it: words, exit statuses, tables and their exports."""

import csv
import json
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KINGPOST = os.path.abspath(os.environ.get("KINGPOST", ROOT / "build/release/kingpost"))

PIPELINE = """version: 1
project: small
ingest:
  people: {path: people.csv, key: [id]}
clean:
  people: [{rule: set_null, column: age, where: age > 150}]
curate:
  spine: people
  target: {name: tall, type: binary, expr: height > 170}
"""
PEOPLE = "id,age,height\n" + "".join(f"{i},{20 + i % 50},{150 + i % 40}\n" for i in range(200))
PEOPLE += "200,999,180\n"


class Cli(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="kingpost-")
        self.addCleanup(shutil.rmtree, self.folder)
        Path(self.folder, "people.csv").write_text(PEOPLE)
        Path(self.folder, "small.yaml").write_text(PIPELINE)

    def call(self, *words, status=0, env=None):
        done = subprocess.run(
            [KINGPOST, *words], cwd=self.folder, capture_output=True, text=True,
            env={**os.environ, **(env or {})}, check=False)
        self.assertEqual(done.returncode, status, f"{words}: {done.stdout}{done.stderr}")
        return done.stdout if status == 0 else done.stderr

    def refused(self, error, status, *words):
        self.assertIn(f"error[{error}]", self.call(*words, status=status))

    def steps_done(self, *words):
        events = [json.loads(line) for line in self.call("run", "--json", *words).splitlines()]
        return [event["step"] for event in events if event["event"] == "done"]

    def test_version_and_help(self):
        self.assertRegex(self.call("--version"), r"^kingpost \d+\.\d+\.\d+\n$")
        self.assertIn("exit statuses", self.call("help"))
        self.assertIn("asof", self.call("help", "curate"))
        self.assertIn("profiles", self.call("help", "file"))
        self.refused("help.unknown_step", 2, "help", "curat")
        self.refused("help.step_not_built", 11, "help", "monitor")
        self.assertIn("kingpost infer MODEL IN OUT", self.call("help", "infer"))
        self.assertIn("kingpost report", self.call("data", "report", "--help"))
        self.call("runn", status=2)

    def test_file_is_found_when_it_is_the_only_one(self):
        self.assertIn("no faults", self.call("check"))
        Path(self.folder, "other.yaml").write_text(PIPELINE)
        self.refused("file.pipeline_missing", 2, "check")
        # As some editors write it.
        for path in Path(self.folder).glob("*.yaml"):
            path.unlink()
        Path(self.folder, "other.yaml").write_text("\ufeff" + PIPELINE)
        self.assertIn("no faults", self.call("check"))
        self.refused("file.pipeline_missing", 4, "check", "nowhere.yaml")

    def test_ranges(self):
        self.refused("run.unknown_step", 2, "run", "--to", "curat")
        self.refused("run.step_not_built", 11, "run", "--to", "code")
        self.refused("run.step_by_command", 2, "run", "--to", "serve")
        self.refused("run.empty_range", 2, "run", "--from", "curate", "--to", "clean")
        for words in (("--force", "curate", "--to", "clean"),
                      ("--force", "clean", "--from", "clean"),
                      ("--force", "curate", "--from", "clean")):
            self.refused("run.no_effect", 2, "run", *words)
            self.refused("run.no_effect", 2, "plan", *words)
        self.refused("run.no_effect", 2, "run", "--json", "-q")
        self.assertIn("--trials", self.call("runs", "--rows", "3", "--trials", status=2))
        self.refused("run.not_sealed", 7, "run", "--from", "clean")
        self.call("run", "--to", "clean")
        self.assertNotIn("curate", self.call("data", "list"))
        self.assertEqual(self.steps_done("--from", "clean", "--to", "curate"),
                         ["clean", "standardise", "curate"])
        self.assertEqual(self.steps_done("--force", "clean", "--to", "curate"), ["clean"])

    def test_plan_says_what_would_run(self):
        plan = json.loads(self.call("plan", "--json"))
        self.assertEqual([row["number"] for row in plan], list(range(1, 23)))
        self.assertEqual([row["state"] for row in plan[:9]], ["run"] + ["run?"] * 7 + ["not built"])
        self.call("run")
        plan = json.loads(self.call("plan", "--json"))
        self.assertEqual({row["state"] for row in plan[:5]}, {"sealed"})
        self.assertEqual(plan[0]["rows_expected"], 201)
        self.assertIn("nothing to do", self.call("run"))
        self.assertIn("is sealed", self.call("why", "clean"))
        status = self.call("status")
        numbered = [line for line in status.splitlines() if line[:4].strip().isdigit()]
        self.assertEqual(len(numbered), 22)
        self.assertIn("1 table, 201 rows", numbered[0])
        self.assertIn("kingpost infer MODEL IN OUT", numbered[19])
        self.assertIn("not built yet", numbered[20])

    def test_data(self):
        self.refused("data.nothing_sealed", 7, "data", "show", "people")
        self.refused("data.nothing_sealed", 7, "data", "report", "clean")
        self.call("run")
        listed = json.loads(self.call("data", "list", "--json"))
        self.assertIn(("clean", "people"), [(row["step"], row.get("table")) for row in listed])
        self.assertIn("201 rows", self.call("data", "show", "people@ingest", "--rows", "1"))
        diff = self.call("data", "diff", "people@ingest", "people@clean")
        self.assertIn("rows only in A: 1", diff)
        self.assertIn("999", diff)
        self.assertIn("the same bytes", self.call("data", "diff", "people@clean", "people@clean"))
        self.refused("data.unknown_table", 4, "data", "show", "peeple")
        self.refused("data.unknown_step", 2, "data", "show", "people@claen")
        self.refused("data.unknown_step", 2, "data", "report", "claen")
        self.refused("data.unknown_format", 2, "data", "export", "people", "out.xlsx")
        for place in (".kingpost/out.csv", "small.yaml", "people.csv"):
            self.refused("data.same_file", 2, "data", "export", "people", place)

    def test_exports(self):
        self.call("run")
        for name in ("out.csv", "out.parquet", "out.ndjson"):
            self.assertIn("201 rows of training after curate\n",
                          self.call("data", "export", "training", name))
            self.assertTrue(Path(self.folder, name).stat().st_size > 0)
        with open(Path(self.folder, "out.csv"), newline="") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual(len(rows), 201)
        self.assertEqual(rows[200]["age"], "")
        lines = Path(self.folder, "out.ndjson").read_text().splitlines()
        self.assertIsNone(json.loads(lines[200])["age"])
        self.assertFalse([name for name in os.listdir(self.folder) if name.endswith(".part")])
        Path(self.folder, "taken.csv").mkdir()
        self.refused("file.not_regular", 2, "data", "export", "training", "taken.csv")
        self.refused("file.folder_missing", 4, "data", "export", "training", "gone/out.csv")
        # Half a file of a process that was killed.
        gone = subprocess.Popen(["true"])
        gone.wait()
        half = Path(self.folder, f"out.csv.{gone.pid}.part")
        half.write_text("half")
        self.call("data", "export", "training", "out.csv")
        self.assertFalse(half.exists())

    def test_from_any_folder_and_after_a_move(self):
        build = Path(KINGPOST).resolve().parent
        moved = Path(self.folder, "moved")
        (moved / "lib").mkdir(parents=True)
        shutil.copy(KINGPOST, moved / "kingpost")
        place = os.link if os.stat(build).st_dev == os.stat(moved).st_dev else shutil.copy
        for library in (build / "lib").iterdir():
            place(library, moved / "lib" / library.name)
        done = subprocess.run([moved / "kingpost", "run", f"{self.folder}/small.yaml"], cwd="/",
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_doctor(self):
        self.assertIn("v1.5.5", self.call("doctor"))
        alone = Path(self.folder, "alone")
        alone.mkdir()
        shutil.copy(KINGPOST, alone / "kingpost")
        env = {key: value for key, value in os.environ.items() if key != "KINGPOST_DRIVERS"}
        done = subprocess.run([alone / "kingpost", "doctor"], cwd=self.folder, env=env,
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 7)
        self.assertIn("MISSING", done.stdout)
        self.assertIn("error[doctor.missing]", done.stderr)
        done = subprocess.run([alone / "kingpost", "run"], cwd=self.folder, env=env,
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 8)
        self.assertIn("error[engine.driver_missing]", done.stderr)

    def test_schema_is_a_json_schema(self):
        schema = json.loads(self.call("schema"))
        self.assertEqual(schema["type"], "object")
        self.assertFalse(schema["additionalProperties"])
        self.assertEqual(schema["required"], ["version", "project"])
        split = schema["properties"]["curate"]["properties"]["split"]["oneOf"]
        kinds = [name for each in split for name in each["properties"]["type"]["enum"]]
        self.assertIn("time", kinds)


if __name__ == "__main__":
    unittest.main()
