# SPDX-License-Identifier: Apache-2.0
"""A bundle in the hands of others: Python's onnxruntime, mlflow.onnx and mlflow.pyfunc give the
bits of the example's answers and of the predictions that were measured, nulls and unseen categories
included; another folder and another number of threads give the same bundle."""

import csv
import json
import os
import random
import subprocess
import tempfile
import unittest
import warnings
from datetime import datetime, timedelta
from pathlib import Path

import mlflow
import mlflow.onnx
import mlflow.pyfunc
import numpy
import onnx
import onnxruntime
import pandas
import pyarrow.parquet

ROOT = Path(__file__).resolve().parents[2]
KINGPOST = os.environ.get("KINGPOST", str(ROOT / "build/release/kingpost"))

SALES = """
version: 1
project: sales
vars: {now: "2024-03-01T00:00:00Z"}
engine: {threads: 2}
ingest:
  sales:
    path: sales.csv
    key: [sale]
    types: {sold: timestamp_utc, born: date, weight: float64, count: int64, member: boolean}
curate:
  spine: sales
  target: {name: late, type: binary, expr: late}
  predict_at: {column: sold, offset: -2h}
  split: {type: time, column: sold, validation_from: 2023-07-01, test_from: 2023-10-01}
extract_features:
  columns:
    - {name: shop, type: category, min_count: 5}
    - {name: weight, type: number}
    - {name: count, type: number}
    - {name: member, type: boolean}
    - {name: hour, type: number, expr: "hour(sold)"}
    - {name: age, type: number, expr: "year(sold) - year(born)"}
train: {search: {trials: 2}, rounds: 40, metric: auc}
"""


def make_sales(path):
    """Nulls in every column; shops of the last months are unseen before."""
    chance = random.Random(5)
    start = datetime(2023, 1, 1)
    with path.open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["sale", "sold", "born", "shop", "weight", "count", "member", "late"])
        for sale in range(3000):
            sold = start + timedelta(hours=2.9 * sale)
            shops = ["north", "südost", "it's", ""] if sale < 2300 else ["north", "new"]
            shop = chance.choice(shops)
            weight = "" if chance.random() < 0.1 else f"{chance.gauss(10, 3):.3f}"
            count = "" if chance.random() < 0.1 else str(chance.randrange(40))
            member = chance.choice(["true", "false", ""])
            born = "" if chance.random() < 0.1 else f"{1950 + chance.randrange(50)}-05-17"
            late = float(weight or 10) + (3 if shop == "north" else 0) + chance.gauss(0, 2) > 11
            writer.writerow([sale, sold.isoformat() + "Z", born, shop, weight, count, member,
                             str(late).lower()])


