# SPDX-License-Identifier: Apache-2.0
"""What a deployment keeps (ports, address, TLS, settings of serving), whose orders it takes, and
what is refused."""

import json
import os
import shutil
import signal
import socket
import ssl
import sys
import unittest
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from deploying import PIPELINE, SECONDS, DeployCase, free_port  # noqa: E402


class DeploySettingsTest(DeployCase):
    def test_a_port_that_was_free_is_kept(self):
        self.deploy("1", "--http", "0", "--grpc", "0")
        before = self.status()
        os.kill(before["process"], signal.SIGKILL)
        # Whether or not its end has been seen.
        self.deploy("2")
        after = self.status()
        self.assertNotEqual(after["process"], before["process"])
        self.assertEqual((after["url"], after["grpc_url"]), (before["url"], before["grpc_url"]))
        self.call("stop")
        with socket.socket() as taken:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind(("127.0.0.1", int(before["url"].rpartition(":")[2])))
            taken.listen()
            self.deploy("1")
            self.assertNotEqual(self.status()["url"], before["url"])
            self.assertEqual(self.status()["grpc_url"], before["grpc_url"])

    def test_the_port_that_a_deployment_has_is_no_other_port(self):
        self.deploy("1", "--http", "0", "--grpc", "0")
        http, grpc = (self.status()[each].rpartition(":")[2] for each in ("url", "grpc_url"))
        model = f"m/2={self.base}/2.onnx"
        self.call(model, "--http", http, "--grpc", grpc)
        self.call(model, "--http", http)
        self.call(model, "--http", "0", "--grpc", grpc)
        _, text = self.run_it(model, "--http", grpc)
        self.assertIn(f"runs at port {http}, and {grpc} is asked for", text)
        self.refused("deploy.other_port", model, "--http", http, "--grpc", http)
        self.refused("deploy.other_port", model, "--grpc", "off")
        self.call("stop")
        self.call(model, "--http", http, "--grpc", "off")
        self.refused("deploy.other_port", model, "--http", "0")
        self.call("stop")
        self.call(model, "--http", "0")
        _, text = self.run_it(model, "--grpc", grpc)
        self.assertIn(f"runs without gRPC, and gRPC at {grpc} is asked for", text)

    def test_what_a_running_deployment_does_not_take_up_is_an_error(self):
        def write(deploy, serve):
            (self.base / "kingpost.yaml").write_text(
                f"{PIPELINE}deploy: {{{deploy}}}\nserve: {{{serve}}}\n")
        write(f"http: {self.port}", "threads: 1")
        self.deploy("1")
        self.assertTrue(self.status()["url"].endswith(f":{self.port}"))
        self.deploy("2", "--address", "127.0.0.1")
        self.refused("deploy.other_address", f"m/1={self.base}/1.onnx", "--address", "0.0.0.0")
        write("address: 0.0.0.0", "threads: 1")
        self.refused("deploy.other_address", f"m/1={self.base}/1.onnx")
        write("http: 1", "threads: 1")
        self.refused("deploy.other_port", f"m/1={self.base}/1.onnx")
        write("", "threads: 2")
        self.refused("deploy.other_serve", f"m/1={self.base}/1.onnx")
        self.call("stop")
        self.deploy("1")
        self.assertTrue(self.status()["url"].endswith(f":{self.port}"))

    def test_the_port_of_grpc_is_kept(self):
        def write(deploy, serve):
            (self.base / "kingpost.yaml").write_text(
                f"{PIPELINE}deploy: {{http: {self.port}{deploy}}}\nserve: {{{serve}}}\n")
        write("", "threads: 1")
        self.deploy("1")
        self.assertNotIn("grpc_url", self.status())
        # What serve says of it holds for a deployment that says nothing itself.
        write("", "threads: 1, grpc: 0")
        self.refused("deploy.other_port", f"m/2={self.base}/2.onnx")
        self.call("stop")
        port = free_port()
        write(f", grpc: {port}", "threads: 1, grpc: 1")
        self.assertIn(f"and grpc://127.0.0.1:{port}", self.deploy("1"))
        self.refused("deploy.other_port", f"m/2={self.base}/2.onnx", "--grpc", "1")
        self.deploy("2", "--grpc", str(port))
        write("", "threads: 1")
        status = self.status()
        os.kill(status["process"], signal.SIGKILL)
        self.gone([status["process"]])
        self.deploy("1")
        self.assertEqual(self.status()["grpc_url"], status["grpc_url"])
        self.assertIn(f"grpc://127.0.0.1:{port}", self.call("status"))
        self.refused("deploy.other_port", f"m/2={self.base}/2.onnx", "--grpc", "off")
        self.refused("deploy.no_effect", "--grpc", "off", "status")
        self.call("stop")
        self.deploy("1", "--grpc", "off")
        self.assertNotIn("grpc_url", self.status())
        self.deploy("2", "--grpc", "off")
        self.call("stop")
        self.deploy("1")
        self.assertNotIn("grpc_url", self.status())

    def test_tls_is_of_the_ports_of_the_deployment(self):
        certificate, key = self.certificate()
        (self.base / "kingpost.yaml").write_text(
            f"{PIPELINE}serve: {{tls: {{certificate: {certificate.name}}}}}\n")
        self.refused("deploy.tls_incomplete", f"m/1={self.base}/1.onnx", "--http", str(self.port))
        (self.base / "kingpost.yaml").write_text(
            f"{PIPELINE}serve: {{tls: {{certificate: {certificate.name}, key: {key.name}}}}}\n")
        said = self.deploy("1", "--http", str(self.port), "--grpc", "0")
        self.assertNotIn("note:", said)
        self.assertEqual(self.status()["url"], f"https://127.0.0.1:{self.port}")
        self.assertTrue(self.status()["grpc_url"].startswith("grpcs://127.0.0.1:"))
        trusted = ssl.create_default_context(cafile=certificate)
        connection = HTTPSConnection("127.0.0.1", self.port, timeout=SECONDS, context=trusted)
        connection.request("GET", "/v2/models/m")
        answer = connection.getresponse()
        self.assertEqual((answer.status, answer.headers["X-Kingpost-Version"]), (200, "1"))
        connection.close()
        (self.base / "kingpost.yaml").unlink()
        other = self.base / "other.pem"
        shutil.copy(certificate, other)
        self.refused("deploy.other_tls", f"m/2={self.base}/2.onnx", "--tls-certificate", str(other),
                     "--tls-key", str(key))
        process = self.status()["process"]
        os.kill(process, signal.SIGKILL)
        self.gone([process])
        self.deploy("2")
        self.assertEqual(self.status()["url"], f"https://127.0.0.1:{self.port}")

    def test_only_who_has_the_token_gives_orders(self):
        self.deploy("1", "--http", str(self.port))
        control = self.base / ".kingpost/deployments/m/control.json"
        self.assertEqual(control.stat().st_mode & 0o777, 0o600)
        told = json.loads(control.read_text())

        def ask(path, token):
            connection = HTTPConnection("127.0.0.1", told["port"], timeout=SECONDS)
            connection.request("POST", path, headers={"X-Token": token})
            answer = connection.getresponse()
            out = answer.status, json.loads(answer.read())
            connection.close()
            return out
        self.assertEqual(ask("/stop", "guess")[0], 403)
        status, text = ask("/explode", told["token"])
        self.assertEqual((status, text["id"]), (409, "deploy.command_unknown"))
        self.assertEqual(self.status()["stable"]["version"], "1")

    def test_a_log_that_is_large_goes_on_in_a_new_one(self):
        folder = self.base / ".kingpost/deployments/m"
        folder.mkdir(parents=True)
        log = folder / "log"
        log.write_bytes(b"line" * (4 << 20))
        self.deploy("1", "--http", str(self.port))
        self.wait(lambda _: (folder / "log.1").exists() and log.exists())
        self.deploy("2")
        self.wait(lambda _: "m/2: http://" in log.read_text())
        self.assertLess(log.stat().st_size, 10000)
        self.assertEqual(log.stat().st_mode & 0o777, 0o600)
        self.assertNotIn("m/2:", (folder / "log.1").read_text())
        # Nobody keeps the first one open, so that its bytes are free when its name is gone.
        process = self.status()["process"]
        opened = [os.readlink(each) for each in Path(f"/proc/{process}/fd").iterdir()
                  if each.is_symlink()]
        self.assertEqual(opened.count(str(log)), 3)
        self.assertEqual(opened.count(str(folder / "log.1")), 0)

    def test_what_is_refused(self):
        model = f"m/1={self.base}/1.onnx"
        self.refused("deploy.no_effect", model, "--bake", "1s")
        self.refused("deploy.canary_malformed", model, "--canary", "50,20")
        self.refused("deploy.guard_malformed", model, "--canary", "5", "--rollback-if", "auc>1")
        self.refused("deploy.place_unknown", model, "--to", "moon")
        self.refused("deploy.name_malformed", model, "--name", "../x")
        self.refused("deploy.unknown", "status", "other")
        self.refused("deploy.rolled_back", f"m/1={self.base}/none.onnx", "--http",
                     str(self.port))
        self.refused("deploy.nothing_to_promote", "promote")
        self.refused("deploy.nothing_to_roll_back", "rollback")
        self.deploy("1")
        self.refused("deploy.other_port", model, "--http", "1")
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            self.refused("deploy.not_started", model, "--name", "second", "--http",
                         str(taken.getsockname()[1]))
        self.refused("deploy.unknown", "status")
        self.call("stop", "m")
        shutil.rmtree(self.base / ".kingpost/deployments/second")


if __name__ == "__main__":
    unittest.main()
