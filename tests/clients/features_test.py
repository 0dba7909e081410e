# SPDX-License-Identifier: Apache-2.0
"""The featurizer's graph in Python's onnxruntime gives the bits of the matrix that was trained on:
all rows at once, in pieces, and one row at a time."""

import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

import numpy
import onnx
import onnxruntime
import pyarrow
import pyarrow.parquet

ROOT = Path(__file__).resolve().parents[2]
KINGPOST = os.environ.get("KINGPOST", str(ROOT / "build/release/kingpost"))


def run_kingpost(*words):
    done = subprocess.run([KINGPOST, *map(str, words)], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def inputs_of(table, inputs):
    """Columns as the graph takes them: float64 with NaN for null, text with "" for null, [N, 1]."""
    out = {}
    for column in inputs:
        values = table.column(column["name"])
        if column["type"] == "string":
            texts = ["" if value is None else value for value in values.to_pylist()]
            out[column["name"]] = numpy.array(texts, dtype=object).reshape(-1, 1)
            continue
        if column["type"].startswith("timestamp"):
            values = values.cast(pyarrow.timestamp("us")).cast(pyarrow.int64())
        numbers = values.cast(pyarrow.float64(), safe=False).to_numpy()
        out[column["name"]] = numpy.array(numbers, dtype=numpy.float64).reshape(-1, 1)
    return out


def session_of(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


class FeaturesTest(unittest.TestCase):
    def look_at(self, pipeline):
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        copy = folder / pipeline.name
        for file in pipeline.parent.glob("*.yaml"):
            text = file.read_text().replace("../../.deps", str(ROOT / ".deps"))
            (folder / file.name).write_text(text)
        run_kingpost("run", copy, "--to", "extract_features", "--quiet")
        for name in ("training", "featurizer.onnx", "matrix.npy", "features.json"):
            out = folder / (name + (".parquet" if name == "training" else ""))
            run_kingpost("data", "export", "-f", copy, name, out)
        matrix = numpy.load(folder / "matrix.npy")
        features = json.loads((folder / "features.json").read_text())["features"]
        onnx.checker.check_model(onnx.load(folder / "featurizer.onnx"), full_check=True)
        inputs = inputs_of(pyarrow.parquet.read_table(folder / "training.parquet"),
                           features["inputs"])
        return session_of(folder / "featurizer.onnx"), inputs, matrix

    def same_bits(self, pipeline, single_rows):
        session, inputs, matrix = self.look_at(pipeline)
        rows = len(matrix)

        def answer(first, last):
            piece = {name: values[first:last].copy() for name, values in inputs.items()}
            return session.run(["features"], piece)[0]

        def compare(first, last):
            found = answer(first, last).view(numpy.uint32)
            wanted = matrix[first:last].view(numpy.uint32)
            self.assertTrue(numpy.array_equal(found, wanted), f"rows {first} to {last}")

        compare(0, rows)
        for first in range(0, rows, 9973):
            compare(first, min(rows, first + 9973))
        for row in range(0, rows, max(1, rows // single_rows)):
            compare(row, row + 1)

    def test_flights(self):
        self.same_bits(ROOT / "examples/flights/flights_late.yaml", 300)

    def test_penguins(self):
        self.same_bits(ROOT / "examples/penguins/penguins.yaml", 344)


if __name__ == "__main__":
    unittest.main()
