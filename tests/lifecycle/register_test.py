# SPDX-License-Identifier: Apache-2.0
"""Versions of a model over several runs: who is champion, that a second run has nothing to do, and
that gc, verify and a kill leave registered versions whole."""

import json
import random
import shutil
import sqlite3
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from project import Project, killed  # noqa: E402

PIPELINE = """\
version: 1
project: made
ingest:
  rows: {path: rows.csv, key: [id]}
curate:
  spine: rows
  split: {type: random, validation: 0.2, test: 0.2, seed: 13}
  target: {name: y, type: number, expr: y}
candidates:
  baseline: {family: constant}
  linear: {family: ridge, trials: 2}
  gbdt: {family: lightgbm, trials: 2}
train: {metric: mae, rounds: 40, early_stopping: 10, search: {seed: 13}}
"""
JUDGING = ["train", "validate_models", "evaluate", "select_best", "package", "register"]
DAY = 86_400_000_000


def make_rows(folder):
    chance = random.Random(11)
    lines = ["id,a,b,kind,y"]
    for i in range(500):
        a, b = chance.uniform(-1, 1), chance.uniform(-1, 1)
        kind = chance.choice("xyz")
        value = 3 * a * a + b + (kind == "x") + chance.uniform(-0.5, 0.5)
        lines.append(f"{i},{a:.4f},{b:.4f},{kind},{value:.4f}")
    (folder / "rows.csv").write_text("\n".join(lines) + "\n")


class RegisterCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.base = Project(pipeline=PIPELINE, rows=1)
        make_rows(cls.base.folder)
        done = cls.base.command("run", "made.yaml", "--json")
        assert done.code == 0, str(done)
        assert done.ran[-1] == "register", str(done)

    @classmethod
    def tearDownClass(cls):
        cls.base.close()

    def setUp(self):
        self.project = self.base.copy()
        self.addCleanup(self.project.close)

    def call(self, *words, code=0):
        done = self.project.command(*words)
        self.assertEqual(done.code, code, str(done))
        return done.out if code == 0 else done.err

    def run_all(self, *words):
        """The steps that ran."""
        done = self.project.command("run", "made.yaml", "--json", *words)
        self.assertEqual(done.code, 0, str(done))
        return done.ran

    def change(self, old, new):
        self.project.replace("made.yaml", old, new)

    def report(self, step):
        return json.loads(self.call("data", "report", step, "-f", "made.yaml"))

    def aliases(self):
        models = json.loads(self.call("models", "--json"))
        return models[0]["aliases"] if models else None

    def show(self, model):
        return json.loads(self.call("show", model, "--json"))


