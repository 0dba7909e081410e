# SPDX-License-Identifier: Apache-2.0
"""Models that were made elsewhere: registered, listed, served, and asked for rows."""

import csv
import json
import shutil
import struct
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from project import KINGPOST  # noqa: E402
from serving import HousesCase, Served, made_rows  # noqa: E402

FLOAT, INT64, EXTERNAL = 1, 7, 1


def varint(number):
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def field(number, value):
    """One field of a protobuf message."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def port(name, *dims):
    shape = b"".join(field(1, field(1, each) if isinstance(each, int) else field(2, each))
                     for each in dims)
    return field(1, name) + field(2, field(1, field(1, FLOAT) + field(2, shape)))


def node(op, inputs, output, domain=""):
    return (b"".join(field(1, each) for each in inputs) + field(2, output) + field(4, op)
            + field(7, domain))


def linear(external=None, op="MatMul", domain="", name="x"):
    """y = 2 a + 3 b of x = [a, b], and the same without columns as `flat`."""
    weights = field(1, 2) + field(1, 1) + field(2, FLOAT) + field(8, "w")
    if external is None:
        weights += field(9, struct.pack("<2f", 2, 3))
    else:
        weights += b"".join(field(13, field(1, key) + field(2, value))
                            for key, value in external.items()) + field(14, EXTERNAL)
    shape = field(1, 1) + field(2, INT64) + field(8, "s") + field(9, struct.pack("<q", -1))
    graph = (field(1, node(op, [name, "w"], "y", domain))
             + field(1, node("Reshape", ["y", "s"], "flat"))
             + field(2, "linear") + field(5, weights) + field(5, shape)
             + field(11, port(name, "rows", 2))
             + field(12, port("y", "rows", 1)) + field(12, port("flat", "rows")))
    return field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, 13))


class RegisterTest(HousesCase):
    more = ("candidates: {baseline: {family: constant}, gbdt: {family: lightgbm}}\n")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.call("run", "--quiet")
        cls.call("package", "bundle")

    def refused(self, data, error, name="bad.onnx"):
        (self.base / name).write_bytes(data)
        text = self.call("register", name, "--name", "bad", error=error)
        self.call("show", "bad", error="registry.model_unknown")
        return text

    def rows(self, name):
        with (self.base / name).open() as file:
            return list(csv.DictReader(file))

    def served(self, name):
        served = Served("--model", f"{name}={self.base / name}")
        self.addCleanup(served.end)
        return served

    def test_onnx(self):
        (self.base / "linear.onnx").write_bytes(linear())
        text = self.call("register", "linear.onnx", "--name", "linear", "--alias", "champion")
        self.assertIn("is version 1 of linear, the champion", text)
        self.assertIn("0 of 257 rows have other answers alone than together", text)
        self.assertIn("is already version 1",
                      self.call("register", "linear.onnx", "--name", "linear"))
        self.assertIn("champion 1", self.call("models"))
        self.assertIn("linear.onnx", self.call("show", "linear"))
        shown = json.loads(self.call("show", "linear", "--json"))
        self.assertEqual(shown["facts"]["parity"]["others_alone"], 0)
        self.assertIn(shown["facts"]["parity"]["words"], self.call("show", "linear"))
        self.call("compare", "linear", "houses_price/1")
        self.call("verify")
        (self.base / "rows.csv").write_text("x_0,x_1\n1,10\n2,20\n")
        self.call("infer", "linear@champion", "rows.csv", "out.csv")
        rows = self.rows("out.csv")
        self.assertEqual([(float(row["y"]), float(row["flat"])) for row in rows],
                         [(32, 32), (64, 64)])
        self.call("package", "linear", "--model", "linear")
        self.assertEqual((self.base / "linear/model.onnx").read_bytes(), linear())
        answer = self.served("linear").json("POST", "/v2/models/linear/infer", json.dumps(
            {"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 10]}]}))
        self.assertEqual(answer["outputs"][0]["data"], [32])

    def test_a_file_as_champion_is_not_compared(self):
        (self.base / "own.onnx").write_bytes(linear())
        self.call("register", "own.onnx", "--name", "houses_price", "--alias", "champion")
        self.call("run", "--quiet", "--from", "select_best")
        report = self.call("data", "report", "select_best")
        self.assertIn("it is a registered file that does not say its target", report)
        shown = json.loads(self.call("show", "houses_price@champion", "--json"))
        self.assertEqual(shown["facts"]["family"], "onnx")

    def test_constants_in_other_files(self):
        folder = self.base / "large"
        folder.mkdir()
        (folder / "w.bin").write_bytes(b"12345678" + struct.pack("<2f", 2, 3))
        place = {"location": "w.bin", "offset": "8", "length": "8"}
        (folder / "m.onnx").write_bytes(linear(place))
        self.call("register", "large/m.onnx", "--name", "outside")
        (self.base / "rows.csv").write_text("x_0,x_1\n1,10\n")
        self.call("infer", "outside", "rows.csv", "out.csv")
        self.assertIn("32", (self.base / "out.csv").read_text())
        (self.base / "w.bin").write_bytes(b"12345678" + struct.pack("<2f", 2, 3))
        (folder / "link.bin").symlink_to(self.base / "w.bin")
        for change in ({"location": "../w.bin"}, {"location": str(self.base / "w.bin")},
                       {"location": "gone"}, {"location": "link.bin"}, {"offset": "9"},
                       {"offset": "-1"}, {"length": "x"}, {"location": ""}):
            with self.subTest(change):
                self.refused(linear(place | change), "onnx.external_data", "large/bad.onnx")

    def test_hostile_files(self):
        for data in (b"", linear()[:-40], b"\x89PNG" * 50, made_rows().encode()):
            with self.subTest(data[:20]):
                self.refused(data, "onnx.not_a_model")
        text = self.refused(linear(op="Magic", domain="evil"), "onnx.invalid_model")
        self.assertIn("Magic", text)
        text = self.refused(linear(name="x\x1b[2J\n"), "onnx.name_hostile")
        self.assertNotIn("\x1b", text)
        self.call("register", "nowhere.onnx", "--name", "bad", error="file.not_found")
        self.call("register", "houses.csv", "--name", "a/b", error="registry.name_malformed")
        (self.base / "huge.onnx").touch()
        with (self.base / "huge.onnx").open("r+b") as file:
            file.truncate(2 ** 31)
        self.call("register", "huge.onnx", "--name", "bad", error="register.file_too_large")

    def test_lightgbm(self):
        source = (self.base / "bundle/native/lightgbm.txt").read_text()
        (self.base / "trees.txt").write_text(source)
        text = self.call("register", "trees.txt", "--name", "trees")
        self.assertRegex(text, r"parity: [\d,]+ rows beside LightGBM: all leaves equal, answers at")
        shown = json.loads(self.call("show", "trees", "--json"))
        self.assertLessEqual(shown["facts"]["parity"]["largest"], 1e-5)
        self.assertGreater(shown["facts"]["parity"]["rows"], 2000)
        self.call("compare", "trees", "houses_price/1")
        trained = json.loads(self.call("show", "houses_price/1", "--json"))["facts"]["parity"]
        self.assertLessEqual(trained["largest"], 1e-5)
        self.assertIn("0 other leaves", trained["words"])
        names = [each["name"] for each in shown["signature"]["inputs"]]
        (self.base / "rows.csv").write_text(
            ",".join(names) + "\n" + ",".join(["1"] * len(names)) + "\n")
        self.call("infer", "trees", "rows.csv", "out.csv")
        rows = self.rows("out.csv")
        self.call("package", "trees", "--model", "trees")
        answer = self.served("trees").json("POST", "/v1/models/trees:predict", json.dumps(
            {"instances": [dict.fromkeys(names, 1)]}))
        self.assertAlmostEqual(answer["predictions"][0]["prediction"],
                               float(rows[0]["prediction"]), delta=1)
        line = next(each for each in source.splitlines() if each.startswith("feature_names="))
        self.assertGreaterEqual(len(names), 2)
        for odd in (" ".join(["a"] * len(names)), "one", " ".join(["prediction", *names[1:]]),
                    " ".join(["a\x07", *names[1:]])):
            with self.subTest(odd):
                self.refused(source.replace(line, "feature_names=" + odd).encode(),
                             "register.feature_name", "bad.txt")
        self.refused(source[:len(source) // 3].encode(), "lightgbm.malformed_model", "bad.txt")

    def test_bundle(self):
        text = self.call("register", "bundle", "--name", "copied")
        self.assertIn("the same bits as when it was packaged", text)
        self.call("infer", "copied", "houses.csv", "out.csv")
        odd = self.base / "odd"
        shutil.copytree(self.base / "bundle", odd)
        (odd / "extra").write_text("x")
        self.call("register", "odd", "--name", "bad", error="bundle.stranger")
        (odd / "extra").unlink()
        (odd / "features.json").write_text("{}")
        self.call("register", "odd", "--name", "bad", error="bundle.damaged")
        # Not even a file that it would not read may be another.
        self.call("infer", "odd", "houses.csv", "odd.csv", error="bundle.damaged")
        self.assertFalse((self.base / "odd.csv").exists())


if __name__ == "__main__":
    unittest.main()
