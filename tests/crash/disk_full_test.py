# SPDX-License-Identifier: Apache-2.0
"""No room, no rights: the run ends with a clear error, the store stays whole, and the next run
gives what an unbroken one gives."""

import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from project import STEPS, Project, as_another_user  # noqa: E402

ROWS = 30_000
ROOT = os.getuid() == 0


def at_most(size):
    """Limits the size of every file that the process writes."""
    return {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))}


class FullCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.fresh = Project(rows=ROWS)
        cls.unbroken = cls.fresh.copy()
        done = cls.unbroken.run()
        assert done.code == 0, str(done)
        cls.digests = cls.unbroken.tables()
        cls.objects = cls.unbroken.object_names()
        cls.sizes = sorted(
            cls.unbroken.object_path(digest).stat().st_size for digest in cls.objects)

    @classmethod
    def tearDownClass(cls):
        cls.fresh.close()
        cls.unbroken.close()

    def setUp(self):
        self.project = self.fresh.copy()
        self.addCleanup(self.project.close)

    def assert_recovers(self):
        verify = self.project.command("verify", "made.yaml")
        self.assertEqual(verify.code, 0, str(verify))
        done = self.project.run()
        self.assertEqual(done.code, 0, str(done))
        self.assertEqual(self.project.tables(), self.digests)
        self.assertEqual(self.project.object_names() - self.objects, set())
        self.assertEqual(self.project.leftovers(), [])
        self.assertEqual(self.project.run().sealed, STEPS)

    def assert_full(self, done, hint):
        self.assertEqual(done.code, 9, str(done))
        self.assertEqual(done.err.count("error["), 1, str(done))
        self.assertIn("error[disk.full]", done.err)
        self.assertIn(f"hint: {hint}", done.err)


class SizeLimitTest(FullCase):
    def test_a_table_grows_too_large(self):
        largest = self.sizes[-1]
        self.assertGreater(largest, 400_000, "the journal has to stay below the limit")
        done = self.project.run(**at_most(largest - 1000))
        self.assert_full(done, "raise the limit on file sizes")
        self.assertEqual(self.project.leftovers(), [])
        self.assertIn("failed", self.project.command("status", "made.yaml").out)
        self.assert_recovers()

    def test_not_even_the_journal_has_room(self):
        done = self.project.run(**at_most(10_000))
        self.assertIn(done.code, (8, 9), str(done))
        self.assertEqual(done.err.count("error["), 1, str(done))
        self.assertIn("hint: ", done.err)
        self.assert_recovers()


