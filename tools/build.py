#!/usr/bin/env python3
"""Configures and builds a preset, saying little: the whole output only when something fails."""

import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main(preset):
    started = time.monotonic()
    commands = [["cmake", "--preset", preset]]
    if preset != "tidy":
        commands.append(["cmake", "--build", "--preset", preset])
    for command in commands:
        # On a terminal Ninja keeps to one line, which shows that something moves.
        shown = "--build" in command and sys.stdout.isatty()
        done = subprocess.run(command, cwd=ROOT, text=True, stderr=subprocess.STDOUT,
                              stdout=None if shown else subprocess.PIPE)
        if done.returncode != 0:
            sys.stderr.write(done.stdout or "")
            print(f"build: {' '.join(command)} failed", file=sys.stderr)
            return 1
    print(f"build: {preset} ready in {time.monotonic() - started:.1f} s (build/{preset})")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "release"))
