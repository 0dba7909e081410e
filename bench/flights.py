#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Steps 1 to 5 of the flights example, from four CSV files to a split training set, beside the same
work written by hand in pandas."""

import argparse
import json
import shutil
import tempfile
from pathlib import Path

import measuring

OURS, PANDAS = "kingpost run --to curate", "pandas by hand"
WORK, WHOLE, CPU, MEMORY = "the five steps", "whole process", "processor time", "peak MB"
STEPS = ("ingest", "validate_data", "clean", "standardise", "curate")
DATA = measuring.ROOT / ".deps/data/flights"


def report(folder, step):
    run = measuring.Run([measuring.kingpost(), "data", "report", step, "-f", "flights_delay.yaml"],
                        cwd=folder)
    return json.loads(run.text)


def found_by_kingpost(folder):
    curate = report(folder, "curate")
    checks = report(folder, "validate_data")["tables"]
    return {
        "sides": {side: each["rows"] for side, each in curate["split"]["sides"].items()},
        "unlabelled": curate["unlabelled"],
        "matched": {each["table"]: each["matched"] for each in curate["joins"]},
        "failing": sorted(check["unexpected"] for table in checks.values()
                          for check in table["checks"]),
    }


def kingpost(folder, found):
    for source in (measuring.ROOT / "examples/flights").glob("*.yaml"):
        text = source.read_text().replace("../../.deps/data/flights", str(DATA))
        (folder / source.name).write_text(text)
    command = [measuring.kingpost(), "run", "flights_delay.yaml", "--to", "curate", "--json"]

    def once():
        shutil.rmtree(folder / ".kingpost", ignore_errors=True)
        run = measuring.Run(command, cwd=folder)
        done = {each["step"]: each["seconds"] for each in run.events() if each["event"] == "done"}
        if tuple(done) != STEPS:
            raise measuring.Failed(f"not all five steps ran: {done}")
        found[OURS] = found_by_kingpost(folder)
        each_step = {f"  {step}": seconds for step, seconds in done.items()}
        return {WORK: sum(done.values()), WHOLE: run.seconds, CPU: run.cpu, MEMORY: run.memory,
                **each_step}
    return measuring.Contender(OURS, once)


def pandas(folder, found):
    command = [measuring.python_of("clients"), measuring.RIVALS / "flights_pandas.py", str(DATA),
               str(folder)]

    def once():
        run = measuring.Run(command)
        answer = run.answer()
        seconds = answer.pop("seconds")
        answer["failing"] = sorted(answer["failing"].values())
        found[PANDAS] = answer
        return {WORK: seconds, WHOLE: run.seconds, CPU: run.cpu, MEMORY: run.memory}
    return measuring.Contender(PANDAS, once)


def agreement(found):
    for what, ours in found[OURS].items():
        theirs = found[PANDAS][what]
        if ours != theirs:
            raise measuring.Failed(f"{what}: kingpost found {ours}, pandas {theirs}")
    sides = ", ".join(f"{rows:,} {side}" for side, rows in found[OURS]["sides"].items())
    return f"both agree on failing rows, matches of all joins and the sides of the split: {sides}"


def main(runs):
    found = {}
    with tempfile.TemporaryDirectory() as temp:
        ours, theirs = Path(temp) / "kingpost", Path(temp) / "pandas"
        ours.mkdir()
        theirs.mkdir()
        contenders = [kingpost(ours, found), pandas(theirs, found)]
        before = measuring.load()
        measuring.in_turn(contenders, runs)
    measures = [WORK, WHOLE, CPU, MEMORY, *(f"  {step}" for step in STEPS)]
    goals = measuring.Goals()
    ratio = measuring.ratios(contenders, WHOLE)[PANDAS]["median"]
    goals.want("not slower than pandas by hand", ratio, "x", ratio >= 1)
    measuring.finish("flights", contenders, measures, goals, before, agreement(found), runs)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7, help="counted runs of each program")
    main(parser.parse_args().runs)
