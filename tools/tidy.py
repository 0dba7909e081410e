#!/usr/bin/env python3
"""Runs clang-tidy on the C++ files that changed.

tidy.py                 files changed since the published main, or else in the last commit
tidy.py --all           every file
tidy.py --minutes N     stop starting new files after N minutes; what was left out is said
"""

import argparse
import concurrent.futures
import os
import subprocess
import sys
import time

import build
import checking


def git(*arguments):
    done = subprocess.run(["git", "-C", str(checking.ROOT), *arguments], text=True,
                          capture_output=True)
    return done.stdout.split() if done.returncode == 0 else []


def changed():
    """Names of files that differ from the published branch; without one, from the last commit."""
    base = git("merge-base", "HEAD", "origin/main") or git("rev-parse", "--verify", "-q", "HEAD~1")
    if base and base == git("rev-parse", "HEAD"):
        base = git("rev-parse", "--verify", "-q", "HEAD~1") or base
    names = git("diff", "--name-only", base[0]) if base else git("ls-files")
    return set(names + git("ls-files", "--others", "--exclude-standard"))


def sources(everything):
    """The .cpp files to check, in a fixed order: a changed header stands for its own .cpp."""
    paths = checking.files(checking.ROOT, ["src", "tests"], {".cpp"})
    if everything:
        return paths
    names = changed()
    stems = {name.rsplit(".", 1)[0] for name in names if name.endswith((".h", ".cpp"))}
    return [path for path in paths
            if checking.name(checking.ROOT, path).rsplit(".", 1)[0] in stems]


def tidy(path):
    tool = checking.ROOT / ".deps/venv/lint/bin/clang-tidy"
    done = subprocess.run([tool, "--quiet", "-p", checking.ROOT / "build/tidy", path], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=checking.ROOT)
    return path, done.returncode, done.stdout


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--minutes", type=float, default=float("inf"))
    options = parser.parse_args()
    if not (checking.ROOT / ".deps/venv/lint/bin/clang-tidy").exists():
        print("tidy: clang-tidy is missing; run python3 tools/setup.py --with lint",
              file=sys.stderr)
        return 1
    paths = sources(options.all)
    if not paths:
        print("tidy: no changed files")
        return 0
    if build.main("tidy") != 0:
        return 1
    return run(paths, time.monotonic() + options.minutes * 60)


def run(paths, deadline):
    bad, skipped = 0, 0

    def guarded(path):
        return tidy(path) if time.monotonic() < deadline else (path, None, "")

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for _, status, output in pool.map(guarded, paths):
            skipped += status is None
            if status:
                bad += 1
                print(output.strip())
    if skipped:
        print(f"tidy: out of time, {skipped} of {len(paths)} files not looked at")
    print(f"tidy: {len(paths) - skipped - bad} files clean, {bad} not")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
