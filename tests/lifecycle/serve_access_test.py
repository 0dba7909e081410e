# SPDX-License-Identifier: Apache-2.0
"""kingpost-serve: keys, TLS, metrics and the access log."""

import hashlib
import json
import signal
import socket
import ssl
import subprocess
import sys
import unittest
import warnings
from http.client import HTTPSConnection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from serving import SECONDS, ServingCase  # noqa: E402


class AccessTest(ServingCase):
    """Who may ask, and what is told of it afterwards."""

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

    def test_which_lines_are_written_is_a_matter_of_now(self):
        path = self.base / "some.ndjson"
        served = self.serve("--access-log", path, "--drain", "0")
        served.ask("GET", "/v2")
        told = served.json("POST", "/v2/logging", '{"log_info": false}')
        self.assertEqual((told["log_info"], told["log_error"], told["log_file"]),
                         (False, True, str(path)))
        served.ask("GET", "/v2")
        served.ask("GET", "/v2/models/other")
        for body, status in (("{", 400), ("[]", 400), ('{"log_file": "/tmp/x"}', 400), ("", 200)):
            code, _, text = served.ask("POST", "/v2/logging", body)
            self.assertEqual(code, status, text)
        self.assertEqual(served.ask("DELETE", "/v2/logging")[0], 405)
        for path_of_trace in ("/v2/trace/setting", "/v2/models/houses/trace/setting"):
            for method in ("GET", "POST"):
                told = served.json(method, path_of_trace, None if method == "GET" else "{}", 501)
                self.assertIn("trace extension is not offered", told["error"])
        served.process.terminate()
        served.process.wait(SECONDS)
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        self.assertEqual([(each["path"], each["status"]) for each in lines[:2]],
                         [("/v2", 200), ("/v2/models/other", 404)])
        self.assertEqual([each["status"] for each in lines[2:]], [400] * 3 + [405] + [501] * 4)

    def test_access_log_of_grpc(self):
        """Each call by its full name, with its status by number and by name."""
        log = self.base / "calls.ndjson"
        served = self.serve("--access-log", log, "--drain", "0", "--grpc", "0")
        service = "inference.GRPCInferenceService"
        houses = b"\x0a\x06houses"
        called = [(f"{service}/ServerLive", b"", 0, "OK"),
                  (f"{service}/ModelMetadata", houses, 0, "OK"),
                  (f"{service}/ModelMetadata", b"\x0a\x01x", 5, "NOT_FOUND"),
                  (f"{service}/Nothing", b"", 12, "UNIMPLEMENTED")]
        for method, message, _, _ in called:
            served.call("/" + method, message)
        served.process.send_signal(signal.SIGTERM)
        self.assertEqual(served.process.wait(SECONDS), 0)
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        self.assertEqual([(each["method"], each["path"], each["status"], each["code"], each["in"])
                          for each in lines],
                         [(method, "/" + method, status, code, len(message) + 5)
                          for method, message, status, code in called])
        self.assertTrue(all(each["out"] > 5 for each in lines[:2]))
        self.assertTrue(all(each["out"] == 0 for each in lines[2:]))
        self.assertTrue(all(0 <= each["ms"] < 60_000 for each in lines))

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
                 ("GET", "/v2/logging", {"one", "two", "all"}), ("POST", "/v2/logging", {"all"}),
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

    def test_a_key_of_the_metrics_alone(self):
        def digest(key):
            return hashlib.sha256(key.encode()).hexdigest()
        keys = self.base / "one.txt"
        keys.write_text(f"{digest('one')} infer one\n")
        served = self.serve("--api-keys", keys, "--metrics-key", digest("look"))
        for key, path, wanted in (("look", "/metrics", 200), ("look", "/v2/models", 403),
                                  ("one", "/metrics", 403), ("one", "/v2/models", 200),
                                  ("", "/metrics", 401), (digest("look"), "/metrics", 401)):
            self.assertEqual(served.ask("GET", path, None, {"X-API-Key": key})[0], wanted, key)
        model = ("--model", f"houses={self.bundle}")
        self.refused("--api-keys", *model, "--metrics-key", digest("look"))
        self.refused("no sha256", *model, "--api-keys", keys, "--metrics-key", "look")

    def certificate(self, name):
        """A self-signed certificate of 127.0.0.1 and its key."""
        paths = self.base / f"{name}.crt", self.base / f"{name}.key"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-days", "1", "-subj", f"/CN={name}", "-addext",
             "subjectAltName=IP:127.0.0.1", "-out", paths[0], "-keyout", paths[1]],
            check=True, capture_output=True)
        return paths

    @staticmethod
    def resumes(served, context):
        """Whether a client goes on with the session of its first connection."""
        session = None
        for _ in range(2):
            plain = socket.create_connection(("127.0.0.1", served.port), timeout=SECONDS)
            with context.wrap_socket(plain, server_hostname="127.0.0.1", session=session) as stream:
                stream.sendall(b"GET /v2 HTTP/1.1\r\nHost: x\r\n\r\n")
                assert stream.recv(12) == b"HTTP/1.1 200"
                session = stream.session
                resumed = stream.session_reused
        return resumed

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
        self.assertTrue(self.resumes(strict, context))
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

if __name__ == "__main__":
    unittest.main()