class ContestTest(RegisterCase):
    def test_nothing_changed_and_nothing_runs(self):
        self.assertEqual(self.aliases(), {"challenger": 1, "champion": 1})
        self.assertIsNone(self.report("select_best")["champion"])
        self.assertEqual(self.run_all(), [])
        self.assertEqual(self.run_all(), [])

    def test_another_seed_meets_the_champion(self):
        first = self.show("made_y")["bundle"]
        self.change("search: {seed: 13}", "search: {seed: 14}")
        self.assertEqual(self.run_all(), JUDGING)
        champion = self.report("select_best")["champion"]
        self.assertEqual((champion["model"], champion["version"]), ("made_y", 1))
        self.assertEqual(champion["bundle"], first)
        self.assertIn(champion["verdict"], ("better", "worse", "equal"))
        # The same rows, so its scores from then, on all of them.
        validation = [each for each in self.report("select_best")["table"]
                      if each["verdict"] == "selected"]
        self.assertAlmostEqual(champion["value"] + champion["difference"]["value"],
                               validation[0]["metric"], 9)
        better = champion["verdict"] == "better"
        self.assertEqual(self.aliases(), {"challenger": 2, "champion": 2 if better else 1})
        self.assertEqual(self.run_all(), [])
        self.change("search: {seed: 14}", "search: {seed: 13}")
        self.run_all()
        self.assertEqual(self.run_all(), [])
        self.assertEqual(json.loads(self.call("models", "--json"))[0]["versions"], 2)

    def test_a_better_one_takes_its_place(self):
        """Whether or not what it was compared with changes, the next run has nothing to do."""
        self.project.close()
        self.project = Project(pipeline=PIPELINE.replace("  gbdt: {family: lightgbm, trials: 2}\n",
                                                         ""), rows=1)
        make_rows(self.project.folder)
        self.run_all()
        self.change("  linear:", "  gbdt: {family: lightgbm, trials: 2}\n  linear:")
        self.run_all()
        self.assertEqual(self.report("select_best")["champion"]["verdict"], "better")
        self.assertEqual(self.aliases(), {"challenger": 2, "champion": 2})
        self.assertEqual(self.run_all(), [])
        # Back to the first: it meets the new champion, and loses.
        self.change("  gbdt: {family: lightgbm, trials: 2}\n", "")
        self.assertEqual(self.run_all(), ["select_best", "package", "register"])
        self.assertEqual(self.report("select_best")["champion"]["verdict"], "worse")
        self.assertEqual(self.aliases(), {"challenger": 1, "champion": 2})
        self.assertTrue(self.report("register")["again"])
        self.assertEqual(self.run_all(), [])

    def test_a_champion_by_hand_is_met(self):
        self.change("search: {seed: 13}", "search: {seed: 14}")
        self.run_all()
        champion = self.aliases()["champion"]
        self.call("alias", "made_y", "champion", str(3 - champion))
        # Version 2 met version 1, whoever is champion now.
        self.assertIn("is sealed", self.call("why", "select_best", "-f", "made.yaml"))
        self.change("search: {seed: 14}", "search: {seed: 13}")
        self.run_all()
        self.call("alias", "made_y", "champion", "--remove")
        self.assertEqual(self.run_all(), [])

    def test_other_rows_are_answered_by_its_graph(self):
        """Rows that it was fitted on are left out."""
        self.change("validation: 0.2, test: 0.2, seed: 13", "validation: 0.2, test: 0.2, seed: 14")
        self.run_all()
        champion = self.report("select_best")["champion"]
        self.assertIn(champion["verdict"], ("better", "worse", "equal"))
        self.assertTrue(30 <= champion["rows"] < 80, champion)
        self.assertEqual(self.run_all(), [])

    def test_a_column_that_is_gone_is_no_failure(self):
        text = self.project.read("rows.csv").replace("id,a,b,kind,y", "id,a,c,kind,y")
        self.project.write("rows.csv", text)
        self.change("key: [id]", "key: [id], drift: {dropped: warn}")
        self.run_all()
        champion = self.report("select_best")["champion"]
        self.assertEqual(champion["verdict"], "cannot_be_compared")
        self.assertIn("it reads the column b", champion["words"])
        self.assertEqual(self.aliases(), {"challenger": 2, "champion": 1})
        self.assertEqual(self.run_all(), [])

    def test_approval(self):
        self.call("alias", "made_y", "champion", "--remove")
        self.project.write("made.yaml", PIPELINE + "register: {approval: required}\n")
        self.assertEqual(self.run_all(), ["register"])
        self.assertIn("kingpost alias made_y champion 1", self.report("register")["words"])
        self.assertEqual(self.aliases(), {"challenger": 1})
        self.call("alias", "made_y", "champion", "1")
        self.assertEqual(self.run_all(), [])

    def test_another_name_is_another_model(self):
        self.change("project: made", "project: other")
        self.assertEqual(self.run_all()[-1], "register")
        self.assertEqual([each["model"] for each in json.loads(self.call("models", "--json"))],
                         ["made_y", "other_y"])


