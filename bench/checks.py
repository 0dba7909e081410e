#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""44 checks over 20 columns: Kingpost's validate_data beside Great Expectations, pandera and one
bare DuckDB scan with the same predicates, over the same Parquet file."""

import argparse
import json
import tempfile
from pathlib import Path

import check_list
import measuring

OURS, BARE = "kingpost validate_data", "bare DuckDB scan"
GREAT, PANDERA = "Great Expectations", "pandera"
WORK, WHOLE, CPU, MEMORY = "the checks", "whole process", "processor time", "peak MB"
STEP = "validate_data"


def write_pipeline(folder, file, checks):
    """Warnings only: the rivals look at every check to its end, so nothing may end the run."""
    warned = [{**check, "severity": "warning"} for check in checks]
    pipeline = {"version": 1, "project": "checks", "ingest": {"rows": {"path": str(file)}},
                STEP: {"rows": warned},
                "curate": {"spine": "rows",
                           "target": {"name": "high", "type": "binary", "expr": "price > 500"}}}
    # JSON is YAML.
    (folder / "checks.yaml").write_text(json.dumps(pipeline, indent=1))


def failing(check):
    """Failing rows; 1 or 0 where a check looks at no row."""
    return check["unexpected"] if "unexpected" in check else int(check["verdict"] != "passed")


def kingpost(folder, counts):
    command = [measuring.kingpost(), "run", "checks.yaml", "--to", STEP, "--json"]
    measuring.Run(command, cwd=folder)

    def once():
        run = measuring.Run([*command, "--force", STEP], cwd=folder)
        done = [each for each in run.events() if each["event"] == "done"]
        if [each["step"] for each in done] != [STEP]:
            raise measuring.Failed(f"other steps ran too: {done}")
        return {WORK: done[0]["seconds"], WHOLE: run.seconds, CPU: run.cpu, MEMORY: run.memory}

    report = measuring.Run([measuring.kingpost(), "data", "report", STEP, "-f", "checks.yaml"],
                           cwd=folder)
    counts[OURS] = [failing(check)
                    for check in json.loads(report.text)["tables"]["rows"]["checks"]]
    return measuring.Contender(OURS, once)


def rival(name, script, file, rows, counts):
    command = [measuring.python_of("clients"), measuring.RIVALS / script, str(file), str(rows)]

    def once():
        run = measuring.Run(command, env={"GX_ANALYTICS_ENABLED": "false"})
        answer = run.answer()
        counts[name] = answer["counts"]
        return {WORK: answer["seconds"], WHOLE: run.seconds, CPU: run.cpu, MEMORY: run.memory}
    return measuring.Contender(name, once)


def agreement(checks, counts):
    wrong = []
    for number, check in enumerate(checks):
        found = {name: each[number] for name, each in counts.items()}
        if len(set(found.values())) > 1:
            wrong.append(f"{check_list.label(check)}: {found}")
    if wrong:
        raise measuring.Failed("the failing rows differ:\n" + "\n".join(wrong))
    some = next(iter(counts.values()))
    return (f"all {len(counts)} programs agree on all {len(checks)} checks: "
            f"{sum(count > 0 for count in some)} fail, {sum(some):,} failures in all")


def judge(contenders):
    goals = measuring.Goals()
    time = measuring.ratios(contenders, WORK)
    memory = measuring.ratios(contenders, MEMORY)
    for name, wanted in ((GREAT, 6), (PANDERA, 2)):
        if name in time:
            ratio = time[name]["median"]
            goals.want(f"{wanted} times as fast as {name}", ratio, "x", ratio >= wanted)
    bare = 1 / time[BARE]["median"]
    goals.want("at most 1.3 times the bare scan", bare, "x", bare <= 1.3)
    for name in (GREAT, PANDERA):
        if name in memory:
            share = 1 / memory[name]["median"]
            goals.want(f"at most a tenth of the memory of {name}", share, "of it", share <= 0.1)
    return goals


def main(rows, runs, without):
    checks = check_list.checks(rows)
    file = measuring.made_rows(rows)
    rivals = [(BARE, "checks_duckdb.py"), (PANDERA, "checks_pandera.py"),
              (GREAT, "checks_great_expectations.py")]
    counts = {}
    with tempfile.TemporaryDirectory() as temp:
        folder = Path(temp)
        write_pipeline(folder, file, checks)
        contenders = [kingpost(folder, counts)]
        contenders += [rival(name, script, file, rows, counts)
                       for name, script in rivals if name not in without]
        before = measuring.load()
        measuring.in_turn(contenders, runs)
    agree = agreement(checks, counts)
    measuring.finish(f"checks_{rows}", contenders, [WORK, WHOLE, CPU, MEMORY], judge(contenders),
                     before, agree, runs)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="e.g. 10000000")
    parser.add_argument("--runs", type=int, default=5, help="counted runs of each program")
    parser.add_argument("--without", action="append", default=[], choices=[PANDERA, GREAT],
                        help="leave a rival out, for one that does not fit the memory")
    arguments = parser.parse_args()
    main(arguments.rows, arguments.runs, arguments.without)
