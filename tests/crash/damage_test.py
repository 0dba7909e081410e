# SPDX-License-Identifier: Apache-2.0
"""Damaged objects and a damaged journal: what is said, and that everything comes back as it was;
and what gc leaves alone."""

import os
import shutil
import sqlite3
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from project import STEPS, Project, as_another_user  # noqa: E402

DAY = 86_400_000_000
NO_REGISTRY = [f"DROP TABLE {table}" for table in
               ["models", "model_versions", "model_aliases", "model_tags", "model_history"]]


def truncate(path):
    os.chmod(path, 0o644)
    os.truncate(path, path.stat().st_size // 2)


def flip(path):
    """Other bytes, the same size."""
    data = bytearray(path.read_bytes())
    for i in range(len(data) // 3, len(data) // 3 + 20):
        data[i] ^= 0xFF
    os.chmod(path, 0o644)
    path.write_bytes(data)


def delete(path):
    path.unlink()


class DamageCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.base = Project(rows=60)
        done = cls.base.run()
        assert done.code == 0, str(done)
        cls.digests = cls.base.tables()
        cls.objects = cls.base.object_names()
        cls.manifests = cls.objects - {digest for digest, _ in cls.digests.values()}

    @classmethod
    def tearDownClass(cls):
        cls.base.close()

    def setUp(self):
        self.project = self.base.copy()
        self.addCleanup(self.project.close)

    def assert_mended(self):
        self.assertEqual(self.project.tables(), self.digests)
        self.assertEqual(self.project.object_names(), self.objects)
        verify = self.project.command("verify", "made.yaml")
        self.assertEqual(verify.code, 0, str(verify))
        self.assertEqual(self.project.run().sealed, STEPS)


class ObjectTest(DamageCase):
    def path(self, table):
        return self.project.object_path(self.digests[table][0])

    def test_the_next_run_sees_a_missing_or_cut_object(self):
        for harm, word in ((truncate, "damaged in"), (delete, "missing from")):
            for table in ("weather@clean", "training@curate", "sales.quarantined@validate_data"):
                with self.subTest(harm=harm.__name__, table=table):
                    harm(self.path(table))
                    done = self.project.run()
                    self.assertEqual(done.code, 0, str(done))
                    name, step = table.split("@")
                    self.assertEqual(done.ran, [step], str(done))
                    self.assertEqual(done.warnings()[0],
                                     f'table "{name}" is {word} the store; it is made anew')
                    self.assert_mended()

    def test_flipped_bytes_are_found_before_they_are_used(self):
        """Sizes are looked at always, bytes when a step is about to compute on them."""
        flip(self.path("weather@clean"))
        done = self.project.run("--force", "standardise")
        self.assertEqual(done.code, 0, str(done))
        self.assertIn('table "weather" is damaged in the store; it is made anew', done.warnings())
        self.assertEqual(done.ran, ["clean", "standardise"], str(done))
        self.assert_mended()

    def test_flipped_bytes_of_a_table_that_passed_through(self):
        """`shops` enters ingest and leaves clean as the same object."""
        flip(self.path("shops@ingest"))
        done = self.project.run("--force", "clean")
        self.assertEqual(done.code, 0, str(done))
        self.assertIn('table "shops" is damaged in the store; it is made anew', done.warnings())
        self.assertIn("ingest", done.ran)
        self.assert_mended()

    def test_sealing_again_mends_flipped_bytes(self):
        """The damaged object has the digest and the size of the one that takes its place."""
        flip(self.path("training@curate"))
        self.assertEqual(self.project.run("--force", "curate").ran, ["curate"])
        self.assert_mended()

    def test_verify_finds_all_and_the_next_run_mends(self):
        harmed = {"weather@clean": flip, "training@curate": truncate, "shops@standardise": delete}
        for table, harm in harmed.items():
            harm(self.path(table))
        verify = self.project.command("verify", "made.yaml")
        self.assertEqual(verify.code, 10, str(verify))
        self.assertIn("2 damaged, 1 missing", verify.out)
        self.assertIn("error[store.damaged]: 2 damaged and 1 missing objects", verify.err)
        for table, harm in harmed.items():
            word = "missing" if harm is delete else "damaged"
            self.assertIn(f"{word}: {self.digests[table][0]}", verify.out)
        kept = {path.name for path in (self.project.objects / "damaged").iterdir()}
        self.assertEqual(
            kept, {self.digests[t][0] for t, harm in harmed.items() if harm is not delete})
        # It has said so once; what is left is whole.
        self.assertEqual(self.project.command("verify", "made.yaml").code, 0)
        self.assertIn("damaged or lost in the store", self.project.why("clean"))
        done = self.project.run()
        self.assertEqual(done.code, 0, str(done))
        self.assertEqual(done.ran, ["clean", "standardise", "curate"], str(done))
        self.assert_mended()

    def test_verify_of_results_that_nothing_needs_any_more(self):
        """What no run will make again is told of once, not for ever."""
        old = self.project.object_path(self.digests["training@curate"][0])
        self.project.replace("made.yaml", "seed: 13", "seed: 14")
        self.assertEqual(self.project.run().ran, ["curate"])
        flip(old)
        self.assertEqual(self.project.command("verify", "made.yaml").code, 10)
        self.assertEqual(self.project.command("verify", "made.yaml").code, 0)
        self.assertEqual(self.project.run().sealed, STEPS)

    def test_a_damaged_manifest(self):
        for harm in (truncate, flip, delete):
            for digest in sorted(self.manifests):
                with self.subTest(harm=harm.__name__, manifest=digest):
                    harm(self.project.object_path(digest))
                    done = self.project.run()
                    self.assertEqual(done.code, 0, str(done))
                    self.assertEqual(len(done.ran), 1, str(done))
                    self.assertIn("its manifest is gone", done.warnings()[0])
                    self.assertIn("it is made anew", done.warnings()[0])
                    self.assertEqual(self.project.run().sealed, STEPS)
        self.assert_mended()


class JournalTest(DamageCase):
    @property
    def database(self):
        return self.project.store / "kingpost.db"

    def sql(self, *statements):
        database = sqlite3.connect(self.database)
        with database:
            for statement in statements:
                database.execute(statement)
        database.close()

    def assert_refused(self, *, code, error, hint):
        for words in (["run", "made.yaml"], ["verify", "made.yaml"], ["status", "made.yaml"],
                      ["gc", "made.yaml"]):
            done = self.project.command(*words)
            self.assertEqual(done.code, code, str(done))
            self.assertEqual(done.err.count("error["), 1, str(done))
            self.assertIn(error, done.err)
            self.assertIn(hint, done.err)
        self.assertEqual(self.project.object_names(), self.objects)

    def test_garbage(self):
        for harm in (lambda path: path.write_bytes(b"no database at all\n" * 500), truncate):
            with self.subTest(harm=harm):
                shutil.copy(self.base.store / "kingpost.db", self.database)
                harm(self.database)
                self.assert_refused(code=10, error="error[store.journal_damaged]",
                                    hint="move it away")
        # The hint works: the objects are found equal and the steps done anew.
        self.database.rename(self.database.with_suffix(".db.damaged"))
        for ending in ("-wal", "-shm"):
            Path(str(self.database) + ending).unlink(missing_ok=True)
        done = self.project.run()
        self.assertEqual(done.ran, STEPS, str(done))
        self.assert_mended()

    def test_a_page_in_the_midst(self):
        """Only a whole look at the database finds this; `verify` takes one."""
        self.sql("VACUUM")
        size = self.database.stat().st_size
        with open(self.database, "r+b") as file:
            for page in range(2, size // 4096):
                file.seek(page * 4096)
                file.write(b"\x55" * 64)
        verify = self.project.command("verify", "made.yaml")
        self.assertEqual(verify.code, 10, str(verify))
        self.assertIn("error[store.journal_damaged]", verify.err)

    def test_a_later_version(self):
        self.sql("PRAGMA user_version=99")
        before = self.database.read_bytes()
        self.assert_refused(code=7, error="error[store.newer]", hint="use that later version")
        self.assertEqual(self.database.read_bytes(), before)

    def test_an_empty_database(self):
        self.database.write_bytes(b"")
        done = self.project.run()
        self.assertEqual(done.ran, STEPS, str(done))
        self.assert_mended()

    def test_the_first_schema_is_brought_up_to_date(self):
        self.sql("DROP TABLE uses", "DROP TABLE test_openings", *NO_REGISTRY,
                 "PRAGMA user_version=1")
        self.assertEqual(self.project.run().sealed, STEPS)
        rows = sqlite3.connect(self.database).execute("SELECT count(*) FROM uses").fetchone()
        self.assertEqual(rows[0], 5)
        self.assert_mended()

    def test_the_second_schema_is_brought_up_to_date(self):
        self.sql("DROP TABLE test_openings", *NO_REGISTRY, "PRAGMA user_version=2")
        self.assertEqual(self.project.run().sealed, STEPS)
        database = sqlite3.connect(self.database)
        rows = database.execute("SELECT count(*) FROM test_openings").fetchone()
        self.assertEqual(rows[0], 0)
        self.assertGreaterEqual(database.execute("PRAGMA user_version").fetchone()[0], 3)
        self.assert_mended()

    def test_the_third_schema_is_brought_up_to_date(self):
        self.sql(*NO_REGISTRY, "PRAGMA user_version=3")
        self.assertEqual(self.project.run().sealed, STEPS)
        database = sqlite3.connect(self.database)
        self.assertEqual(database.execute("SELECT count(*) FROM models").fetchone()[0], 0)
        self.assertGreaterEqual(database.execute("PRAGMA user_version").fetchone()[0], 4)
        self.assert_mended()

    def test_read_only(self):
        """As another user, because root may write anything."""
        os.chmod(self.database, 0o444)
        for path in (self.project.folder, self.project.store, *self.project.store.rglob("*")):
            if path.is_dir():
                os.chmod(path, 0o555)
        self.addCleanup(os.system, f"chmod -R u+w {self.project.folder}")
        done = self.project.run(**as_another_user())
        self.assertEqual(done.code, 8, str(done))
        self.assertEqual(done.err.count("error["), 1, str(done))
        self.assertIn("hint: change the rights", done.err)


class GcTest(DamageCase):
    def age(self, days):
        """Moves everything that the journal knows into the past."""
        database = sqlite3.connect(self.project.store / "kingpost.db")
        with database:
            past = days * DAY
            for table in ("runs", "executions"):
                database.execute(f"UPDATE {table} SET started=started-{past}, ended=ended-{past}")
            database.execute(f"UPDATE uses SET used=used-{past}")
        database.close()

    def gc(self, *words, file="made.yaml", code=0):
        done = self.project.command("gc", file, *words)
        self.assertEqual(done.code, code, str(done))
        return done.out

    def change_seed(self, old, new):
        self.project.replace("made.yaml", f"seed: {old}", f"seed: {new}")
        self.assertEqual(self.project.run().ran, ["curate"])

    def assert_whole(self):
        verify = self.project.command("verify", "made.yaml")
        self.assertEqual(verify.code, 0, str(verify))
        self.assertEqual(self.project.run().sealed, STEPS)

    def test_nothing_to_remove(self):
        self.assertIn("would remove 0 objects", self.gc("--dry-run"))
        self.assertIn("removed 0 objects", self.gc())
        self.assert_mended()

    def test_recent_results_stay(self):
        self.change_seed(13, 14)
        self.assertIn("removed 0 objects", self.gc())
        self.project.replace("made.yaml", "seed: 14", "seed: 13")
        self.assertEqual(self.project.run().sealed, STEPS)
        self.assertEqual(self.project.tables(), self.digests)

    def test_old_results_go(self):
        self.age(40)
        self.change_seed(13, 14)
        before = self.project.object_names()
        # Its own three objects: training, training.unlabelled (where it differs) and the manifest.
        said = self.gc("--dry-run")
        self.assertEqual(self.project.object_names(), before)
        self.assertEqual(said.replace("would remove", "removed"), self.gc())
        gone = before - self.project.object_names()
        self.assertIn(self.digests["training@curate"][0], gone)
        self.assertIn(f"removed {len(gone)} objects", said.replace("would remove", "removed"))
        self.assertNotIn(self.digests["sales@standardise"][0], gone)
        self.assert_whole()
        # What is gone is not taken for sealed.
        self.project.replace("made.yaml", "seed: 14", "seed: 13")
        self.assertEqual(self.project.run().ran, ["curate"])
        self.assertEqual(self.project.tables(), self.digests)

    def test_current_results_stay_however_old(self):
        self.age(400)
        self.assertIn("removed 0 objects", self.gc())
        self.assert_mended()

    def test_two_files_share_a_folder(self):
        """The other file's results are older than thirty days, and were partly made by this one."""
        text = self.project.read("made.yaml")
        self.project.write("other.yaml", text.replace("seed: 13", "seed: 99"))
        other = self.project.run(file="other.yaml")
        self.assertEqual(other.ran, ["curate"], str(other))
        theirs = self.project.tables("other.yaml")
        self.age(40)
        # Now this file goes on, with other data in every step.
        self.project.replace("made.yaml", "max: 900", "max: 700")
        self.project.replace("shops.csv", "s0,", "s0, new ")
        done = self.project.run()
        self.assertEqual(done.ran, STEPS, str(done))
        self.project.replace("shops.csv", "s0, new ", "s0,")
        self.gc(file="made.yaml")
        done = self.project.run(file="other.yaml")
        self.assertEqual(done.sealed, STEPS, str(done))
        self.assertEqual(self.project.tables("other.yaml"), theirs)
        # Once the other file is gone, nothing needs its results.
        (self.project.folder / "other.yaml").unlink()
        self.age(40)
        self.project.run()
        before = self.project.object_names()
        self.gc()
        self.assertIn(theirs["training@curate"][0], before - self.project.object_names())
        self.assert_whole()

    def test_a_damaged_manifest_stops_it(self):
        """Which tables a damaged manifest names is not known, so nothing may go."""
        self.age(40)
        self.change_seed(13, 14)
        flip(self.project.object_path(sorted(self.manifests)[0]))
        before = self.project.object_names()
        done = self.project.command("gc", "made.yaml")
        if done.code != 0:
            self.assertEqual(done.code, 7, str(done))
            self.assertEqual(self.project.object_names(), before)
        self.project.command("verify", "made.yaml")
        self.gc()
        self.project.run()
        self.assert_whole()

    def test_killed_in_its_midst(self):
        for passing in range(1, 4):
            with self.subTest(passing=passing):
                project = self.project = self.base.copy()
                self.addCleanup(project.close)
                self.age(40)
                self.change_seed(13, 14)
                done = project.command("gc", "made.yaml", env={"KINGPOST_KILL_AT": f"*:{passing}"})
                self.assertEqual(done.code, -9, str(done))
                self.assertEqual(project.command("verify", "made.yaml").code, 0)
                self.gc()
                self.assert_whole()

    def test_stores_that_share_their_objects(self):
        shared = self.project.folder / "shared"
        text = self.project.read("made.yaml").replace(
            "project: made", f"artifacts: {shared}\nproject: made")
        self.project.write("made.yaml", text)
        self.assertEqual(self.project.run().ran, STEPS)
        other = self.base.copy()
        self.addCleanup(other.close)
        other.write("made.yaml", text.replace("seed: 13", "seed: 77"))
        self.assertEqual(other.run().ran, ["curate"])
        self.age(40)
        self.change_seed(13, 14)
        self.gc()
        self.assertEqual(other.run().sealed, STEPS)
        self.assertEqual(other.command("verify", "made.yaml").code, 0)
        self.assert_whole()
        shutil.rmtree(other.store)
        done = self.project.command("gc", "made.yaml")
        self.assertEqual(done.code, 7, str(done))
        self.assertIn("error[store.other_missing]", done.err)
        self.assertIn(f"{shared}/stores", done.err)


if __name__ == "__main__":
    unittest.main()