class CommandsTest(RegisterCase):
    def test_show(self):
        shown = self.show("made_y@champion")
        self.assertEqual(shown["version"], 1)
        self.assertEqual(shown["signature"]["target"], "y")
        self.assertEqual([each["what"] for each in shown["history"]],
                         ["registered", "alias_set", "alias_set"])
        text = self.call("show", "models:/made_y/1")
        for words in ("made_y, version 1", "champion", "rows.csv", "mae", "registered"):
            self.assertIn(words, text)
        self.assertIn("registry.model_unknown", self.call("show", "made_z", code=4))

    def test_alias_and_tag(self):
        self.assertIn("is the night-shift", self.call("alias", "made_y", "night-shift", "1"))
        self.call("tag", "made_y@night-shift", "risk=low", "team=ops")
        self.call("tag", "made_y/1", "team", "--remove")
        self.assertEqual(self.show("made_y")["tags"], {"risk": "low"})
        self.assertEqual(self.show("made_y")["history"][-1]["by"],
                         "kingpost tag made_y/1 team --remove")
        for words, error in ((("made_y", "v1", "1"), "alias_malformed"),
                             (("made_y", "day", "2"), "version_unknown"),
                             (("made_y", "day", "one"), "version_unknown"),
                             (("made_y", "day"), "version_unknown"),
                             (("made_y", "day", "--remove"), "alias_unknown")):
            done = self.project.command("alias", *words)
            self.assertNotEqual(done.code, 0)
            self.assertIn(f"registry.{error}", done.err)
        self.assertIn("tag_malformed", self.call("tag", "made_y", "risk", code=2))
        self.assertIn("registry.tag_unknown", self.call("tag", "made_y", "rsk", "--remove", code=4))

    def test_compare(self):
        self.change("search: {seed: 13}", "search: {seed: 14}")
        self.run_all()
        text = self.call("compare", "made_y/1", "made_y/2")
        for words in ("A: made_y/1", "mae", "learning_rate", "inputs", "features"):
            self.assertIn(words, text)
        sections = json.loads(self.call("compare", "made_y/1", "made_y/2", "--json"))["sections"]
        self.assertIn("mae", sections["metrics on test rows"])

    def test_runs(self):
        runs = json.loads(self.call("runs", "--json"))
        self.assertEqual(runs[0]["state"], "done")
        self.assertEqual([each["step"] for each in runs[0]["steps"]][-6:], JUDGING)
        self.assertIn("register", self.call("runs"))
        trials = json.loads(self.call("runs", "--trials", "--json"))
        self.assertEqual(len(trials["trials"]), 5)
        self.assertIn("best", self.call("runs", "--trials"))

    def test_what_later_steps_left_of_an_older_run_is_not_shown(self):
        show = ("data", "show", "features.json", "-f", "made.yaml")
        before = self.call(*show)
        text = (self.project.folder / "made.yaml").read_text()
        self.project.write("made.yaml",
                           text + "extract_features: {defaults: {number: {missing: mean}}}\n")
        self.run_all("--to", "extract_features")
        now = self.call(*show)
        self.assertNotEqual(now, before)
        self.assertEqual(now, self.call(*show[:2], "features.json@extract_features", *show[3:]))

    def test_package(self):
        self.call("package", "last")
        self.call("package", "one", "--model", "made_y/1")
        for folder in ("last", "one"):
            done = subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], check=False,
                                  cwd=self.project.folder / folder)
            self.assertEqual(done.returncode, 0)
        self.assertIn("bundle.folder_taken", self.call("package", "one", code=5))

    def test_what_a_killed_package_left_goes_with_the_next(self):
        done = self.project.command("package", "one", env={"KINGPOST_KILL_AT": "bundle_written"})
        self.assertEqual(done.code, -9, str(done))
        self.assertEqual(len(list(self.project.folder.glob("one.*.tmp"))), 1)
        self.call("package", "one")
        self.assertEqual(list(self.project.folder.glob("one.*.tmp")), [])

    def test_without_a_pipeline_file(self):
        (self.project.folder / "made.yaml").unlink()
        self.assertIn("made_y", self.call("models"))
        # One that others extend has faults of its own.
        self.project.write("shared.yaml", "\nversion: 1\nproject: made\n")
        self.assertIn("made_y", self.call("models"))
        (self.project.folder / "shared.yaml").unlink()
        self.call("package", "one", "--model", "made_y")
        shutil.rmtree(self.project.store)
        self.assertIn("file.pipeline_missing", self.call("models", code=2))


