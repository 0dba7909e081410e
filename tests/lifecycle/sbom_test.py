# SPDX-License-Identifier: Apache-2.0
"""What a bundle says it is made of, and who signed it."""

import json
import os
import shutil
import stat
import subprocess
import sys
import tomllib
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from project import KINGPOST, ROOT  # noqa: E402
from serving import SECONDS, SERVE, HousesCase, Served  # noqa: E402


class SupplyTest(HousesCase):
    more = ("package: {licence: MIT}\n"
            "candidates: {baseline: {family: constant}, gbdt: {family: lightgbm}}\n")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.call("run", "--quiet")
        cls.call("keys", "new", "team")
        cls.call("keys", "new", "others")
        cls.call("package", "bundle", "--sign", "team")

    def copy(self, name):
        shutil.rmtree(self.base / name, ignore_errors=True)
        shutil.copytree(self.base / "bundle", self.base / name, symlinks=True)
        return self.base / name

    def test_parts_are_those_of_the_lock(self):
        lock = tomllib.loads((ROOT / "deps.lock").read_text())
        known = {each["name"]: each for each in lock["native"]}
        parts = json.loads((self.base / "bundle/licences.json").read_text())
        names = {each["name"] for each in parts}
        self.assertEqual(names, {"houses_price", "kingpost", "onnxruntime", "onnx", "duckdb",
                                 "lightgbm"})
        self.assertEqual(parts[0]["licence"], "MIT")
        hashes = {each["name"]: each.get("hashes", [{}])[0].get("content") for each in
                  json.loads((self.base / "bundle/sbom.cdx.json").read_text())["components"]}
        for each in parts[2:]:
            self.assertEqual(each["version"], known[each["name"]]["version"])
            self.assertEqual(hashes[each["name"]], known[each["name"]]["sha256"])

    def test_the_same_key_signs_the_same_bytes(self):
        self.call("package", "again", "--sign", "team")
        for name in ("SHA256SUMS", "SHA256SUMS.sig"):
            self.assertEqual((self.base / "again" / name).read_bytes(),
                             (self.base / "bundle" / name).read_bytes())
        # OpenSSL alone can verify it.
        subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "team.pub", "-rawin",
                        "-in", "bundle/SHA256SUMS", "-sigfile", "bundle/SHA256SUMS.sig"],
                       cwd=self.base, check=True, capture_output=True)

    def test_keys(self):
        self.assertEqual(stat.S_IMODE(os.stat(self.base / "team").st_mode), 0o600)
        before = (self.base / "team").read_bytes()
        self.call("keys", "new", "team", error="key.there_already")
        (self.base / "team.pub").rename(self.base / "away")
        self.call("keys", "new", "team", error="key.there_already")
        (self.base / "away").rename(self.base / "team.pub")
        self.assertEqual((self.base / "team").read_bytes(), before)
        self.assertEqual(self.call("keys", "show", "team"), self.call("keys", "show", "team.pub"))
        self.call("keys", "show", "houses.csv", error="key.not_public")
        self.call("package", "unsigned", "--sign", "team.pub", error="key.not_private")
        self.assertFalse((self.base / "unsigned").exists())

    def test_keys_of_a_folder(self):
        folder = self.base / "safe"
        folder.mkdir()
        self.addCleanup(shutil.rmtree, folder)
        self.assertIn("no key lies in safe", self.call("keys", "list", "safe"))
        self.assertEqual(json.loads(self.call("keys", "list", "safe", "--json")), [])
        for source, name in (("others", "alone"), ("team", "b"), ("team.pub", "b.pub"),
                             ("team.pub", "odd\nname")):
            shutil.copy(self.base / source, folder / name)
        (folder / "rsa.pem").write_bytes(subprocess.run(
            ["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
            capture_output=True, check=True).stdout)
        subprocess.run(["openssl", "pkey", "-in", "b", "-aes256", "-passout", "pass:secret", "-out",
                        "locked"], cwd=folder, capture_output=True, check=True)
        (folder / "huge").write_bytes(b"\0" * 1_000_000)
        (folder / "notes.txt").write_text("no key")
        (folder / "folder").mkdir()
        (folder / "nowhere").symlink_to("gone")
        os.mkfifo(folder / "pipe")
        listed = self.call("keys", "list", "safe")
        rows = [(each["file"], each["kind"], each["pair"]) for each in
                json.loads(self.call("keys", "list", "safe", "--json"))]
        self.assertEqual(rows, [("alone", "private", None), ("b", "private", "b.pub"),
                                ("b.pub", "public", "b"), ("odd\nname", "public", "b")])
        secret = (folder / "b").read_text().splitlines()[1]
        for out in (listed, self.call("keys", "list", "safe", "--json")):
            self.assertNotIn(secret, out)
        self.assertEqual(len(listed.splitlines()), 5)
        for name in ("alone", "b.pub"):
            self.assertIn(self.call("keys", "show", f"safe/{name}").split()[1], listed)
        self.assertIn("team.pub", self.call("keys", "list"))
        self.call("keys", "list", "nowhere", error="key.folder_missing")
        self.call("keys", "list", "team", error="key.folder_missing")

    def test_verify(self):
        self.assertIn("signed by a key that is trusted",
                      self.call("verify", "bundle", "--key", "others.pub", "--key", "team.pub"))
        self.assertIn("signed; --key", self.call("verify", "bundle"))
        self.call("verify", "bundle", "--key", "others.pub", error="bundle.signature_wrong")
        self.call("verify", "bundle", "--key", "houses.csv", error="key.not_public")
        plain = self.copy("plain")
        (plain / "SHA256SUMS.sig").unlink()
        self.assertIn("not signed", self.call("verify", "plain"))
        self.call("verify", "plain", "--key", "team.pub", error="bundle.not_signed")
        self.call("verify")

    def test_whatever_is_changed_is_found(self):
        names = [line.split("  ")[1] for line in
                 (self.base / "bundle/SHA256SUMS").read_text().splitlines()]
        for name in [*names, "SHA256SUMS", "SHA256SUMS.sig"]:
            with self.subTest(name):
                changed = self.copy("changed")
                data = bytearray((changed / name).read_bytes())
                data[len(data) // 2] ^= 1
                (changed / name).write_bytes(data)
                done = subprocess.run([KINGPOST, "verify", "changed", "--key", "team.pub"],
                                      cwd=self.base, capture_output=True, text=True, check=False)
                self.assertRegex(done.stderr, r"error\[bundle\.(damaged|not_one|signature_wrong)\]")
                if name != "SHA256SUMS.sig":
                    (changed / name).unlink()
                    self.call("verify", "changed", error="bundle.damaged" if name != "SHA256SUMS"
                              else "bundle.not_one")
        odd = self.copy("odd")
        (odd / "native/extra").write_text("x")
        self.call("verify", "odd", error="bundle.stranger")
        odd = self.copy("odd")
        (odd / "README.md").unlink()
        (odd / "README.md").symlink_to(self.base / "bundle/README.md")
        self.call("verify", "odd", error="bundle.stranger")
        for line in ("../../etc/passwd", "/etc/passwd", "a/../b", "SHA256SUMS.sig", "a\\b"):
            odd = self.copy("odd")
            sums = (odd / "SHA256SUMS").read_text().splitlines()
            sums = sorted([*sums, "0" * 64 + "  " + line], key=lambda each: each.split("  ")[1])
            (odd / "SHA256SUMS").write_text("\n".join(sums) + "\n")
            self.call("verify", "odd", error="bundle.not_one")

    def test_only_what_is_signed_is_served(self):
        plain = self.copy("plain")
        (plain / "SHA256SUMS.sig").unlink()
        served = Served("--model", f"houses={self.base / 'bundle'}", "--trust",
                        self.base / "others.pub", "--trust", self.base / "team.pub")
        self.assertEqual(served.ask("GET", "/v2/models/houses")[0], 200)
        served.end()
        for path, key, error in (("plain", "team.pub", "bundle.not_signed"),
                                 ("bundle", "others.pub", "bundle.signature_wrong"),
                                 ("bundle/model.onnx", "team.pub", "bundle.not_signed"),
                                 ("bundle", "houses.csv", "key.not_public")):
            done = subprocess.run([SERVE, "--http", "0", "--model", f"houses={self.base / path}",
                                   "--trust", self.base / key], capture_output=True, text=True,
                                  timeout=SECONDS, check=False)
            self.assertIn(f"error[{error}]", done.stderr)


if __name__ == "__main__":
    unittest.main()
