# SPDX-License-Identifier: Apache-2.0
"""Kills the process at every failpoint of a step. Afterwards the store is whole, the next run
redoes no step that was sealed, and every digest is that of an unbroken run."""

import unittest
from concurrent.futures import ThreadPoolExecutor

from project import STEPS, Project, killed

# The points that each step must pass; `*` in failpoint.h counts any.
POINTS = {"table_begin", "seal_begin", "seal_written", "seal_synced", "seal_renamed", "seal_done",
          "journal_before_commit", "journal_after_commit"}
MOST = 80


class KillCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        """One store per step, sealed up to the step before it."""
        cls.before = []
        growing = Project(rows=60)
        for step in STEPS:
            cls.before.append(growing.copy())
            done = growing.run("--to", step)
            assert done.code == 0, str(done)
        cls.unbroken = growing
        cls.digests = growing.tables()
        cls.objects = growing.object_names()

    @classmethod
    def tearDownClass(cls):
        for project in [cls.unbroken, *cls.before]:
            project.close()

    def kill(self, number, passing):
        """Kills step `number` at the n-th failpoint it passes; its name, or None at its end."""
        project = self.before[number].copy()
        try:
            words = ["--to", STEPS[number]]
            done = project.run(*words, env={"KINGPOST_KILL_AT": f"*:{passing}"})
            if done.code == 0:
                return None
            self.assertTrue(killed(done), str(done))
            point = done.err.strip().removeprefix("failpoint ")
            self.check(project, number, words, point)
            return point
        finally:
            project.close()

    def check(self, project, number, words, point):
        verify = project.command("verify", "made.yaml")
        self.assertEqual(verify.code, 0, f"{point}: {verify}")
        done = project.run(*words)
        self.assertEqual(done.code, 0, f"{point}: {done}")
        sealed = STEPS[:number]
        if point == f"{STEPS[number]}_committed":
            sealed = STEPS[:number + 1]
        self.assertEqual(done.sealed[:len(sealed)], sealed, f"{point}: {done}")
        self.assertEqual(project.leftovers(), [], point)
        tables = project.tables()
        for name, (digest, current) in self.digests.items():
            if name.split("@")[1] in STEPS[:number + 1]:
                self.assertEqual(tables.get(name), (digest, current), f"{point}: {name}")
        # Manifests too: nothing is there that the unbroken run did not make.
        self.assertLessEqual(project.object_names(), self.objects, point)

    def kill_everywhere(self, number):
        passed = []
        with ThreadPoolExecutor(2) as pool:
            for first in range(1, MOST, 2):
                pair = list(pool.map(lambda n: self.kill(number, n), (first, first + 1)))
                pair = [name for name in pair if name]
                passed += pair
                if len(pair) < 2:
                    break
        step = STEPS[number]
        own = {f"{step}_begun", f"{step}_worked", f"{step}_sealed", f"{step}_committed"}
        self.assertLessEqual(POINTS | own, set(passed))
        print(f"{step}: killed {len(passed)} times, at {len(set(passed))} points")
