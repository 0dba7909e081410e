# SPDX-License-Identifier: Apache-2.0
"""A deployment of a test, and three versions of one model for it."""

import json
import math
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

import onnx_files
from project import KINGPOST

SECONDS = 60
PIPELINE = """\
version: 1
project: made
ingest:
  rows: {path: rows.csv}
curate:
  spine: rows
  target: {name: y, type: number, expr: y}
"""
# What each version makes of x; the third has no answer for what is negative.
VERSIONS = {"1": ("Identity", lambda x: x), "2": ("Neg", lambda x: -x),
            "3": ("Sqrt", lambda x: math.sqrt(x) if x >= 0 else None)}


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class DeployCase(unittest.TestCase):
    """A folder of its own, in which one deployment may run at a free port."""

    def setUp(self):
        self.base = Path(tempfile.mkdtemp(prefix="kingpost-test-")).resolve()
        self.addCleanup(shutil.rmtree, self.base)
        for version, (operator, _) in VERSIONS.items():
            (self.base / f"{version}.onnx").write_bytes(
                onnx_files.of_one(operator, "x", [None], "prediction"))
        self.port = free_port()
        self.addCleanup(self.run_it, "stop")

    def run_it(self, *words, env=None):
        done = subprocess.run([KINGPOST, "deploy", *words], cwd=self.base, capture_output=True,
                              text=True, timeout=SECONDS, check=False,
                              env={**os.environ, **(env or {})})
        return done.returncode, done.stdout + done.stderr

    def call(self, *words):
        code, text = self.run_it(*words)
        self.assertEqual(code, 0, text)
        return text

    def refused(self, error, *words):
        code, text = self.run_it(*words)
        self.assertNotEqual(code, 0, text)
        self.assertIn(f"error[{error}]", text)

    def deploy(self, version, *words):
        return self.call(f"m/{version}={self.base / version}.onnx", *words)

    def certificate(self):
        """One of this machine that has signed itself, and its key."""
        out = self.base / "server.crt", self.base / "server.key"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-days", "1", "-subj",
                        "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-out", out[0],
                        "-keyout", out[1]], check=True, capture_output=True)
        return out

    def status(self):
        return json.loads(self.call("status", "--json"))

    def wait(self, holds):
        until = time.monotonic() + SECONDS
        while not holds(status := self.status()):
            self.assertLess(time.monotonic(), until, status)
            time.sleep(0.1)
        return status

    def hang(self, process):
        """Stops it, with all of its threads, until the test is over."""
        os.kill(process, signal.SIGSTOP)
        self.addCleanup(lambda: Path(f"/proc/{process}/exe").exists()
                        and os.kill(process, signal.SIGCONT))
        until = time.monotonic() + SECONDS
        while any(each.read_text().rpartition(") ")[2][0] != "T"
                  for each in Path(f"/proc/{process}/task").glob("*/stat")):
            self.assertLess(time.monotonic(), until)
            time.sleep(0.01)

    def gone(self, processes):
        until = time.monotonic() + SECONDS
        while any(Path(f"/proc/{each}/exe").exists() for each in processes):
            self.assertLess(time.monotonic(), until)
            time.sleep(0.05)

    def stable(self, version):
        return lambda status: (status["candidate"] is None
                               and status["stable"]["version"] == version)

    def history(self):
        return [(each["what"], each["version"]) for each in
                json.loads(self.call("history", "--json"))]
