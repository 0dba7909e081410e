# SPDX-License-Identifier: Apache-2.0
"""What makes a step run again: one thing is changed at a time, and exactly the steps that depend on
it run; `kingpost why` names the cause. A step whose inputs come out as before stays sealed."""

import os
import re
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from project import STEPS, Project  # noqa: E402


def edit(name, old, new):
    return lambda project: project.replace(name, old, new)


def in_file(old, new):
    return edit("made.yaml", old, new)


def line_of(name, number, change):
    """Changes one line of a data file by a function of its text."""

    def apply(project):
        lines = project.read(name).splitlines(keepends=True)
        changed = change(lines[number])
        assert changed != lines[number], lines[number]
        lines[number] = changed
        project.write(name, "".join(lines))

    return apply


def one_item_more(project):
    """In the first row that is not quarantined."""
    lines = project.read("sales.csv").splitlines(keepends=True)
    for i, line in enumerate(lines[1:], 1):
        fields = line.split(",")
        if fields[4] != "NA\n" and 100 < float(fields[4]) < 700:
            fields[3] = str(int(fields[3]) + 1)
            lines[i] = ",".join(fields)
            project.write("sales.csv", "".join(lines))
            return
    raise AssertionError("no such row")


def touched(project):
    os.utime(project.folder / "sales.csv", (1_000_000_000, 1_000_000_000))


def equal_bytes(project):
    copy = project.folder / "copy.csv"
    copy.write_bytes((project.folder / "sales.csv").read_bytes())
    copy.rename(project.folder / "sales.csv")


def other_key_order(project):
    """Sections and the keys of one map change places."""
    text = project.read("made.yaml")
    head, *sections = re.split(r"\n(?=ingest:|validate_data:|clean:|standardise:|curate:)", text)
    text = "\n".join([head, *reversed(sections)])
    old = "column: sold, after: 24h"
    assert text.count(old) == 1
    project.write("made.yaml", text.replace(old, "after: 24h, column: sold"))


def wild_wind(project):
    """One of the winds that clean sets to null becomes another such wind."""
    text = project.read("weather.csv")
    at = text.index(",1000\n")
    project.write("weather.csv", text[:at] + ",2000\n" + text[at + 6:])


DIGEST = r"[0-9a-f]{12}"
ALL = STEPS
NONE = []

