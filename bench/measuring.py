# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks share: programs run in turn, their time and peak memory, tables, results."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KINGPOST = ROOT / "build/release/kingpost"
DATA = ROOT / ".deps/bench"
RESULTS = ROOT / "bench/results"
RIVALS = ROOT / "bench/rivals"


class Failed(Exception):
    """A program of a benchmark did not do its work, or two of them do not agree."""


def python_of(venv):
    path = ROOT / ".deps/venv" / venv / "bin/python"
    if not path.exists():
        raise Failed(f"{path} is missing: run python3 tools/setup.py --with {venv}")
    return str(path)


def kingpost():
    if not KINGPOST.exists():
        raise Failed(f"{KINGPOST} is missing: run make build")
    return str(KINGPOST)


class Run:
    """One run of a program: wall seconds, peak resident memory in MB, and what it printed."""

    def __init__(self, command, cwd=None, env=None):
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            start = time.perf_counter()
            child = subprocess.Popen(command, cwd=cwd, env={**os.environ, **(env or {})},
                                     stdin=subprocess.DEVNULL, stdout=out, stderr=err)
            _, status, usage = os.wait4(child.pid, 0)
            self.seconds = time.perf_counter() - start
            child.returncode = os.waitstatus_to_exitcode(status)
            out.seek(0)
            err.seek(0)
            self.text = out.read().decode()
            errors = err.read().decode()
        self.memory = usage.ru_maxrss / 1024
        self.cpu = usage.ru_utime + usage.ru_stime
        if child.returncode != 0:
            raise Failed(f"{' '.join(map(str, command))}\nended with {child.returncode}\n"
                         f"{self.text[-2000:]}\n{errors[-4000:]}")

    def answer(self):
        """The JSON value in the last line, which is how the rivals here report."""
        return json.loads(self.text.strip().splitlines()[-1])

    def events(self):
        return [json.loads(line) for line in self.text.splitlines() if line.startswith("{")]


class Contender:
    """A program under measurement: `run` does the work once and gives {measure: value}."""

    def __init__(self, name, run):
        self.name = name
        self.run = run
        self.values = {}

    def once(self, counted):
        for measure, value in self.run().items():
            if counted:
                self.values.setdefault(measure, []).append(value)

    def median(self, measure):
        return statistics.median(self.values[measure])


def in_turn(contenders, runs):
    """One warm-up each, then A B C A B C ..., so that a busy machine is busy for all of them."""
    for turn in range(runs + 1):
        for contender in contenders:
            contender.once(counted=turn > 0)
        print("." if turn else "warm ", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)


def ratios(contenders, measure):
    """Per rival the median over the turns of rival / kingpost; the first contender is Kingpost."""
    first, *others = contenders
    out = {}
    for other in others:
        if measure not in other.values or measure not in first.values:
            continue
        pairs = [b / a for a, b in zip(first.values[measure], other.values[measure])]
        out[other.name] = {"median": statistics.median(pairs), "least": min(pairs),
                           "most": max(pairs)}
    return out


def shown(value, measure):
    if measure.endswith("MB"):
        return f"{value:,.0f} MB"
    if value < 0.001:
        return f"{value * 1e6:,.1f} us"
    return f"{value * 1000:,.1f} ms" if value < 1 else f"{value:,.2f} s"


def print_table(contenders, measures):
    """A line per contender and measure: median, least, most, and how often Kingpost's median."""
    print(f"{'':34} {'median':>11} {'least':>11} {'most':>11} {'x kingpost':>11}")
    for measure in measures:
        print(measure)
        compared = ratios(contenders, measure)
        for each in contenders:
            if measure not in each.values:
                continue
            values = each.values[measure]
            cells = [shown(v, measure) for v in
                     (statistics.median(values), min(values), max(values))]
            ratio = f"{compared[each.name]['median']:.2f}" if each.name in compared else ""
            print(f"  {each.name:32} {cells[0]:>11} {cells[1]:>11} {cells[2]:>11} {ratio:>11}")


class Goals:
    """What a benchmark wants to reach; missing a goal is said, not an error."""

    def __init__(self):
        self.all = []

    def want(self, text, value, unit, met):
        self.all.append({"goal": text, "measured": value, "unit": unit, "met": bool(met)})

    def print(self):
        for each in self.all:
            word = "met   " if each["met"] else "MISSED"
            print(f"{word} {each['goal']}: measured {each['measured']:.3g} {each['unit']}")


def machine():
    model = ""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {"processors": len(os.sched_getaffinity(0)), "model": model,
            "memory_GB": round(pages / 2**30, 1)}


def load():
    return round(os.getloadavg()[0], 2)


def finish(name, contenders, measures, goals, before, agree, runs):
    """Prints the table and the goals and leaves all figures in bench/results/<name>.json."""
    after = load()
    print_table(contenders, measures)
    print(agree)
    goals.print()
    host = machine()
    print(f"{runs} counted runs each; {host['processors']} processors; "
          f"load {before} before, {after} after")
    RESULTS.mkdir(parents=True, exist_ok=True)
    result = {
        "name": name, "runs": runs, "machine": host, "load_before": before, "load_after": after,
        "agree": agree, "goals": goals.all,
        "ratios": {measure: ratios(contenders, measure) for measure in measures},
        "values": {each.name: each.values for each in contenders},
    }
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(result, indent=2) + "\n")
    print(f"all figures: {path.relative_to(ROOT)}")


def made_rows(rows):
    """The table of rivals/make_rows.py, made once."""
    DATA.mkdir(parents=True, exist_ok=True)
    path = DATA / f"rows_{rows}.parquet"
    if not path.exists():
        made = path.with_suffix(".making")
        Run([python_of("clients"), RIVALS / "make_rows.py",
                       str(rows), str(made)])
        made.rename(path)
    return path
