# SPDX-License-Identifier: Apache-2.0
"""kingpost init: the file that it writes from data passes its check and runs."""

import json
import random
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from project import KINGPOST, ROOT  # noqa: E402


class InitTest(unittest.TestCase):
    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def write(self, name, text, encoding="utf-8"):
        (self.folder / name).write_text(text, encoding=encoding)
        return name

    def command(self, *words):
        return subprocess.run([KINGPOST, *words], cwd=self.folder, capture_output=True, text=True,
                              check=False)

    def init(self, *words):
        done = self.command("init", *words)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return (self.folder / "kingpost.yaml").read_text()

    def refused(self, error, status, *words):
        done = self.command("init", *words)
        self.assertIn(f"error[{error}]", done.stderr)
        self.assertEqual(done.returncode, status)

    def runs(self):
        done = self.command("run", "--to", "extract_features", "--quiet")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_penguins(self):
        (self.folder / "penguins.csv").symlink_to(ROOT / ".deps/data/penguins/penguins.csv")
        text = self.init("penguins.csv", "--target", "species")
        self.assertIn('nulls: ["", NA]', text)
        self.assertIn("target: {name: species, type: multiclass, expr: species}", text)
        self.runs()

    def test_a_number_and_a_key(self):
        rows = "".join(f"{i},{i * 0.5},{'x' if i % 3 else 'y'}\n" for i in range(60))
        self.write("My sales-2.csv", "Sale ID,price,kind\n" + rows)
        text = self.init("My sales-2.csv", "--target", "price")
        self.assertIn("my_sales_2:", text)
        self.assertIn('key: ["Sale ID"]', text)
        self.assertIn("target: {name: price, type: number, expr: price}", text)
        self.runs()

    def test_two_classes_of_text_and_no_word_of_the_target(self):
        rows = "".join(f"{i % 7},{'yes' if i % 3 else 'no'}\n" for i in range(60))
        self.write("d.csv", "x,churn\n" + rows)
        text = self.init("d.csv")
        self.assertIn("guessed", text)
        self.assertIn("name: is_churn, type: binary, expr: \"churn = 'yes'\"", text)
        self.runs()

    def test_events_are_split_by_time(self):
        rows = "".join(f"{i},2024-{1 + i // 28:02d}-{1 + i % 28:02d},{i % 5}\n" for i in range(280))
        self.write("d.csv", "id,day,y\n" + rows)
        text = self.init("d.csv", "--target", "y")
        self.assertIn("split: {type: time, column: day", text)
        self.runs()

    def test_a_second_file_is_joined_by_its_key(self):
        rows = "".join(f"{i},s{i % 4},{i % 9}\n" for i in range(90))
        self.write("sales.csv", "sale,shop,y\n" + rows)
        self.write("shops.csv", "shop,size,y\n" + "".join(f"s{i},{i * 10},1\n" for i in range(4)))
        text = self.init("sales.csv", "shops.csv", "--target", "y")
        self.assertIn('- {table: shops, match: {shop: shop}, take: [size, "y"], prefix: shops_}',
                      text)
        self.runs()

    def test_an_old_encoding(self):
        rows = "".join(f"{i},{'é' if i % 2 else 'ü'},{i % 9}\n" for i in range(40))
        self.write("d.csv", "id,c,y\n" + rows, encoding="latin-1")
        self.assertIn("encoding: windows-1252", self.init("d.csv", "--target", "y"))
        self.runs()

    def to_the_end(self, data, target, rows):
        """By init and run alone: a registered version, whose answers to the same file come back."""
        self.init(data, "--target", target)
        done = self.command("run", "--quiet")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        models = json.loads(self.command("models", "--json").stdout)
        self.assertEqual(len(models), 1, models)
        self.assertEqual(models[0]["aliases"], {"challenger": 1, "champion": 1})
        done = self.command("infer", models[0]["model"], "out.csv", "--json",
                            "--source", f"{self.name}={data}")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(done.stdout)["scored"], rows)
        lines = (self.folder / "out.csv").read_text().splitlines()
        self.assertEqual(len(lines), rows + 1)
        return lines

    name = "made"

    def made(self, target):
        """Nulls, categories, booleans and a date; a target that can be learnt."""
        chance = random.Random(5)
        lines = []
        for i in range(400):
            area, kind = chance.uniform(40, 250), chance.choice(["flat", "villa", "Häuschen", ""])
            day = f"2023-{1 + i // 34:02d}-{1 + i % 28:02d}"
            price = area * 1000 + (kind == "villa") * 90_000 + chance.gauss(0, 5000)
            label = f"{price:.2f}" if target == "price" else "yes" if price > 170_000 else "no"
            garden = chance.choice(["true", "false", ""])
            lines.append(f"{i},{f'{area:.1f}' if i % 9 else ''},{kind},{garden},{day},{label}\n")
        self.write("made.csv", f"id,area,kind,garden,sold_on,{target}\n" + "".join(lines))
        return "made.csv"

    def test_to_the_end_with_classes(self):
        (self.folder / "penguins.csv").symlink_to(ROOT / ".deps/data/penguins/penguins.csv")
        self.name = "penguins"
        lines = self.to_the_end("penguins.csv", "species", 344)
        self.assertIn("probability_Adelie", lines[0])

    def test_to_the_end_with_a_number(self):
        lines = self.to_the_end(self.made("price"), "price", 400)
        self.assertEqual(lines[0], "id,prediction")

    def test_to_the_end_with_yes_and_no(self):
        lines = self.to_the_end(self.made("dear"), "dear", 400)
        self.assertEqual(lines[0], "id,prediction,probability")

    def test_refusals(self):
        self.write("d.csv", "x,y\n1,2\n2,2\n")
        self.refused("init.unknown_target", 2, "d.csv", "--target", "z")
        self.refused("init.no_label", 3, "d.csv", "--target", "y")
        self.refused("file.not_found", 4, "missing.csv")
        self.write("kingpost.yaml", "mine")
        self.refused("init.file_exists", 5, "d.csv", "--target", "x")
        self.assertEqual((self.folder / "kingpost.yaml").read_text(), "mine")
        self.write("empty.csv", "")
        self.refused("ingest.file_empty", 2, "empty.csv", "--out", "other.yaml")
        self.assertFalse((self.folder / "other.yaml").exists())


if __name__ == "__main__":
    unittest.main()
