# SPDX-License-Identifier: Apache-2.0
"""kingpost-serve over real sockets: what it answers, what it refuses, and how it ends."""

import gzip
import hashlib
import json
import re
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import warnings
import zlib
from http.client import HTTPSConnection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import onnx_files  # noqa: E402
from project import KINGPOST  # noqa: E402
from serving import SECONDS, SERVE, Served, made_rows  # noqa: E402

class ServeTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.base = Path(tempfile.mkdtemp(prefix="kingpost-test-")).resolve()
        cls.addClassCleanup(shutil.rmtree, cls.base)
        (cls.base / "houses.csv").write_text(made_rows())
        for words in (["init", "houses.csv", "--target", "price"], ["run", "--quiet"],
                      ["package", "bundle", "--model", "houses_price"]):
            subprocess.run([KINGPOST, *words], cwd=cls.base, check=True, capture_output=True)
        cls.bundle = cls.base / "bundle"
        (cls.base / "trees.yaml").write_text(
            "extends: kingpost.yaml\n"
            "candidates: {baseline: {family: constant}, gbdt: {family: lightgbm}}\n")
        for words in (["run", "trees.yaml", "--quiet"], ["package", "trees", "-f", "trees.yaml"]):
            subprocess.run([KINGPOST, *words], cwd=cls.base, check=True, capture_output=True)
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
        post = b"POST /v2/models/houses/infer HTTP/1.1\r\n"
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
        post = b"POST /v2/models/houses/infer HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(body)
        last = b"GET /v2/models HTTP/1.1\r\nConnection: close\r\n\r\n"
        out = self.served.raw(post + body + post + body + last)
        self.assertEqual(out.count(b"HTTP/1.1 200 OK"), 3)
        self.assertTrue(out.endswith(b'{"models":["houses"]}'))
        chunks = b"".join(b"%x\r\n%s\r\n" % (len(body[i:i + 50]), body[i:i + 50])
                          for i in range(0, len(body), 50))
        out = self.served.raw(b"POST /v2/models/houses/infer HTTP/1.1\r\nConnection: close\r\n"
                              b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n")
        self.assertIn(b'"prediction"', out)
        out = self.served.raw(b"POST /v2/models/houses/infer HTTP/1.1\r\nConnection: close\r\n"
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


class LifeTest(unittest.TestCase):
    """How a server begins and ends."""

    @classmethod
    def setUpClass(cls):
        ServeTest.setUpClass.__func__(cls)
        cls.served.end()

    def serve(self, *words):
        served = Served("--model", f"houses={self.bundle}", *words)
        self.addCleanup(served.end)
        return served

    def refused(self, error, *words):
        port = [] if "--http" in words else ["--http", "0"]
        done = subprocess.run([SERVE, *port, *map(str, words)], capture_output=True, text=True,
                              timeout=SECONDS, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(error, done.stderr)

    def test_what_cannot_be_served(self):
        self.refused("serve.model_malformed", "--model", "houses")
        self.refused("serve.model_malformed", "--model", "houses/x=bundle")
        self.refused("serve.model_missing", "--model", "houses=gone")
        self.refused("bundle.not_one", "--model", f"houses={self.base / '.kingpost'}")
        self.refused("http.cannot_listen", "--model", f"houses={self.bundle}", "--address", "x")
        damaged = self.base / "damaged"
        shutil.copytree(self.bundle, damaged)
        (damaged / "README.md").write_text("another")
        self.refused("bundle.damaged", "--model", f"houses={damaged}")
        served = self.serve()
        self.refused("http.cannot_listen", "--model", f"houses={self.bundle}", "--http",
                     served.port)

    def test_a_model_without_columns_has_no_rows(self):
        cube = self.base / "cube.onnx"
        cube.write_bytes(onnx_files.identity("x", [None, 2, 2]))
        served = self.serve("--model", f"cube={cube}")
        told = served.json("POST", "/v1/models/cube:predict", "[[1,2]]", 400)
        self.assertEqual(told["id"], "serve.no_rows")
        line = self.base / "line.onnx"
        line.write_bytes(onnx_files.identity("x", [None, 2]))
        of_line = self.serve("--model", f"line={line}")
        told = of_line.json("POST", "/v1/models/line:explain", "[[1,2]]", 501)
        self.assertEqual(told["id"], "serve.no_reasons")
        told = served.json("POST", "/invocations", "{}", 404)
        self.assertIn("/models/NAME/invoke", told["error"])

    def test_registered_models(self):
        """`kingpost serve`: by name, version and alias, with what the pipeline file says."""
        plain = Served("houses_price", program=(KINGPOST, "serve"), folder=self.base)
        self.addCleanup(plain.end)
        self.assertEqual(plain.json("GET", "/v2/models/houses_price/config")["max_batch_size"],
                         256)
        with (self.base / "kingpost.yaml").open("a") as file:
            file.write("\nserve: {batching: {max_rows: 7}, drain: 0}\n")
        program = (KINGPOST, "serve")
        for words in ([], ["houses_price"], ["houses_price/1", "houses_price@champion"],
                      ["houses_price", f"houses={self.bundle}"]):
            served = Served(*words, program=program, folder=self.base)
            self.addCleanup(served.end)
            config = served.json("GET", "/v2/models/houses_price/config")
            self.assertEqual(config["max_batch_size"], 7)
            names = served.json("GET", "/v2/models")["models"]
            self.assertEqual(names, ["houses", "houses_price"] if words[1:] == [
                f"houses={self.bundle}"] else ["houses_price"])
            served.process.send_signal(signal.SIGTERM)
            self.assertEqual(served.process.wait(SECONDS), 0)
        unpacked, = (self.base / ".kingpost/serving").iterdir()
        (unpacked / "README.md").write_text("damaged")
        served = Served("houses_price", program=program, folder=self.base)
        self.addCleanup(served.end)
        self.assertNotEqual((unpacked / "README.md").read_text(), "damaged")

        def refused(error, *words, folder=self.base):
            done = subprocess.run([*program, *words], cwd=folder, capture_output=True, text=True,
                                  timeout=SECONDS, check=False)
            self.assertIn(error, done.stderr)
            self.assertNotEqual(done.returncode, 0)
        refused("registry.model_unknown", "other")
        refused("registry.alias_unknown", "houses_price@nope")
        with tempfile.TemporaryDirectory() as empty:
            refused("file.pipeline_missing", folder=empty)
            (Path(empty) / "data.csv").write_text("a\n1\n")
            (Path(empty) / "kingpost.yaml").write_text(
                "version: 1\nproject: p\ningest: {data: {path: data.csv}}\n")
            refused("serve.nothing_registered", folder=empty)
            alone = Path(empty) / "kingpost"
            shutil.copy(KINGPOST, alone)
            (Path(empty) / "lib").symlink_to(Path(KINGPOST).parent / "lib")
            done = subprocess.run([alone, "serve", "x=y"], cwd=empty, capture_output=True,
                                  text=True, check=False)
            self.assertIn("serve.program_missing", done.stderr)

    def test_access_log(self):
        log = self.base / "access.ndjson"
        served = self.serve("--access-log", log, "--drain", "0")
        served.json("GET", "/v2/models/houses?x=1")
        served.json("POST", "/v1/models/houses:predict", "{}", 400)
        served.raw(b"GARBAGE\r\n\r\n")
        served.process.send_signal(signal.SIGTERM)
        self.assertEqual(served.process.wait(SECONDS), 0)
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        self.assertEqual([(each["method"], each["path"], each["status"], each["in"])
                          for each in lines],
                         [("GET", "/v2/models/houses", 200, 0),
                          ("POST", "/v1/models/houses:predict", 400, 2), ("", "", 400, 0)])
        self.assertTrue(all(each["out"] > 10 and 0 <= each["ms"] < 60_000 for each in lines))

    def test_keys(self):
        """Probes are everybody's; each key may do what its scopes say."""
        def line(key, scopes):
            return f"{hashlib.sha256(key.encode()).hexdigest()} {scopes} {key}-name\n"
        keys = self.base / "keys.txt"
        keys.write_text("# who may ask\n\n" + line("one", "infer") + line("two", "metrics,infer")
                        + line("all", "admin"))
        served = self.serve("--api-keys", keys)
        paths = [("GET", "/v2/models", {"one", "two", "all"}), ("GET", "/metrics", {"two", "all"}),
                 ("POST", "/v2/repository/models/houses/load", {"all"}),
                 ("POST", "/v2/repository/index", {"one", "two", "all"})]
        for method, path, allowed in paths:
            for key in ("one", "two", "all", "other", ""):
                wanted = 200 if key in allowed else 403 if key in ("one", "two") else 401
                for headers in ({"X-API-Key": key}, {"Authorization": f"bearer {key}"}):
                    code, _, body = served.ask(method, path, "" if method == "POST" else None,
                                               headers)
                    self.assertEqual(code, wanted, (path, key, body))
        for path in ("/v2/health/live", "/v2/health/ready", "/ping", "/health"):
            self.assertEqual(served.ask("GET", path)[0], 200)
        counted = served.ask("GET", "/metrics", None, {"X-API-Key": "all"})[2].decode()
        for error in ("serve.key_missing", "serve.key_unknown", "serve.key_scope"):
            self.assertIn(f'kingpost_errors_total{{model="",id="{error}"}}', counted)
        for text in ("", "# nobody\n", "x infer a\n", line("a", "infer,root"),
                     hashlib.sha256(b"a").hexdigest() + "\n"):
            keys.write_text(text)
            self.refused("serve.keys_malformed", "--model", f"houses={self.bundle}",
                         "--api-keys", keys)

    def certificate(self, name):
        """A self-signed certificate of 127.0.0.1 and its key."""
        paths = self.base / f"{name}.crt", self.base / f"{name}.key"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-days", "1", "-subj", f"/CN={name}", "-addext",
             "subjectAltName=IP:127.0.0.1", "-out", paths[0], "-keyout", paths[1]],
            check=True, capture_output=True)
        return paths

    def test_tls(self):
        certificate, key = self.certificate("server")
        other, other_key = self.certificate("client")
        words = ("--tls-certificate", certificate, "--tls-key", key)
        served = self.serve(*words)

        def ask(served, context):
            connection = HTTPSConnection("127.0.0.1", served.port, timeout=SECONDS,
                                         context=context)
            connection.request("GET", "/v2/models/houses")
            answer = connection.getresponse()
            out = answer.status, json.loads(answer.read())["name"]
            connection.close()
            return out
        context = ssl.create_default_context(cafile=str(certificate))
        context.set_alpn_protocols(["http/1.1"])
        self.assertEqual(ask(served, context), (200, "houses"))
        with self.assertRaises(ssl.SSLError):
            ask(served, ssl.create_default_context(cafile=str(other)))
        old = ssl.create_default_context(cafile=str(certificate))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        with self.assertRaises(OSError):
            ask(served, old)
        # Plain bytes do no harm.
        self.assertNotIn(b"HTTP/1.1", served.raw(b"GET / HTTP/1.1\r\n\r\n"))
        self.assertEqual(ask(served, context), (200, "houses"))
        strict = self.serve(*words, "--tls-client-authorities", other)
        with self.assertRaises(OSError):
            ask(strict, context)
        context.load_cert_chain(other, other_key)
        self.assertEqual(ask(strict, context), (200, "houses"))
        for wrong in ((certificate, other_key), (self.base / "none", key), (key, key)):
            self.refused("http.tls_unusable", "--model", f"houses={self.bundle}",
                         "--tls-certificate", wrong[0], "--tls-key", wrong[1])
        self.refused("--tls-key", "--model", f"houses={self.bundle}", "--tls-certificate",
                     certificate)

    def metrics(self, served):
        """Every sample by its name and labels."""
        code, headers, body = served.ask("GET", "/metrics")
        self.assertEqual((code, headers["Content-Type"]),
                         (200, "text/plain; version=0.0.4; charset=utf-8"))
        out = {}
        for line in body.decode().splitlines():
            if not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                self.assertNotIn(name, out)
                out[name] = float(value)
        return out

    def test_metrics(self):
        served = self.serve()
        before = self.metrics(served)
        of = 'model="houses",version="1"'
        self.assertEqual(before[f"nv_inference_request_success{{{of}}}"], 0)
        path = "/v1/models/houses:predict"
        rows = [{"area": None, "kind": "castle"}, {"area": 50, "kind": None},
                {"area": 60, "kind": "flat"}]
        example = json.loads((self.bundle / "input_example.json").read_text())["columns"]
        rows = [{name: row.get(name) for name in example} for row in rows]
        served.json("POST", path, json.dumps(rows))
        served.json("POST", path, json.dumps(rows[:1]))
        served.json("POST", path, "x", 400)
        served.json("POST", "/v2/models/houses/infer", "x", 400)
        served.json("POST", '/v2/models/other"/infer', '{"inputs":[]}', 404)
        after = self.metrics(served)
        for name, value in [
                (f"nv_inference_request_success{{{of}}}", 2), (f"nv_inference_count{{{of}}}", 4),
                (f"kingpost_rows_total{{{of}}}", 4),
                (f"kingpost_null_predictions_total{{{of}}}", 0),
                (f'kingpost_batch_rows_bucket{{{of},le="1"}}', 1),
                (f'kingpost_batch_rows_bucket{{{of},le="4"}}', 2),
                (f'kingpost_nulls_total{{{of},column="area"}}', 2),
                (f'kingpost_nulls_total{{{of},column="kind"}}', 1),
                (f'kingpost_unseen_total{{{of},column="kind"}}', 2),
                (f'kingpost_request_seconds_count{{{of},phase="whole"}}', 2),
                (f'kingpost_request_seconds_bucket{{{of},phase="infer",le="+Inf"}}', 2),
                ('kingpost_errors_total{model="houses",id="infer.json_malformed"}', 2),
                ('kingpost_errors_total{model="",id="serve.model_unknown"}', 1),
                ('kingpost_http_answers_total{code="404"}', 1), ("kingpost_ready", 1)]:
            self.assertEqual(after[name], value, name)
        self.assertGreater(after["process_resident_memory_bytes"], 1e6)
        self.assertGreater(after[f'kingpost_request_seconds_sum{{{of},phase="whole"}}'], 0)

    def test_it_needs_neither_sql_nor_training(self):
        done = subprocess.run(["ldd", SERVE], capture_output=True, text=True, check=True)
        for word in ("duckdb", "sqlite", "soci", "adbc", "lightgbm", "archive", "yaml"):
            self.assertNotIn(word, done.stdout)

    def test_sigterm_drains(self):
        served = self.serve("--drain", "1s")
        idle = socket.create_connection(("127.0.0.1", served.port), timeout=SECONDS)
        served.process.send_signal(signal.SIGTERM)
        begun = time.monotonic()
        deadline = begun + 0.7
        codes = set()
        while time.monotonic() < deadline:
            codes.add(served.ask("GET", "/v2/health/ready")[0])
            self.assertEqual(served.ask("GET", "/v2/models/houses")[0], 200)
        self.assertLessEqual(codes, {200, 503})
        self.assertIn(503, codes)
        self.assertEqual(served.process.wait(SECONDS), 0)
        self.assertGreater(time.monotonic() - begun, 0.9)
        self.assertEqual(idle.recv(1), b"")
        idle.close()

    def test_a_second_signal_ends_it_at_once(self):
        served = self.serve("--drain", "60s")
        served.process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        served.process.send_signal(signal.SIGTERM)
        self.assertEqual(served.process.wait(SECONDS), 0)

    def test_it_ends_amid_long_requests(self):
        served = self.serve("--drain", "60s")
        names = json.loads((self.bundle / "input_example.json").read_text())["columns"]
        rows = 60_000
        inputs = [{"name": name, "shape": [rows, 1],
                   "datatype": "BYTES" if name == "kind" else "FP64",
                   "data": ["flat" if name == "kind" else 50.5] * rows} for name in names]
        body = json.dumps({"inputs": inputs}).encode()
        post = (b"POST /v2/models/houses/infer HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s"
                % (len(body), body))
        clients = [socket.create_connection(("127.0.0.1", served.port), timeout=SECONDS)
                   for _ in range(6)]
        for client in clients:
            self.addCleanup(client.close)
            client.sendall(post)
        served.process.send_signal(signal.SIGTERM)
        time.sleep(0.1)
        served.process.send_signal(signal.SIGTERM)
        self.assertEqual(served.process.wait(SECONDS), 0)

    def test_models_come_and_go(self):
        served = self.serve()
        self.assertEqual(served.ask("POST", "/v2/repository/models/houses/unload", "")[0], 200)
        self.assertEqual(served.ask("GET", "/v2/models/houses/ready")[0], 400)
        self.assertEqual(served.json("POST", "/v2/repository/index", "")[0]["state"],
                         "UNAVAILABLE")
        self.assertEqual(served.json("POST", "/v2/repository/index", '{"ready":true}'), [])
        self.assertEqual(served.ask("POST", "/v2/repository/models/houses/load", "")[0], 200)
        self.assertTrue(served.json("GET", "/v2/models/houses/ready")["ready"])


if __name__ == "__main__":
    unittest.main()
