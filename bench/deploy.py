#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What forwarding costs: the model and the requests of serving.py, asked of kingpost-serve itself and
of a deployment with one kingpost-serve behind it, each alone on the machine."""

import argparse
import json
import types

import measuring
import serving

DIRECT, DEPLOYED = serving.OURS, "kingpost deploy"
MEASURES = ("requests a second", "server CPU us")


class Deployment(serving.Server):
    """A deployment's supervisor and the process behind it."""

    def __init__(self, folder, port):
        self.folder = folder
        self.log = folder / ".kingpost/deployments/model/log"
        self.command("deploy", f"model/1={serving.MADE / 'model.onnx'}", "--http", str(port))
        status = json.loads(self.command("deploy", "status", "--json"))
        self.process = types.SimpleNamespace(pid=status["process"], poll=lambda: None)

    def command(self, *words):
        return measuring.Run([measuring.kingpost(), *words], cwd=self.folder,
                             env={"OMP_NUM_THREADS": "1"}).text

    def end(self):
        self.command("deploy", "stop")


def median(table, key, name, measure):
    return serving.median_of(table[key][name], measure)


def print_ratios(table):
    """Of the deployment to kingpost-serve itself, and what a request takes more."""
    goals = measuring.Goals()
    for key in [each for each in table if each != "start" and each[0] > 0]:
        rate, cpu = (median(table, key, DEPLOYED, each) / median(table, key, DIRECT, each)
                     for each in MEASURES)
        more = (median(table, key, DEPLOYED, MEASURES[1])
                - median(table, key, DIRECT, MEASURES[1]))
        print(f"{key[0]:>4} rows at {key[1]:>2}: {rate:5.2f} of the requests a second, "
              f"{cpu:5.2f} of the processor time, {more:7.1f} us more")
        if key[1] > 1:
            goals.want(f"half of what kingpost-serve answers, {key[0]} rows at {key[1]}", rate, "x",
                       rate >= 0.5)
    goals.print()
    return goals


def main(options):
    serving.SERVERS[DEPLOYED] = (Deployment, *serving.SERVERS[DIRECT][1:])
    expected = serving.made()
    table = {}
    before = measuring.load()
    for _ in range(options.runs):
        for name in (DIRECT, DEPLOYED):
            print(f"{name} ...", flush=True)
            serving.measure(name, options, expected, table)
    serving.print_table(table)
    goals = print_ratios(table)
    serving.save("deploy", options, table, goals, before)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    serving.add_options(parser)
    main(parser.parse_args())