def run(*words):
    done = subprocess.run([KINGPOST, *map(str, words)], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def export(pipeline, name, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    run("data", "export", "-f", pipeline, name, path)
    return path


def bundle_of(pipeline, folder):
    sums = export(pipeline, "bundle/SHA256SUMS", folder / "SHA256SUMS").read_text()
    for line in sums.splitlines():
        export(pipeline, "bundle/" + line[66:], folder / line[66:])
    done = subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=folder, check=False)
    assert done.returncode == 0
    return folder


class Looked:
    """One pipeline that has run, its bundle, and its test rows as a frame."""

    def __init__(self, pipeline, folder):
        self.bundle = bundle_of(pipeline, folder / "bundle")
        self.signature = self.json("signature.json")
        training = pyarrow.parquet.read_table(export(pipeline, "training",
                                                     folder / "training.parquet"))
        self.predictions = pyarrow.parquet.read_table(
            export(pipeline, "predictions", folder / "predictions.parquet")).to_pandas()
        self.winner = self.json("metrics.json")["model"]
        rows = training.take(self.predictions["_row"].to_list())
        self.frame = pandas.DataFrame({each["name"]: self.series(rows.column(each["name"]), each)
                                       for each in self.signature["inputs"]})

    def json(self, name):
        return json.loads((self.bundle / name).read_text())

    @staticmethod
    def series(values, spec):
        """As MLflow takes it: numbers and booleans as float64, texts as objects with None."""
        values = values.to_pylist()
        if spec["type"].startswith("timestamp"):
            return pandas.Series(values, dtype="datetime64[ns, UTC]").dt.tz_localize(None)
        if spec["type"] == "date":
            return pandas.Series(values, dtype="datetime64[ns]")
        if spec["type"] == "string":
            return pandas.Series(values, dtype=object)
        return pandas.Series(values, dtype="float64")

    def feed(self, frame):
        """By hand, as README.md of the bundle says."""
        out = {}
        for each in self.signature["inputs"]:
            values = frame[each["name"]]
            if each["onnx"] == "string":
                array = numpy.array(["" if value is None else value for value in values],
                                    dtype=object)
            elif values.dtype.kind == "M":
                micros = [numpy.nan if value is pandas.NaT else
                          (value - pandas.Timestamp(0)) // pandas.Timedelta("1us")
                          for value in values]
                array = numpy.array(micros, dtype=numpy.float64)
            else:
                array = numpy.array([numpy.nan if value is None else float(value)
                                     for value in values], dtype=numpy.float64)
            out[each["name"]] = array.reshape(-1, 1)
        return out

    def session(self, model):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def answers(self, session, frame):
        names = [each["name"] for each in self.signature["outputs"]]
        return dict(zip(names, session.run(names, self.feed(frame))))

    def columns(self, answers):
        """The runtime's answers in the columns that mlflow.pyfunc gives."""
        out = {"prediction": answers["prediction"][:, 0]}
        if "probability" in answers:
            out["probability"] = answers["probability"][:, 0]
        for at, each in enumerate(self.signature["classes"]):
            if "probabilities" in answers:
                out[f"probability_{each}"] = answers["probabilities"][:, at]
        return out

    def measured(self):
        classes = [f"{self.winner}:{each}" for each in self.signature["classes"]]
        names = classes if classes[0] in self.predictions else [self.winner]
        return self.predictions[names].to_numpy().astype(numpy.float32)


class BundleTest(unittest.TestCase):
    def made(self, text, name):
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        if name == "sales":
            make_sales(folder / "sales.csv")
        (folder / f"{name}.yaml").write_text(text)
        run("run", folder / f"{name}.yaml", "--quiet")
        return Looked(folder / f"{name}.yaml", folder)

    def penguins(self):
        text = (ROOT / "examples/penguins/penguins.yaml").read_text()
        text = text.replace("../../.deps", str(ROOT / ".deps"))
        return self.made(text + "train: {search: {trials: 2}, rounds: 60}\n", "penguins")

    def same(self, found, wanted):
        self.assertEqual(list(found), list(wanted))
        for name, values in wanted.items():
            values = numpy.asarray(values)
            got = numpy.asarray(found[name])
            if values.dtype == numpy.float32:
                self.assertEqual(got.dtype, numpy.float32, name)
                self.assertTrue(numpy.array_equal(got.view(numpy.uint32),
                                                  values.view(numpy.uint32)), name)
            else:
                self.assertEqual(got.tolist(), values.tolist(), name)

    def agree(self, looked):
        graph = str(looked.bundle / "model.onnx")
        onnx.checker.check_model(onnx.load(graph), full_check=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            loaded = mlflow.onnx.load_model(str(looked.bundle))
            model = mlflow.pyfunc.load_model(str(looked.bundle))
        direct = looked.answers(looked.session(graph), looked.frame)
        wanted = looked.columns(direct)
        scores = direct.get("probabilities", direct.get("probability"))
        self.assertTrue(numpy.array_equal(scores.view(numpy.uint32),
                                          looked.measured().view(numpy.uint32)))
        self.same(looked.columns(looked.answers(looked.session(loaded.SerializeToString()),
                                                looked.frame)), wanted)
        self.same(model.predict(looked.frame), wanted)
        for row in range(0, len(looked.frame), max(1, len(looked.frame) // 50)):
            one = {name: values[row:row + 1] for name, values in wanted.items()}
            self.same(model.predict(looked.frame[row:row + 1]), one)
        self.example(looked, model)
        return model, wanted

    def example(self, looked, model):
        example = looked.json("input_example.json")
        kept = looked.json("input_example.answers.json")
        self.assertEqual(example["columns"], [each["name"] for each in looked.signature["inputs"]])
        answers = {name: numpy.array([row[at] for row in kept["data"]])
                   for at, name in enumerate(kept["columns"])}
        for name, values in answers.items():
            if values.dtype == numpy.float64:
                answers[name] = values.astype(numpy.float32)
        answers = {name: values.reshape(len(values), -1) for name, values in answers.items()}
        # MLflow reads the file of the bundle itself, by the signature.
        frame = model.input_example
        self.assertEqual(len(frame), 5)
        self.same(model.predict(frame), looked.columns(answers))

    def test_classes(self):
        looked = self.penguins()
        self.assertEqual(looked.signature["task"], "multiclass")
        model, _ = self.agree(looked)
        none = pandas.DataFrame([[None] * len(looked.frame.columns)], columns=looked.frame.columns)
        none = none.astype({each["name"]: "float64" for each in looked.signature["inputs"]
                            if each["onnx"] == "double"})
        wanted = looked.columns(looked.answers(looked.session(str(looked.bundle / "model.onnx")),
                                               none.astype(object).where(none.notna(), None)))
        self.same(model.predict(none), wanted)

    def test_nulls_and_unseen_categories(self):
        looked = self.made(SALES, "sales")
        self.assertIn("new", set(looked.frame["shop"]))
        self.assertTrue(looked.frame.isna().any().sum() >= 4)
        model, wanted = self.agree(looked)
        frame = looked.frame
        # Null in every form that pandas knows, and "" for a text.
        for other in (frame.assign(shop=frame["shop"].fillna("")),
                      frame.assign(shop=frame["shop"].astype("string")),
                      frame.assign(shop=frame["shop"].astype("str")),
                      frame.assign(shop=frame["shop"].where(frame["shop"].notna(), numpy.nan)),
                      frame.assign(more=1)[["more", *reversed(frame.columns)]],
                      frame.set_index(frame.index + 7)):
            self.same(model.predict(other), wanted)
        # What MLflow's own check would refuse, the loader takes.
        loader = model._model_impl
        for other in (frame.assign(count=frame["count"].astype("Int64")),
                      frame.assign(member=frame["member"].astype("boolean")),
                      frame.assign(count=frame["count"].astype(object).where(
                          frame["count"].notna(), None)),
                      frame.assign(sold=frame["sold"].dt.tz_localize("UTC").dt.tz_convert(
                          "Europe/Berlin")),
                      frame.assign(sold=frame["sold"].astype(str))):
            self.same(loader.predict(other), wanted)

    def test_what_does_not_fit_is_refused(self):
        looked = self.made(SALES, "sales")
        model = mlflow.pyfunc.load_model(str(looked.bundle))
        frame = looked.frame
        loader = model._model_impl
        with self.assertRaisesRegex(mlflow.exceptions.MlflowException, "missing inputs.*shop"):
            model.predict(frame.drop(columns="shop"))
        with self.assertRaisesRegex(mlflow.exceptions.MlflowException, "weight"):
            model.predict(frame.assign(weight="heavy"))
        with self.assertRaisesRegex(ValueError, "lack columns.*shop.*count"):
            loader.predict(frame.drop(columns=["shop", "count"]))
        with self.assertRaisesRegex(TypeError, "'shop' holds texts, and 7 is none"):
            loader.predict(frame.assign(shop=7))
        with self.assertRaisesRegex(TypeError, "'weight' holds numbers, and 'heavy' is none"):
            loader.predict(frame.assign(weight=pandas.Series(["heavy"] * len(frame), dtype=object)))
        with self.assertRaisesRegex(ValueError, "'count' holds whole numbers beyond"):
            loader.predict(frame.assign(count=2 ** 53 + 2))

    def test_equal_bundles(self):
        digests = set()
        for threads in (1, 2):
            folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
            make_sales(folder / "sales.csv")
            (folder / "sales.yaml").write_text(SALES)
            run("run", folder / "sales.yaml", "--quiet", "--set", f"engine.threads={threads}",
                "--set", f"train.threads={threads}")
            digests.add(export(folder / "sales.yaml", "bundle/SHA256SUMS",
                               folder / "sums.txt").read_bytes())
        self.assertEqual(len(digests), 1)


if __name__ == "__main__":
    unittest.main()
