# SPDX-License-Identifier: Apache-2.0
"""Reasons for the answers of linear models and constants, from the pipeline file to the wire."""

import hashlib
import json
import math
import random
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from project import KINGPOST  # noqa: E402
from serving import SECONDS, SERVE, Served  # noqa: E402

TARGETS = {"price": ("number", "ridge"), "dear": ("binary", "logistic"),
           "level": ("multiclass", "logistic")}


def made_rows():
    chance = random.Random(11)
    lines = ["id,area,kind,price,dear,level"]
    for i in range(400):
        area, kind = chance.uniform(40, 250), chance.choice(["flat", "house", "villa"])
        price = area * 1000 + (kind == "villa") * 90_000 + chance.uniform(-2e4, 2e4)
        level = "low" if price < 120_000 else "mid" if price < 190_000 else "high"
        dear = "true" if price > 150_000 else "false"
        lines.append(f"{i},{area:.1f},{kind},{price:.2f},{dear},{level}")
    return "\n".join(lines) + "\n"


def pipeline(target):
    task, family = TARGETS[target]
    others = ", ".join(sorted(TARGETS.keys() - {target}))
    return f"""version: 1
project: {target}
ingest: {{houses: {{path: houses.csv, key: [id]}}}}
curate: {{spine: houses, target: {{name: {target}, type: {task}, expr: {target}}}}}
extract_features: {{exclude: [{others}]}}
candidates: {{baseline: {{family: constant}}, model: {{family: {family}}}}}
"""


def rewrite(bundle, name, text):
    """Another text of a file, or none, and the sums that go with it."""
    if text is None:
        (bundle / name).unlink()
    else:
        (bundle / name).write_text(text)
    sums = bundle / "SHA256SUMS"
    names = [line.split("  ")[1] for line in sums.read_text().splitlines()]
    sums.write_text("".join(f"{hashlib.sha256((bundle / each).read_bytes()).hexdigest()}  {each}\n"
                            for each in names if (bundle / each).exists()))


class ExplainTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.base = Path(tempfile.mkdtemp(prefix="kingpost-test-")).resolve()
        cls.addClassCleanup(shutil.rmtree, cls.base)
        (cls.base / "houses.csv").write_text(made_rows())
        for target in TARGETS:
            (cls.base / f"{target}.yaml").write_text(pipeline(target))
            for words in (["run", f"{target}.yaml", "--quiet"],
                          ["package", target, "-f", f"{target}.yaml"]):
                done = subprocess.run([KINGPOST, *words], cwd=cls.base, capture_output=True,
                                      text=True, check=False)
                assert done.returncode == 0, done.stdout + done.stderr
        cls.served = Served(*(word for target in TARGETS
                              for word in ("--model", f"{target}={cls.base / target}")))
        cls.addClassCleanup(cls.served.end)

    def explained(self, target, rows, served=None):
        out = (served or self.served).json("POST", f"/v1/models/{target}:explain",
                                           json.dumps(rows))
        return list(zip(rows, out["predictions"], out["explanations"]))

    def parts_of(self, target, output, row):
        """What each feature adds to a raw score, by the weights and means of the bundle."""
        bundle = self.base / target
        linear = json.loads((bundle / "native/model.json").read_text())["linear"]
        means = json.loads((bundle / "native/linear_means.json").read_text())["means"][output]
        columns = json.loads((bundle / "features.json").read_text())["features"]["columns"]
        categories = {each["feature"]: each["weights"][output] for each in linear["categories"]}
        out = {}
        for place, column in enumerate(columns):
            if place in categories:
                known = column["levels"]
                code = known.index(row[column["name"]])
                part = categories[place][code]
            else:
                part = linear["weights"][output][place] * row[column["name"]]
            out[column["name"]] = part - means[place]
        return out, linear["intercepts"][output] + sum(means)

    rows = [{"area": 80.5, "kind": "villa"}, {"area": 200.25, "kind": "flat"},
            {"area": 41, "kind": "house"}]

    def check(self, target, classes, row, why):
        parts = {each["feature"]: each["contribution"] for each in why["contributions"]}
        output = classes.index(why["of"]) if len(classes) > 2 else 0
        wanted, expected = self.parts_of(target, output, row)
        self.assertEqual(parts.keys(), wanted.keys())
        for name, part in parts.items():
            self.assertAlmostEqual(part / wanted[name], 1, places=5)
        self.assertAlmostEqual(why["expected"] / expected, 1, places=9)
        self.assertAlmostEqual((why["expected"] + sum(parts.values())) / why["score"], 1, places=9)
        sizes = [abs(each["contribution"]) for each in why["contributions"]]
        self.assertEqual(sizes, sorted(sizes, reverse=True))
        values = {each["feature"]: each["value"] for each in why["contributions"]}
        self.assertEqual(values, row)

    def test_a_number(self):
        for row, answer, why in self.explained("price", self.rows):
            self.assertEqual(why["of"], "price")
            self.check("price", [], row, why)
            self.assertAlmostEqual(why["score"] / answer["prediction"], 1, places=6)

    def test_two_classes(self):
        for row, answer, why in self.explained("dear", self.rows):
            self.assertEqual(why["of"], "true")
            self.check("dear", [], row, why)
            self.assertAlmostEqual(1 / (1 + math.exp(-why["score"])), answer["probability"],
                                   places=5)

    def test_several_classes(self):
        classes = json.loads((self.base / "level/signature.json").read_text())["classes"]
        for row, answer, why in self.explained("level", self.rows):
            self.check("level", classes, row, why)
            odds = []
            for output in range(len(classes)):
                parts, expected = self.parts_of("level", output, row)
                odds.append(1 / (1 + math.exp(-expected - sum(parts.values()))))
            for name, each in zip(classes, odds):
                self.assertAlmostEqual(each / sum(odds), answer[f"probability_{name}"], places=5)
            self.assertEqual(classes.index(why["of"]), odds.index(max(odds)))

    def test_what_is_expected_is_the_mean_score_of_train_rows(self):
        """Step 10 took it from the graph's scores, without looking at a weight."""
        for target in TARGETS:
            facts = json.loads((self.base / target / "native/model.json").read_text())
            wanted = facts["expected_value"]
            for output, each in enumerate(wanted if isinstance(wanted, list) else [wanted]):
                _, expected = self.parts_of(target, output, self.rows[0])
                self.assertAlmostEqual(expected / each, 1, places=5)

    def changed(self, target, name, text):
        folder = Path(tempfile.mkdtemp(dir=self.base)) / target
        shutil.copytree(self.base / target, folder)
        rewrite(folder, name, text)
        return folder

    def test_a_bundle_without_means_has_no_reasons(self):
        older = self.changed("dear", "native/linear_means.json", None)
        served = Served("--model", f"dear={older}")
        self.addCleanup(served.end)
        told = served.json("POST", "/v1/models/dear:explain", json.dumps(self.rows), 501)
        self.assertEqual(told["id"], "serve.no_reasons")
        self.assertIn("package an older one again", told["error"])
        served.json("POST", "/v1/models/dear:predict", json.dumps(self.rows))

    def test_means_of_another_model_are_refused(self):
        for text in ('{"means": [[1]]}', "{}", '{"means": [[1, 2], [3, 4]]}'):
            other = self.changed("dear", "native/linear_means.json", text)
            done = subprocess.run([SERVE, "--http", "0", "--model", f"dear={other}"],
                                  capture_output=True, text=True, timeout=SECONDS, check=False)
            self.assertIn("bundle.damaged", done.stderr)
            self.assertNotEqual(done.returncode, 0)

    def test_a_constant_has_no_contributions(self):
        for target, score, of in (("price", 1.5, "price"), ("level", [0.25, 2, -1], "low")):
            facts = json.dumps({"family": "constant", "expected_value": score})
            served = Served("--model",
                            f"it={self.changed(target, 'native/model.json', facts)}")
            self.addCleanup(served.end)
            for _, _, why in self.explained("it", self.rows, served):
                best = max(score) if isinstance(score, list) else score
                self.assertEqual(why, {"of": of, "expected": best, "score": best,
                                       "contributions": []})

    def test_what_does_not_fit_the_graph_is_no_end_of_the_server(self):
        none = self.changed("price", "native/model.json",
                            json.dumps({"family": "constant", "expected_value": []}))
        # Features that the graph does not have.
        more = self.changed("price", "README.md", "")
        for name, path in (("features.json", ("features", "columns")),
                           ("native/model.json", ("linear", "weights", 0)),
                           ("native/linear_means.json", ("means", 0))):
            facts = json.loads((more / name).read_text())
            place = facts
            for key in path:
                place = place[key]
            place += place[-1:] * 1000
            rewrite(more, name, json.dumps(facts))
        served = Served("--model", f"none={none}", "--model", f"more={more}")
        self.addCleanup(served.end)
        rows = json.dumps(self.rows)
        told = served.json("POST", "/v1/models/none:explain", rows, 501)
        self.assertEqual(told["id"], "serve.no_reasons")
        code, _, text = served.ask("POST", "/v1/models/more:explain", rows)
        self.assertGreaterEqual(code, 500, text)
        served.json("POST", "/v1/models/more:predict", rows)


if __name__ == "__main__":
    unittest.main()
