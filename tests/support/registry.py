# SPDX-License-Identifier: Apache-2.0
"""A registry of a test: the upload half of the OCI distribution protocol, in memory, with the
answers of registries that do not let everybody in or do not do as they should."""

import hashlib
import json
import re
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

USER = "dTpw"  # u:p


class SixServer(ThreadingHTTPServer):
    address_family = socket.AF_INET6


class Registry:
    """`access`: open, basic or bearer. `fault`: what goes wrong, see Handler."""

    def __init__(self, access="open", fault=None, address="127.0.0.1"):
        self.access, self.fault = access, fault
        self.blobs, self.manifests, self.lines = {}, {}, []
        self.server = (SixServer if ":" in address else ThreadingHTTPServer)((address, 0), Handler)
        self.server.registry = self
        self.port = self.server.server_address[1]
        self.host = f"[{address}]:{self.port}" if ":" in address else f"{address}:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def uploads(self):
        return [line for line in self.lines if line.startswith("PUT") and "digest=" in line]

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    @property
    def registry(self):
        return self.server.registry

    def answer(self, status, headers=(), body=b""):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def fail(self, status, code, message):
        body = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
        self.answer(status, [("Content-Type", "application/json")], body)

    def let_in(self):
        """False when the answer was given already."""
        given = self.headers.get("Authorization")
        access = self.registry.access
        if access == "open":
            return True
        if access == "basic" and given == f"Basic {USER}":
            return True
        if access == "bearer" and given == "Bearer made-token":
            return True
        realm = f"http://{self.registry.host}/token"
        if self.registry.fault == "realm":
            realm = "file:///etc/passwd"
        words = ('Basic realm="made"' if access == "basic" else
                 f'Bearer realm="{realm}",service="made",scope="repository:x:pull,push"')
        self.answer(401, [("WWW-Authenticate", words)])
        return False

    def handle_one(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        parts = urlsplit(self.path)
        query = parse_qs(parts.query)
        self.registry.lines.append(f"{self.command} {self.path}")
        if parts.path == "/token":
            return self.token(query)
        if parts.path.startswith("/store/"):
            # Who comes with a signature and a token is one too many for such a store.
            is_fine = self.registry.fault == "store" and "Authorization" not in self.headers
            return self.answer(200 if is_fine else 403)
        if not self.let_in():
            return None
        if parts.path.endswith("/blobs/uploads/"):
            return self.begin()
        if parts.path.startswith("/upload"):
            return self.keep(body, query["digest"][0])
        found = re.fullmatch(r"/v2/(.+)/(blobs|manifests)/([^/]+)", parts.path)
        if not found:
            return self.fail(404, "NAME_UNKNOWN", "no such thing")
        return self.blob(found[3]) if found[2] == "blobs" else self.manifest(found[3], body)

    def token(self, query):
        if self.headers.get("Authorization") != f"Basic {USER}" or query["service"] != ["made"]:
            return self.fail(401, "DENIED", "who are you?")
        return self.answer(200, body=b'{"access_token": "made-token"}')

    def begin(self):
        if self.registry.fault == "full":
            return self.fail(507, "NO_ROOM", "the disk is full\x1b[31m")
        where = {"nowhere": "", "file": "file:///etc/passwd"}.get(
            self.registry.fault, "/upload/1?state=abc")
        return self.answer(202, [("Location", where)])

    def keep(self, body, digest):
        if "sha256:" + hashlib.sha256(body).hexdigest() != digest:
            return self.fail(400, "DIGEST_INVALID", "other bytes")
        self.registry.blobs[digest] = body
        return self.answer(201)

    def blob(self, digest):
        if self.registry.fault in ("store", "shut") and digest in self.registry.blobs:
            # Registries on an object store send whoever looks there.
            where = f"http://localhost:{self.registry.port}/store/{digest}?signature=abc"
            return self.answer(307, [("Location", where)])
        return self.answer(200 if digest in self.registry.blobs else 404)

    def manifest(self, tag, body):
        if self.registry.fault == "forbidden":
            return self.fail(403, "DENIED", "read only")
        self.registry.manifests[tag] = body
        digest = "sha256:" + hashlib.sha256(body).hexdigest()
        if self.registry.fault == "other":
            digest = "sha256:" + "0" * 64
        return self.answer(201, [("Docker-Content-Digest", digest)])

    do_GET = do_HEAD = do_POST = do_PUT = handle_one  # noqa: N815
