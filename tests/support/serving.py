# SPDX-License-Identifier: Apache-2.0
"""kingpost-serve as a process of a test, and a small model for it."""

import json
import random
import re
import shutil
import socket
import struct
import subprocess
import tempfile
import unittest
from http.client import HTTPConnection
from pathlib import Path

from project import KINGPOST

SERVE = Path(KINGPOST).parent / "kingpost-serve"
SECONDS = 60
# Over the rows of made_rows in rows.csv; its model is homes_price.
PIPELINE = """\
version: 1
project: homes
ingest:
  rows: {path: rows.csv, key: [id]}
curate:
  spine: rows
  split: {type: random, validation: 0.2, test: 0.2, seed: 13}
  target: {name: price, type: number, expr: price}
candidates:
  baseline: {family: constant}
  linear: {family: ridge, trials: 1}
train: {metric: mae, search: {seed: 13}}
"""


def made_rows():
    chance = random.Random(5)
    lines = ["id,area,kind,price"]
    for i in range(300):
        area, kind = chance.uniform(40, 250), chance.choice(["flat", "house", "villa"])
        lines.append(f"{i},{area:.1f},{kind},{area * 1000 + (kind == 'villa') * 90_000:.2f}")
    return "\n".join(lines) + "\n"


class Served:
    """A server at a free port."""

    def __init__(self, *words, program=(SERVE,), folder=None):
        self.process = subprocess.Popen([*program, "--http", "0", *map(str, words)], cwd=folder,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.lines = []
        for line in self.process.stdout:
            self.lines.append(line.strip())
            found = re.match(r"(https?|grpcs?)://127\.0\.0\.1:(\d+)$", self.lines[-1])
            if found and found[1].startswith("grpc"):
                self.grpc_port = int(found[2])
            elif found:
                self.port = int(found[2])
                return
        raise AssertionError(self.process.stderr.read())

    def ask(self, method, path, body=None, headers=None):
        """Status, headers, body."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        out = answer.status, answer.headers, answer.read()
        connection.close()
        return out

    def json(self, method, path, body=None, status=200):
        code, headers, text = self.ask(method, path, body)
        assert code == status, text
        assert headers["Content-Type"] == "application/json"
        return json.loads(text)

    def raw(self, data):
        """Bytes as they come until the server closes."""
        out = b""
        with socket.create_connection(("127.0.0.1", self.port), timeout=SECONDS) as client:
            client.sendall(data)
            while piece := client.recv(65536):
                out += piece
        return out

    def call(self, path, message):
        """A call of gRPC with one message, until its stream has ended: HTTP/2 (RFC 9113) by hand,
        for machines without a client."""
        fields = {":method": "POST", ":scheme": "http", ":path": path, ":authority": "x",
                  "content-type": "application/grpc", "te": "trailers"}
        # Literal fields without indexing (RFC 7541, 6.2.2).
        head = b"".join(b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)])
                        + value.encode() for name, value in fields.items())

        def frame(kind, flags, stream, payload):
            return struct.pack(">IBBI", len(payload), kind, flags, stream)[1:] + payload

        body = b"\0" + struct.pack(">I", len(message)) + message
        with socket.create_connection(("127.0.0.1", self.grpc_port), timeout=SECONDS) as client:
            client.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b"")
                           + frame(1, 4, 1, head) + frame(0, 1, 1, body))
            with client.makefile("rb") as stream:
                flags = number = 0
                while not (number == 1 and flags & 1):
                    size, _, flags, number = struct.unpack(">IBBI", b"\0" + stream.read(9))
                    stream.read(size)

    def end(self):
        self.process.kill()
        self.process.communicate()


class HousesCase(unittest.TestCase):
    """A folder with the data of houses and a first pipeline file; `more` is put behind it."""

    more = ""

    @classmethod
    def setUpClass(cls):
        cls.base = Path(tempfile.mkdtemp(prefix="kingpost-test-")).resolve()
        cls.addClassCleanup(shutil.rmtree, cls.base)
        (cls.base / "houses.csv").write_text(made_rows())
        cls.call("init", "houses.csv", "--target", "price")
        with (cls.base / "kingpost.yaml").open("a") as file:
            file.write(cls.more)

    @classmethod
    def call(cls, *words, error=None):
        """What the command says; it must succeed, or fail with the error's id."""
        done = subprocess.run([KINGPOST, *words], cwd=cls.base, capture_output=True, text=True,
                              check=False)
        text = done.stdout + done.stderr
        if error is None:
            assert done.returncode == 0, text
        else:
            assert done.returncode != 0 and f"error[{error}]" in text, text
        return text


class ServingCase(HousesCase):
    """A bundle of the houses, whose model is linear, and servers of it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.call("run", "--quiet")
        cls.call("package", "bundle", "--model", "houses_price")
        cls.bundle = cls.base / "bundle"

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
