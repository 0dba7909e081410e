# SPDX-License-Identifier: Apache-2.0
"""A run that signs what it packages: the signature goes with the version wherever it goes, and the
private key goes nowhere."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from project import KINGPOST  # noqa: E402
from serving import HousesCase, Served  # noqa: E402

MODEL = "houses_price"


class SignedRunTest(HousesCase):
    more = ("package: {sign: safe/team}\n"
            "candidates: {baseline: {family: constant}, linear: {family: ridge, trials: 1}}\n")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        (cls.base / "safe").mkdir()
        for name in ("team", "others", "release"):
            cls.call("keys", "new", f"safe/{name}")
        cls.call("run", "--quiet")

    def call_json(self, *words):
        done = subprocess.run([KINGPOST, *words], cwd=self.base, capture_output=True, text=True,
                              check=True)
        return done.stdout

    def steps_done(self, *words):
        return [event["step"] for event in
                map(json.loads, self.call_json("run", "--json", *words).splitlines())
                if event["event"] == "done"]

    def trusted(self, key, *words):
        return self.call("verify", *words, "--key", f"safe/{key}.pub")

    def test_the_version_is_signed_wherever_it_goes(self):
        for name in (f"{MODEL}@champion", f"{MODEL}/1"):
            self.assertIn("signed by a key that is trusted", self.trusted("team", name))
        self.assertIn("; signed; --key", self.call("verify", MODEL))
        self.call("verify", MODEL, "--key", "safe/others.pub", error="bundle.signature_wrong")
        for folder, words in (("one", ()), ("two", ("--model", MODEL))):
            self.assertIn(", signed", self.call("package", folder, *words))
            self.addCleanup(shutil.rmtree, self.base / folder)
            self.trusted("team", folder)
        self.assertEqual((self.base / "one/SHA256SUMS.sig").read_bytes(),
                         (self.base / "two/SHA256SUMS.sig").read_bytes())
        self.call("package", "three", "--model", MODEL, "--sign", "safe/others")
        self.addCleanup(shutil.rmtree, self.base / "three")
        self.trusted("others", "three")
        # As a version of another model, it stays signed by whom it was.
        self.call("register", "three", "--name", "taken")
        self.trusted("others", "taken")
        self.trusted("team", MODEL)

    def test_images_and_servers_get_it(self):
        self.call("containerize", MODEL, "--out", "image")
        self.addCleanup(shutil.rmtree, self.base / "image")
        found = []
        for blob in (self.base / "image/blobs/sha256").iterdir():
            if not tarfile.is_tarfile(blob):
                continue
            with tarfile.open(blob) as layer:
                found += [each for each in layer.getnames() if each.endswith("SHA256SUMS.sig")]
        self.assertEqual(len(found), 1)
        folder = self.unpacked()
        served = Served("--model", f"{MODEL}={folder}", "--trust", self.base / "safe/team.pub")
        self.assertEqual(served.ask("GET", f"/v2/models/{MODEL}")[0], 200)
        served.end()

    def test_serve_takes_what_is_trusted_from_the_file_and_the_line(self):
        text = (self.base / "kingpost.yaml").read_text()
        for name, keys in (("one", "safe/team.pub"), ("two", "safe/others.pub, safe/team.pub"),
                           ("no", "safe/others.pub"), ("secret", "safe/team"),
                           ("gone", "gone.pub")):
            path = self.base / f"{name}.yaml"
            path.write_text(text + f"serve: {{trust: [{keys}]}}\n")
            self.addCleanup(path.unlink)
        line = ("--trust", "safe/team.pub")
        for words in (("one.yaml",), ("two.yaml",), ("kingpost.yaml", *line), ("no.yaml", *line)):
            words = ("-f", *words)
            served = Served(MODEL, *words, program=(KINGPOST, "serve"), folder=self.base)
            self.assertEqual(served.ask("GET", f"/v2/models/{MODEL}")[0], 200)
            served.end()
        serve = ("serve", MODEL, "--http", "0", "-f")
        self.call(*serve, "no.yaml", error="bundle.signature_wrong")
        self.call(*serve, "one.yaml", "--trust", "safe/others.pub", error="bundle.signature_wrong")
        self.assertIn("reading", self.call(*serve, "secret.yaml", error="key.not_public"))
        self.assertIn("gone.pub", self.call(*serve, "gone.yaml", error="file.not_found"))

    def test_several_that_serve_at_once_unpack_it_once(self):
        shutil.rmtree(self.base / ".kingpost/serving", ignore_errors=True)
        all_at_once = [subprocess.Popen([KINGPOST, "serve", MODEL, "--http", "0"], cwd=self.base,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
                       for _ in range(4)]
        said = [process.stdout.readline() for process in all_at_once]
        for process in all_at_once:
            process.terminate()
            process.communicate()
        for line in said:
            self.assertIn("is ready", line)

    def unpacked(self):
        """The folder that `kingpost serve` and `kingpost deploy` hand to the server."""
        process = subprocess.Popen([KINGPOST, "serve", MODEL, "--http", "0"], cwd=self.base,
                                   stdout=subprocess.PIPE, text=True)
        self.assertIn("is ready", process.stdout.readline())
        process.terminate()
        process.communicate()
        folder, = (self.base / ".kingpost/serving").iterdir()
        return folder

    def test_another_key_signs_anew_and_the_bundle_stays(self):
        before = self.call("verify", MODEL).splitlines()[-1]
        self.assertIn("nothing to do", self.call("run"))
        self.trusted("team", self.unpacked())
        other = ("--set", "package.sign=safe/others")
        self.assertEqual(self.steps_done(*other)[0], "package")
        self.trusted("others", f"{MODEL}/1")
        self.trusted("others", self.unpacked())
        self.assertEqual(self.call("verify", MODEL).splitlines()[-1], before)
        # The same path with another key: the key decides.
        for name in ("team", "team.pub"):
            shutil.copy(self.base / "safe" / name, self.base / f"kept.{name}")
            shutil.copy(self.base / "safe" / name.replace("team", "others"),
                        self.base / "safe" / name)
        self.assertEqual(self.steps_done()[0], "package")
        for name in ("team", "team.pub"):
            shutil.move(self.base / f"kept.{name}", self.base / "safe" / name)
        # An earlier key again: all is sealed, and the version is called anew where that is asked.
        self.trusted("others", MODEL)
        self.assertEqual(self.steps_done("--force", "register"), ["register"])
        self.trusted("team", MODEL)
        # A bundle without a signature is not given that of a run before.
        text = (self.base / "kingpost.yaml").read_text().replace("package: {sign: safe/team}", "")
        (self.base / "bare.yaml").write_text(text)
        self.call("run", "bare.yaml", "--quiet", "--to", "package")
        out = self.call("package", "bare", "-f", "bare.yaml")
        self.assertNotIn("signed", out)
        self.assertFalse((self.base / "bare/SHA256SUMS.sig").exists())
        (self.base / "bare.yaml").unlink()

    def test_the_secret_is_nowhere_but_in_its_file(self):
        # From a folder that only this machine has.
        profile = "profiles: {release: {package: {sign: '${env:TEAM_KEYS}/release'}}}\n"
        (self.base / "released.yaml").write_text((self.base / "kingpost.yaml").read_text()
                                                 + profile)
        done = subprocess.run(
            [KINGPOST, "run", "released.yaml", "--profile", "release", "--json"], cwd=self.base,
            capture_output=True, text=True, check=False,
            env={**os.environ, "TEAM_KEYS": str(self.base / "safe")})
        self.trusted("release", MODEL)
        out = self.call("check", "released.yaml", "--profile", "release",
                        error="package.sign_unusable")
        self.assertIn("TEAM_KEYS is not set", out)
        self.addCleanup(self.call, "run", "--quiet", "--force", "register")
        (self.base / "released.yaml").unlink()
        self.assertEqual(done.returncode, 0, done.stderr)
        for key in ("team", "others", "release"):
            secret = (self.base / "safe" / key).read_text().splitlines()[1].encode()
            self.assertNotIn(secret, (done.stdout + done.stderr).encode())
            for path in (self.base / ".kingpost").rglob("*"):
                if path.is_file():
                    self.assertNotIn(secret, path.read_bytes(), path)

    def test_a_key_that_cannot_sign_is_told_before_anything_runs(self):
        for path in ("safe/nobody", "safe/team.pub", "safe", "houses.csv"):
            out = self.call("check", "--set", f"package.sign={path}",
                            error="package.sign_unusable")
            self.assertIn(path, out)

    def test_a_damaged_signature_is_found(self):
        shown = json.loads(self.call_json("show", MODEL, "--json"))
        digest = shown["facts"]["objects"]["signature"]
        path = self.base / ".kingpost/objects" / digest[:2] / digest[2:]
        kept = path.read_bytes()
        path.chmod(0o644)
        path.write_bytes(b"x" * 64)
        self.addCleanup(path.write_bytes, kept)
        self.assertIn(digest[:12], self.call("verify", MODEL, error="store.object_damaged"))


if __name__ == "__main__":
    unittest.main()
