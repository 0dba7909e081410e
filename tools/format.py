#!/usr/bin/env python3
"""Formats our C++ with the pinned clang-format; `--check` only tells which files differ."""

import subprocess
import sys

import checking


def main(arguments):
    tool = checking.ROOT / ".deps/venv/lint/bin/clang-format"
    if not tool.exists():
        print("format: clang-format is missing; run python3 tools/setup.py --with lint",
              file=sys.stderr)
        return 1
    paths = [str(path) for path in checking.files(checking.ROOT, ["src", "tests", "cmake"],
                                                  {".h", ".cpp"})]
    if not paths:
        return 0
    mode = ["--dry-run", "-Werror"] if "--check" in arguments else ["-i"]
    done = subprocess.run([tool, *mode, *paths], text=True, stderr=subprocess.PIPE)
    if done.returncode != 0:
        differing = sorted({line.split(":")[0] for line in done.stderr.splitlines()
                            if "[-Wclang-format-violations]" in line})
        for path in differing:
            print(f"{path}: not in the project's format")
        print("format: run make format" if differing else done.stderr, file=sys.stderr)
        return 1
    print(f"format: {len(paths)} files {'in order' if mode[0] == '--dry-run' else 'written'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
