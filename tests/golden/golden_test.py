#!/usr/bin/env python3
"""Runs kingpost on wrong pipeline files and awkward data, and compares every report with the one
that was read and accepted: `golden_test.py --update [Data.test_NAME...]` writes reports anew."""

import concurrent.futures
import functools
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import made_data  # noqa: E402

KINGPOST = os.environ.get("KINGPOST", str(HERE.parents[1] / "build/dev/kingpost"))
SECONDS = 120
NOT_COPIED = {"expected.txt", "command.txt"}


def normalised(text, folder):
    """Paths, times and digests differ from machine to machine and from run to run."""
    text = text.replace(str(folder), "<folder>").replace(f"{folder.parent}/", "<parent>/")
    text = re.sub(r"\b\d+ ms\b|\b\d+\.\d s\b", "<time>", text)
    text = re.sub(r"\b[0-9a-f]{64}\b", "<digest>", text)
    return re.sub(r"[\d.]+ (?:[KMG]i)?B, <digest>", "<size>, <digest>", text)


class Case:
    """One folder: what it is run on, in a copy of its own."""

    def __init__(self, source, folder):
        self.source = source
        self.folder = folder
        self.transcript = []
        self.tables = {}
        shutil.copytree(HERE / "shared", folder, dirs_exist_ok=True)
        for path in sorted(source.iterdir()):
            if path.name not in NOT_COPIED:
                shutil.copy(path, folder / path.name)
        made_data.make(source.name.split("_", 1)[1], folder)

    def command(self, fallback):
        path = self.source / "command.txt"
        return shlex.split(path.read_text()) if path.exists() else fallback

    def run(self, words):
        done = subprocess.run([KINGPOST, *words], cwd=self.folder, capture_output=True,
                              timeout=SECONDS, check=False,
                              env={**os.environ, "TZ": "UTC", "TERM": "dumb"})
        self.transcript.append(f"$ kingpost {shlex.join(words)}\n")
        for stream in (done.stdout, done.stderr):
            text = stream.decode("utf-8", "backslashreplace")
            self.transcript.append(normalised(text, self.folder))
        self.transcript.append(f"[exit {done.returncode}]\n")
        return done

    def text(self):
        return "".join(self.transcript)


def compare(test, case):
    path = case.source / "expected.txt"
    for word in ("error[internal", ".rows_unaccounted", "report this", "[exit 70]", "[exit -"):
        test.assertNotIn(word, case.text(), f"{case.source.name} ends in a fault of kingpost")
    if UPDATE:
        path.write_text(case.text())
    test.assertTrue(path.exists(), f"{path} is missing: read the report, then --update")
    test.assertEqual(path.read_text(), case.text())


def check(source):
    with tempfile.TemporaryDirectory() as name:
        case = Case(source, pathlib.Path(name))
        case.run(case.command(["check", "pipeline.yaml"]))
        return case


def ingest(source):
    """Runs the file and looks at what was read: the tables of step 1 are shown."""
    with tempfile.TemporaryDirectory() as name:
        case = Case(source, pathlib.Path(name))
        done = case.run(case.command(["run", "pipeline.yaml", "--to", "ingest"]))
        report = subprocess.run([KINGPOST, "data", "report", "ingest", "-f", "pipeline.yaml"],
                                cwd=case.folder, capture_output=True, check=False)
        assert report.returncode == 0 or done.returncode != 0, "a run that was fine left no report"
        case.tables = json.loads(report.stdout)["tables"] if report.returncode == 0 else {}
        for table, found in case.tables.items():
            show(case, table, found)
        return case


def show(case, table, found):
    types = ", ".join(f"{column['name']}: {column['type']}" for column in found["columns"])
    case.transcript.append(f"{table}: {found['rows_in']} rows in, {found['rows']} out, "
                           f"{found['rejected']} rejected\n")
    if len(types) > 400:
        return
    case.transcript.append(f"{table}: {types}\n")
    case.run(["data", "show", f"{table}@ingest", "-f", "pipeline.yaml", "--rows", "5"])
    if found["rejected"]:
        case.run(["data", "show", f"{table}.rejected", "-f", "pipeline.yaml", "--rows", "8"])


class Pipelines(unittest.TestCase):
    """Files that are wrong: `check` says so before anything runs."""

    maxDiff = None

    def look(self, source):
        compare(self, outcome(check, source))


class Data(unittest.TestCase):
    """Files that are awkward: every row that came in is in the table or among the rejected."""

    maxDiff = None

    def look(self, source):
        case = outcome(ingest, source)
        for table, found in case.tables.items():
            sum_of_parts = found["rows"] + found["rejected"] + found["sampled_out"]
            self.assertEqual(found["rows_in"], sum_of_parts, f"rows of {table} are lost")
        compare(self, case)


@functools.cache
def started(work, folder):
    """All cases of a folder at once; the tests then only compare."""
    pool = concurrent.futures.ThreadPoolExecutor(os.cpu_count())
    return {source: pool.submit(work, source) for source in sorted(folder.iterdir())}


def outcome(work, source):
    if any("test_" in word for word in sys.argv[1:]):
        return work(source)
    return started(work, source.parent)[source].result()


def add_tests(kind, folder):
    for source in sorted((HERE / folder).iterdir()):
        setattr(kind, f"test_{source.name}", lambda test, at=source: test.look(at))


UPDATE = "--update" in sys.argv
add_tests(Pipelines, "pipeline")
add_tests(Data, "data")

if __name__ == "__main__":
    arguments = [word for word in sys.argv if word != "--update"]
    unittest.main(argv=arguments)
