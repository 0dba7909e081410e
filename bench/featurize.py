#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Step 6 of a pipeline (13 features of 11 columns: scaled numbers, one-hot categories, parts of a
time, a cyclic one, an expression), beside scikit-learn's ColumnTransformer and Polars by hand. All
start from the same curated Parquet file and leave a float32 matrix as .npy."""

import argparse
import tempfile
from pathlib import Path

import measuring

OURS, SKLEARN, POLARS = "kingpost extract_features", "ColumnTransformer", "Polars by hand"
WORK, WHOLE, CPU, MEMORY = "the features", "whole process", "processor time", "peak MB"
FILE = """
version: 1
project: featurize
engine: {type: duckdb, memory: 8GB}
ingest: {rows: {path: "ROWS", key: [id]}}
clean: {rows: [{rule: drop_duplicates, by: key}]}
curate:
  spine: rows
  target: {name: y, type: number, expr: score}
  split: {type: random, validation: 0.1, test: 0.1, seed: 7}
extract_features:
  columns:
    - {name: price, type: number, scale: zscore}
    - {name: discount, type: number, scale: zscore}
    - {name: weight, type: number, scale: zscore}
    - {name: temperature, type: number, scale: zscore}
    - {name: quantity, type: number, scale: zscore}
    - {name: age, type: number, scale: zscore}
    - {name: country, type: category, encode: one_hot}
    - {name: status, type: category, encode: one_hot}
    - {name: currency, type: category, encode: one_hot}
    - {name: device, type: category, encode: one_hot}
    - {name: moment, type: timestamp, expr: event_time, parts: [month, isodow, hour]}
    - {name: minute, type: cyclic, expr: minute_of_day(event_time), period: 1440}
    - name: amount
      type: number
      expr: price * quantity * (1 - coalesce(discount, 0))
      scale: zscore
"""


def prepare(folder, count):
    """Steps 1 to 5, and what they left for the rivals."""
    (folder / "featurize.yaml").write_text(FILE.replace("ROWS", str(measuring.made_rows(count))))
    measuring.Run([measuring.kingpost(), "run", "--to", "curate"], cwd=folder)
    measuring.Run([measuring.kingpost(), "data", "export", "training@curate", "rows.parquet"],
                  cwd=folder)


def kingpost(folder, found):
    command = [measuring.kingpost(), "run", "--from", "extract_features", "--to",
               "extract_features", "--json"]

    def once():
        run = measuring.Run(command, cwd=folder)
        done = {each["step"]: each["seconds"] for each in run.events() if each["event"] == "done"}
        if tuple(done) != ("extract_features",):
            raise measuring.Failed(f"not just step 6 ran: {done}")
        if OURS not in found:
            for name in ("features.json", "matrix.npy"):
                measuring.Run([measuring.kingpost(), "data", "export", name, name], cwd=folder)
            told = measuring.Run([measuring.python_of("bench"),
                                  measuring.RIVALS / "features_of_matrix.py", "features.json",
                                  "matrix.npy"], cwd=folder)
            found[OURS] = told.answer()
        return {WORK: done["extract_features"], WHOLE: run.seconds, CPU: run.cpu,
                MEMORY: run.memory}
    return measuring.Contender(OURS, once)


def rival(name, venv, script, folder, found):
    command = [measuring.python_of(venv), "-W", "ignore", measuring.RIVALS / script,
               "rows.parquet", f"{script}.npy"]

    def once():
        run = measuring.Run(command, cwd=folder)
        found[name] = run.answer()
        return {WORK: found[name]["seconds"], WHOLE: run.seconds, CPU: run.cpu, MEMORY: run.memory}
    return measuring.Contender(name, once)


def agreement(found, rivals):
    """Columns that only we have are those of categories never seen, which are all 0 here."""
    ours = found[OURS]["columns"]
    for name in rivals:
        theirs = found[name]["columns"]
        for column, values in theirs.items():
            if column not in ours or max(abs(a - b) for a, b in zip(values, ours[column])) > 1e-5:
                raise measuring.Failed(f"{column}: {ours.get(column)}, {name} has {values}")
        empty = [c for c in ours if c not in theirs]
        if any(ours[column] != [0, 0] for column in empty):
            raise measuring.Failed(f"{name} lacks some of {empty}")
        if found[name]["rows"] != found[OURS]["rows"]:
            raise measuring.Failed(f"{name} made {found[name]['rows']} rows")
    return f"all agree on {len(ours)} columns of {found[OURS]['rows']:,} rows"


def main(rows, runs, without):
    found = {}
    with tempfile.TemporaryDirectory() as temp:
        folder = Path(temp)
        prepare(folder, rows)
        contenders = [kingpost(folder, found)]
        for name, venv, script in ((SKLEARN, "clients", "features_sklearn.py"),
                                   (POLARS, "bench", "features_polars.py")):
            if name not in without:
                contenders.append(rival(name, venv, script, folder, found))
        before = measuring.load()
        measuring.in_turn(contenders, runs)
    goals = measuring.Goals()
    compared = measuring.ratios(contenders, WORK)
    for name, least in ((SKLEARN, 5), (POLARS, 1)):
        if name in compared:
            ratio = compared[name]["median"]
            goals.want(f"{least} times as fast as {name}", ratio, "x", ratio >= least)
    measuring.finish(f"featurize_{rows}", contenders, [WORK, WHOLE, CPU, MEMORY], goals, before,
                     agreement(found, [each.name for each in contenders[1:]]), runs)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=5, help="counted runs of each program")
    parser.add_argument("--without", action="append", default=[], help="leave this rival out")
    options = parser.parse_args()
    main(options.rows, options.runs, options.without)
