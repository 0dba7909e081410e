#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What forwarding costs, over HTTP and by gRPC: the model and the requests of serving.py, asked of
kingpost-serve itself and of a deployment with one kingpost-serve behind it, each alone on the
machine."""

import argparse
import json
import types

import measuring
import serving

# Asked directly, and through a deployment.
PAIRS = {serving.OURS: "kingpost deploy", serving.OURS_GRPC: "kingpost deploy, gRPC"}
MEASURES = ("requests a second", "server CPU us")


class Deployment(serving.Server):
    """A deployment's supervisor and the process behind it."""

    def __init__(self, folder, port):
        self.folder = folder
        self.log = folder / ".kingpost/deployments/model/log"
        self.command("deploy", f"model/1={serving.MADE / 'model.onnx'}", "--http", str(port),
                     "--grpc", str(port + 1))
        status = json.loads(self.command("deploy", "status", "--json"))
        self.process = types.SimpleNamespace(pid=status["process"], poll=lambda: None)

    def command(self, *words):
        return measuring.Run([measuring.kingpost(), *words], cwd=self.folder,
                             env={"OMP_NUM_THREADS": "1"}).text

    def end(self):
        self.command("deploy", "stop")


def print_ratios(table):
    """Of the deployment to kingpost-serve itself, and what a request takes more."""
    goals = measuring.Goals()
    for key in [each for each in table if each != "start" and each[0] > 0]:
        for direct, deployed in PAIRS.items():
            print_ratio(table[key], key, direct, deployed, goals)
    goals.print()
    return goals


def print_ratio(servers, key, direct, deployed, goals):
    (rate, own_rate), (cpu, own_cpu) = ((serving.median_of(servers[deployed], each),
                                         serving.median_of(servers[direct], each))
                                        for each in MEASURES)
    print(f"{deployed:22} {key[0]:>4} rows at {key[1]:>2}: {rate / own_rate:5.2f} of the requests a "
          f"second, {cpu / own_cpu:5.2f} of the processor time, {cpu - own_cpu:7.1f} us more")
    if key[1] > 1:
        goals.want(f"half of what {direct} answers, {key[0]} rows at {key[1]}", rate / own_rate,
                   "x", rate / own_rate >= 0.5)


def main(options):
    for direct, deployed in PAIRS.items():
        serving.SERVERS[deployed] = (Deployment, *serving.SERVERS[direct][1:])
    serving.BY_GRPC.add(PAIRS[serving.OURS_GRPC])
    expected = serving.made()
    table = {}
    before = measuring.load()
    for _ in range(options.runs):
        for name in [each for pair in PAIRS.items() for each in pair]:
            print(f"{name} ...", flush=True)
            serving.measure(name, options, expected, table)
    serving.print_table(table)
    goals = print_ratios(table)
    serving.save("deploy", options, table, goals, before)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    serving.add_options(parser)
    main(parser.parse_args())