@unittest.skipUnless(ROOT, "mounting wants root")
class FileSystemTest(FullCase):
    def mount(self, size):
        self.project.store.mkdir()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs",
                               str(self.project.store)], capture_output=True,
                              text=True, check=False)
        if done.returncode != 0:
            self.skipTest(f"mount is not allowed here: {done.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", str(self.project.store)], check=False,
                        capture_output=True)

    def test_the_file_system_is_full(self):
        total = sum(self.sizes)
        for share in (0.02, 0.5, 0.95):
            with self.subTest(share=share):
                self.project = self.fresh.copy()
                self.addCleanup(self.project.close)
                self.mount(int(total * share) // 4096 * 4096)
                done = self.project.run()
                self.assert_full(done, "free some space on that file system")
                subprocess.run(["mount", "-o", f"remount,size={total * 4}",
                                str(self.project.store)],
                               check=True)
                self.assert_recovers()
                subprocess.run(["umount", str(self.project.store)], check=True)
                self.project.close()

    def test_gc_makes_room_on_a_full_disk(self):
        self.mount(sum(self.sizes) * 4)
        self.assertEqual(self.project.run().code, 0)
        old = self.project.tables()["training@curate"][0]
        self.project.replace("made.yaml", "seed: 13", "seed: 14")
        self.assertEqual(self.project.run().code, 0)
        past = 40 * 86_400_000_000

        database = sqlite3.connect(self.project.store / "kingpost.db")
        with database:
            database.execute(f"UPDATE executions SET started=started-{past}")
            database.execute(f"UPDATE uses SET used=used-{past}")
        database.close()
        filler = self.project.store / "filler"
        with open(filler, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"\0" * 4096)
            except OSError:
                pass
        done = self.project.command("gc", "made.yaml")
        self.assertIn(done.code, (0, 9), str(done))
        if done.code == 0:
            self.assertNotIn(old, self.project.object_names())
        filler.unlink()
        self.assertEqual(self.project.command("gc", "made.yaml").code, 0)
        self.assertNotIn(old, self.project.object_names())
        self.assertEqual(self.project.command("verify", "made.yaml").code, 0)
        self.assertEqual(self.project.run().sealed, STEPS)


class PlaceTest(FullCase):
    def test_a_store_folder_that_may_not_be_written(self):
        self.project.store.mkdir()
        os.chmod(self.project.folder, 0o755)
        os.chmod(self.project.store, 0o555)
        done = self.project.run(**as_another_user())
        self.assertEqual(done.code, 8, str(done))
        self.assertEqual(done.err.count("error["), 1, str(done))
        self.assertIn("error[file.forbidden]", done.err)
        self.assertIn("hint: change the rights", done.err)
        os.chmod(self.project.store, 0o755)
        self.assert_recovers()

    def test_a_source_that_may_not_be_read(self):
        self.project.store.mkdir()
        os.chmod(self.project.folder, 0o755)
        os.chmod(self.project.store, 0o777)
        os.chmod(self.project.folder / "weather.csv", 0o000)
        done = self.project.run(**as_another_user())
        self.assertIn(done.code, (2, 8), str(done))
        self.assertIn("error[file.forbidden]", done.err)
        self.assertIn("weather.csv", done.err)
        self.assertIn("hint: change the rights", done.err)
        os.chmod(self.project.folder / "weather.csv", 0o644)
        subprocess.run(["chown", "-R", f"{os.getuid()}:{os.getgid()}", str(self.project.folder)],
                       check=True)
        self.assert_recovers()

    def test_artifacts_elsewhere(self):
        """Folders that lie beside those of the objects are someone else's."""
        elsewhere = Path(tempfile.mkdtemp(prefix="kingpost-test-")).resolve()
        self.addCleanup(shutil.rmtree, elsewhere)
        (elsewhere / "tmp").mkdir()
        (elsewhere / "tmp/mine.txt").write_text("keep")
        (elsewhere / "damaged").mkdir()
        objects = elsewhere / "objects"
        (objects / "tmp").mkdir(parents=True)
        (objects / "tmp/also mine.txt").write_text("keep")
        self.project.replace("made.yaml", "project: made", f"project: made\nartifacts: {objects}")
        done = self.project.run()
        self.assertEqual(done.ran, STEPS, str(done))
        self.assertEqual((elsewhere / "tmp/mine.txt").read_text(), "keep")
        self.assertEqual((objects / "tmp/also mine.txt").read_text(), "keep")
        self.assertEqual(list((elsewhere / "damaged").iterdir()), [])
        self.assertFalse(self.project.objects.exists())
        self.assertEqual(self.project.tables(), self.digests)
        self.assertEqual(self.project.command("verify", "made.yaml").code, 0)
        self.assertEqual(self.project.run().sealed, STEPS)

    def test_a_folder_with_an_awkward_name(self):
        for name in ("with space=", 'with "quote"', "mit ä's"):
            with self.subTest(name):
                folder = self.project.folder / name
                project = Project(rows=60, folder=folder)
                done = project.run()
                self.assertEqual(done.ran, STEPS, str(done))
                self.assertEqual(project.run().sealed, STEPS)
                self.assertTrue((project.store / "kingpost.db").exists())
                self.assertEqual(project.command("verify", "made.yaml").code, 0)


if __name__ == "__main__":
    unittest.main()
