# SPDX-License-Identifier: Apache-2.0
"""The process is killed inside a search: the next run goes on with that trial, and every digest is
that of an unbroken run."""

import json
import os
import random
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KINGPOST = os.environ.get("KINGPOST", str(ROOT / "build/dev/kingpost"))
PIPELINE = """\
version: 1
project: made
ingest:
  rows: {path: rows.csv, key: [id]}
curate:
  spine: rows
  split: {type: random, validation: 0.2, test: 0.2, seed: 13}
  target: {name: y, type: binary, expr: "label = 'yes'"}
candidates:
  linear: {family: logistic, trials: 2}
  gbdt: {family: lightgbm, trials: 5}
train: {metric: auc, rounds: 60, early_stopping: 20, calibrate: sigmoid, threads: THREADS}
"""


class Project:
    def __init__(self, threads=2):
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name)
        chance = random.Random(11)
        lines = ["id,a,b,kind,label"]
        for i in range(500):
            a, b = chance.uniform(-1, 1), chance.uniform(-1, 1)
            kind = chance.choice("xyz")
            yes = a + (kind == "x") + chance.uniform(-1, 1) > 0.3
            lines.append(f"{i},{a:.4f},{b:.4f},{kind},{'yes' if yes else 'no'}")
        (self.path / "rows.csv").write_text("\n".join(lines) + "\n")
        (self.path / "made.yaml").write_text(PIPELINE.replace("THREADS", str(threads)))

    def call(self, *words, **env):
        return subprocess.run([KINGPOST, *words], cwd=self.path, env={**os.environ, **env},
                              capture_output=True, text=True, timeout=300, check=False)

    def run(self, **env):
        return self.call("run", "made.yaml", "--to", "train", **env)

    def files(self):
        """Digests of what train left."""
        done = self.call("data", "list", "made.yaml", "--json")
        return {line["file"]: line["digest"] for line in json.loads(done.stdout)
                if line["step"] == "train" and "file" in line}

    def kept(self):
        return len(list(self.path.glob(".kingpost/trials/*/*.json")))


class KillTrialTest(unittest.TestCase):
    def test_goes_on_in_the_trial_it_was_in(self):
        whole = Project()
        self.addCleanup(whole.folder.cleanup)
        done = whole.run()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(whole.kept(), 0)
        wanted = whole.files()
        self.assertIn("model.gbdt.onnx", wanted)
        broken = Project(threads=1)
        self.addCleanup(broken.folder.cleanup)
        # The constant, two linear ones, and the third of the trees.
        for point, kept in [("trial_begun:6", 5), ("trial_begun:1", 5), ("trial_kept:1", 6),
                            ("train_worked", 8), ("train_sealed", 8)]:
            done = broken.run(KINGPOST_KILL_AT=point)
            self.assertEqual(done.returncode, -signal.SIGKILL, f"{point}: {done.stderr}")
            self.assertEqual(broken.kept(), kept, point)
        done = broken.run()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(broken.kept(), 0)
        self.assertEqual(broken.files(), wanted)
        self.assertEqual(broken.call("verify", "made.yaml").returncode, 0)

    def test_gc_removes_trials_that_nobody_took_up(self):
        broken = Project()
        self.addCleanup(broken.folder.cleanup)
        done = broken.run(KINGPOST_KILL_AT="train_worked")
        self.assertEqual(done.returncode, -signal.SIGKILL, done.stderr)
        self.assertNotIn("search", broken.call("gc", "made.yaml").stdout)
        kept = broken.kept()
        self.assertGreater(kept, 0, "the next run may still want them")
        old = time.time() - 40 * 86_400
        for path in broken.path.glob(".kingpost/trials/*/*.json"):
            os.utime(path, (old, old))
        said = broken.call("gc", "made.yaml", "--dry-run").stdout
        self.assertIn("would remove the trials of 3 searches broken off", said)
        self.assertEqual(broken.kept(), kept)
        self.assertIn("removed the trials of 3 searches", broken.call("gc", "made.yaml").stdout)
        self.assertEqual(list(broken.path.glob(".kingpost/trials/*")), [])
        self.assertEqual(broken.run().returncode, 0)


if __name__ == "__main__":
    unittest.main()
