# SPDX-License-Identifier: Apache-2.0
"""kingpost infer as a person uses it: each form of file, wrong input with its error, and nothing
lost whatever is wrong; what a killed process left behind goes with the next one."""

import gzip
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from datetime import date, timedelta
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from project import KINGPOST, as_another_user  # noqa: E402

HEAD = "id,area,kind,garden,sold_on,price\n"
SECONDS = 120


def made_rows():
    chance = random.Random(3)
    lines = []
    for i in range(300):
        kind = chance.choice(["flat", "house", "villa", ""])
        area = chance.uniform(40, 250)
        day = date(2023, 1, 1) + timedelta(days=i)
        garden = chance.choice(["true", "false", ""])
        price = area * 1000 + (kind == "villa") * 90_000 + chance.gauss(0, 8000)
        lines.append(f"{i},{area:.1f},{kind},{garden},{day},{price:.2f}\n")
    return lines


class InferCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.base = Path(tempfile.mkdtemp(prefix="kingpost-test-")).resolve()
        cls.addClassCleanup(shutil.rmtree, cls.base)
        os.chmod(cls.base, 0o755)
        (cls.base / "houses.csv").write_text(HEAD + "".join(made_rows()))
        for words in (["init", "houses.csv", "--target", "price"], ["run", "--quiet"],
                      ["package", "bundle", "--model", "houses_price@champion"]):
            done = subprocess.run([KINGPOST, *words], cwd=cls.base, capture_output=True, text=True,
                                  timeout=SECONDS, check=False)
            assert done.returncode == 0, done.stdout + done.stderr

    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory())).resolve()
        os.chmod(self.folder, 0o777)
        self.temporary = self.folder / "temporary"
        self.temporary.mkdir(mode=0o777)
        os.chmod(self.temporary, 0o777)
        self.text = HEAD + "".join(made_rows()[:4])
        self.write("in.csv", self.text)

    def write(self, name, data):
        path = self.folder / name
        if isinstance(data, str):
            data = data.encode()
        path.write_bytes(data)
        return path

    def environment(self):
        return {**os.environ, "TMPDIR": str(self.temporary)}

    def command(self, *words, **more):
        return subprocess.run([KINGPOST, *map(str, words)], cwd=self.folder, capture_output=True,
                              timeout=SECONDS, check=False, env=self.environment(), **more)

    def infer(self, *words, **more):
        return self.command("infer", self.base / "bundle", *words, **more)

    def scored(self, *words, out="out.csv", **more):
        done = self.infer(*words, out, **more)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return self.read(out)

    def read(self, name):
        return (self.folder / name).read_text()

    def refused(self, error, code, *words, says=(), **more):
        """One error, and no file comes, goes or changes."""
        before = self.files()
        done = self.infer(*words, **more)
        text = done.stderr.decode()
        self.assertIn(f"error[{error}]", text)
        self.assertEqual(text.count("error["), 1, text)
        self.assertEqual(done.returncode, code, text)
        for each in says:
            self.assertIn(each, text)
        self.assertEqual(self.files(), before, text)
        return text

    def files(self):
        return {path: path.read_bytes() for path in sorted(self.folder.rglob("*"))
                if path.is_file()}


