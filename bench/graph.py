#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The graphs of the flights example in process, on one thread: by Kingpost's columns, and by ONNX
Runtime alone. A row alone, a hundred, and 5,120."""

import argparse
import tempfile
from pathlib import Path

import measuring
from flights import DATA

OURS, RUNTIME = "kingpost's columns", "onnxruntime"
MODELS = {"flight_delay": "flights_delay", "flight_late": "flights_late"}
GOAL = 60e-6


def prepare(folder):
    for name in ("flights", *MODELS.values()):
        text = (measuring.ROOT / "examples/flights" / f"{name}.yaml").read_text()
        (folder / f"{name}.yaml").write_text(text.replace("../../.deps/data/flights", str(DATA)))
    for model, name in MODELS.items():
        file = ("-f", f"{name}.yaml")
        for words in (("run", f"{name}.yaml"), ("package", model, "--model", model, *file),
                      ("data", "export", "training@curate", f"{model}.parquet", *file)):
            measuring.Run([measuring.kingpost(), *words], cwd=folder)


class Turn:
    """One run of the program times both: each contender takes its half."""

    def __init__(self, folder):
        self.folder = folder
        self.values = {}

    def ours(self):
        program = Path(measuring.kingpost()).parent / "kingpost_bench_graph"
        for model in MODELS:
            run = measuring.Run([program, f"{model}/model.onnx", f"{model}.parquet"],
                                cwd=self.folder)
            for key, seconds in run.answer().items():
                engine, rows = key.split()
                self.values.setdefault(engine, {})[f"{model}, {int(rows):,} rows"] = seconds
        return self.values["columns"]

    def theirs(self):
        return self.values["runtime"]


def main(runs):
    with tempfile.TemporaryDirectory() as temp:
        prepare(Path(temp))
        turn = Turn(Path(temp))
        contenders = [measuring.Contender(OURS, turn.ours),
                      measuring.Contender(RUNTIME, turn.theirs)]
        before = measuring.load()
        measuring.in_turn(contenders, runs)
    measures = list(turn.values["columns"])
    goals = measuring.Goals()
    one = contenders[0].median("flight_delay, 1 rows")
    goals.want("one row through the flights graph in 60 us", one * 1e6, "us", one <= GOAL)
    for measure in measures:
        ratio = measuring.ratios(contenders, measure)[RUNTIME]["median"]
        goals.want(f"not slower than onnxruntime ({measure})", ratio, "x", ratio >= 1)
    measuring.finish("graph", contenders, measures, goals, before,
                     "the answers' bits are compared by program_test.cpp", runs)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7, help="counted runs")
    main(parser.parse_args().runs)
