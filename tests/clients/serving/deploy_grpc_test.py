# SPDX-License-Identifier: Apache-2.0
"""Deployments asked by Triton's own clients of gRPC: versions come, go and are killed, and every
call and every message of a stream that is sent meanwhile is answered, as its version would."""

import asyncio
import hashlib
import os
import queue
import random
import signal
import sys
import threading
import unittest
from pathlib import Path

import grpc
import numpy as np
import tritonclient.grpc
import tritonclient.grpc.aio
from tritonclient.utils import InferenceServerException

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "support"))

from deploying import PIPELINE, SECONDS, VERSIONS, DeployCase, free_port  # noqa: E402

WINDOW = 8


def tensor(x):
    out = tritonclient.grpc.InferInput("x", [1], "FP32")
    out.set_data_from_numpy(np.array([x], np.float32))
    return [out]


class Load:
    """Calls one after the other, and streams with several messages on their way."""

    def __init__(self, port, headers=None):
        self.url = f"127.0.0.1:{port}"
        self.headers = headers
        self.faults = []
        self.versions = {}
        self.answers = {"calls": 0, "stream": 0, "asyncio": 0}
        self.stopped = False
        self.threads = [threading.Thread(target=self.held(name, each)) for name, each in (
            ("calls", self.call), ("calls", self.call), ("stream", self.stream),
            ("asyncio", lambda: asyncio.run(self.stream_of_asyncio())))]
        for each in self.threads:
            each.start()

    def held(self, name, work):
        def run():
            try:
                work()
            except Exception as error:  # noqa: BLE001: whatever it is, it is a fault
                self.faults.append((name, repr(error)))
        return run

    def look(self, name, number, x, result, error=None):
        if error is not None:
            self.faults.append((name, x, str(error)))
            return
        response = result.get_response()
        version = response.model_version
        self.versions[version] = self.versions.get(version, 0) + 1
        self.answers[name] += 1
        found = float(result.as_numpy("prediction")[0])
        if response.id != str(number) or abs(found - VERSIONS[version][1](x)) > 1e-4:
            self.faults.append((name, number, x, version, response.id, found))

    def call(self):
        client = tritonclient.grpc.InferenceServerClient(self.url)
        chance = random.Random(7)
        number = 0
        while not self.stopped:
            number += 1
            x = chance.uniform(-100, 100)
            result = client.infer("m", tensor(x), request_id=str(number), headers=self.headers)
            self.look("calls", number, x, result)
        client.close()

    def stream(self):
        client = tritonclient.grpc.InferenceServerClient(self.url)
        answers = queue.Queue()
        client.start_stream(lambda result, error: answers.put((result, error)),
                            headers=self.headers)
        waiting = []
        number = 0
        while not self.stopped or waiting:
            while len(waiting) < WINDOW and not self.stopped:
                number += 1
                waiting.append((number, number % 700 / 7))
                client.async_stream_infer("m", tensor(number % 700 / 7), request_id=str(number))
            if waiting:
                self.look("stream", *waiting.pop(0), *answers.get(timeout=SECONDS))
        client.stop_stream()
        client.close()

    async def stream_of_asyncio(self):
        client = tritonclient.grpc.aio.InferenceServerClient(self.url)
        room = asyncio.Semaphore(WINDOW)
        waiting = []

        async def requests():
            number = 0
            while not self.stopped:
                await room.acquire()
                number += 1
                waiting.append((number, -(number % 700) / 7))
                yield {"model_name": "m", "inputs": tensor(-(number % 700) / 7),
                       "request_id": str(number)}
        async for result, error in client.stream_infer(requests(), headers=self.headers):
            self.look("asyncio", *waiting.pop(0), result, error)
            room.release()
        if waiting:
            self.faults.append(("asyncio", "without an answer", waiting))
        await client.close()

    def end(self):
        self.stopped = True
        for each in self.threads:
            each.join()