class FormsTest(InferCase):
    def test_every_form_gives_the_same_answers(self):
        wanted = self.scored("in.csv")
        self.assertEqual(wanted.count("\n"), 5)
        same = {
            "crlf.csv": self.text.replace("\n", "\r\n"),
            "bom.csv": b"\xef\xbb\xbf" + self.text.encode(),
            "no_line_end.csv": self.text.rstrip("\n"),
            "in.csv.gz": gzip.compress(self.text.encode()),
            "in.tsv": self.text.replace(",", "\t"),
        }
        for name, data in same.items():
            self.write(name, data)
            self.assertEqual(self.scored(name, out=f"{name}.csv"), wanted, name)
        tabs = self.scored("in.csv", "--keep", "id,kind", out="out.tsv")
        commas = self.scored("in.csv", "--keep", "id,kind", out="kept.csv")
        self.assertEqual(tabs.splitlines()[0], "id\tkind\tprediction")
        self.assertEqual(tabs.replace("\t", ","), commas)
        for name in ("rows.parquet", "rows.ndjson"):
            done = subprocess.run([KINGPOST, "data", "export", "training", self.folder / name],
                                  cwd=self.base, capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("300 rows of training after curate", done.stdout)
            self.assertEqual(self.scored(name, out=f"{name}.csv").splitlines()[:5],
                             wanted.splitlines(), name)
        self.write("bom.ndjson", b"\xef\xbb\xbf" + (self.folder / "rows.ndjson").read_bytes())
        self.assertEqual(self.scored("bom.ndjson", out="bom.out.csv"),
                         self.read("rows.ndjson.csv"))
        # A byte order mark that comes in pieces.
        process = subprocess.Popen([KINGPOST, "infer", self.base / "bundle", "-", "-", "--format",
                                    "csv"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   env=self.environment())
        for piece in (b"\xef", b"\xbb", b"\xbf" + self.text.encode()):
            process.stdin.write(piece)
            process.stdin.flush()
            time.sleep(0.05)
        self.assertEqual(process.communicate(timeout=SECONDS)[0].decode(), wanted)
        done = self.infer("-", "-", "--format", "csv", input=self.text.encode())
        self.assertEqual(done.stdout.decode(), wanted)

    def test_compressed_answers(self):
        self.write("many.csv", HEAD + "".join(made_rows() * 100))
        for name in ("out.csv", "out.tsv", "out.ndjson"):
            plain = self.scored("many.csv", out=name)
            self.assertEqual(self.infer("many.csv", f"{name}.gz").returncode, 0)
            packed = (self.folder / f"{name}.gz").read_bytes()
            self.assertEqual(gzip.decompress(packed).decode(), plain)
            self.assertLess(len(packed), len(plain) / 2)
            # Nothing of the time or the name is in it.
            self.assertEqual(self.infer("many.csv", "again.gz", "--out-format",
                                        name.rsplit(".", 1)[1].replace("tsv", "csv")).returncode, 0)
            if name != "out.tsv":
                self.assertEqual((self.folder / "again.gz").read_bytes(), packed)
        self.write("none.csv", HEAD)
        self.assertEqual(self.infer("none.csv", "empty.csv.gz").returncode, 0)
        empty = gzip.decompress((self.folder / "empty.csv.gz").read_bytes())
        self.assertEqual(empty, b"id,prediction\n")

    def test_no_row_and_one(self):
        self.write("none.csv", HEAD)
        self.assertEqual(self.scored("none.csv"), "id,prediction\n")
        self.write("one.csv", HEAD + made_rows()[0])
        done = self.infer("one.csv", "out.csv")
        self.assertIn(b": 1 row scored in", done.stdout)
        self.assertEqual(len(self.read("out.csv").splitlines()), 2)

    def test_source_files_of_any_size(self):
        """What init says of how many rows there must be is said of training data."""
        done = self.command("infer", "houses_price", "out.csv", "--source",
                            f"houses={self.folder}/in.csv", "-f", self.base / "kingpost.yaml")
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        self.assertEqual(self.read("out.csv"), self.scored("in.csv", out="other.csv"))

    def source(self, path, *words):
        return self.command("infer", "houses_price", "out.csv", "--source", f"houses={path}", "-f",
                            "kingpost.yaml", *words)

    def late_column(self):
        """A pipeline file here whose price is known only a day after the sale, on that store."""
        text = (self.base / "kingpost.yaml").read_text()
        text = text.replace("    key: [id]\n", "    key: [id]\n    known_at: [{columns: [price], "
                            "column: sold_on, after: 24h}]\n")
        text = text.replace("  spine: houses\n",
                            "  spine: houses\n  predict_at: {column: sold_on}\n")
        self.write("kingpost.yaml", text)
        shutil.copy(self.base / "houses.csv", self.folder)
        os.symlink(self.base / ".kingpost", self.folder / ".kingpost")

    def test_what_is_known_only_later_may_be_missing(self):
        """Whatever tells the form of the source: its name, `format` or `delimiter`."""
        self.late_column()
        wanted = self.scored("in.csv", out="wanted.csv")
        early = "".join(line.rsplit(",", 1)[0] + "\n" for line in self.text.splitlines())
        self.write("early.csv", early)
        self.write("early.tsv", early.replace(",", "\t"))
        self.write("early.csv.data", early)
        (self.folder / "x.csv.d").mkdir()
        self.write("x.csv.d/early.tsv", early.replace(",", "\t"))
        self.write("early.parquet.txt", early.replace(",", ";"))
        for name, words in [("early.csv", []), ("early.tsv", []), ("early.csv.data", []),
                            ("x.csv.d/early.tsv", []),
                            ("early.parquet.txt", ["--set", "ingest.houses.delimiter=;"])]:
            with self.subTest(name):
                done = self.source(name, *words)
                self.assertEqual(done.returncode, 0, done.stderr.decode())
                self.assertEqual(self.read("out.csv"), wanted)

    def test_limits_reach_the_steps_before(self):
        self.late_column()
        done = self.source("in.csv", "--memory", "1KB")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(b"memory", done.stderr)
        self.assertEqual(self.source("in.csv", "--memory", "500MB", "--threads", "1").returncode, 0)

    def test_the_runtime_tells_nobody(self):
        """Its telemetry would keep a session file among the temporary ones."""
        env = {key: value for key, value in self.environment().items()
               if key != "ORT_DISABLE_TELEMETRY"}
        with mock.patch.object(self, "environment", lambda: env):
            self.scored("in.csv")
        self.assertEqual(list(self.temporary.iterdir()), [])

    def test_summary_as_json(self):
        self.write("wrong.csv", HEAD + "7,abc,flat,,2023-01-01,1\n" + made_rows()[0])
        done = self.infer("wrong.csv", "out.csv", "--json")
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        summary = json.loads(done.stdout)
        self.assertEqual((summary["rows"], summary["scored"], summary["rejected"]), (2, 1, 1))
        self.assertEqual(summary["rejected_to"], "out.csv.rejected.ndjson")
        reject = json.loads(self.read("out.csv.rejected.ndjson"))
        self.assertEqual((reject["line"], reject["column"], reject["value"]), (2, "area", "abc"))
        done = self.infer("wrong.csv", "out.csv")
        self.assertIn(b"warning: 1 row rejected, the first in line 2", done.stderr)


class WrongInputTest(InferCase):
    def test_wrong_files(self):
        self.write("empty.csv", "")
        self.write("bom.csv", b"\xef\xbb\xbf")
        self.write("double.csv", self.text.replace("kind", "area", 1))
        self.write("doubled.csv", self.text.replace("price", "area", 1))
        self.write("near.csv", self.text.replace("kind", "knid", 1))
        self.write("cut.csv.gz", gzip.compress(self.text.encode())[:60])
        self.write("not.parquet", self.text)
        self.write("list.ndjson", "[1, 2]\n")
        self.write("latin.csv", HEAD.encode() + b"1,90,\xe9,,2023-01-01,1\n")
        (self.folder / "folder.csv").mkdir()
        for name, error, code in [("empty.csv", "infer.file_empty", 2),
                                  ("bom.csv", "infer.file_empty", 2),
                                  ("double.csv", "infer.column_missing", 2),
                                  ("doubled.csv", "infer.column_duplicate", 2),
                                  ("near.csv", "infer.column_missing", 2),
                                  ("cut.csv.gz", "ingest.compressed_damaged", 2),
                                  ("not.parquet", "infer.file_unreadable", 2),
                                  ("list.ndjson", "infer.wrong_encoding", 2),
                                  ("folder.csv", "file.unreadable", 8),
                                  ("gone.csv", "file.not_found", 4)]:
            with self.subTest(name):
                self.refused(error, code, name, "out.csv")
        self.assertIn("knid", self.refused("infer.column_missing", 2, "near.csv", "out.csv"))
        done = self.infer("latin.csv", "out.csv")
        self.assertIn(b"error[infer.all_rejected]", done.stderr)
        self.assertIn(b"UTF-8", done.stderr)
        self.assertEqual(len(self.read("out.csv.rejected.ndjson").splitlines()), 1)

    def test_wrong_words(self):
        self.refused("infer.words_missing", 2, "in.csv")
        self.assertIn(b"infer.words_missing", self.command("infer").stderr)
        self.refused("infer.not_an_amount", 2, "in.csv", "out.csv", "--memory", "lots")
        self.refused("infer.unknown_format", 2, "in.csv", "out.xlsx")
        self.refused("infer.unknown_format", 2, "in.csv", "out.csv.zst", says=[".gz"])
        self.refused("infer.unknown_format", 2, "in.csv", "out.parquet.gz")
        self.refused("infer.keep_missing", 2, "in.csv", "out.csv", "--keep", "nope")

    def test_models_that_are_none(self):
        for model, error, code in [("house_price", "registry.model_unknown", 4),
                                   ("houses_price@champio", "registry.alias_unknown", 4),
                                   ("houses_price/9", "registry.version_unknown", 4)]:
            done = self.command("infer", model, "in.csv", "out.csv", "-f",
                                self.base / "kingpost.yaml")
            self.assertIn(f"error[{error}]", done.stderr.decode())
            self.assertEqual(done.returncode, code)
        (self.folder / "nothing").mkdir()
        shutil.copytree(self.base / "bundle", self.folder / "damaged")
        with open(self.folder / "damaged/model.onnx", "ab") as file:
            file.write(b"x")
        for model, error, code in [("nothing", "bundle.not_one", 2),
                                   ("damaged", "bundle.damaged", 10)]:
            done = self.command("infer", model, "in.csv", "out.csv")
            self.assertIn(f"error[{error}]", done.stderr.decode())
            self.assertEqual(done.returncode, code)


class PlacesTest(InferCase):
    def test_nothing_that_is_read_is_written_or_removed(self):
        os.symlink("in.csv", self.folder / "link.csv")
        self.write("out.csv.rejected.ndjson", '{"area": 1}\n')
        for words in (["in.csv", "in.csv"], ["in.csv", "./in.csv"], ["link.csv", "in.csv"],
                      ["in.csv", "out.csv", "--rejected", "in.csv"],
                      ["in.csv", "out.csv", "--rejected", "out.csv"],
                      ["out.csv.rejected.ndjson", "out.csv"],
                      ["in.csv", "--source", "houses=in.csv"]):
            with self.subTest(words):
                self.refused("infer.same_file", 2, *words)

    def test_no_file_of_the_bundle_is_written(self):
        shutil.copytree(self.base / "bundle", self.folder / "bundle")
        for name in ("bundle/README.md", "bundle/SHA256SUMS", "bundle/model.onnx"):
            before = self.files()
            done = self.command("infer", "bundle", "in.csv", name, "--out-format", "csv")
            self.assertIn(b"error[infer.same_file]", done.stderr)
            self.assertEqual(self.files(), before)

    def test_no_source_is_written_that_the_file_names(self):
        """`--source` names one; the others are read from where the pipeline file says."""
        text = (self.base / "kingpost.yaml").read_text()
        kinds = "  kinds: {path: kinds.csv, key: [kind], static: true}\n"
        text = text.replace("validate_data:\n", kinds + "\nvalidate_data:\n", 1)
        self.write("kingpost.yaml", text)
        self.write("kinds.csv", "kind,rooms\nflat,3\n")
        os.symlink(self.base / ".kingpost", self.folder / ".kingpost")
        self.write("houses.csv", self.text)
        before = self.files()
        for words in (["kinds.csv"], ["out.csv", "--rejected", "kinds.csv"]):
            done = self.command("infer", "houses_price", *words, "--source", "houses=in.csv", "-f",
                                "kingpost.yaml")
            self.assertIn(b"error[infer.same_file]", done.stderr)
            self.assertEqual(self.files(), before)

    def test_places_that_cannot_be_written(self):
        (self.folder / "folder.csv").mkdir()
        self.refused("file.folder_missing", 4, "in.csv", "gone/out.csv", says=['"gone"'])
        self.refused("file.folder_missing", 4, "in.csv", "out.csv", "--rejected", "gone/r.ndjson")
        self.refused("file.not_regular", 2, "in.csv", "folder.csv", says=["a folder"])
        self.refused("file.not_regular", 2, "in.csv", "/dev/null", "--out-format", "csv")
        closed = self.folder / "closed"
        closed.mkdir(mode=0o555)
        self.refused("file.forbidden", 8, "in.csv", "closed/out.csv", **as_another_user())

    @unittest.skipUnless(os.getuid() == 0, "mounting wants root")
    def test_the_disk_is_full(self):
        small = self.folder / "small"
        small.mkdir()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(small)],
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            self.skipTest(f"mount is not allowed here: {done.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", str(small)], check=False, capture_output=True)
        (small / "out.csv").write_text("old\n")
        self.write("many.csv", HEAD + "".join(made_rows() * 200))
        for out in ("small/out.csv", "small/out.ndjson", "small/out.parquet"):
            self.refused("disk.full", 9, "many.csv", out, says=["hint: "])
        self.assertEqual((small / "out.csv").read_text(), "old\n")
        # No room for what it works with either.
        self.temporary = small
        self.refused("disk.full", 9, "out2.csv", "--source", "houses=many.csv", "-f",
                     self.base / "kingpost.yaml")
        self.temporary = self.folder / "gone"
        self.refused("file.folder_missing", 8, "in.csv", "out.csv", says=["TMPDIR"])