# what: (change, steps that run, step to ask, what `why` answers)
CHANGES = {
    "a data byte": (
        one_item_more, ALL, "ingest", rf"sources\.sales\.sales\.csv was {DIGEST}, is {DIGEST}"),
    "a data byte that standardise trims away": (
        line_of("shops.csv", 1, lambda line: line.replace(" ,", "  ,")),
        ALL[:4], "ingest", rf"sources\.shops\.shops\.csv was {DIGEST}, is {DIGEST}"),
    "a data byte that clean sets to null": (
        wild_wind, ALL[:3], "ingest", rf"sources\.weather\.weather\.csv was {DIGEST}, is {DIGEST}"),
    "ingest: a key of the schema": (
        in_file("column: seen, after: 1h", "column: seen, after: 2h"),
        ALL, "ingest", r"ingest\.weather\.known_at\[0\]\.after was 3600000000, is 7200000000"),
    "ingest: a key without effect on the rows": (
        in_file("{path: shops.csv, key: [shop]", '{path: shops.csv, nulls: ["?"], key: [shop]'),
        ALL[:1], "ingest", r'ingest\.shops\.nulls was \[.*\], is \["\?"\]'),
    "validate_data: a bound": (
        in_file("max: 900", "max: 800"), ALL[1:], "validate_data",
        r"validate_data\.sales\[1\]\.max was 900, is 800"),
    "validate_data: a check more": (
        in_file("    - {check: unique, columns: [shop]}",
                "    - {check: not_null, column: size}\n    - {check: unique, columns: [shop]}"),
        ALL[1:2], "validate_data", r"validate_data\.shops\[0\] was nothing, is \{.*not_null.*\}"),
    "validate_data: a check less": (
        in_file("    - {check: sql, name: early, file: early.sql, severity: warning}\n", ""),
        ALL[1:2], "validate_data",
        r"validate_data\.sales\[2\] was \{.*early.*\}, is nothing\n"
        r"  early\.sql was .*, is nothing"),
    "clean: a rule": (
        in_file("wind > 150", "wind > 40"), ALL[2:], "clean",
        r'clean\.weather\[0\]\.where was "wind > 150", is "wind > 40"'),
    "clean: a rule that hits the same rows": (
        in_file("wind > 150", "wind > 140"), ALL[2:3], "clean",
        r'clean\.weather\[0\]\.where was "wind > 150", is "wind > 140"'),
    "standardise: a unit": (
        in_file("to: degC", "to: K"), ALL[3:], "standardise",
        r'standardise\.weather\.units\.temp\.to was "degC", is "K"'),
    "curate: the seed of the split": (
        in_file("seed: 13", "seed: 14"), ALL[4:], "curate", r"curate\.split\.seed was 13, is 14"),
    "curate: the target": (
        in_file("paid > 50", "paid > 60"), ALL[4:], "curate",
        r'curate\.target\.expr was "paid > 50", is "paid > 60"'),
    "code": (
        edit("early.sql", "2023-01-01", "2023-01-02"), ALL[1:2], "validate_data",
        rf"early\.sql was {DIGEST}, is {DIGEST}"),
    "the clock": (
        in_file("2024-03-01T00:00:00Z", "2024-03-02T00:00:00Z"), ALL[:1], "ingest",
        r'now was "2024-03-01T00:00:00Z", is "2024-03-02T00:00:00Z"'),
    "a comment": (in_file("# Was a sale", "# Will a sale"), NONE, None, None),
    "key order": (other_key_order, NONE, None, None),
    "quoting": (
        in_file('project: made\nvars: {now: "2024-03-01T00:00:00Z"}',
                "project: 'made'\n\"vars\":\n  now: '2024-03-01T00:00:00Z'"), NONE, None, None),
    "block style": (
        in_file("  shops: {path: shops.csv, key: [shop], static: true}",
                "  shops:\n    path: \"shops.csv\"\n    key:\n      - shop\n    static: true"),
        NONE, None, None),
    "a default that is written out": (
        in_file("{check: unique, columns: [shop]}",
                "{check: unique, columns: [shop], severity: critical}"), NONE, None, None),
    "mtime": (touched, NONE, None, None),
    "equal bytes in another file": (equal_bytes, NONE, None, None),
    "threads": (in_file("threads: 2", "threads: 1"), NONE, None, None),
    "memory": (in_file("memory: 1GB", "memory: 900MB"), NONE, None, None),
    "the project's name": (in_file("project: made", "project: other"), NONE, None, None),
}


class CacheTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.base = Project(rows=200)
        done = cls.base.run()
        assert done.code == 0, str(done)
        assert done.ran == ALL, str(done)

    @classmethod
    def tearDownClass(cls):
        cls.base.close()

    def project(self):
        project = self.base.copy()
        self.addCleanup(project.close)
        return project

    def assert_runs(self, done, steps):
        self.assertEqual(done.code, 0, str(done))
        self.assertEqual(done.ran, steps, str(done))
        self.assertEqual(done.sealed, [step for step in STEPS if step not in steps], str(done))

    def test_changes(self):
        for what, (change, steps, asked, answer) in CHANGES.items():
            with self.subTest(what):
                project = self.project()
                change(project)
                if asked:
                    why = project.why(asked)
                    self.assertRegex(why, answer)
                    # No other cause.
                    self.assertEqual(len(why.splitlines()), 2 + answer.count(r"\n"), why)
                else:
                    for step in STEPS:
                        self.assertIn("is sealed", project.why(step))
                done = project.run()
                self.assert_runs(done, steps)
                if asked:
                    started = [each for each in done.events
                               if each["event"] == "started" and each["step"] == asked]
                    self.assertRegex(started[0]["text"], answer.split(r"\n")[0])
                self.assert_runs(project.run(), NONE)
                project.close()

    def test_changes_back(self):
        project = self.project()
        before = project.tables()
        project.replace("made.yaml", "max: 900", "max: 800")
        self.assert_runs(project.run(), ALL[1:])
        self.assertNotEqual(project.tables(), before)
        project.replace("made.yaml", "max: 800", "max: 900")
        self.assert_runs(project.run(), NONE)
        self.assertEqual(project.tables(), before)

    def test_set_and_back(self):
        project = self.project()
        self.assert_runs(project.run("--set", "curate.split.seed=7"), ALL[4:])
        self.assert_runs(project.run(), NONE)
        self.assert_runs(project.run("--set", "curate.split.seed=7"), NONE)

    def test_step_version(self):
        project = self.project()
        raised = {"KINGPOST_TEST_STEP_VERSION": "clean=99"}
        self.assertRegex(project.why("clean", env=raised), r"clean's version was \d+, is 99")
        self.assert_runs(project.run(env=raised), ["clean"])
        self.assert_runs(project.run(env=raised), NONE)
        self.assert_runs(project.run(), NONE)

    def test_why_names_the_nearest(self):
        """Of two sealed executions, the differences to the one with fewer are told."""
        project = self.project()
        project.replace("made.yaml", "paid > 50", "paid > 70")
        project.replace("made.yaml", "seed: 13", "seed: 21")
        project.replace("made.yaml", "take: [city, size]", "take: [city]")
        self.assert_runs(project.run(), ["curate"])
        project.replace("made.yaml", "paid > 70", "paid > 50")
        project.replace("made.yaml", "seed: 21", "seed: 22")
        project.replace("made.yaml", "take: [city]", "take: [city, size]")
        why = project.why("curate")
        self.assertIn("curate.split.seed was 13, is 22", why)
        self.assertEqual(len(why.splitlines()), 2, why)

    def test_sample_counts_the_spine(self):
        """The section's own `sample` is that of the spine, which another section names."""
        project = self.project()
        done = project.run("--set", "ingest.sample=0.5", "--to", "ingest")
        self.assertEqual(done.ran, ["ingest"], str(done))
        text = project.read("made.yaml")
        project.write("made.yaml", text[:text.index("\ncurate:")] + "\ncurate: {spine: weather, "
                      "predict_at: {column: seen}, "
                      "target: {name: hot, type: binary, expr: temp > 20}}\n")
        self.assertRegex(project.why("ingest", "--set", "ingest.sample=0.5"),
                         'sampled was "sales", is "weather"')
        done = project.run("--set", "ingest.sample=0.5", "--to", "ingest")
        self.assertEqual(done.ran, ["ingest"], str(done))

    def test_force_and_from(self):
        project = self.project()
        self.assert_runs(project.run("--force", "clean"), ["clean"])
        self.assert_runs(project.run("--from", "standardise"), ["standardise", "curate"])

    def test_a_changed_sql_file_is_checked_anew(self):
        project = self.project()
        project.write("early.sql", "SELEC * FROM sales\n")
        done = project.run()
        self.assertEqual(done.code, 2, str(done))
        self.assertIn("validate_data.query", done.err)
        self.assertEqual(done.ran, [], str(done))

    def test_a_missing_source_hides_no_other_fault(self):
        project = self.project()
        (project.folder / "shops.csv").unlink()
        project.replace("made.yaml", "key: [sale]", "key: [sail]")
        done = project.run()
        self.assertEqual(done.code, 2, str(done))
        self.assertIn("ingest.source_missing", done.err)
        self.assertIn("sail", done.err)


if __name__ == "__main__":
    unittest.main()
