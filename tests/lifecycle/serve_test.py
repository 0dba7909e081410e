# SPDX-License-Identifier: Apache-2.0
"""kingpost-serve over real sockets: what it answers and what it refuses."""

import gzip
import json
import struct
import subprocess
import sys
import threading
import unittest
import zlib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from serving import SERVE, Served, ServingCase  # noqa: E402


class ServeTest(ServingCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        (cls.base / "trees.yaml").write_text(
            "extends: kingpost.yaml\n"
            "candidates: {baseline: {family: constant}, gbdt: {family: lightgbm}}\n")
        cls.call("run", "trees.yaml", "--quiet")
        cls.call("package", "trees", "-f", "trees.yaml")
        cls.example = json.loads((cls.bundle / "input_example.json").read_text())
        cls.answers = json.loads((cls.bundle / "input_example.answers.json").read_text())
        cls.served = Served("--model", f"houses={cls.bundle}", "--model", f"houses/3={cls.bundle}")
        cls.addClassCleanup(cls.served.end)

    def request(self, rows=None):
        """The rows of the bundle's example as a request."""
        rows = self.example["data"] if rows is None else rows
        inputs = []
        for i, name in enumerate(self.example["columns"]):
            values = [row[i] for row in rows]
            datatype = "BYTES" if name == "kind" else "FP64"
            inputs.append({"name": name, "shape": [len(rows), 1], "datatype": datatype,
                           "data": values})
        return {"inputs": inputs}

    def infer(self, body, status=200, path="/v2/models/houses/infer"):
        return self.served.json("POST", path, json.dumps(body), status)

    def expected(self):
        at = self.answers["columns"].index("prediction")
        return [row[at] for row in self.answers["data"]]

    @staticmethod
    def floats(values):
        """As float32, which the wire's shortest texts read back to."""
        return struct.pack(f"<{len(values)}f", *values)

    def test_answers_are_those_that_were_packaged_bit_for_bit(self):
        out = self.infer({**self.request(), "id": "q1"})
        self.assertEqual((out["id"], out["model_name"], out["model_version"]),
                         ("q1", "houses", "3"))
        prediction = next(each for each in out["outputs"] if each["name"] == "prediction")
        self.assertEqual(self.floats(prediction["data"]), self.floats(self.expected()))
        one = self.infer(self.request(self.example["data"][:1]),
                         path="/v2/models/houses/versions/1/infer")
        self.assertEqual(one["model_version"], "1")
        self.assertEqual(self.floats(one["outputs"][0]["data"]), self.floats(self.expected()[:1]))

    def test_binary_tensors(self):
        areas = [row[self.example["columns"].index("area")] for row in self.example["data"]]
        kinds = [row[self.example["columns"].index("kind")] for row in self.example["data"]]
        tensors = {"area": struct.pack(f"<{len(areas)}d", *areas),
                   "kind": b"".join(struct.pack("<I", len(k)) + k.encode() for k in kinds)}
        inputs = [{"name": name, "shape": [len(areas), 1],
                   "datatype": "BYTES" if name == "kind" else "FP64",
                   "parameters": {"binary_data_size": len(tensors[name])}}
                  for name in self.example["columns"]]
        head = json.dumps({"inputs": inputs, "parameters": {"binary_data_output": True}}).encode()
        body = head + b"".join(tensors[name] for name in self.example["columns"])
        code, headers, answer = self.served.ask(
            "POST", "/v2/models/houses/infer", body,
            {"Inference-Header-Content-Length": str(len(head))})
        self.assertEqual(code, 200, answer)
        self.assertEqual(headers["Content-Type"], "application/octet-stream")
        length = int(headers["Inference-Header-Content-Length"])
        told = json.loads(answer[:length])["outputs"][0]
        self.assertEqual(told["parameters"]["binary_data_size"], 4 * len(areas))
        self.assertEqual(answer[length:], self.floats(self.expected()))
        for wrong in ("99999", "0", "x"):
            code, _, _ = self.served.ask("POST", "/v2/models/houses/infer", body,
                                         {"Inference-Header-Content-Length": wrong})
            self.assertEqual(code, 400)

    def test_what_is_told_of_models(self):
        served = self.served
        self.assertEqual(served.json("GET", "/v2")["name"], "kingpost")
        self.assertEqual(served.json("GET", "/v2/")["name"], "kingpost")
        self.assertEqual(served.json("GET", "/v2/models"), {"models": ["houses"]})
        self.assertEqual(served.json("GET", "/v2/models/houses?x=1")["versions"], ["1", "3"])
        self.assertEqual(served.json("GET", "/v2/models/h%6Fuses")["name"], "houses")
        self.assertTrue(served.json("GET", "/v2/models/houses/ready")["ready"])
        self.assertEqual(served.json("GET", "/v2/models/houses/config")["max_batch_size"], 256)
        self.assertEqual(len(served.json("GET", "/v2/models/stats")["model_stats"]), 2)
        self.assertEqual(len(served.json("GET", "/v2/models/houses/versions/1/stats")
                             ["model_stats"]), 1)
        self.assertEqual(served.json("POST", "/v2/repository/index", "")[0]["state"], "READY")
        code, headers, body = served.ask("HEAD", "/v2")
        self.assertEqual((code, body), (200, b""))
        self.assertGreater(int(headers["Content-Length"]), 10)

    def test_what_is_refused(self):
        served = self.served
        for method, path, body, status in [
                ("GET", "/v3", None, 404), ("GET", "/v2/%zz", None, 404),
                ("GET", "/v2/models/nope", None, 404), ("GET", "/v2/models/houses/x", None, 404),
                ("GET", "/v2/models/houses/versions/2", None, 404),
                ("GET", "/v2/models/houses/versions/2/ready", None, 400),
                ("GET", "/v2/models/houses/infer", None, 405), ("POST", "/v2", "", 405),
                ("GET", "/v2/repository/index", None, 405),
                ("POST", "/v2/repository/models/nope/load", "", 404),
                ("POST", "/v2/repository/models/houses/load",
                 '{"parameters":{"config":"{}"}}', 501),
                ("POST", "/v2/models/nope/infer", '{"inputs":[]}', 404),
                ("POST", "/v2/models/houses/infer", "", 400),
                ("POST", "/v2/models/houses/infer", "{", 400),
                ("POST", "/v2/models/houses/infer", '{"inputs":[NaN]}', 400),
                ("POST", "/v2/models/houses/infer", '{"inputs":[]}', 400),
                ("POST", "/v2/models/houses/infer", "[" * 100000, 400)]:
            with self.subTest(f"{method} {path} {body and body[:20]}"):
                self.assertIn("error", served.json(method, path, body, status))
        code, _, body = served.ask("POST", "/v2/models/houses/infer", b"x",
                                   {"Content-Encoding": "br"})
        # http.coding_unknown
        self.assertIn("Unsupported compression type: br", json.loads(body)["error"])
        self.assertEqual(code, 415)
        wide = self.request()
        wide["inputs"][0]["shape"] = [1, len(self.example["data"])]
        self.assertIn("unexpected shape", self.infer(wide, 400)["error"])

    def records(self):
        return [dict(zip(self.example["columns"], row)) for row in self.example["data"]]

    def predicted(self, path, body, content_type="application/json"):
        code, _, text = self.served.ask("POST", path, body, {"Content-Type": content_type})
        self.assertEqual(code, 200, text)
        return self.floats([each["prediction"] for each in json.loads(text)["predictions"]])

    def test_rows_of_fields(self):
        """KServe's version 1 and each form of MLflow's scoring server: the packaged bits."""
        rows, columns, data = self.records(), self.example["columns"], self.example["data"]
        expected = self.floats(self.expected())
        for path in ("/v1/models/houses:predict", "/v1/models/houses/versions/1:predict"):
            self.assertEqual(self.predicted(path, json.dumps({"instances": rows})), expected)
        for form in ({"dataframe_records": rows}, {"instances": rows}, {"inputs": data},
                     {"dataframe_split": {"columns": columns, "data": data}},
                     {"inputs": {name: [row[name] for row in rows] for name in columns}}):
            for path in ("/invocations", "/models/houses/invoke"):
                self.assertEqual(self.predicted(path, json.dumps(form)), expected)
        lines = [",".join(columns)] + [",".join(map(str, row)) for row in data]
        self.assertEqual(self.predicted("/invocations", "\n".join(lines), "text/csv"), expected)
        self.assertEqual(self.served.ask("GET", "/ping")[::2], (200, b"\n"))
        self.assertEqual(self.served.ask("GET", "/health")[0], 200)
        self.assertEqual(self.served.json("GET", "/v1/models/houses")["ready"], True)
        version = subprocess.run([SERVE, "--version"], capture_output=True, check=True).stdout
        self.assertEqual(self.served.ask("GET", "/version")[2], version.strip())

    def test_rows_that_are_refused(self):
        path = "/v1/models/houses:predict"
        rows = self.records()[:3]
        rows[1]["area"] = "wide"
        rows[2]["knd"] = rows[2].pop("kind")
        told = self.served.json("POST", path, json.dumps(rows), 400)
        self.assertEqual(told["id"], "serve.rows_refused")
        told = told["errors"]
        self.assertEqual([(each["row"], each["field"]) for each in told],
                         [(1, "area"), (2, "kind"), (2, "knd")])
        self.assertIn('did you mean "kind"?', told[2]["error"])
        for verb, target, body, status in [
                ("GET", path, None, 405), ("POST", "/v1/models/x:predict", "[]", 404),
                ("POST", "/v1/models/houses", "[]", 405), ("POST", path, "{}", 400),
                ("GET", "/v1/models/:predict", None, 404), ("GET", "/v1/x", None, 404)]:
            self.assertIn("error", self.served.json(verb, target, body, status))
        code, _, text = self.served.ask("POST", "/invocations", "x",
                                        {"Content-Type": "application/vnd.apache.parquet"})
        self.assertEqual(code, 415)
        self.assertEqual((json.loads(text)["error_code"], json.loads(text)["id"]),
                         ("BAD_REQUEST", "serve.body_type"))

    def test_reasons(self):
        """Exact: what the features add up to is the prediction of a model of numbers."""
        rows = self.records()
        served = Served("--model", f"trees={self.base / 'trees'}")
        self.addCleanup(served.end)
        out = served.json("POST", "/v1/models/trees:explain", json.dumps(rows))
        plain = served.json("POST", "/v1/models/trees:predict", json.dumps(rows))
        self.assertEqual(out["predictions"], plain["predictions"])
        self.assertEqual(len(out["explanations"]), len(rows))
        for row, prediction, why in zip(rows, out["predictions"], out["explanations"]):
            parts = [each["contribution"] for each in why["contributions"]]
            self.assertEqual(sorted(parts, key=abs, reverse=True), parts)
            self.assertAlmostEqual(why["expected"] + sum(parts), why["score"], places=5)
            self.assertAlmostEqual(why["score"] / prediction["prediction"], 1, places=5)
            values = {each["feature"]: each["value"] for each in why["contributions"]}
            self.assertEqual((why["of"], values["area"], values["kind"]),
                             ("price", row["area"], row["kind"]))
        told = served.json("POST", "/v1/models/trees:explain", json.dumps(rows[:1] * 101), 400)
        self.assertEqual(told["id"], "serve.too_many_rows")
        empty = served.json("POST", "/v1/models/trees:explain", "[]")
        self.assertEqual(empty["explanations"], [])

    def test_compressed_bodies(self):
        body = json.dumps(self.request(self.example["data"] * 50)).encode()
        plain = self.served.ask("POST", "/v2/models/houses/infer", body)[2]
        for word, packed in (("gzip", gzip.compress(body)), ("deflate", zlib.compress(body))):
            code, headers, text = self.served.ask(
                "POST", "/v2/models/houses/infer", packed,
                {"Content-Encoding": word, "Accept-Encoding": word})
            self.assertEqual((code, headers["Content-Encoding"]), (200, word))
            unpacked = gzip.decompress(text) if word == "gzip" else zlib.decompress(text)
            self.assertEqual(unpacked, plain)
            self.assertEqual(self.served.ask("POST", "/v2/models/houses/infer", packed[:-9],
                                             {"Content-Encoding": word})[0], 400)
        bomb = gzip.compress(bytes(100_000_000), 1)
        self.assertEqual(self.served.ask("POST", "/v2/models/houses/infer", bomb,
                                         {"Content-Encoding": "gzip"})[0], 413)

    def test_hostile_requests(self):
        post = b"POST /v2/models/houses/infer HTTP/1.1\r\nHost: x\r\n"
        for data, status in [
                (b"GARBAGE\r\n\r\n", 400), (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", None),
                (post + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
                (post + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400),
                (post + b"Content-Length: -1\r\n\r\n{}", 400),
                (post + b"Content-Length: 99999999999\r\n\r\n", 413),
                (post + b"X: " + b"a" * 20000 + b"\r\n\r\n", 431),
                (post + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400)]:
            with self.subTest(data[:60]):
                out = self.served.raw(data)
                if status is None:
                    self.assertTrue(out == b"" or b" 400 " in out, out)
                    continue
                head, _, body = out.partition(b"\r\n\r\n")
                self.assertIn(f"HTTP/1.1 {status} ".encode(), head)
                self.assertIn("error", json.loads(body))
        # Still there.
        self.assertTrue(self.served.json("GET", "/v2/health/live")["live"])

    def test_requests_on_one_connection_are_answered_in_order(self):
        body = json.dumps(self.request()).encode()
        post = (b"POST /v2/models/houses/infer HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
                % len(body))
        last = b"GET /v2/models HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        out = self.served.raw(post + body + post + body + last)
        self.assertEqual(out.count(b"HTTP/1.1 200 OK"), 3)
        self.assertTrue(out.endswith(b'{"models":["houses"]}'))
        chunks = b"".join(b"%x\r\n%s\r\n" % (len(body[i:i + 50]), body[i:i + 50])
                          for i in range(0, len(body), 50))
        out = self.served.raw(b"POST /v2/models/houses/infer HTTP/1.1\r\nHost: x\r\n"
                              b"Connection: close\r\n"
                              b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n")
        self.assertIn(b'"prediction"', out)
        out = self.served.raw(b"POST /v2/models/houses/infer HTTP/1.1\r\nHost: x\r\n"
                              b"Connection: close\r\n"
                              b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n%s"
                              % (len(body), body))
        self.assertTrue(out.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK"))

    def test_each_of_many_clients_gets_its_own_answer(self):
        """Rows alone, together and in many rows at once: the same bits."""
        rows = [[40 + i if name == "area" else ["flat", "house", "villa"][i % 3]
                 for name in self.example["columns"]] for i in range(200)]
        whole = self.infer(self.request(rows * 5))["outputs"][0]["data"][:200]
        wrong = []

        def client(number):
            for i in range(number, 200, 8):
                if self.infer(self.request(rows[i:i + 1]))["outputs"][0]["data"] != [whole[i]]:
                    wrong.append(i)

        threads = [threading.Thread(target=client, args=[number]) for number in range(8)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        self.assertEqual(wrong, [])

if __name__ == "__main__":
    unittest.main()
