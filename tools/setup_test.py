"""The set-up against fake clients on the PATH: what it fetches, refuses and repairs."""

import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unittest
import zipfile
from pathlib import Path
from unittest import mock

import setup

TOOLS = Path(__file__).resolve().parent

# Stands for npm, apt-get, sudo and for python with pip and venv. Notes each call, then acts.
FAKE = """#!/bin/sh
echo "$(basename "$0") $*" >> "$FAKE_HOME/calls"
[ -e "$FAKE_HOME/say" ] && { cat "$FAKE_HOME/say"; exit 1; }
case "$(basename "$0") $*" in
  npm*) while [ $# -gt 1 ]; do shift; done; cp "$FAKE_HOME"/packages/*.tgz "$1" ;;
  *"-m venv"*) mkdir -p "$3/bin"; cp "$0" "$3/bin/python" ;;
  *"pip download"*)
    while [ "$1" != --dest ]; do shift; done; cp "$FAKE_HOME"/packages/*.whl "$2" ;;
  apt-get*update*) touch "$FAKE_HOME/updated"; [ ! -e "$FAKE_HOME/no_suite" ] ||
    { echo "E: The repository does not have a Release file."; exit 100; } ;;
  apt-get*" download "*) cp "$FAKE_HOME"/packages/*.deb . 2>/dev/null ||
    { echo "E: Version '1' for 'engine-dev' was not found"; exit 100; } ;;
  apt-get*install*) [ -e "$FAKE_HOME/updated" ] || { echo "E: Unable to locate"; exit 100; } ;;
  dpkg-query*) echo "installed ii " ;;
esac
"""


