#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Batch predictions of the flights example: curated rows in a Parquet file through a bundle into
another Parquet file, beside onnxruntime's own Python package with pandas on the same graph."""

import argparse
import tempfile
from pathlib import Path

import measuring
from flights import DATA

OURS, PYTHON = "kingpost infer", "onnxruntime in Python"
WHOLE, CPU, MEMORY, RATE = "whole process", "processor time", "peak MB", "seconds per million rows"
LOOK = ("import json, sys, pandas as pd; made = pd.read_parquet(sys.argv[1]); "
        "print(json.dumps({'rows': len(made), 'true': int(made['prediction'].sum()), "
        "'sum': float(made['probability'].astype('float64').sum())}))")


def prepare(folder):
    for name in ("flights.yaml", "flights_late.yaml"):
        text = (measuring.ROOT / "examples/flights" / name).read_text()
        (folder / name).write_text(text.replace("../../.deps/data/flights", str(DATA)))
    file = ("-f", "flights_late.yaml")
    for words in (("run", "flights_late.yaml"), ("package", "bundle", *file),
                  ("data", "export", "training@curate", "rows.parquet", *file)):
        measuring.Run([measuring.kingpost(), *words], cwd=folder)


def contender(name, command, out, folder, found):
    def once():
        (folder / out).unlink(missing_ok=True)
        run = measuring.Run(command, cwd=folder)
        look = [measuring.python_of("clients"), "-W", "ignore", "-c", LOOK, out]
        found[name] = measuring.Run(look, cwd=folder).answer()
        return {WHOLE: run.seconds, CPU: run.cpu, MEMORY: run.memory,
                RATE: run.seconds / found[name]["rows"] * 1e6}
    return measuring.Contender(name, once)


def agreement(found):
    ours, theirs = found[OURS], found[PYTHON]
    close = abs(ours["sum"] - theirs["sum"]) <= 1e-6 * ours["sum"]
    if ours["rows"] != theirs["rows"] or ours["true"] != theirs["true"] or not close:
        raise measuring.Failed(f"kingpost has {ours}, Python {theirs}")
    return f"both answer {ours['rows']:,} rows, {ours['true']:,} of them true"


def main(runs):
    found = {}
    with tempfile.TemporaryDirectory() as temp:
        folder = Path(temp)
        prepare(folder)
        python = [measuring.python_of("clients"), "-W", "ignore",
                  measuring.RIVALS / "batch_onnxruntime.py", "bundle/model.onnx", "rows.parquet",
                  "python.parquet"]
        ours = [measuring.kingpost(), "infer", "bundle", "rows.parquet", "kingpost.parquet"]
        contenders = [contender(OURS, ours, "kingpost.parquet", folder, found),
                      contender(PYTHON, python, "python.parquet", folder, found)]
        before = measuring.load()
        measuring.in_turn(contenders, runs)
    goals = measuring.Goals()
    ratio = measuring.ratios(contenders, WHOLE)[PYTHON]["median"]
    goals.want("not slower than onnxruntime in Python", ratio, "x", ratio >= 1)
    measuring.finish("batch", contenders, [WHOLE, CPU, MEMORY, RATE], goals, before,
                     agreement(found), runs)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="counted runs of each program")
    main(parser.parse_args().runs)