class DeployGrpcTest(DeployCase):
    def setUp(self):
        super().setUp()
        self.grpc_port = free_port()

    def start(self, *words, headers=None):
        self.deploy("1", "--http", str(self.port), "--grpc", str(self.grpc_port), *words)
        load = Load(self.grpc_port, headers)
        self.addCleanup(load.end)
        return load

    def more(self, load):
        """Waits until each of the clients has had more answers."""
        before = dict(load.answers)
        self.wait(lambda _: load.faults or
                  all(load.answers[each] > before[each] + 20 for each in before))

    def end(self, load, *seen):
        load.end()
        self.assertEqual(load.faults[:3], [])
        for version in seen:
            self.assertGreater(load.versions.get(version, 0), 0, load.versions)

    def test_no_call_fails_while_versions_change(self):
        load = self.start()
        self.more(load)
        self.deploy("2")
        self.wait(self.stable("2"))
        self.more(load)
        self.deploy("1", "--canary", "30,60", "--bake", "1s", "--rollback-if", "error_rate>0.5")
        self.wait(self.stable("1"))
        self.more(load)
        # It may be rolled back while the command still looks.
        self.run_it(f"m/2={self.base}/2.onnx", "--canary", "50", "--bake", "60s", "--rollback-if",
                    "p99>1us", "--min-requests", "10")
        self.assertIn("p99 is", self.wait(self.stable("1"))["last_outcome"])
        self.deploy("2", "--blue-green")
        self.call("promote")
        self.more(load)
        self.call("rollback")
        self.more(load)
        self.call(f"m/4={self.base}/1.onnx", "--shadow", "100", "--shadow-for", "600s")
        self.more(load)
        shadow = self.wait(lambda status: status["shadow"]["sent"] > 20)["shadow"]
        self.assertEqual((shadow["different"], shadow["uncompared"]), (0, 0))
        self.call("rollback")
        self.deploy("2", "--shadow", "100", "--shadow-for", "1s")
        self.wait(self.stable("2"))
        self.assertGreater(self.status()["shadow"]["different"], 0)
        self.more(load)
        self.end(load, "1", "2")

    def test_killed_processes_fail_no_call(self):
        load = self.start()
        self.more(load)
        for _ in range(2):
            killed = self.wait(lambda status: status["stable"]["ready"])["stable"]["process"]
            os.kill(killed, signal.SIGKILL)
            self.wait(lambda status, gone=killed: status["stable"]["ready"]
                      and status["stable"]["process"] != gone)
            self.more(load)
        self.deploy("2", "--canary", "50", "--bake", "3s")
        os.kill(self.status()["candidate"]["process"], signal.SIGKILL)
        self.wait(self.stable("2"))
        self.more(load)
        self.end(load, "1", "2")

    def test_keys_stay_with_their_version(self):
        self.deploy("1", "--http", str(self.port), "--grpc", str(self.grpc_port))
        self.deploy("2", "--canary", "30", "--bake", "600s")
        client = tritonclient.grpc.InferenceServerClient(f"127.0.0.1:{self.grpc_port}")

        def version_of(key):
            result = client.infer("m", tensor(1), headers={"x-kingpost-key": key})
            return result.get_response().model_version
        first = [version_of(f"customer {i}") for i in range(200)]
        self.assertEqual([version_of(f"customer {i}") for i in range(200)], first)
        self.assertTrue(30 < first.count("2") < 95, first.count("2"))
        client.close()

    def test_a_version_that_is_named_answers_itself(self):
        self.deploy("1", "--http", str(self.port), "--grpc", str(self.grpc_port))
        self.deploy("2", "--canary", "50", "--bake", "600s")
        client = tritonclient.grpc.InferenceServerClient(f"127.0.0.1:{self.grpc_port}")
        for number in range(20):
            for version in "12":
                key = {"x-kingpost-key": f"{number}"}
                for packed in (None, "gzip"):
                    result = client.infer("m", tensor(1), model_version=version, headers=key,
                                          compression_algorithm=packed)
                    self.assertEqual(result.get_response().model_version, version)
                self.assertTrue(client.is_model_ready("m", version, headers=key))
        with self.assertRaises(InferenceServerException) as error:
            client.infer("m", tensor(1), model_version="9")
        self.assertEqual(error.exception.status(), "StatusCode.NOT_FOUND")
        client.close()

    def test_of_a_hung_version_the_stable_one_answers_instead(self):
        self.deploy("1", "--http", str(self.port), "--grpc", str(self.grpc_port))
        self.deploy("2", "--canary", "100", "--bake", "600s", "--rollback-if", "error_rate>0.5",
                    "--min-requests", "2")
        self.hang(self.status()["candidate"]["process"])
        load = Load(self.grpc_port)
        self.addCleanup(load.end)
        self.assertIn("error_rate is", self.wait(self.stable("1"))["last_outcome"])
        self.more(load)
        self.end(load, "1")
        self.assertNotIn("2", load.versions)

    def test_the_rest_of_the_protocol(self):
        self.deploy("1", "--http", str(self.port), "--grpc", str(self.grpc_port))
        client = tritonclient.grpc.InferenceServerClient(f"127.0.0.1:{self.grpc_port}")
        self.assertTrue(client.is_server_live() and client.is_server_ready())
        self.assertEqual(client.get_model_metadata("m").versions, ["1"])
        for word in ("gzip", "deflate"):
            many = tritonclient.grpc.InferInput("x", [5000], "FP32")
            values = np.arange(5000, dtype=np.float32)
            many.set_data_from_numpy(values)
            result = client.infer("m", [many], compression_algorithm=word)
            self.assertEqual(result.as_numpy("prediction").tobytes(), values.tobytes())
        with self.assertRaisesRegex(InferenceServerException, "unknown model") as error:
            client.infer("other", tensor(1))
        self.assertEqual(error.exception.status(), "StatusCode.NOT_FOUND")
        with self.assertRaises(InferenceServerException) as error:
            client.register_system_shared_memory("region", "/region", 16)
        self.assertEqual(error.exception.status(), "StatusCode.UNIMPLEMENTED")
        client.close()
        with grpc.insecure_channel(f"127.0.0.1:{self.grpc_port}") as channel:
            ready = channel.unary_unary("/inference.GRPCInferenceService/ServerReady")
            _, call = ready.with_call(b"", timeout=SECONDS)
            self.assertEqual(dict(call.initial_metadata())["x-kingpost-version"], "1")

    def test_tls_and_keys(self):
        certificate, key = self.certificate()
        (self.base / "keys.txt").write_text(
            hashlib.sha256(b"secret").hexdigest() + " infer client\n")
        (self.base / "kingpost.yaml").write_text(PIPELINE + "serve: {api_keys: keys.txt}\n")
        self.deploy("1", "--http", str(self.port), "--grpc", str(self.grpc_port),
                    "--tls-certificate", str(certificate), "--tls-key", str(key))
        client = tritonclient.grpc.InferenceServerClient(
            f"127.0.0.1:{self.grpc_port}", ssl=True, root_certificates=str(certificate))
        result = client.infer("m", tensor(3), headers={"authorization": "Bearer secret"})
        self.assertEqual(result.as_numpy("prediction").tolist(), [3])
        with self.assertRaises(InferenceServerException) as error:
            client.infer("m", tensor(3))
        self.assertEqual(error.exception.status(), "StatusCode.UNAUTHENTICATED")
        client.close()


if __name__ == "__main__":
    unittest.main()
