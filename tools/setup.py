#!/usr/bin/env python3
"""Installs what the build needs: Debian packages, pinned libraries, example data.

All of it comes through apt-get, pip and npm by package name, so whatever mirror they are set up
with is used. deps.lock pins each file by sha256. Each unpacked package carries a stamp that is
renamed into place together with it: a run that was cut off leaves nothing half done behind.
"""

import argparse
import fcntl
import hashlib
import io
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parent.parent
STAMP = ".stamp"
APT_SOURCES = Path("/etc/apt")


class Failed(Exception):
    """Ends the set-up with one line that says what to do."""


def run(command, purpose, **options):
    """Runs a client quietly; its last line becomes the reason if it fails."""
    try:
        done = subprocess.run(command, text=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
    except FileNotFoundError:
        raise Failed(f"could not {purpose}: no {command[0]} on the PATH; install it and run "
                     "this again") from None
    if done.returncode != 0:
        raise ClientFailed(purpose, done.stdout)
    return done.stdout


class ClientFailed(Failed):
    def __init__(self, purpose, output):
        self.output = output
        super().__init__(f"could not {purpose}: {self.reason(output)}; check the network and the "
                         "client's settings, then run this again")

    @staticmethod
    def reason(output):
        lines = [line.strip() for line in output.splitlines() if line.strip()]
        errors = [line for line in lines if line.lower().startswith(("error", "e:", "npm err"))]
        # npm ends with the path of its log, which says nothing.
        errors = [line for line in errors if "log of this run" not in line] or errors
        line = (errors or lines or ["no output"])[0 if errors else -1]
        return line[:200]


class Setup:
    def __init__(self, root, lock, say=print, python=sys.executable):
        self.root = root
        self.deps = root / ".deps"
        self.temporary = self.deps / "tmp"
        self.lock = lock
        self.say = say
        self.python = python
        self.changed = False

    # ---- Debian packages

    def apt(self, extras=()):
        wanted = list(self.lock["apt"]["packages"])
        for extra in extras:
            wanted += self.lock["apt"].get("with", {}).get(extra, [])
        clients = {native["client"] for native in self.lock.get("native", [])
                   if not self.in_place(native)}
        for command, packages in self.lock["apt"].get("if_missing", {}).items():
            if command in clients and shutil.which(command) is None:
                wanted += packages
        missing = self.not_installed(wanted)
        if not missing:
            return
        prefix = self.root_prefix(missing)
        self.say(f"setup: installing {' '.join(missing)}")
        self.changed = True
        install = prefix + ["apt-get", "install", "-y", "-q", "--no-install-recommends"] + missing
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        try:
            run(install, "install Debian packages", env=environment)
        except ClientFailed:
            # A new machine has no package lists, an old one stale ones.
            run(prefix + ["apt-get", "update", "-q"], "read the Debian package lists",
                env=environment)
            run(install, "install Debian packages", env=environment)

    @staticmethod
    def not_installed(packages):
        if shutil.which("dpkg-query") is None:
            raise Failed("could not look up Debian packages: no dpkg-query on the PATH; install "
                         f"the likes of {' '.join(packages)} by hand and pass --no-apt")
        done = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${db:Status-Abbrev}\n",
                               *packages], text=True, capture_output=True)
        installed = {line.split()[0] for line in done.stdout.splitlines() if " ii" in line}
        return [name for name in packages if name not in installed]

    @staticmethod
    def root_prefix(missing):
        if os.geteuid() == 0:
            return []
        if shutil.which("sudo") is None:
            raise Failed("could not install Debian packages: not root and no sudo; as root run: "
                         f"apt-get install {' '.join(missing)}")
        return ["sudo"] if sys.stdin.isatty() else ["sudo", "-n"]

    # ---- pinned packages

    def natives(self):
        for native in self.lock.get("native", []):
            if not self.in_place(native):
                self.say(f"setup: fetching {native['package']} {native['version']}")
                self.changed = True
                self.place(native, self.fetch(native))

    @staticmethod
    def stamp_of(native):
        return hashlib.sha256(json.dumps(native, sort_keys=True).encode()).hexdigest()

    def in_place(self, native):
        folder = self.deps / native["into"]
        try:
            stamp = json.loads((folder / STAMP).read_text())
            return (stamp["entry"] == self.stamp_of(native) and
                    all((folder / name).stat().st_size == size
                        for name, size in stamp["files"].items()))
        except (OSError, ValueError, KeyError):
            return False

    def fetch(self, native):
        folder = self.temporary / (native["name"] + "-download")
        folder.mkdir(parents=True)
        purpose = f"download {native['package']} {native['version']} with {native['client']}"
        fetch = {"apt": self.fetch_apt, "npm": self.fetch_npm, "pip": self.fetch_pip}
        fetch[native["client"]](native, folder, purpose)
        file = folder / native["file"]
        if not file.is_file():
            raise Failed(f"could not {purpose}: it brought no file {native['file']}; correct "
                         f"the entry {native['name']} of deps.lock")
        with open(file, "rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
        if found != native["sha256"]:
            file.unlink()
            raise self.wrong_hash(native, found)
        return file

    @staticmethod
    def wrong_hash(native, found):
        return Failed(f"refused {native['file']}: expected sha256 {native['sha256']} but found "
                      f"{found}; run this again, and if it repeats, do not trust the source and "
                      f"compare the entry {native['name']} of deps.lock with its publisher's")

    def fetch_pip(self, native, folder, purpose):
        python = self.venv("build")
        requirement = folder / "requirement.txt"
        requirement.write_text(f"{native['package']}=={native['version']} "
                               f"--hash=sha256:{native['sha256']}\n")
        # pip runs code of a source package to read its metadata, hence the hash check before it
        # and no build tools but the locked ones.
        command = [python, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes",
                   "--no-build-isolation", "--disable-pip-version-check",
                   "--dest", str(folder), "--requirement", str(requirement)]
        if "python" in native:
            # The file of one Python on every machine: only a library is taken out of it.
            command += ["--only-binary", ":all:", "--python-version", native["python"]]
        try:
            # scikit-build would ask for a newer CMake, which reading metadata does not need.
            run(command, purpose, cwd=folder, env=os.environ | {"SKBUILD_WHEEL_CMAKE": "false"})
        except ClientFailed as failed:
            if "DO NOT MATCH THE HASHES" in failed.output:
                got = [line.split()[-1] for line in failed.output.splitlines() if "Got " in line]
                raise self.wrong_hash(native, got[0] if got else "another") from None
            raise

    @staticmethod
    def fetch_npm(native, folder, purpose):
        run(["npm", "pack", "--silent", f"{native['package']}@{native['version']}",
             "--pack-destination", str(folder)], purpose, cwd=folder)

    @staticmethod
    def fetch_apt(native, folder, purpose):
        """One package of a Debian suite that need not be this machine's: apt is given its own
        sources with the suite swapped, and lists of our own, so /etc/apt stays as it is."""
        sources = other_suite(native["suite"], folder / "sources")
        if not sources:
            raise Failed(f"could not {purpose}: no file below {APT_SOURCES} names a source of this "
                         "machine's Debian release; add one, or use Debian 12 or 13")
        (folder / "lists" / "partial").mkdir(parents=True)
        settings = {"Dir::State::lists": folder / "lists", "Dir::Cache": folder / "cache",
                    "Dir::Etc::sourcelist": "/dev/null", "Dir::Etc::sourceparts": sources,
                    "Acquire::Languages": "none", "APT::Sandbox::User": "root"}
        command = ["apt-get", "-q"]
        for key, value in settings.items():
            command += ["-o", f"{key}={value}"]
        # A source that lacks the suite fails the update, though another may have it.
        failure = None
        try:
            run(command + ["update"], purpose)
        except ClientFailed as failed:
            failure = failed
        try:
            run(command + ["download", f"{native['package']}={native['version']}"], purpose,
                cwd=folder)
        except ClientFailed as failed:
            raise failure or failed from None

    def place(self, native, archive):
        fresh = self.temporary / (native["name"] + "-unpacked")
        fresh.mkdir(parents=True)
        unpack(archive, native, fresh)
        sizes = {str(path.relative_to(fresh)): path.stat().st_size
                 for path in fresh.rglob("*") if path.is_file()}
        (fresh / STAMP).write_text(json.dumps({"entry": self.stamp_of(native), "files": sizes}))
        folder = self.deps / native["into"]
        folder.parent.mkdir(parents=True, exist_ok=True)
        if folder.exists():
            folder.rename(self.temporary / (native["name"] + "-old"))
        fresh.rename(folder)
        shutil.rmtree(archive.parent)

    # ---- virtual environments

    def venv(self, name):
        """The Python of environment `name`, which is made first if its lock has changed."""
        lock = self.root / "tools" / "locks" / f"{name}.txt"
        folder = self.deps / "venv" / name
        python = folder / "bin" / "python"
        wanted = hashlib.sha256(lock.read_bytes() + str(folder).encode()).hexdigest()
        stamp = folder / STAMP
        if python.exists() and stamp.is_file() and stamp.read_text() == wanted:
            return str(python)
        self.say(f"setup: making the Python environment {name}")
        self.changed = True
        # An environment holds its own path, so it is made in place and stamped last.
        shutil.rmtree(folder, ignore_errors=True)
        try:
            run([self.python, "-m", "venv", str(folder)], f"make the Python environment {name}")
        except ClientFailed as failed:
            raise Failed(f"could not make the Python environment {name}: "
                         f"{failed.reason(failed.output)}; install python3-venv and run this "
                         "again") from None
        run([str(python), "-m", "pip", "install", "--quiet", "--require-hashes", "--no-deps",
             "--disable-pip-version-check", "--requirement", str(lock)],
            f"install the Python packages of tools/locks/{name}.txt")
        stamp.write_text(wanted)
        return str(python)

    # ---- the whole

    def all(self, extras=(), with_apt=True):
        if with_apt:
            self.apt(extras)
        self.deps.mkdir(exist_ok=True)
        with open(self.deps / ".lock", "w") as guard:
            fcntl.flock(guard, fcntl.LOCK_EX)
            shutil.rmtree(self.temporary, ignore_errors=True)
            self.natives()
            for name in extras:
                self.venv(name)
            shutil.rmtree(self.temporary, ignore_errors=True)


def unpack(archive, native, folder):
    """Writes the files that `take` names; its keys are targets, its values paths or patterns."""
    files = read_archive(archive)
    for target, source in native["take"].items():
        pattern, _, member = source.partition("!")
        names = [name for name in files if matches(name, pattern)]
        if not names:
            raise Failed(f"could not unpack {native['file']}: it holds no {source}; correct "
                         f"the entry {native['name']} of deps.lock")
        for name in names:
            path = folder / (target + PurePosixPath(name).name if target.endswith("/") else target)
            path.parent.mkdir(parents=True, exist_ok=True)
            content = files[name]()
            if member:
                content = zipfile.ZipFile(io.BytesIO(content)).read(member)
            path.write_bytes(content)


def matches(name, pattern):
    # Unlike the shell, fnmatch lets * cross a slash; compare folder by folder instead.
    parts, patterns = name.split("/"), pattern.split("/")
    return len(parts) == len(patterns) and all(map(fnmatchcase, parts, patterns))


def read_archive(archive):
    """Maps each file's name to a function that reads it."""
    if archive.suffix in (".whl", ".zip"):
        package = zipfile.ZipFile(archive)
        return {name: lambda name=name: package.read(name) for name in package.namelist()}
    if archive.suffix == ".deb":
        command = ["dpkg-deb", "--fsys-tarfile", str(archive)]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
        package = tarfile.open(fileobj=io.BytesIO(done.stdout))
    else:
        package = tarfile.open(archive)
    return {member.name: lambda member=member: package.extractfile(member).read()
            for member in package.getmembers() if member.isfile()}


def other_suite(suite, folder):
    """Writes this machine's sources of Debian itself into `folder`, with `suite` in place of its
    own release; returns the folder, or None if there are none."""
    here = {platform.freedesktop_os_release().get("VERSION_CODENAME", suite), suite}
    folder.mkdir(parents=True)
    written = 0
    for path in [APT_SOURCES / "sources.list", *sorted(APT_SOURCES.glob("sources.list.d/*"))]:
        if path.suffix not in (".list", ".sources") or not path.is_file():
            continue
        swap = swap_stanza if path.suffix == ".sources" else swap_line
        text = "".join(swap(part, here, suite) for part in
                       re.split(r"\n\s*\n" if path.suffix == ".sources" else "\n",
                                path.read_text()))
        if text:
            (folder / path.name).write_text(text)
            written += 1
    return folder if written else None


def swap_line(line, here, suite):
    found = re.match(r"deb\s+(?:\[(.*?)\]\s+)?(\S+)\s+(\S+)\s+(.*\bmain\b.*)", line.strip())
    if not found or found[3] not in here:
        return ""
    return f"deb [target=Packages {found[1] or ''}] {found[2]} {suite} main\n"


def swap_stanza(stanza, here, suite):
    lines = [line for line in stanza.splitlines() if line and not line.startswith("#")]
    fields = {name.lower(): value.split() for name, _, value in
              (line.partition(":") for line in lines if not line[0].isspace())}
    if (not here.intersection(fields.get("suites", [])) or "deb" not in fields.get("types", []) or
            "main" not in fields.get("components", []) or fields.get("enabled") == ["no"]):
        return ""
    ours = {"types": "deb", "suites": suite, "components": "main", "targets": "Packages"}
    kept = [line for line in lines if line.partition(":")[0].lower() not in ours]
    return "\n".join(kept + [f"{name}: {value}" for name, value in ours.items()]) + "\n\n"


def load_lock(root):
    with open(root / "deps.lock", "rb") as stream:
        return tomllib.load(stream)


def main(arguments=None):
    lock = load_lock(ROOT)
    extras = [name for name in lock["venv"] if name != "build"]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--with", dest="extras", action="append", default=[], choices=extras,
                        help="also make this Python environment")
    parser.add_argument("--no-apt", action="store_true", help="leave Debian packages alone")
    options = parser.parse_args(arguments)
    try:
        if platform.machine() != "x86_64":
            raise Failed(f"could not set up on {platform.machine()}: the pinned libraries are "
                         "built for x86_64; use such a machine")
        setup = Setup(ROOT, lock)
        setup.all(options.extras, with_apt=not options.no_apt)
    except Failed as failed:
        print(f"setup: {failed}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"setup: could not write below {ROOT / '.deps'}: {error}; free space or mend "
              "permissions, then run this again", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("setup: interrupted; run it again to go on", file=sys.stderr)
        return 130
    print("setup: done" if setup.changed else "setup: nothing to do")
    return 0


if __name__ == "__main__":
    sys.exit(main())
