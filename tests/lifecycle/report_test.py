# SPDX-License-Identifier: Apache-2.0
"""kingpost report: the page of a whole run, of one that ended early, and of one that failed. Every
chart is compiled and drawn by the page's own scripts in node; with a Chromium on the machine the
page is opened there, too."""

import base64
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import unittest
from html.parser import HTMLParser
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from project import KINGPOST, PIPELINE, ROOT, make_tables  # noqa: E402

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
MOST_BYTES = 3_000_000
TRAIN = "train: {metric: auc, search: {trials: 3, seed: 13}, rounds: 30}\n"
EVALUATE = "evaluate: {slices: [[shop]], intervals: {method: bootstrap, samples: 50}}\n"


class Page(HTMLParser):
    """What a test asks of a page: scripts, data of figures, rows of their tables, addresses."""

    VOID = {"meta", "line", "rect", "path", "br"}

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.scripts, self.data, self.addresses, self.ids = [], [], [], []
        self.rows, self.open, self.policy, self.words = [], [], "", []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        if tag not in self.VOID:
            self.open.append(tag)
        for name in ("src", "href", "action", "poster", "data"):
            if name in values:
                self.addresses.append(values[name])
        if "id" in values:
            self.ids.append(values["id"])
        if values.get("http-equiv") == "Content-Security-Policy":
            self.policy = values["content"]
        if tag == "script":
            (self.data if "type" in values else self.scripts).append("")
            self.in_data = "type" in values
        if tag == "figure":
            self.rows.append(0)
        if tag == "tr" and "figure" in self.open and "tbody" in self.open:
            self.rows[-1] += 1

    def handle_startendtag(self, tag, attributes):
        pass

    def handle_endtag(self, tag):
        if tag in self.VOID:
            return
        if not self.open or self.open.pop() != tag:
            raise ValueError(f"</{tag}> closes nothing, or something else")

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            (self.data if self.in_data else self.scripts)[-1] += data
        else:
            self.words.append(data)

    def text(self):
        return " ".join(" ".join(self.words).split())


class ReportTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        make_tables(cls.folder)
        cls.write("made.yaml", PIPELINE.replace("paid > 50", "items > 4") + TRAIN + EVALUATE)

    @classmethod
    def write(cls, name, text):
        (cls.folder / name).write_text(text, encoding="utf-8")

    def command(self, *words, status=0):
        done = subprocess.run([KINGPOST, *words], cwd=self.folder, capture_output=True, text=True,
                              check=False)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done

    def page(self, file="made.yaml"):
        self.command("report", file, "--out", "page.html")
        text = (self.folder / "page.html").read_text(encoding="utf-8")
        self.assertLess(len(text.encode()), MOST_BYTES)
        return Page(text)

    def draw(self, page):
        """Draws every chart in node."""
        for data in page.data:
            json.loads(data)
        done = subprocess.run(["node", ROOT / "tests/support/draw_charts.js"], text=True,
                              input=json.dumps({"scripts": page.scripts, "figures": page.data}),
                              capture_output=True, check=False, timeout=120)
        # Node prints the line it failed in, which may be half a megabyte.
        words = "\n".join(line[:200] for line in done.stderr.splitlines())
        self.assertEqual(done.returncode, 0, words)
        answer = json.loads(done.stdout)
        self.assertEqual(answer["failed"], 0, words)
        self.assertEqual(len(answer["drawn"]), len(page.data))
        return answer["drawn"]

    def sound(self, page):
        """What holds for every page."""
        self.assertEqual(page.open, [])
        self.assertEqual([each for each in page.addresses if not each.startswith("#")], [])
        self.assertLessEqual({each[1:] for each in page.addresses}, set(page.ids))
        self.assertEqual(len(page.ids), len(set(page.ids)))
        self.assertIn("default-src 'none'", page.policy)
        for script in page.scripts:
            digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
            self.assertIn(f"'sha256-{digest}'", page.policy)
        for data, rows in zip(page.data, page.rows, strict=True):
            self.assertEqual(len(json.loads(data)["rows"]), rows)

    def test_a_whole_run(self):
        self.command("run", "made.yaml", "--quiet")
        page = self.page()
        self.sound(page)
        for section in ["summary", "steps", "lineage", "profile", "checks", "changes",
                        "training_rows", "features", "trials", "gates", "evaluation", "slices",
                        "importances", "winner"]:
            self.assertIn(section, page.ids)
        drawn = self.draw(page)
        titles = {each["title"] for each in drawn}
        self.assertLessEqual({"ROC", "Precision and recall", "Calibration", "Decisions", "auc",
                              "auc by shop", "auc by trial"}, titles)
        for each in drawn:
            self.assertGreater(each["marks"], 0, each["title"])
            self.assertEqual(each["warnings"], [], each["title"])
            self.assertFalse(each["svg"], each["title"])
        shops = next(each for each in drawn if each["title"] == "auc by shop")
        self.assertTrue(any(text.startswith("s3 · ") for text in shops["text"]), shops["text"])
        if CHROMIUM:
            self.opens_in_chromium()

    def opens_in_chromium(self):
        done = subprocess.run(
            [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr",
             f"--user-data-dir={self.folder / 'chromium'}", "--virtual-time-budget=20000",
             "--dump-dom", (self.folder / "page.html").as_uri()],
            capture_output=True, text=True, check=False, timeout=120)
        self.assertIn('data-drawn="yes"', done.stdout)
        self.assertNotIn("CONSOLE", done.stderr)
        self.assertGreater(done.stdout.count("class=\"marks\""), 8)

    def test_a_run_that_ends_early_and_one_that_failed(self):
        self.write("early.yaml", PIPELINE)
        self.command("run", "early.yaml", "--to", "curate", "--quiet")
        page = self.page("early.yaml")
        self.sound(page)
        self.draw(page)
        self.assertIn("training_rows", page.ids)
        self.assertNotIn("trials", page.ids)
        self.assertIn("not reached", page.text())
        refused = PIPELINE.replace("max: 900, on_fail: quarantine", "max: 10")
        self.write("refused.yaml", refused)
        self.command("run", "refused.yaml", "--quiet", status=3)
        page = self.page("refused.yaml")
        self.sound(page)
        self.assertIn("validate_data", page.text())
        self.assertIn("failed sales between(paid, between 0 and 10)", page.text())
        self.assertNotIn("Of an earlier state", page.text())
        self.assertNotIn("training_rows", page.ids)

    def test_what_changed_since_is_marked(self):
        self.write("later.yaml", PIPELINE)
        self.command("run", "later.yaml", "--to", "curate", "--quiet")
        self.write("later.yaml", PIPELINE.replace("seed: 13", "seed: 14"))
        page = self.page("later.yaml")
        self.sound(page)
        self.assertIn("stale Of an earlier state of the file: curate", page.text())

    def test_names_that_are_markup(self):
        column = "</script><script>alert(1)</script>"
        self.write("hostile.csv", f'"{column}",y\n' + "".join(
            f"<img src=x onerror=alert({i % 5})>,{i % 3}\n" for i in range(90)))
        self.write("hostile.yaml", 'version: 1\nproject: "</title><script>alert(2)</script>"\n'
                   "ingest: {hostile: {path: hostile.csv}}\n"
                   "curate: {spine: hostile, target: {name: y, type: number, expr: y}}\n")
        done = subprocess.run([KINGPOST, "run", "hostile.yaml", "--to", "curate"], cwd=self.folder,
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            self.assertIn("project", done.stderr)
            self.write("hostile.yaml", (self.folder / "hostile.yaml").read_text().replace(
                '"</title><script>alert(2)</script>"', "hostile"))
            self.command("run", "hostile.yaml", "--to", "curate", "--quiet")
        page = self.page("hostile.yaml")
        self.sound(page)
        self.draw(page)
        self.assertEqual(len(page.scripts), 4)
        self.assertIn(column, page.text())

    def test_refusals(self):
        fresh = self.folder / "fresh"
        fresh.mkdir()
        make_tables(fresh)
        self.write("fresh/made.yaml", PIPELINE)
        done = self.command("report", "fresh/made.yaml", "--out", "fresh/made.yaml", status=2)
        self.assertIn("error[report.no_page]", done.stderr)
        self.assertEqual((fresh / "made.yaml").read_text(), PIPELINE)
        done = self.command("report", "fresh/made.yaml", "--out", "fresh/page.html", status=7)
        self.assertIn("error[data.nothing_sealed]", done.stderr)
        self.assertFalse((fresh / "page.html").exists())


if __name__ == "__main__":
    unittest.main()
