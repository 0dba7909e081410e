# SPDX-License-Identifier: Apache-2.0
"""Two runs at once, a holder that dies, and a run that is told to stop."""

import os
import signal
import sqlite3
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from project import STEPS, Project  # noqa: E402


class LockTest(unittest.TestCase):
    def setUp(self):
        self.project = Project(rows=60)
        self.addCleanup(self.project.close)

    def stopped_run(self, point):
        """A run that has stopped itself (SIGSTOP) at a failpoint."""
        process = self.project.start("run", "made.yaml", "--json", env={"KINGPOST_STOP_AT": point})
        self.addCleanup(self.end, process)
        pid, status = os.waitpid(process.pid, os.WUNTRACED)
        self.assertEqual(pid, process.pid)
        self.assertTrue(os.WIFSTOPPED(status), f"{point}: the run ended with {status}")
        return process

    def end(self, process):
        if process.poll() is None:
            process.kill()
        process.communicate()

    def journal(self, query):
        database = sqlite3.connect(self.project.store / "kingpost.db")
        try:
            return database.execute(query).fetchall()
        finally:
            database.close()

    def test_the_second_run_names_the_first(self):
        holder = self.stopped_run("clean_begun")
        for words in (["run", "made.yaml"], ["gc", "made.yaml"]):
            second = self.project.command(*words)
            self.assertEqual(second.code, 6, str(second))
            self.assertIn("error[store.locked]", second.err)
            self.assertIn(f"process {holder.pid}, `kingpost run made.yaml --json`, since 20",
                          second.err)
            self.assertRegex(second.err, r"since \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
            self.assertIn("hint: ", second.err)
        # Looking needs no lock.
        status = self.project.command("status", "made.yaml")
        self.assertIn(f"at work now: process {holder.pid}", status.out)
        self.assertIn("run 1 of made.yaml, running", status.out)
        self.assertEqual(self.project.command("verify", "made.yaml").code, 0)
        self.assertEqual(self.project.command("data", "list", "made.yaml").code, 0)
        self.assertEqual(self.project.command("check", "made.yaml").code, 0)
        holder.send_signal(signal.SIGCONT)
        out, err = holder.communicate(timeout=60)
        self.assertEqual(holder.returncode, 0, out + err)
        self.assertEqual(self.project.run().sealed, STEPS)

    def test_a_killed_holder_leaves_no_lock(self):
        holder = self.stopped_run("clean_worked")
        holder.kill()
        holder.communicate()
        status = self.project.command("status", "made.yaml")
        self.assertIn("run 1 of made.yaml, broke off", status.out)
        self.assertNotIn("at work now", status.out)
        done = self.project.run()
        self.assertEqual(done.code, 0, str(done))
        self.assertEqual(done.sealed, STEPS[:2], str(done))
        self.assertEqual(self.journal("SELECT state FROM runs ORDER BY id"),
                         [("interrupted",), ("done",)])
        self.assertEqual(self.journal("SELECT step FROM executions WHERE state='interrupted'"),
                         [("clean",)])
        self.assertEqual(self.project.leftovers(), [])

    def test_another_command_leaves_the_holders_temporary_files_alone(self):
        self.stopped_run("seal_written")
        before = self.project.leftovers()
        self.assertTrue(any(name.endswith(".parquet") for name in before), before)
        self.assertEqual(self.project.command("check", "made.yaml").code, 0)
        self.assertEqual(self.project.run().code, 6)
        self.assertEqual(self.project.leftovers(), before)

    def stop_at(self, point, number):
        """The signal arrives while the process is stopped, so that it comes in the step's midst."""
        process = self.stopped_run(point)
        process.send_signal(number)
        process.send_signal(signal.SIGCONT)
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130, out + err)
        self.assertIn("error[run.cancelled]", err)
        return out

    def test_a_signal_ends_the_run(self):
        clean = Project(rows=60)
        self.addCleanup(clean.close)
        self.assertEqual(clean.run().code, 0)
        for number in (signal.SIGINT, signal.SIGTERM):
            for point in ("ingest_begun", "table_begin", "validate_data_begun", "clean_worked",
                          "curate_begun"):
                with self.subTest(signal=number, point=point):
                    self.project.close()
                    self.project = Project(rows=60)
                    self.stop_at(point, number)
                    self.assertEqual(self.project.leftovers(), [])
                    self.assertEqual(self.journal("SELECT state FROM runs"), [("cancelled",)])
                    self.assertEqual(
                        self.journal("SELECT step FROM executions WHERE state NOT IN ('sealed', "
                                     "'cancelled')"), [])
                    self.assertIn("cancelled", self.project.command("status", "made.yaml").out)
                    self.assertEqual(self.project.command("verify", "made.yaml").code, 0)
                    sealed = [step for (step,) in self.journal(
                        "SELECT step FROM executions WHERE state='sealed' ORDER BY id")]
                    done = self.project.run()
                    self.assertEqual(done.code, 0, str(done))
                    self.assertEqual(done.sealed, sealed, str(done))
                    self.assertEqual(self.project.tables(), clean.tables())
        self.project.close()

    def test_a_second_signal_ends_it_at_once(self):
        process = self.stopped_run("clean_begun")
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGCONT)
        process.communicate(timeout=60)
        self.assertEqual(process.returncode, 130)
        self.assertEqual(self.project.command("verify", "made.yaml").code, 0)
        self.assertEqual(self.project.run().code, 0)



if __name__ == "__main__":
    unittest.main()
