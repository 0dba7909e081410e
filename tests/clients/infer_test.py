# SPDX-License-Identifier: Apache-2.0
"""`kingpost infer` gives the bits of Python's onnxruntime on the bundle's graph, whatever the form
of the file, all rows at once or one at a time; and those of the matrix that was trained on."""

import io
import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import numpy
import onnxruntime
import pyarrow
import pyarrow.csv
import pyarrow.parquet

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/support"))

from serving import Served  # noqa: E402

KINGPOST = os.environ.get("KINGPOST", str(ROOT / "build/release/kingpost"))


def run_kingpost(*words, status=0, **more):
    done = subprocess.run([KINGPOST, *map(str, words)], capture_output=True, check=False, **more)
    assert done.returncode == status, done.stdout.decode() + done.stderr.decode()
    return done


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
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def read(path):
    """The rows of a file that was written, as columns."""
    if path.suffix == ".parquet":
        return pyarrow.parquet.read_table(path).to_pydict()
    if path.suffix == ".csv":
        return pyarrow.csv.read_csv(path).to_pydict()
    return columns_of([json.loads(line) for line in path.read_text().splitlines()])


def columns_of(rows):
    return {name: [row[name] for row in rows] for name in rows[0]}


def bits(values):
    return numpy.array(values, dtype=numpy.float32).view(numpy.uint32)


class Model:
    """A bundle and what Python's onnxruntime says of rows."""

    def __init__(self, folder):
        self.folder = folder
        self.signature = json.loads((folder / "signature.json").read_text())
        self.session = session_of(folder / "model.onnx")
        self.names = [each.name for each in self.session.get_outputs()]

    def answers(self, table, piece=9973):
        inputs = inputs_of(table, self.signature["inputs"])
        parts = []
        for first in range(0, len(table), piece):
            few = {name: values[first:first + piece] for name, values in inputs.items()}
            parts.append(self.session.run(self.names, few))
        found = [numpy.concatenate(part) for part in zip(*parts)]
        out = {}
        for name, values in zip(self.names, found):
            if name != "probabilities":
                out[name] = values[:, 0]
                continue
            for index, label in enumerate(self.signature["classes"]):
                out[f"probability_{label}"] = values[:, index]
        return out


