# SPDX-License-Identifier: Apache-2.0
"""Deployments on this machine: versions come, go, fail and are killed, and every request that is
sent meanwhile is answered, as the version that its answer names would."""

import contextlib
import gzip
import hashlib
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest
from http.client import HTTPConnection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from deploying import PIPELINE, SECONDS, VERSIONS, DeployCase  # noqa: E402
from project import KINGPOST  # noqa: E402

# A wall clock that somebody sets: by so many seconds as the file SHIFT says.
CLOCK = r"""
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t id, struct timespec* out) {
  const int done = (int)syscall(SYS_clock_gettime, id, out);
  FILE* file = id == CLOCK_REALTIME ? fopen(getenv("SHIFT"), "r") : 0;
  long seconds = 0;
  if (file && fscanf(file, "%ld", &seconds) == 1) out->tv_sec += seconds;
  if (file) fclose(file);
  return done;
}
"""


class Load:
    """Clients that ask without a pause, each with values of its own."""

    def __init__(self, port, clients=4, headers=None):
        self.port = port
        self.headers = headers or {}
        self.faults = []
        self.versions = {}
        self.stopped = False
        self.threads = [threading.Thread(target=self.client, args=[number])
                        for number in range(clients)]
        for each in self.threads:
            each.start()

    def client(self, number):
        chance = random.Random(number)
        connection = HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        while not self.stopped:
            x = chance.uniform(-100, 100)
            body = json.dumps({"inputs": [{"name": "x", "shape": [1], "datatype": "FP32",
                                           "data": [x]}]})
            try:
                connection.request("POST", "/v2/models/m/infer", body, self.headers)
                answer = connection.getresponse()
                text = answer.read()
                self.look(x, answer.status, answer.headers["X-Kingpost-Version"], text)
            except OSError as error:
                self.faults.append(repr(error))
                connection.close()
        connection.close()

    def look(self, x, status, version, text):
        self.versions[version] = self.versions.get(version, 0) + 1
        found = json.loads(text)["outputs"][0]["data"][0] if status == 200 else text
        wanted = VERSIONS[version][1](x) if version in VERSIONS else None
        is_right = status == 200 and (found is None if wanted is None else
                                      found is not None and abs(found - wanted) < 1e-4)
        if not is_right:
            self.faults.append((x, status, version, found))

    def end(self):
        self.stopped = True
        for each in self.threads:
            each.join()


