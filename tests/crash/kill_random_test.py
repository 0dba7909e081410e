# SPDX-License-Identifier: Apache-2.0
"""The process is killed thirty times at an instant that chance picks. Afterwards the store is
whole, the next run redoes no step that was sealed, and every digest is that of an unbroken run."""

import json
import os
import random
import subprocess
import sys
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from project import STEPS, Project  # noqa: E402

INSTANTS = 30
SEED = int(os.environ.get("KINGPOST_TEST_SEED", "20240229"))


class KillAtRandomTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.fresh = Project(rows=60)
        cls.unbroken = cls.fresh.copy()
        begun = time.monotonic()
        done = cls.unbroken.run()
        cls.seconds = time.monotonic() - begun
        assert done.code == 0, str(done)
        cls.digests = cls.unbroken.tables()
        cls.objects = cls.unbroken.object_names()

    @classmethod
    def tearDownClass(cls):
        cls.fresh.close()
        cls.unbroken.close()

    def kill_at(self, share):
        """Answers the steps that were sealed when the process died."""
        project = self.fresh.copy()
        try:
            process = project.start("run", "made.yaml", "--json")
            # The instant counts by steps done, then by time: on a loaded machine a share of the
            # unbroken run's seconds alone would always fall into the first steps.
            steps_done, rest = divmod(share * len(STEPS), 1)
            while steps_done > 0:
                steps_done -= json.loads(process.stdout.readline())["event"] == "done"
            try:
                process.wait(timeout=rest * self.seconds / len(STEPS))
            except subprocess.TimeoutExpired:
                process.kill()
            process.communicate()
            # Without a run there is no store yet; `verify` makes an empty one.
            verify = project.command("verify", "made.yaml")
            self.assertEqual(verify.code, 0, f"at {share:.3f}: {verify}")
            plan = project.plan()
            sealed = [step for step in STEPS if plan[step]["state"] == "sealed"]
            done = project.run()
            self.assertEqual(done.code, 0, f"at {share:.3f}: {done}")
            self.assertEqual(done.sealed, sealed, f"at {share:.3f}: {done}")
            self.assertEqual(project.tables(), self.digests, f"at {share:.3f}")
            self.assertEqual(project.object_names() - self.objects, set(), f"at {share:.3f}")
            self.assertEqual(project.leftovers(), [], f"at {share:.3f}")
            return len(sealed)
        finally:
            project.close()

    def test_thirty_instants(self):
        chance = random.Random(SEED)
        shares = [chance.random() for _ in range(INSTANTS)]
        with ThreadPoolExecutor(2) as pool:
            sealed = list(pool.map(self.kill_at, shares))
        print(f"seed {SEED}: unbroken {self.seconds:.2f} s; steps sealed at each kill: {sealed}")
        # The instants met the run in different places, not all before or all after its work.
        self.assertGreater(len(set(sealed)), 2, sealed)


if __name__ == "__main__":
    unittest.main()
