#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs all benchmarks, or those named, one after the other; figures go to bench/results/."""

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
NAMES = ("noop", "checks", "flights", "featurize", "training", "graph", "batch", "serving",
         "deploy")


def main(names):
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        sys.exit(f"no benchmark is called {unknown[0]}; there are {', '.join(NAMES)}")
    broken = []
    for name in names or NAMES:
        print(f"== {name}", flush=True)
        if subprocess.run([sys.executable, FOLDER / f"{name}.py"]).returncode != 0:
            broken.append(name)
        print(flush=True)
    if broken:
        sys.exit(f"could not be measured: {', '.join(broken)}")


if __name__ == "__main__":
    main(sys.argv[1:])