class KilledTest(InferCase):
    def begin(self):
        """A process in the midst of its work: it waits for more rows."""
        process = subprocess.Popen(
            [KINGPOST, "infer", self.base / "bundle", "-", "waiting.csv", "--format", "csv"],
            cwd=self.folder, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, env=self.environment())
        process.stdin.write(self.text.encode())
        process.stdin.flush()
        for _ in range(1200):
            if list(self.temporary.glob("*/alive")):
                return process
            time.sleep(0.05)
        self.fail("it made no folder for its work")
        return None

    def test_what_an_earlier_run_rejected_stays_when_out_fails(self):
        self.write("waiting.csv.rejected.ndjson", "earlier\n")
        process = self.begin()
        process.stdin.write(b"7,abc,flat,,2023-01-01,1\n")
        (self.folder / "waiting.csv").mkdir()
        process.communicate(timeout=SECONDS)
        self.assertNotEqual(process.returncode, 0)
        self.assertEqual(self.read("waiting.csv.rejected.ndjson"), "earlier\n")

    def test_what_a_killed_one_left_goes_with_the_next(self):
        process = self.begin()
        process.send_signal(signal.SIGKILL)
        process.communicate()
        self.assertEqual(len(list(self.temporary.iterdir())), 1)
        # Not ours: nobody locks it, but it is not as we make them.
        (self.temporary / "kingpost-infer-other").mkdir()
        self.scored("in.csv")
        self.assertEqual([path.name for path in self.temporary.iterdir()],
                         ["kingpost-infer-other"])
        self.assertFalse((self.folder / "waiting.csv").exists())

    def test_half_files_of_killed_ones_go(self):
        gone = 2**22 + 1  # beyond any process of Linux
        for name in (f"out.csv.{gone}.part", f"out.csv.{gone}.part.0"):
            self.write(name, "half")
        kept = [f"out.csv.{os.getpid()}.part", "out.csv.mine.part", f"other.csv.{gone}.part"]
        for name in kept:
            self.write(name, "half")
        self.scored("in.csv")
        self.assertEqual(sorted(path.name for path in self.folder.glob("*.part*")), sorted(kept))

    def test_one_at_work_is_left_alone(self):
        process = self.begin()
        mine = list(self.temporary.iterdir())
        self.scored("in.csv")
        self.assertEqual(list(self.temporary.iterdir()), mine)
        process.communicate(timeout=SECONDS)
        self.assertEqual(process.returncode, 0)
        self.assertEqual(self.read("waiting.csv"), self.read("out.csv"))
        self.assertEqual(list(self.temporary.iterdir()), [])


if __name__ == "__main__":
    unittest.main()