class OddRowsTest(unittest.TestCase):
    """Times and infinite numbers among the features."""

    def test_the_bundle_has_fits_of_times_and_answers_for_infinite_numbers(self):
        project = Project(pipeline=PIPELINE, rows=1)
        self.addCleanup(project.close)
        make_rows(project.folder)
        lines = project.read("rows.csv").splitlines()
        odd = [lines[0] + ",size,seen"]
        for i, line in enumerate(lines[1:]):
            size = "inf" if i % 2 else f"{i % 7}.5"
            odd.append(f"{line},{size},2024-01-{1 + i % 28:02}T{i % 24:02}:00:00")
        project.write("rows.csv", "\n".join(odd) + "\n")
        done = project.command("run", "made.yaml")
        self.assertEqual(done.code, 0, str(done))
        project.command("package", "bundle", "--model", "made_y")
        features = json.loads(project.read("bundle/features.json"))
        fits = {each["feature"] for each in features["fits"]}
        self.assertLessEqual({"seen_hour", "seen_isodow", "size"}, fits)
        example = json.loads(project.read("bundle/input_example.json"))
        sizes = [row[example["columns"].index("size")] for row in example["data"]]
        self.assertIn(None, sizes)


class StoreTest(RegisterCase):
    def bundle_digest(self, name):
        sums = self.project.object_path(self.show("made_y/1")["bundle"]).read_text()
        return next(line[:64] for line in sums.splitlines() if line[66:] == name)

    def grow_old(self):
        """A second version is made, and all was done ninety days ago."""
        self.change("search: {seed: 13}", "search: {seed: 14}")
        self.run_all()
        database = sqlite3.connect(self.project.store / "kingpost.db")
        with database:
            for table in ("runs", "executions"):
                database.execute(f"UPDATE {table} SET started=started-{90 * DAY}")
            database.execute(f"UPDATE uses SET used=used-{90 * DAY}")
        database.close()

    def test_gc_keeps_registered_versions(self):
        self.grow_old()
        scores = self.show("made_y/1")["facts"]["objects"]["scores"]
        before = self.project.object_names()
        self.call("gc", "made.yaml")
        self.assertTrue(before - self.project.object_names())
        self.assertTrue(self.project.object_path(scores).exists())
        for version in ("1", "2"):
            self.call("package", f"bundle{version}", "--model", f"made_y/{version}")
        self.call("verify", "made.yaml")
        self.assertEqual(self.run_all(), [])

    def test_gc_removes_nothing_where_a_bundle_does_not_tell_its_files(self):
        sums = self.project.object_path(self.show("made_y/1")["bundle"])
        model = self.project.object_path(self.bundle_digest("model.onnx"))
        self.grow_old()
        before = self.project.object_names()
        sums.unlink()
        out = self.call("gc", "made.yaml", code=7)
        self.assertIn("made_y/1", out)
        self.assertEqual(before - self.project.object_names(), {sums.parent.name + sums.name})
        self.assertTrue(model.exists())

    def test_verify_tells_of_a_damaged_version(self):
        path = self.project.object_path(self.bundle_digest("model.onnx"))
        path.chmod(0o644)
        path.write_bytes(path.read_bytes()[:-1] + b"?")
        done = self.project.command("verify", "made.yaml")
        self.assertEqual(done.code, 10, str(done))
        self.assertIn("not whole: made_y/1", done.out)
        self.assertIn("damaged", self.call("package", "one", "--model", "made_y", code=10))
        # The bundle is made anew, with the same bytes, and is the same version.
        self.assertEqual(self.run_all()[-1], "register")
        self.call("verify", "made.yaml")
        self.call("package", "one", "--model", "made_y")
        self.assertEqual(self.aliases(), {"challenger": 1, "champion": 1})

    def test_killed_while_it_registers(self):
        self.change("search: {seed: 13}", "search: {seed: 14}")
        for point in ("registry_before_commit:1", "registry_after_commit:1",
                      "registry_after_commit:2", "register_worked", "register_sealed"):
            with self.subTest(point):
                project = self.project.copy()
                self.addCleanup(project.close)
                done = project.command("run", "made.yaml", env={"KINGPOST_KILL_AT": point})
                self.assertTrue(killed(done), str(done))
                done = project.command("run", "made.yaml", "--json")
                self.assertEqual(done.code, 0, str(done))
                self.assertEqual(done.ran, ["register"])
                done = project.command("models", "--json")
                self.assertEqual(json.loads(done.out)[0]["versions"], 2)
                self.assertEqual(json.loads(done.out)[0]["aliases"]["challenger"], 2)
                done = project.command("run", "made.yaml", "--json")
                self.assertEqual(done.ran, [])


if __name__ == "__main__":
    unittest.main()
