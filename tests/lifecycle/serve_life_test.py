# SPDX-License-Identifier: Apache-2.0
"""kingpost-serve: what it can serve, how it begins and how it ends."""

import json
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import onnx_files  # noqa: E402
from project import KINGPOST  # noqa: E402
from serving import SECONDS, SERVE, Served, ServingCase  # noqa: E402


class LifeTest(ServingCase):
    """How a server begins and ends."""

    def test_what_cannot_be_served(self):
        self.refused("serve.model_malformed", "--model", "houses")
        self.refused("serve.model_malformed", "--model", "houses/x=bundle")
        self.refused("serve.model_missing", "--model", "houses=gone")
        for words in (("--log-share", "0.5"), ("--log-bytes", "9"), ("--log-time", "1s")):
            self.refused("requires --request-log", "--model", f"houses={self.bundle}", *words)
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
        post = (b"POST /v2/models/houses/infer HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s"
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