class InferTest(unittest.TestCase):
    def package(self, pipeline):
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        for file in pipeline.parent.glob("*.yaml"):
            text = file.read_text().replace("../../.deps", str(ROOT / ".deps"))
            (folder / file.name).write_text(text)
        self.pipeline = folder / pipeline.name
        self.folder = folder
        run_kingpost("run", self.pipeline, "--quiet")
        run_kingpost("package", folder / "bundle", "-f", self.pipeline)
        return Model(folder / "bundle")

    def export(self, name, file):
        run_kingpost("data", "export", "-f", self.pipeline, name, self.folder / file)
        return self.folder / file

    def same(self, found, wanted, rows=None):
        for name, values in wanted.items():
            one = found[name]
            if values.dtype == numpy.float32:
                self.assertTrue(numpy.array_equal(bits(one), values.view(numpy.uint32)), name)
            else:
                self.assertEqual(list(one), values.tolist(), name)
            self.assertEqual(len(one), len(values) if rows is None else rows)

    def forms(self, model, table, keep):
        """From each form to each other, and through the streams."""
        folder = self.folder
        wanted = model.answers(table)
        pyarrow.parquet.write_table(table, folder / "in.parquet")
        session_files = [folder / "in.parquet"]
        pyarrow.csv.write_csv(table, folder / "in.csv")
        session_files.append(folder / "in.csv")
        with open(folder / "in.ndjson", "w", encoding="utf-8") as out:
            for row in table.to_pylist():
                out.write(json.dumps(row, default=str) + "\n")
        session_files.append(folder / "in.ndjson")
        for source in session_files:
            for end in ("parquet", "csv", "ndjson"):
                target = folder / f"out_{source.suffix[1:]}.{end}"
                run_kingpost("infer", model.folder, source, target, "--keep", keep, "--quiet")
                self.assertFalse((folder / (target.name + ".rejected.ndjson")).exists())
                found = read(target)
                self.same(found, wanted)
                self.assertEqual([str(each) for each in found[keep]],
                                 [str(each) for each in table[keep].to_pylist()])
        done = run_kingpost("infer", model.folder, "-", "-", "--format", "csv", "--keep", keep,
                            input=(folder / "in.csv").read_bytes())
        self.same(pyarrow.csv.read_csv(io.BytesIO(done.stdout)).to_pydict(), wanted)
        done = run_kingpost("infer", model.folder, "-", "-", "--format", "ndjson", "--keep", keep,
                            input=(folder / "in.ndjson").read_bytes())
        self.same(columns_of([json.loads(line) for line in done.stdout.splitlines()]), wanted)

    def test_penguins(self):
        model = self.package(ROOT / "examples/penguins/penguins.yaml")
        table = pyarrow.parquet.read_table(self.export("training", "training.parquet"))
        self.forms(model, table, "species")
        unseen = table.slice(0, 3)
        position = unseen.schema.get_field_index("island")
        unseen = unseen.set_column(position, "island",
                                   pyarrow.array(["Atlantis", None, "Bis\"coe, \n"]))
        self.forms(model, unseen, "species")
        # One row at a time.
        wanted = model.answers(table)
        for row in range(0, len(table), 37):
            pyarrow.csv.write_csv(table.slice(row, 1), self.folder / "one.csv")
            run_kingpost("infer", model.folder, self.folder / "one.csv", self.folder / "one.ndjson",
                         "--quiet")
            found = read(self.folder / "one.ndjson")
            self.same(found, {name: values[row:row + 1] for name, values in wanted.items()})
        self.refusals(model)

    def test_names_of_the_registry(self):
        model = self.package(ROOT / "examples/penguins/penguins.yaml")
        rows = self.export("training", "in.csv")
        run_kingpost("infer", model.folder, rows, self.folder / "folder.csv", "--quiet")
        for name in ("penguins_species", "penguins_species/1",
                     "models:/penguins_species@challenger"):
            run_kingpost("infer", name, rows, self.folder / "named.csv", "-f", self.pipeline,
                         "--quiet")
            self.assertEqual((self.folder / "named.csv").read_bytes(),
                             (self.folder / "folder.csv").read_bytes())
        self.refused(4, "registry.model_unknown", "pinguins", rows, self.folder / "named.csv", "-f",
                     self.pipeline)

    def test_flights(self):
        model = self.package(ROOT / "examples/flights/flights_late.yaml")
        labelled = pyarrow.parquet.read_table(self.export("training", "training.parquet"))
        unlabelled = pyarrow.parquet.read_table(
            self.export("training.unlabelled", "unlabelled.parquet"))
        inputs = [each["name"] for each in model.signature["inputs"]]
        keys = ["time_hour", "carrier", "flight"]
        columns = list(dict.fromkeys(keys + inputs))
        table = pyarrow.concat_tables([labelled.select(columns), unlabelled.select(columns)])
        self.assertEqual(len(table), 336_776)
        wanted = model.answers(table)
        pyarrow.parquet.write_table(table, self.folder / "all.parquet")
        pyarrow.csv.write_csv(table, self.folder / "all.csv")
        for source in ("all.parquet", "all.csv"):
            for end in ("parquet", "csv"):
                target = self.folder / f"{source}.{end}"
                run_kingpost("infer", model.folder, self.folder / source, target, "--quiet")
                self.same(read(target), wanted)
        kept = pyarrow.parquet.read_table(self.folder / "all.csv.parquet")
        self.assertTrue(kept.select(keys).equals(table.select(keys)))
        self.matrix(len(labelled), wanted)
        few = {name: values[::1123] for name, values in wanted.items()}
        alone = model.answers(table.take(pyarrow.array(range(0, len(table), 1123))), piece=1)
        self.same(alone, few)
        self.sources(model, table, wanted)
        self.served(model, table, wanted)

    def served(self, model, table, wanted):
        """The bits of every protocol of kingpost-serve are those of batch."""
        asker = ROOT / ".deps/venv/tritonclient/bin/python"
        if not asker.exists():
            self.skipTest("no tritonclient here: tools/setup.py --with tritonclient")
        served = Served("--model", f"m={model.folder}", "--grpc", "0")
        self.addCleanup(served.end)
        numpy.savez(self.folder / "rows.npz", **inputs_of(table, model.signature["inputs"]))
        subprocess.run([asker, ROOT / "tests/support/ask_triton.py", str(served.port),
                        str(served.grpc_port), "m", self.folder / "rows.npz",
                        self.folder / "served.npz"], check=True)
        with numpy.load(self.folder / "served.npz", allow_pickle=True) as found:
            for kind in ("binary", "json", "grpc"):
                for name, values in wanted.items():
                    one = found[f"{kind} {name}"][:, 0]
                    rows = found[f"{kind} rows"]
                    self.assertEqual(len(rows), 2000 if kind == "json" else len(values))
                    self.assertEqual(one.tobytes(), values[rows].astype(one.dtype).tobytes(),
                                     (kind, name))

    def matrix(self, rows, wanted):
        """The model without its features, on the matrix that it was trained on."""
        winner = json.loads(self.export("winner.json", "winner.json").read_text())["name"]
        kept = json.loads(self.export("selection.json", "selection.json").read_text())["columns"]
        matrix = numpy.load(self.export("matrix.npy", "matrix.npy"))
        session = session_of(self.export(f"model.{winner}.onnx", "bare.onnx"))
        self.assertEqual(len(matrix), rows)
        name = session.get_inputs()[0].name
        found = session.run(["probability"], {name: numpy.ascontiguousarray(matrix[:, kept])})[0]
        self.assertTrue(numpy.array_equal(found[:, 0].view(numpy.uint32),
                                          wanted["probability"][:rows].view(numpy.uint32)))

    def sources(self, model, table, wanted):
        """Source files through steps 1 to 5, without what is known only afterwards."""
        source = pyarrow.csv.read_csv(
            ROOT / ".deps/data/flights/flights.csv",
            convert_options=pyarrow.csv.ConvertOptions(
                column_types={"time_hour": pyarrow.string(), "flight": pyarrow.string()}))
        late = ["dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"]
        pyarrow.csv.write_csv(source.drop_columns(late), self.folder / "today.csv")
        run_kingpost("infer", model.folder, self.folder / "scored.parquet", "--source",
                     f"flights={self.folder / 'today.csv'}", "-f", self.pipeline, "--quiet")
        scored = pyarrow.parquet.read_table(self.folder / "scored.parquet")
        self.assertEqual(len(scored), len(table))

        def keyed(rows, values):
            keys = zip(rows["time_hour"].cast(pyarrow.int64()).to_pylist(),
                       rows["carrier"].to_pylist(), rows["flight"].to_pylist())
            return dict(zip(keys, values))

        self.assertEqual(keyed(scored, bits(scored["probability"].to_numpy()).tolist()),
                         keyed(table, bits(wanted["probability"]).tolist()))

    def refused(self, status, error, *words, **more):
        done = run_kingpost("infer", *words, status=status, **more)
        self.assertIn(error, done.stderr.decode())
        return done

    def refusals(self, model):
        rows = self.folder / "in.csv"
        out = self.folder / "refused.csv"
        here = {"cwd": self.enterContext(tempfile.TemporaryDirectory())}
        self.refused(4, "infer.model_missing", "nowhere", rows, out, **here)
        self.refused(2, "infer.words_missing", model.folder, out)
        self.refused(2, "infer.not_a_character", model.folder, rows, out, "--delimiter", "ab")
        self.refused(2, "infer.source_malformed", model.folder, out, "--source", "penguins",
                     "-f", self.pipeline)
        self.refused(2, "infer.source_unknown", model.folder, out, "--source", "pinguins=in.csv",
                     "-f", self.pipeline)
        self.refused(2, "infer.unknown_format", model.folder, "-", out)
        self.assertFalse(out.exists())
        head = rows.read_text().splitlines()
        bad = head[1].split(",")
        bad[head[0].replace('"', "").split(",").index("bill_length_mm")] = "long"
        text = "\n".join([head[0], ",".join(bad), head[1], ""])
        done = self.refused(3, "infer.rejected_nowhere", model.folder, "-", "-", "--format", "csv",
                            input=text.encode())
        self.assertEqual(len(done.stdout.splitlines()), 2)
        self.assertIn("bill_length_mm \"long\" is not a number", done.stderr.decode())


if __name__ == "__main__":
    unittest.main()
