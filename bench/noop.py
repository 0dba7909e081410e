#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A run with nothing to do: `kingpost run` on the flights example beside `dvc repro`."""

import argparse
import shutil
import tempfile
from pathlib import Path

import measuring

WHOLE, CPU, MEMORY = "whole process", "processor time", "peak MB"

# Two stages over the same four files; the commands are trivial because they do not run again.
DVC_STAGES = """\
stages:
  gather:
    cmd: cat flights.csv weather.csv planes.csv airports.csv > gathered.csv
    deps: [flights.csv, weather.csv, planes.csv, airports.csv]
    outs: [gathered.csv]
  count:
    cmd: wc -l gathered.csv > count.txt
    deps: [gathered.csv]
    outs: [count.txt]
"""
DVC_ENV = {"DVC_NO_ANALYTICS": "1"}


def prepare_kingpost(folder):
    """The example in a folder of its own, so that its store is not that of the checkout."""
    data = measuring.ROOT / ".deps/data/flights"
    for source in (measuring.ROOT / "examples/flights").glob("*.yaml"):
        text = source.read_text().replace("../../.deps/data/flights", str(data))
        (folder / source.name).write_text(text)
    command = [measuring.kingpost(), "run", "flights_delay.yaml", "--to", "curate"]
    measuring.Run(command, cwd=folder)
    return command


def prepare_dvc(folder):
    dvc = [measuring.python_of("bench"), "-m", "dvc"]
    for name in ("flights", "weather", "planes", "airports"):
        shutil.copy(measuring.ROOT / f".deps/data/flights/{name}.csv", folder)
    (folder / "dvc.yaml").write_text(DVC_STAGES)
    measuring.Run([*dvc, "init", "--no-scm", "-q"], cwd=folder, env=DVC_ENV)
    measuring.Run([*dvc, "repro", "-q"], cwd=folder, env=DVC_ENV)
    return [*dvc, "repro"]


def contender(name, command, folder, env, proof):
    """`proof` is what the program prints when it finds nothing to do."""
    def once():
        run = measuring.Run(command, cwd=folder, env=env)
        if proof not in run.text:
            raise measuring.Failed(f"{name} did something: {run.text}")
        return {WHOLE: run.seconds, CPU: run.cpu, MEMORY: run.memory}
    return measuring.Contender(name, once)


def main(runs):
    with tempfile.TemporaryDirectory() as temp:
        ours, theirs = Path(temp) / "kingpost", Path(temp) / "dvc"
        ours.mkdir()
        theirs.mkdir()
        contenders = [
            contender("kingpost run", prepare_kingpost(ours), ours, {}, "nothing to do"),
            contender("dvc repro", prepare_dvc(theirs), theirs, DVC_ENV, "up to date"),
        ]
        before = measuring.load()
        measuring.in_turn(contenders, runs)
    goals = measuring.Goals()
    median = contenders[0].median(WHOLE) * 1000
    goals.want("under 50 ms", median, "ms", median < 50)
    ratio = measuring.ratios(contenders, WHOLE)["dvc repro"]["median"]
    goals.want("14 times as fast as dvc repro", ratio, "x", ratio >= 14)
    agree = "both said in every run that there is nothing to do"
    measuring.finish("noop", contenders, [WHOLE, CPU, MEMORY], goals, before, agree, runs)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=11, help="counted runs of each program")
    main(parser.parse_args().runs)
