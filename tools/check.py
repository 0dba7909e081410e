#!/usr/bin/env python3
"""Runs all checkers of the project. `check.py NAME...` runs only those, e.g. `check.py layers`."""

import importlib
import sys

import checking

NAMES = ["layers", "sizes", "words", "map", "errors"]


def main(names):
    failed = []
    for name in names or NAMES:
        problems = importlib.import_module(f"check_{name}").check(checking.ROOT)
        for line in problems:
            print(f"{line} [check_{name}]")
        if problems:
            failed.append(name)
    if failed:
        print(f"check: {', '.join(failed)} failed", file=sys.stderr)
        return 1
    print(f"check: {', '.join(names or NAMES)} passed")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
