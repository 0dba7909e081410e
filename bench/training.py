#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Step 10 on the flights example, one trial of boosted trees with given parameters, beside
LightGBM's own Python package on the same matrix with the same parameters. The trees are the same."""

import argparse
import tempfile
from pathlib import Path

import measuring
from flights import DATA

OURS, PYTHON = "kingpost train", "lightgbm in Python"
WORK, WHOLE, CPU, MEMORY = "the training", "whole process", "processor time", "peak MB"
LEFT = ("matrix.npy", "labels.npy", "sides.npy", "features.json", "model.gbdt.json")
FILE = """
extends: flights.yaml
curate:
  target: {name: late, type: binary, expr: "arr_delay > 15"}
candidates:
  gbdt:
    family: lightgbm
    space: {num_leaves: {value: 63}, learning_rate: {value: 0.05}, min_data_in_leaf: {value: 50}}
train: {metric: auc, refit: none, rounds: 300, early_stopping: 0, search: {trials: 1, seed: 13}}
"""


def command(*words):
    return [measuring.kingpost(), *words]


def export(folder, name, to=None):
    measuring.Run(command("data", "export", name, to or name, "-f", "training.yaml"), cwd=folder)


def prepare(folder):
    text = (measuring.ROOT / "examples/flights/flights.yaml").read_text()
    (folder / "flights.yaml").write_text(text.replace("../../.deps/data/flights", str(DATA)))
    (folder / "training.yaml").write_text(FILE)
    measuring.Run(command("run", "training.yaml", "--to", "train"), cwd=folder)
    for name in LEFT:
        export(folder, name)


def kingpost(folder):
    def once():
        run = measuring.Run(command("run", "training.yaml", "--from", "train", "--to", "train",
                                    "--json"), cwd=folder)
        done = {each["step"]: each["seconds"] for each in run.events() if each["event"] == "done"}
        return {WORK: done["train"], WHOLE: run.seconds, CPU: run.cpu, MEMORY: run.memory}
    return measuring.Contender(OURS, once)


def rival(folder, found):
    script = [measuring.python_of("bench"), measuring.RIVALS / "training_lightgbm.py", "."]

    def once():
        run = measuring.Run(script, cwd=folder)
        found.update(run.answer())
        return {WORK: found["seconds"], WHOLE: run.seconds, CPU: run.cpu, MEMORY: run.memory}
    return measuring.Contender(PYTHON, once)


def agreement(folder, found):
    export(folder, "model.gbdt.txt")
    tell = ("import sys; sys.path.insert(0, sys.argv[1]); from training_lightgbm import trees_of; "
            "print('\"' + trees_of(open('model.gbdt.txt').read()) + '\"')")
    ours = measuring.Run([measuring.python_of("bench"), "-c", tell, str(measuring.RIVALS)],
                         cwd=folder).answer()
    if ours != found["trees"]:
        raise measuring.Failed("the trees are not the same")
    return f"300 trees, the same ones; AUC of validation rows {found['auc']:.4f}"


def main(runs):
    found = {}
    with tempfile.TemporaryDirectory() as temp:
        folder = Path(temp)
        prepare(folder)
        contenders = [kingpost(folder), rival(folder, found)]
        before = measuring.load()
        measuring.in_turn(contenders, runs)
        agree = agreement(folder, found)
    goals = measuring.Goals()
    share = 1 / measuring.ratios(contenders, WORK)[PYTHON]["median"]
    goals.want("at most 1.05 times the time of LightGBM's Python", share, "x", share <= 1.05)
    measuring.finish("training", contenders, [WORK, WHOLE, CPU, MEMORY], goals, before, agree, runs)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="counted runs of each program")
    main(parser.parse_args().runs)
