# SPDX-License-Identifier: Apache-2.0
"""Registered versions are verified as bundles in folders are: each object, by name, and who signed
them."""

import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from project import KINGPOST  # noqa: E402
from serving import HousesCase  # noqa: E402

MODEL = "houses_price"


class VerifyTest(HousesCase):
    more = "candidates: {baseline: {family: constant}, linear: {family: ridge, trials: 1}}\n"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.call("run", "--quiet")
        cls.call("keys", "new", "team")

    def object_of(self, name):
        self.call("package", "looked_at", "--model", MODEL)
        sums = (self.base / "looked_at/SHA256SUMS").read_text().splitlines()
        shutil.rmtree(self.base / "looked_at")
        digest = next(line.split("  ")[0] for line in sums if line.endswith("  " + name))
        return digest, self.base / ".kingpost/objects" / digest[:2] / digest[2:]

    def test_a_version_by_each_of_its_names(self):
        for name in (MODEL, f"{MODEL}@champion", f"{MODEL}/1", f"models:/{MODEL}/1"):
            for more in ((), ("-f", "kingpost.yaml"), ("--set", "engine.threads=1")):
                out = self.call("verify", name, *more)
                self.assertRegex(out, rf"^version 1 of {MODEL}: \d+ files, each as packaged; not "
                                      r"signed\nsha256 [0-9a-f]{64}\n$")
        self.call("verify", MODEL, "--key", "team.pub", error="bundle.not_signed")
        self.call("verify", MODEL, "--key", "houses.csv", error="key.not_public")

    def test_each_damaged_or_missing_object_is_named(self):
        one, model = self.object_of("model.onnx")
        other, card = self.object_of("model_card.md")
        for each in (model, card):
            kept = self.base / f"kept.{each.name}"
            shutil.copy(each, kept)
            self.addCleanup(shutil.move, kept, each)
        model.chmod(0o644)
        model.write_bytes(model.read_bytes()[:-1] + b"?")
        card.unlink()
        out = self.call("verify", f"{MODEL}@champion", error="bundle.damaged")
        self.assertIn(f"version 1 of {MODEL} has 2 files not as packaged", out)
        self.assertIn(f"model.onnx: the object {one} is damaged", out)
        self.assertIn(f"model_card.md: the object {other} is missing", out)

    def test_what_is_neither_folder_nor_model(self):
        self.call("verify", "nowhere", error="registry.model_unknown")
        self.call("verify", f"{MODEL}@nobody", error="registry.alias_unknown")
        self.call("verify", f"{MODEL}/9", error="registry.version_unknown")
        self.call("verify", "nowhere.yaml", error="file.pipeline_missing")
        self.call("verify", MODEL, "-f", "nowhere.yaml", error="file.pipeline_missing")
        self.call("verify", MODEL, "--set", "engine.thread=1", error="file.faulty")
        # Without a store as infer says it.
        bare = Path(tempfile.mkdtemp(prefix="kingpost-test-"))
        self.addCleanup(shutil.rmtree, bare)
        done = subprocess.run([KINGPOST, "verify", MODEL], cwd=bare, capture_output=True, text=True,
                              check=False)
        self.assertEqual(done.returncode, 4)
        self.assertIn("error[infer.model_missing]", done.stderr)
        empty = self.base / "empty"
        empty.mkdir(exist_ok=True)
        for name in ("empty", "./empty"):
            self.call("verify", name, error="bundle.not_one")

    def test_a_folder_goes_before_a_model_of_its_name(self):
        self.call("package", MODEL, "--model", MODEL)
        self.addCleanup(shutil.rmtree, self.base / MODEL)
        self.assertIn(f"the folder {MODEL}: ", self.call("verify", MODEL))
        self.assertIn(f"version 1 of {MODEL}: ", self.call("verify", f"{MODEL}@champion"))

    def test_options_without_effect(self):
        self.call("package", "bundle", "--model", MODEL)
        self.addCleanup(shutil.rmtree, self.base / "bundle")
        for words in (("--key", "team.pub"), ("kingpost.yaml", "--key", "team.pub"),
                      ("kingpost.yaml", "-f", "kingpost.yaml"), ("bundle", "-f", "kingpost.yaml"),
                      ("bundle", "--profile", "fast"), ("bundle", "--set", "engine.threads=1")):
            self.call("verify", *words, error="verify.no_effect")

    def test_options_of_other_commands_without_effect(self):
        self.call("package", "alone", "--model", MODEL)
        self.addCleanup(shutil.rmtree, self.base / "alone")
        rows = "houses.csv"
        for words in (("alone", rows, "out.csv", "-f", "kingpost.yaml"),
                      ("alone", rows, "out.csv", "--profile", "fast"),
                      ("./alone", rows, "out.csv", "--set", "engine.threads=1"),
                      (MODEL, "houses.ndjson", "out.csv", "--delimiter", ";"),
                      (MODEL, rows, "out.csv", "--json", "-q"),
                      (MODEL, "out.csv", "--source", "houses=houses.csv", "--format", "csv"),
                      (MODEL, "out.csv", "--source", "houses=houses.csv", "--delimiter", ";")):
            self.call("infer", *words, error="infer.no_effect")
        self.assertFalse((self.base / "out.csv").exists())
        self.call("alias", MODEL, "spare", "1")
        self.call("alias", MODEL, "spare", "1", "--remove", error="registry.no_effect")
        self.call("alias", MODEL, "spare", "--remove")
        self.call("tag", MODEL, "risk=low")
        self.call("tag", MODEL, "risk=low", "--remove", error="registry.no_effect")
        self.call("tag", MODEL, "risk", "--remove")
        self.call("deploy", error="deploy.model_missing")
        for option in (("--canary", "5"), ("--http", "0"), ("--address", "::1"), ("--name", "a")):
            self.call("deploy", *option, "status", error="deploy.no_effect")

    def test_what_is_said_of_a_file_that_is_not_there(self):
        bare = Path(tempfile.mkdtemp(prefix="kingpost-test-"))
        self.addCleanup(shutil.rmtree, bare)
        shutil.copytree(self.base / ".kingpost", bare / ".kingpost")
        for words in (("models",), ("serve", MODEL), ("containerize", MODEL), ("deploy", MODEL),
                      ("deploy", "status"), ("show", MODEL)):
            done = subprocess.run([KINGPOST, *words, "--set", "engine.threads=1"], cwd=bare,
                                  capture_output=True, text=True, check=False)
            self.assertIn("error[file.pipeline_missing]", done.stderr, words)

    def test_the_store_as_before(self):
        for words in ((), ("kingpost.yaml",), ("-f", "kingpost.yaml")):
            self.assertIn("0 damaged, 0 missing", self.call("verify", *words))


if __name__ == "__main__":
    unittest.main()