class DeployTest(DeployCase):
    def start(self, clients=4):
        self.assertIn("version 1 answers", self.deploy("1", "--http", str(self.port)))
        load = Load(self.port, clients)
        self.addCleanup(load.end)
        return load

    def end(self, load, *seen):
        load.end()
        self.assertEqual(load.faults[:3], [])
        for version in seen:
            self.assertGreater(load.versions.get(version, 0), 0, load.versions)

    def test_no_request_fails_while_versions_change(self):
        load = self.start()
        self.deploy("2")
        self.wait(self.stable("2"))
        self.deploy("1", "--canary", "20,60", "--bake", "1s", "--rollback-if", "error_rate>0.5")
        self.refused("deploy.in_progress", f"m/2={self.base}/2.onnx")
        self.wait(self.stable("1"))
        # The third is bad: its answers are null.
        self.deploy("3", "--canary", "30", "--bake", "60s", "--rollback-if", "null_rate>0.2")
        self.assertIn("null_rate is", self.wait(self.stable("1"))["last_outcome"])
        self.deploy("2", "--canary", "10", "--bake", "60s", "--rollback-if", "p99>1us")
        self.assertIn("p99 is", self.wait(self.stable("1"))["last_outcome"])
        self.deploy("2", "--blue-green")
        self.assertEqual(self.status()["candidate"]["stage"], "standby")
        self.call("promote")
        self.assertEqual(self.status()["standby"]["version"], "1")
        self.call("rollback")
        self.assertEqual(self.status()["stable"]["version"], "1")
        self.deploy("2", "--shadow", "100", "--shadow-for", "1s")
        self.wait(self.stable("2"))
        shadow = self.status()["shadow"]
        self.assertGreater(shadow["different"], 0)
        self.call("rollback")
        self.wait(self.stable("1"))
        self.end(load, "1", "2", "3")
        self.assertEqual([each for each in self.history()
                          if each[0] in ("promoted", "rolled back")],
                         [("promoted", "1"), ("promoted", "2"), ("promoted", "1"),
                          ("rolled back", "3"), ("rolled back", "2"), ("promoted", "2"),
                          ("rolled back", "2"), ("promoted", "2"), ("rolled back", "2"),
                          ("promoted", "1")])

    def test_the_nulls_of_one_version_are_not_those_of_the_next(self):
        load = self.start()
        guard = ("--rollback-if", "null_rate>0.2", "--canary", "50")
        self.deploy("3", "--min-requests", "100000000", "--bake", "60s", *guard)
        # Long enough that its nulls were looked at more than once.
        self.wait(lambda status: status["candidate"]["recent_requests"] > 2000)
        self.call("rollback")
        self.deploy("2", "--min-requests", "1", "--bake", "4s", *guard)
        self.wait(lambda status: status["candidate"] is None)
        self.assertEqual(self.status()["stable"]["version"], "2")
        self.end(load, "1", "2", "3")

    def test_nulls_are_seen_behind_keys_too(self):
        key = hashlib.sha256(b"secret").hexdigest()
        (self.base / "keys.txt").write_text(f"{key} infer client\n")
        (self.base / "kingpost.yaml").write_text(PIPELINE + "serve: {api_keys: keys.txt}\n")
        self.deploy("1", "--http", str(self.port))
        load = Load(self.port, headers={"X-API-Key": "secret"})
        self.addCleanup(load.end)
        self.deploy("3", "--canary", "50", "--bake", "20s", "--rollback-if", "null_rate>0.2")
        self.assertIn("null_rate is", self.wait(self.stable("1"))["last_outcome"])
        self.end(load, "1", "3")

    def test_killed_processes_fail_no_request(self):
        load = self.start()
        for _ in range(2):
            os.kill(self.status()["stable"]["process"], signal.SIGKILL)
            before = self.wait(lambda status: status["stable"]["ready"])["stable"]["requests"]
            self.wait(lambda status, seen=before: status["stable"]["requests"] > seen + 100)
        self.assertEqual(self.status()["stable"]["restarts"], 2)
        self.deploy("2", "--canary", "50", "--bake", "3s")
        os.kill(self.status()["candidate"]["process"], signal.SIGKILL)
        self.wait(self.stable("2"))
        self.end(load, "1", "2")

    def wear_out(self, role):
        """Kills a process until the pause before its next start is long."""
        for _ in range(6):
            killed = self.wait(lambda status: status[role]["ready"])[role]["process"]
            os.kill(killed, signal.SIGKILL)
            # The first pauses may be over before anybody looks.
            self.wait(lambda status, gone=killed: status[role]["process"] != gone)
        self.wait(lambda status: not status[role]["ready"])

    def test_a_dead_version_is_not_promoted(self):
        load = self.start()
        file = self.base / "gone.onnx"
        shutil.copy(self.base / "2.onnx", file)
        self.call(f"m/2={file}", "--canary", "50", "--bake", "5s")
        file.unlink()
        os.kill(self.status()["candidate"]["process"], signal.SIGKILL)
        status = self.wait(lambda status: status["candidate"] is None)
        self.assertEqual(status["stable"]["version"], "1")
        self.assertIn("it does not start", status["last_outcome"])
        self.end(load, "1")

    def test_requests_that_cannot_be_sent_are_errors(self):
        load = self.start()
        self.deploy("2", "--canary", "50", "--bake", "60s", "--rollback-if", "error_rate>0.5")

        def dies(status):
            if status["candidate"] and status["candidate"]["ready"]:
                # It may have gone since it was asked for.
                with contextlib.suppress(ProcessLookupError):
                    os.kill(status["candidate"]["process"], signal.SIGKILL)
            return status["candidate"] is None
        self.assertIn("error_rate is", self.wait(dies)["last_outcome"])
        self.end(load, "1")

    def test_only_what_is_ready_takes_all_requests(self):
        load = self.start()
        self.deploy("2", "--blue-green")
        self.wear_out("candidate")
        self.refused("deploy.not_ready", "promote")
        self.wait(lambda status: status["candidate"]["ready"])
        self.call("promote")
        self.wear_out("standby")
        self.refused("deploy.not_ready", "rollback")
        self.assertEqual(self.status()["stable"]["version"], "2")
        self.wait(lambda status: status["standby"]["ready"])
        self.call("rollback")
        self.end(load, "1", "2")

    def test_of_a_hung_version_the_stable_one_answers_instead(self):
        self.start().end()
        self.deploy("2", "--canary", "100", "--bake", "60s", "--rollback-if", "error_rate>0.5",
                    "--min-requests", "2")
        self.hang(self.status()["candidate"]["process"])
        load = Load(self.port, clients=3)
        status = self.wait(lambda status: status["candidate"] is None)
        self.assertIn("error_rate is", status["last_outcome"])
        self.end(load, "1")
        self.assertNotIn("2", load.versions)

    def test_a_hung_version_without_a_guard_is_not_promoted(self):
        load = self.start(clients=8)
        self.deploy("2", "--canary", "100", "--bake", "15s")
        self.hang(self.status()["candidate"]["process"])
        status = self.wait(lambda status: status["candidate"] is None)
        # Whichever is seen first.
        self.assertRegex(status["last_outcome"], "requests have failed|did not say so")
        self.end(load, "1")

    def test_a_hung_version_that_nobody_asks_is_not_promoted(self):
        self.deploy("1", "--http", str(self.port))
        self.deploy("2", "--canary", "50", "--bake", "1s")
        self.hang(self.status()["candidate"]["process"])
        status = self.wait(lambda status: status["candidate"] is None)
        self.assertIn("it does not answer", status["last_outcome"])
        self.assertEqual(status["stable"]["version"], "1")
        self.deploy("2", "--canary", "50", "--bake", "1s")
        self.wait(self.stable("2"))
        self.deploy("1", "--blue-green")
        self.hang(self.status()["candidate"]["process"])
        self.wait(lambda status: status["candidate"]["unanswered"] > 0)
        self.refused("deploy.not_ready", "promote")
        self.assertEqual(self.status()["stable"]["version"], "2")

    def test_a_shadow_compares_what_is_said(self):
        load = self.start()
        shadow = ("--shadow", "100", "--shadow-for", "600s")
        self.call(f"m/2={self.base}/1.onnx", *shadow)
        for path in ("/metrics", "/v2/models/m"):
            self.ask(f"GET {path} HTTP/1.1\r\n")
        counts = self.wait(lambda status: status["shadow"]["sent"] > 100)["shadow"]
        self.assertEqual((counts["different"], counts["uncompared"]), (0, 0))
        self.call("rollback")
        self.call(f"m/3={self.base}/2.onnx", *shadow)
        self.wait(lambda status: status["shadow"]["different"] > 0)
        self.end(load, "1")

    def ask(self, head, body=b"", rest=b""):
        """The head of the answer to a request as somebody may write it, and its body."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=SECONDS) as peer:
            peer.sendall(f"{head}Host: x\r\nConnection: close\r\n\r\n".encode() + body)
            text = b""
            while piece := peer.recv(65536):
                text += piece
                if rest and b" 100 " in piece:
                    peer.sendall(rest)
                    text, rest = b"", b""
        return text.partition(b"\r\n\r\n")[::2]

    def test_requests_of_any_form(self):
        self.deploy("1", "--http", str(self.port))
        supervisor = self.status()["process"]
        for method in ("BREW", "get", "TRACE", "OPTIONS", "DELETE"):
            head, _ = self.ask(f"{method} /v2/models/m HTTP/1.1\r\nContent-Length: 2\r\n", b"ab")
            self.assertTrue(head.startswith(b"HTTP/1.1 4"), (method, head))
        self.assertEqual(self.status()["process"], supervisor)
        (head, body), (other, text) = (self.ask(f"{method} /v2/models/m HTTP/1.1\r\n")
                                       for method in ("HEAD", "GET"))
        self.assertEqual((head, body), (other, b""))
        self.assertIn(f"Content-Length: {len(text)}".encode(), head)
        infer = "POST /v2/models/m/infer HTTP/1.1\r\nX-Kingpost-Version: 7\r\n"
        body = b'{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[3]}]}'
        packed = gzip.compress(body)
        size = f"Content-Length: {len(body)}\r\n"
        for head, text, rest in (
                (size, body, b""), (f"{size}Expect: 100-continue\r\n", b"", body),
                ("Transfer-Encoding: chunked\r\n",
                 b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body), b""),
                (f"Content-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n", packed, b"")):
            said, answer = self.ask(infer + head, text, rest)
            self.assertTrue(said.startswith(b"HTTP/1.1 200"), said)
            self.assertEqual(re.findall(rb"(?i)x-kingpost-version: (\w+)", said), [b"1"])
            self.assertEqual(json.loads(answer)["outputs"][0]["data"], [3])

    def test_a_version_that_is_named_answers_itself(self):
        self.deploy("1", "--http", str(self.port))
        body = b'{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[3]}]}'

        def version_of(path, status=b"200", text=None):
            head = f"{'POST' if text else 'GET'} {path} HTTP/1.1\r\nX-Kingpost-Key: a\r\n"
            said, _ = self.ask(head + (f"Content-Length: {len(text)}\r\n" if text else ""),
                               text or b"")
            self.assertEqual(said.split()[1], status, said)
            return re.findall(rb"(?i)x-kingpost-version: (\w+)", said)[0].decode()
        for percent in (1, 100):
            self.deploy("2", "--canary", str(percent), "--bake", "60s")
            for version in "12":
                path = f"/v2/models/m/versions/{version}"
                self.assertEqual(version_of(f"{path}/infer", text=body), version)
                for other in (path, f"{path}/ready", f"/v1/models/m/versions/{version}"):
                    self.assertEqual(version_of(other), version)
            self.assertEqual(version_of("/v2/models/m/versions/9", b"404"), "1")
            # The other one cannot answer instead.
            for role, version in (("stable", "1"), ("candidate", "2")):
                os.kill(self.status()[role]["process"], signal.SIGKILL)
                self.assertEqual(version_of(f"/v2/models/m/versions/{version}/infer", text=body),
                                 version)
            self.call("rollback")
        self.deploy("2", "--blue-green")
        for _ in range(2):
            for version in "12":
                self.assertEqual(version_of(f"/v2/models/m/versions/{version}/infer", text=body),
                                 version)
            if self.status()["candidate"]:
                self.call("promote")
        self.assertEqual(version_of("/v2/models/m/infer", text=body), "2")
        self.call("rollback")
        self.assertEqual(version_of("/v2/models/m/versions/2/infer", text=body), "2")
        self.assertEqual(version_of("/v2/models/m/infer", text=body), "1")

    def test_what_no_version_offers_is_no_error_of_the_new_one(self):
        self.deploy("1", "--http", str(self.port))
        self.deploy("2", "--canary", "100", "--bake", "600s", "--rollback-if", "error_rate>0",
                    "--min-requests", "1")
        shared = (b'{"inputs":[{"name":"x","shape":[1],"datatype":"FP32",'
                  b'"parameters":{"shared_memory_region":"r"}}]}')
        for path, text, status in (("infer", shared, b"501"), ("infer", b"{", b"400"),
                                   ("versions/9/infer", shared, b"501"),
                                   ("trace/setting", b"", b"501"), ("unknown", b"", b"404")):
            head, _ = self.ask(f"POST /v2/models/m/{path} HTTP/1.1\r\n"
                               f"Content-Length: {len(text)}\r\n", text)
            self.assertEqual(head.split()[1], status, head)
        candidate = self.wait(lambda status: status["candidate"]["requests"] >= 4)["candidate"]
        self.assertEqual((candidate["stage"], candidate["recent_errors"]), ("in trial", 0))

    @unittest.skipUnless(shutil.which("cc"), "no C compiler here")
    def test_a_clock_that_is_set_ends_no_phase(self):
        clock, shift = self.base / "clock.so", self.base / "shift"
        subprocess.run(["cc", "-shared", "-fPIC", "-xc", "-", "-o", clock], input=CLOCK, text=True,
                       check=True)
        code, text = self.run_it(f"m/1={self.base}/1.onnx", "--http", str(self.port),
                                 env={"LD_PRELOAD": str(clock), "SHIFT": str(shift)})
        self.assertEqual(code, 0, text)
        self.deploy("2", "--canary", "50", "--bake", "1h")
        shift.write_text("86400")
        before = self.history()
        # The supervisor has looked around since when a killed process is back.
        killed = self.status()["stable"]["process"]
        os.kill(killed, signal.SIGKILL)
        self.wait(lambda status: status["stable"]["ready"] and
                  status["stable"]["process"] != killed)
        self.assertEqual(self.status()["candidate"]["stage"], "in trial")
        self.assertEqual(self.history(), before)

    def test_keys_stay_with_their_version(self):
        self.start().end()
        self.deploy("2", "--canary", "30", "--bake", "60s")

        def version_of(key):
            connection = HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
            connection.request("GET", "/v2/models/m", headers={"X-Kingpost-Key": key})
            answer = connection.getresponse()
            answer.read()
            connection.close()
            return answer.headers["X-Kingpost-Version"]
        first = [version_of(f"customer {i}") for i in range(200)]
        self.assertEqual([version_of(f"customer {i}") for i in range(200)], first)
        self.assertTrue(30 < first.count("2") < 95, first.count("2"))

    def test_a_killed_supervisor_leaves_nothing_and_is_taken_up_again(self):
        self.deploy("1", "--http", str(self.port))
        self.deploy("2", "--canary", "50", "--bake", "60s")
        status = self.status()
        processes = [status[role]["process"] for role in ("stable", "candidate")]
        os.kill(status["process"], signal.SIGKILL)
        self.gone([status["process"], *processes])
        self.refused("deploy.not_running", "status")
        self.refused("deploy.in_progress", f"m/1={self.base}/1.onnx")
        status = self.wait(lambda each: each["candidate"] and each["candidate"]["ready"])
        self.assertEqual((status["stable"]["version"], status["candidate"]["version"]), ("1", "2"))
        self.call("promote")
        self.assertIn("resumed", [what for what, _ in self.history()])
        state = self.base / ".kingpost/deployments/m/state.json"
        self.call("stop")
        whole = json.loads(state.read_text())
        for text in ("{", "[]", "{\"stable\": {}}", json.dumps({**whole, "candidate": {
                         **whole["stable"], "path": ""}}),
                     json.dumps({**whole, "candidate": whole["stable"],
                                 "plan": {"phases": [{"percent": 0}]}})):
            state.write_text(text)
            code, said = self.run_it(f"m/1={self.base}/1.onnx")
            self.assertNotEqual(code, 0, text)
            self.assertIn("deploy.state_damaged", said)

    def test_a_supervisor_that_is_killed_while_its_version_starts(self):
        program = self.base / "kingpost"
        shutil.copy(KINGPOST, program)
        serve = self.base / "kingpost-serve"
        serve.write_text("#!/bin/sh\nexec sleep 600\n")
        serve.chmod(0o700)
        with subprocess.Popen([program, "deploy", f"m/1={self.base}/1.onnx", "--http",
                               str(self.port)], cwd=self.base, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True) as waiting:
            folder = self.base / ".kingpost/deployments/m"
            until = time.monotonic() + SECONDS
            while not (folder / "control.json").exists():
                self.assertLess(time.monotonic(), until)
                time.sleep(0.01)
            status = self.wait(lambda status: status["candidate"])
            os.kill(status["process"], signal.SIGKILL)
            text = waiting.communicate(timeout=SECONDS)[0]
        self.assertNotEqual(waiting.returncode, 0, text)
        self.assertIn("error[deploy.not_running]: the supervisor of", text)
        self.assertIn(f"its log is {folder}/log", text)

    def test_a_killed_supervisor_comes_back_as_it_was(self):
        self.deploy("1", "--http", str(self.port))
        self.deploy("2")
        url = self.status()["url"]
        supervisor = self.status()["process"]
        os.kill(supervisor, signal.SIGKILL)
        self.gone([supervisor])
        self.deploy("2")
        self.assertEqual(self.status()["url"], url)
        self.call("rollback")
        self.wait(self.stable("1"))

    def test_a_version_that_is_rolled_back_is_no_success(self):
        self.deploy("1", "--http", str(self.port))
        self.refused("deploy.rolled_back", f"m/1={self.base}/none.onnx")
        self.assertEqual(self.status()["stable"]["path"], str(self.base / "1.onnx"))

    def test_of_several_at_once_all_find_the_one_supervisor(self):
        words = [KINGPOST, "deploy", f"m/1={self.base}/1.onnx", "--http", str(self.port)]
        all_of_them = [subprocess.Popen(words, cwd=self.base, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True) for _ in range(6)]
        texts = [each.communicate(timeout=SECONDS)[0] for each in all_of_them]
        self.assertIn(0, [each.returncode for each in all_of_them])
        for each, text in zip(all_of_them, texts):
            self.assertIn("version 1 answers" if each.returncode == 0 else
                          "error[deploy.in_progress]", text)
        self.wait(self.stable("1"))


if __name__ == "__main__":
    unittest.main()