class SetupTest(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.root, self.home = self.folder / "checkout", self.folder / "home"
        (self.root / "tools/locks").mkdir(parents=True)
        (self.root / "tools/locks/build.txt").write_text("")
        (self.home / "packages").mkdir(parents=True)
        self.bin = self.folder / "bin"
        self.bin.mkdir()
        self.fake("npm")
        self.environment = {"FAKE_HOME": str(self.home), "PATH": f"{self.bin}:/usr/bin:/bin"}
        patch = mock.patch.dict(os.environ, self.environment)
        patch.start()
        self.addCleanup(patch.stop)

    def fake(self, name):
        path = self.bin / name
        path.write_text(FAKE)
        path.chmod(0o755)
        return path

    def calls(self, word=""):
        path = self.home / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line for line in lines if word in line]

    def npm_entry(self, content=b"library", **changes):
        file = self.home / "packages/engine-1.tgz"
        with tarfile.open(file, "w:gz") as package:
            member = tarfile.TarInfo("package/libengine.so")
            member.size = len(content)
            package.addfile(member, io.BytesIO(content))
        entry = {"name": "engine", "package": "@maker/engine", "version": "1", "client": "npm",
                 "file": file.name, "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
                 "into": "engine", "take": {"libengine.so": "package/libengine.so"}}
        return entry | changes

    def deb_entry(self):
        tree, file = self.folder / "tree", self.home / "packages/engine-dev_1_amd64.deb"
        (tree / "DEBIAN").mkdir(parents=True)
        (tree / "DEBIAN/control").write_text(
            "Package: engine-dev\nVersion: 1\nArchitecture: amd64\nMaintainer: nobody <a@b.c>\n"
            "Description: headers\n")
        (tree / "usr/include/engine").mkdir(parents=True)
        (tree / "usr/include/engine/engine.h").write_text("int engine(void);\n")
        (tree / "usr/include/engine/engine.so").symlink_to("elsewhere")
        subprocess.run(["dpkg-deb", "--build", tree, file], check=True, capture_output=True)
        return {"name": "engine", "package": "engine-dev", "version": "1", "client": "apt",
                "suite": "trixie", "file": file.name, "into": "engine",
                "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
                "take": {"engine/": "./usr/include/engine/*.h"}}

    def apt_sources(self, **files):
        """Stands a folder in for /etc/apt on a machine of Debian bookworm."""
        self.fake("apt-get")
        folder = self.folder / "apt"
        (folder / "sources.list.d").mkdir(parents=True)
        for name, text in files.items():
            (folder / "sources.list.d" / name.replace("_", ".")).write_text(text)
        for patch in [mock.patch.object(setup, "APT_SOURCES", folder),
                      mock.patch.object(setup.platform, "freedesktop_os_release",
                                        lambda: {"VERSION_CODENAME": "bookworm"})]:
            patch.start()
            self.addCleanup(patch.stop)
        return folder

    def setup(self, *entries, packages=()):
        return setup.Setup(self.root, {"apt": {"packages": list(packages)}, "native": entries},
                           say=lambda line: None, python=str(self.fake("python")))

    def run_setup(self, *entries, **options):
        made = self.setup(*entries)
        made.all(with_apt=False, **options)
        return made

    def library(self):
        return self.root / ".deps/engine/libengine.so"

    def test_places_the_files_and_fetches_only_once(self):
        entry = self.npm_entry()
        self.assertTrue(self.run_setup(entry).changed)
        self.assertEqual(self.library().read_bytes(), b"library")
        self.assertFalse(self.run_setup(entry).changed)
        self.assertEqual(len(self.calls("npm pack")), 1)
        self.assertFalse((self.root / ".deps/tmp").exists())

    def test_a_new_version_replaces_the_old_one(self):
        self.run_setup(self.npm_entry())
        self.run_setup(self.npm_entry(content=b"newer", version="2"))
        self.assertEqual(self.library().read_bytes(), b"newer")

    def test_refuses_a_wrong_hash(self):
        with self.assertRaisesRegex(setup.Failed, "expected sha256 0000 but found"):
            self.run_setup(self.npm_entry(sha256="0000"))
        self.assertFalse(self.library().exists())

    def test_an_archive_without_the_file_is_refused(self):
        with self.assertRaisesRegex(setup.Failed, "holds no package/other.so"):
            self.run_setup(self.npm_entry(take={"x": "package/other.so"}))

    def test_names_a_missing_client(self):
        (self.bin / "npm").unlink()
        with mock.patch.dict(os.environ, {"PATH": str(self.bin)}):
            with self.assertRaisesRegex(setup.Failed, "no npm on the PATH; install it"):
                self.run_setup(self.npm_entry())

    def test_names_what_an_unreachable_registry_said(self):
        (self.home / "say").write_text("npm ERR! network no route\nnpm ERR! A complete log of this "
                                       "run can be found in: x\n")
        with self.assertRaisesRegex(setup.Failed, "network no route; check the network"):
            self.run_setup(self.npm_entry())

    def test_repairs_an_interrupted_unpack(self):
        entry = self.npm_entry()

        def cut_off(archive, native, folder):
            (folder / "libengine.so").write_bytes(b"li")
            raise KeyboardInterrupt

        with mock.patch.object(setup, "unpack", cut_off), self.assertRaises(KeyboardInterrupt):
            self.run_setup(entry)
        self.assertFalse(self.library().exists())
        self.run_setup(entry)
        self.assertEqual(self.library().read_bytes(), b"library")

    def test_repairs_a_file_that_was_cut_or_removed(self):
        entry = self.npm_entry()
        self.run_setup(entry)
        self.library().write_bytes(b"li")
        self.run_setup(entry)
        self.assertEqual(self.library().read_bytes(), b"library")

    def test_a_wheel_with_a_zipped_table_gives_the_table(self):
        table = io.BytesIO()
        with zipfile.ZipFile(table, "w") as package:
            package.writestr("t.csv", "a\r\n1\r\n")
        wheel = self.home / "packages/data-1-py3-none-any.whl"
        with zipfile.ZipFile(wheel, "w") as package:
            package.writestr("data/t.csv.zip", table.getvalue())
            package.writestr("data/u.csv", "b\n")
        entry = self.npm_entry(name="data", package="data", client="pip", file=wheel.name,
                               sha256=hashlib.sha256(wheel.read_bytes()).hexdigest(),
                               into="data/t", take={"t.csv": "data/t.csv.zip!t.csv",
                                                    "./": "data/*.csv"})
        self.run_setup(entry)
        self.assertEqual((self.root / ".deps/data/t/t.csv").read_bytes(), b"a\r\n1\r\n")
        self.assertEqual((self.root / ".deps/data/t/u.csv").read_bytes(), b"b\n")
        self.run_setup(entry)
        self.assertEqual(len(self.calls("pip download")), 1)
        self.assertEqual(len(self.calls("-m venv")), 1)

    def test_a_wheel_for_one_python_is_asked_for_as_such(self):
        wheel = self.home / "packages/engine-1-cp311-cp311-linux_x86_64.whl"
        with zipfile.ZipFile(wheel, "w") as package:
            package.writestr("engine/libengine.so.1.2", "library")
        entry = self.npm_entry(client="pip", package="engine", file=wheel.name, python="3.11",
                               sha256=hashlib.sha256(wheel.read_bytes()).hexdigest(),
                               take={"libengine.so": "engine/libengine.so.1.2"})
        self.run_setup(entry)
        self.assertEqual(self.library().read_bytes(), b"library")
        self.assertIn("--only-binary :all: --python-version 3.11", self.calls("pip download")[0])

    def test_takes_headers_out_of_a_package_of_another_debian(self):
        self.apt_sources(a_list="deb http://mirror/debian bookworm main\n")
        entry = self.deb_entry()
        self.run_setup(entry)
        self.assertEqual((self.root / ".deps/engine/engine/engine.h").read_text(),
                         "int engine(void);\n")
        self.assertFalse((self.root / ".deps/engine/engine/engine.so").exists())
        self.run_setup(entry)
        update, download = self.calls("apt-get")
        self.assertTrue(update.endswith(" update") and download.endswith(" engine-dev=1"))
        for call in (update, download):
            self.assertIn(f"Dir::State::lists={self.root}/.deps/tmp/", call)
            self.assertIn(f"Dir::Etc::sourceparts={self.root}/.deps/tmp/", call)

    def test_a_source_without_the_suite_does_no_harm_if_another_has_it(self):
        self.apt_sources(a_list="deb http://mirror/debian bookworm main\n")
        (self.home / "no_suite").touch()
        self.run_setup(self.deb_entry())
        self.assertTrue((self.root / ".deps/engine/engine/engine.h").exists())

    def test_names_why_a_package_of_another_debian_is_not_to_be_had(self):
        self.apt_sources(a_list="deb http://mirror/debian bookworm main\n")
        entry = self.deb_entry()
        (self.home / "packages" / entry["file"]).unlink()
        with self.assertRaisesRegex(setup.Failed, "Version '1' for 'engine-dev' was not found"):
            self.run_setup(entry)
        (self.home / "no_suite").touch()
        with self.assertRaisesRegex(setup.Failed, "does not have a Release file"):
            self.run_setup(entry)

    def test_a_machine_without_sources_of_debian_itself_is_told_so(self):
        self.apt_sources(a_list="deb http://other/debian bookworm stable\n")
        with self.assertRaisesRegex(setup.Failed, "names a source of this machine's Debian"):
            self.run_setup(self.deb_entry())

    def swapped(self, **files):
        folder = self.apt_sources(**files)
        before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        made = setup.other_suite("trixie", self.folder / "made")
        self.assertEqual(before, {path: path.read_bytes() for path in before})
        return {path.name: path.read_text() for path in made.iterdir()}

    def test_swaps_the_suite_of_one_line_sources(self):
        made = self.swapped(
            debian_list="# deb http://old/debian bookworm main\n"
                        "deb [signed-by=/k.gpg] http://mirror/debian bookworm main contrib # near\n"
                        "deb http://mirror/debian bookworm-updates main\n"
                        "deb-src http://mirror/debian bookworm main\n",
            other_list="deb http://other/debian bookworm stable\n")
        self.assertEqual(made, {"debian.list": "deb [target=Packages signed-by=/k.gpg] "
                                               "http://mirror/debian trixie main\n"})

    def test_swaps_the_suite_of_stanzas(self):
        made = self.swapped(
            debian_sources="Types: deb deb-src\n# a note\nURIs: http://mirror/debian\n"
                           "Suites: bookworm bookworm-updates\nComponents: main non-free\n"
                           "Signed-By:\n -----BEGIN KEY-----\n .\n abc\n\n"
                           "Types: deb\nURIs: http://mirror/debian-security\n"
                           "Suites: bookworm-security\nComponents: main\n\n"
                           "Enabled: no\nTypes: deb\nURIs: http://old/debian\n"
                           "Suites: bookworm\nComponents: main\n",
            half_list_save="deb http://mirror/debian bookworm main\n")
        self.assertEqual(made, {"debian.sources":
                                "URIs: http://mirror/debian\nSigned-By:\n -----BEGIN KEY-----\n"
                                " .\n abc\ntypes: deb\nsuites: trixie\ncomponents: main\n"
                                "targets: Packages\n\n"})

    def test_a_machine_of_that_suite_needs_no_swap(self):
        made = self.swapped(a_list="deb http://mirror/debian trixie main\n")
        self.assertEqual(made, {"a.list": "deb [target=Packages ] http://mirror/debian trixie "
                                          "main\n"})

    def test_a_half_made_environment_is_made_again(self):
        self.run_setup(extras=["build"])
        (self.root / ".deps/venv/build" / setup.STAMP).unlink()
        self.run_setup(extras=["build"])
        self.run_setup(extras=["build"])
        self.assertEqual(len(self.calls("-m venv")), 2)

    def test_installs_only_missing_packages_and_reads_the_lists_once(self):
        self.fake("dpkg-query")
        self.fake("apt-get")
        with mock.patch.object(os, "geteuid", return_value=0):
            self.setup(packages=["installed", "absent"]).apt()
        self.assertEqual([line.split()[-1] for line in self.calls("apt-get")],
                         ["absent", "-q", "absent"])

    def test_packages_of_an_extra_come_with_it(self):
        self.fake("dpkg-query")
        self.fake("apt-get")
        made = self.setup(packages=["installed"])
        made.lock["apt"]["with"] = {"clients": ["skopeo"]}
        with mock.patch.object(os, "geteuid", return_value=0):
            made.apt(["lint"])
            self.assertEqual(self.calls("apt-get"), [])
            made.apt(["clients"])
        self.assertEqual(self.calls("apt-get")[-1].split()[-1], "skopeo")

    def test_says_what_to_install_without_root_and_sudo(self):
        self.fake("dpkg-query")
        with mock.patch.object(os, "geteuid", return_value=1000), \
                mock.patch.object(setup.shutil, "which",
                                  side_effect=lambda name: None if name == "sudo" else name):
            with self.assertRaisesRegex(setup.Failed, "as root run: apt-get install absent"):
                self.setup(packages=["absent"]).apt()

    def test_two_runs_at_once_fetch_once(self):
        entry, code = self.npm_entry(), (
            "import sys, json, pathlib; sys.path.insert(0, sys.argv[1]); import setup\n"
            "setup.Setup(pathlib.Path(sys.argv[2]), json.loads(sys.argv[3])).all(with_apt=False)")
        lock = setup.json.dumps({"native": [entry]})
        command = [sys.executable, "-c", code, str(TOOLS), str(self.root), lock]
        runs = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(2)]
        self.assertEqual([run.wait() for run in runs], [0, 0])
        self.assertEqual(len(self.calls("npm pack")), 1)

    def test_a_failure_is_one_line_and_exit_1(self):
        shutil.copy(TOOLS / "setup.py", self.root / "tools")
        (self.root / "deps.lock").write_text(
            '[apt]\npackages = []\n[venv.build]\nwhy = ""\n[[native]]\n' + "".join(
                f"{key} = {setup.json.dumps(value)}\n"
                for key, value in self.npm_entry(sha256="0000").items() if key != "take") +
            'take = { "libengine.so" = "package/libengine.so" }\n')
        done = subprocess.run([sys.executable, self.root / "tools/setup.py", "--no-apt"], text=True,
                              capture_output=True)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"\Asetup: refused engine-1.tgz: [^\n]*\n\Z")


class LockTest(unittest.TestCase):
    def test_each_entry_is_complete(self):
        lock = setup.load_lock(TOOLS.parent)
        extra = {"apt": {"suite"}, "pip": {"python"}, "npm": set()}
        for native in lock["native"]:
            needed = {"name", "package", "version", "client", "file", "sha256", "why", "into",
                      "take"}
            self.assertEqual(needed - set(native), set())
            self.assertLessEqual(set(native) - needed, extra[native["client"]])
            self.assertEqual("suite" in native, native["client"] == "apt")
            self.assertEqual("python" in native, "-cp3" in native["file"])
            self.assertRegex(native["sha256"], r"\A[0-9a-f]{64}\Z")
        for name in lock["venv"]:
            for line in (TOOLS / "locks" / f"{name}.txt").read_text().splitlines():
                if not line.startswith("#"):
                    self.assertRegex(line, r"\A[a-z0-9.-]+==\S+ --hash=sha256:[0-9a-f]{64}\Z")

    def test_names_no_registry(self):
        for path in [TOOLS.parent / "deps.lock", TOOLS / "setup.py", *(TOOLS / "locks").iterdir()]:
            self.assertNotIn("://", path.read_text(), path)


if __name__ == "__main__":
    unittest.main()
