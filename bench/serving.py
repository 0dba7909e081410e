#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""One and a hundred rows of the same LightGBM model over HTTP, at 1, 8 and 64 connections: kingpost
serve beside MLServer, BentoML, MLflow's scoring server and Triton, each alone on the machine."""

import argparse
import contextlib
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import measuring

HERE = measuring.RIVALS / "serving"
MADE = measuring.DATA / "serving"
OURS, OURS_BINARY, OURS_GRPC, TRITON, TRITON_BINARY = (
    "kingpost-serve", "kingpost-serve, binary", "kingpost-serve, gRPC", "Triton", "Triton, binary")
PYTHONS = ("MLServer", "BentoML", "MLflow")
START_SECONDS = 120


def made():
    """The model and the bodies, made once."""
    if shutil.which("wrk") is None:
        raise measuring.Failed("wrk is missing: apt-get install wrk")
    if not MADE.exists():
        MADE.parent.mkdir(parents=True, exist_ok=True)
        fresh = MADE.with_suffix(".making")
        shutil.rmtree(fresh, ignore_errors=True)
        measuring.Run([measuring.python_of("mlflow"), "-W", "ignore", HERE / "make_model.py",
                       fresh])
        fresh.rename(MADE)
    return json.loads((MADE / "expected.json").read_text())


class Server:
    """A started program with all of its children."""

    def __init__(self, command, folder, env=None):
        self.log = Path(folder) / "log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                list(map(str, command)), cwd=folder, stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, start_new_session=True,
                env={**os.environ, "OMP_NUM_THREADS": "1", "DO_NOT_TRACK": "1", **(env or {})})

    def processes(self):
        """It and all that it started, sessions of their own included."""
        parents = {}
        for path in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                fields = path.read_text().rpartition(") ")[2].split()
                parents[int(path.parent.name)] = fields
        wanted = {self.process.pid}
        while more := {pid for pid, fields in parents.items()
                       if int(fields[1]) in wanted and pid not in wanted}:
            wanted |= more
        return [(pid, parents[pid]) for pid in wanted if pid in parents]

    def cpu_seconds(self):
        ticks = sum(int(f[11]) + int(f[12]) + int(f[13]) + int(f[14]) for _, f in self.processes())
        return ticks / os.sysconf("SC_CLK_TCK")

    def memory(self):
        pages = sum(int(fields[21]) for _, fields in self.processes())
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def end(self):
        started = [pid for pid, _ in self.processes()]
        for kind in (signal.SIGTERM, signal.SIGKILL):
            if self.process.poll() is None:
                os.killpg(self.process.pid, kind)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                continue
        # What it left behind.
        for pid in started:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def kingpost_server(folder, port):
    program = Path(measuring.kingpost()).parent / "kingpost-serve"
    return Server([program, "--model", f"model={MADE / 'model.onnx'}", "--http", port, "--grpc",
                   port + 1, "--drain", "0"], folder)


def mlserver(folder, port):
    (folder / "model").mkdir()
    shutil.copy(MADE / "model.bst", folder / "model")
    (folder / "settings.json").write_text(json.dumps(
        {"host": "127.0.0.1", "http_port": port, "grpc_port": port + 1, "metrics_port": port + 2,
         "parallel_workers": 0, "debug": False}))
    (folder / "model/model-settings.json").write_text(json.dumps(
        {"name": "model", "implementation": "mlserver_lightgbm.LightGBMModel",
         "parameters": {"uri": "./model.bst", "version": "1"}}))
    return Server([bin_of("mlserver", "mlserver"), "start", folder], folder)


def bentoml(folder, port):
    shutil.copy(HERE / "bento_service.py", folder)
    return Server([bin_of("bentoml", "bentoml"), "serve", "bento_service:Model", "--host",
                   "127.0.0.1", "--port", port, "--working-dir", folder], folder,
                  {"MODEL": str(MADE / "model.onnx"), "BENTOML_DO_NOT_TRACK": "True",
                   "PATH": f"{bin_of('bentoml', '')}:{os.environ['PATH']}"})


def mlflow(folder, port):
    return Server([bin_of("mlflow", "mlflow"), "models", "serve", "-m", MADE / "mlflow", "-h",
                   "127.0.0.1", "-p", port, "--env-manager", "local"], folder,
                  {"MLFLOW_DISABLE_TELEMETRY": "true",
                   "PATH": f"{bin_of('mlflow', '')}:{os.environ['PATH']}"})


def triton(folder, port):
    python = measuring.python_of("triton")
    site = Path(measuring.Run([python, "-c", "import sysconfig, json; "
                               "print(json.dumps(sysconfig.get_paths()['purelib']))"]).answer())
    version = measuring.Run([python, "-c", "import sys; print('\"%d.%d\"' % sys.version_info[:2])"]
                            ).answer()
    server = site / "pytriton/tritonserver"
    backends = folder / "backends"
    shutil.copytree(server / "backends/python", backends / "python")
    stub = "triton_python_backend_stub"
    shutil.copy(server / "python_backend_stubs" / version / stub, backends / "python" / stub)
    model = folder / "models/model"
    (model / "1").mkdir(parents=True)
    shutil.copy(HERE / "triton_config.pbtxt", model / "config.pbtxt")
    shutil.copy(HERE / "triton_model.py", model / "1/model.py")
    for program in (server / "bin/tritonserver", backends / "python" / stub):
        program.chmod(0o755)
    return Server([server / "bin/tritonserver", f"--model-repository={folder / 'models'}",
                   f"--backend-directory={backends}", "--http-address", "127.0.0.1", "--http-port",
                   port, "--allow-grpc=false", "--allow-metrics=false"], folder,
                  {"LD_LIBRARY_PATH": str(site / "nvidia_pytriton.libs"), "SITE": str(site),
                   "MODEL": str(MADE / "model.onnx"),
                   "PATH": f"{Path(python).parent}:{os.environ['PATH']}"})


def bin_of(venv, program):
    return str(Path(measuring.python_of(venv)).parent / program).rstrip("/")


def second_column(values):
    return values[1::2]


V2 = "v2/models/model/infer"
SERVERS = {
    # name: start, path, body, and how its answer becomes probabilities
    OURS: (kingpost_server, V2, "v2_{}.json", lambda a: second_column(a["outputs"][0]["data"])),
    OURS_BINARY: (kingpost_server, V2, "v2_{}.bin", None),
    OURS_GRPC: (kingpost_server, V2, "v2_{}.bin", None),
    TRITON: (triton, V2, "v2_{}.json", lambda a: second_column(a["outputs"][0]["data"])),
    TRITON_BINARY: (triton, V2, "v2_{}.bin", None),
    "MLServer": (mlserver, V2, "v2_all_{}.json", lambda a: a["outputs"][0]["data"]),
    "BentoML": (bentoml, "predict", "rows_{}.json", lambda a: a),
    "MLflow": (mlflow, "invocations", "split_{}.json", lambda a: a["predictions"]),
}
# Those that are loaded by gRPC, at the port behind that of HTTP.
BY_GRPC = {OURS_GRPC}


def headers_of(body):
    if body.suffix == ".json":
        return {"Content-Type": "application/json"}
    return {"Content-Type": "application/octet-stream",
            "Inference-Header-Content-Length": Path(f"{body}.head").read_text()}


def wait_and_ask(name, server, url, body, read, expected):
    """Waits until it answers, and holds its answer against LightGBM's own."""
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            request = urllib.request.Request(url, body.read_bytes(), headers_of(body))
            answer = urllib.request.urlopen(request, timeout=30).read()
            break
        except (OSError, urllib.error.URLError) as error:
            if time.monotonic() > until or server.process.poll() is not None:
                raise measuring.Failed(f"{name} does not answer: {error}\n"
                                       f"{server.log.read_text()[-3000:]}") from None
            time.sleep(0.2)
    if read is None:
        return
    hold_against(name, read(json.loads(answer)), expected)


def hold_against(name, found, expected):
    if len(found) != len(expected) or any(abs(a - b) > 1e-4 for a, b in zip(found, expected)):
        raise measuring.Failed(f"{name} answers {found[:3]}, LightGBM {expected[:3]}")


def pressed(name, server, url, body, connections, seconds):
    sent = [] if body is None else [body, *(f"{key}: {value}"
                                            for key, value in headers_of(body).items())]

    def wrk(duration):
        command = ["wrk", "-t1", f"-c{connections}", f"-d{duration}s", "--timeout", "10s",
                   "--latency", "-s", HERE / "post.lua", url, "--", *sent]
        return measuring.Run(command).answer()
    wrk(1)
    before = server.cpu_seconds()
    out = wrk(seconds)
    used = server.cpu_seconds() - before
    if out["refused"] or out["broken"]:
        raise measuring.Failed(f"{name} at {connections} connections: {out}")
    return {"requests a second": out["requests"] / out["seconds"], "p50 ms": out["p50_us"] / 1000,
            "p99 ms": out["p99_us"] / 1000, "server CPU us": used / out["requests"] * 1e6}


def as_message(name, port, body, folder, expected):
    """The file of the gRPC message of a body, once its answer was held against LightGBM's own."""
    out = folder / f"{body.name}.grpc"
    python = measuring.python_of("tritonclient")
    hold_against(name, measuring.Run([python, HERE / "grpc_call.py", str(port), body, out]).answer(),
                 expected)
    return out


def infers_of(port):
    """Inferences that had an answer, by the server's own count: h2load does not look at the status
    of a call."""
    text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30).read().decode()
    return sum(float(line.rpartition(" ")[2]) for line in text.splitlines()
               if line.startswith("nv_inference_request_success{"))


def pressed_by_grpc(name, server, port, message, connections, seconds):
    def h2load(duration):
        log = message.with_suffix(".log")
        log.unlink(missing_ok=True)
        command = ["h2load", "-t1", f"-c{connections}", "-m1", f"-D{duration}", "-p", "h2c",
                   f"--log-file={log}", "-d", message, "-H", "content-type: application/grpc",
                   "-H", "te: trailers",
                   f"http://127.0.0.1:{port + 1}/inference.GRPCInferenceService/ModelInfer"]
        measuring.Run(command)
        return [line.split() for line in log.read_text().splitlines()]
    h2load(1)
    before, infers = server.cpu_seconds(), infers_of(port)
    calls = h2load(seconds)
    used, infers = server.cpu_seconds() - before, infers_of(port) - infers
    if any(status != "200" for _, status, _ in calls) or infers < len(calls):
        raise measuring.Failed(f"{name} at {connections} connections: {infers} answers to "
                               f"{len(calls)} calls")
    times = sorted(int(micros) for _, _, micros in calls)
    return {"requests a second": len(calls) / seconds, "p50 ms": times[len(times) // 2] / 1000,
            "p99 ms": times[len(times) * 99 // 100] / 1000,
            "server CPU us": used / len(calls) * 1e6}


def measure(name, options, expected, table):
    start, path, form, read = SERVERS[name]
    with tempfile.TemporaryDirectory() as temp:
        folder = Path(temp)
        begun = time.monotonic()
        server = start(folder, options.port)
        try:
            url = f"http://127.0.0.1:{options.port}/{path}"
            for rows in (1, 100):
                body = MADE / form.format(rows)
                wait_and_ask(name, server, url, body, read, expected[str(rows)])
                if rows == 1:
                    ready = time.monotonic() - begun
                press, place = pressed, url
                if name in BY_GRPC:
                    press, place = pressed_by_grpc, options.port
                    body = as_message(name, options.port + 1, body, folder, expected[str(rows)])
                for connections in options.connections:
                    table.setdefault((rows, connections), {}).setdefault(name, []).append(
                        press(name, server, place, body, connections, options.seconds))
            if name == OURS:
                url = f"http://127.0.0.1:{options.port}/v2/health/live"
                for connections in options.connections:
                    table.setdefault((0, connections), {}).setdefault(name, []).append(
                        pressed(name, server, url, None, connections, options.seconds))
            table.setdefault("start", {}).setdefault(name, []).append(
                {"seconds to the first answer": ready, "memory MB": server.memory()})
        finally:
            server.end()


def median_of(runs, measure_name):
    return statistics.median(run[measure_name] for run in runs)


def print_table(table):
    for key, servers in table.items():
        title = "start and memory" if key == "start" else (
            f"{key[0] or 'no'} row{'s' if key[0] != 1 else ''}, {key[1]} connection"
            f"{'s' if key[1] > 1 else ''}")
        measures = list(next(iter(servers.values()))[0])
        print(f"{title:28}" + "".join(f"{each:>28}" for each in measures))
        for name, runs in servers.items():
            print(f"  {name:26}" + "".join(f"{median_of(runs, each):>28,.2f}"
                                            for each in measures))


def rate(table, key, name):
    return median_of(table[key][name], "requests a second")


def goals_of(table, names):
    goals = measuring.Goals()
    for key in [each for each in table if each != "start" and each[0] > 0]:
        where = f"{key[0]} rows at {key[1]}" if key[0] > 1 else f"one row at {key[1]}"
        for other in [each for each in PYTHONS if each in names and OURS in names]:
            ours, most = rate(table, key, OURS), rate(table, (0, key[1]), OURS)
            ratio = ours / rate(table, key, other)
            goals.want(f"20 times {other}, {where} (asked for nothing: "
                       f"{most / rate(table, key, other):.1f})", ratio, "x", ratio >= 20)
        for mine, other in ((OURS, TRITON), (OURS_BINARY, TRITON_BINARY)):
            if other in names and mine in names:
                ratio = rate(table, key, mine) / rate(table, key, other)
                goals.want(f"2 times {other}, {where}", ratio, "x", ratio >= 2)
    for connections in (8, 64):
        key = (1, connections)
        if key in table and OURS in names:
            cpu = median_of(table[key][OURS], "server CPU us")
            goals.want(f"25 us of processor time, one row at {connections}", cpu, "us", cpu <= 25)
    for name in (OURS, OURS_GRPC):
        if (1, 8) in table and name in names:
            ours = rate(table, (1, 8), name)
            goals.want(f"40,000 requests a second of {name}, one row at 8", ours, "/s",
                       ours >= 40_000)
    return goals


def add_options(parser):
    parser.add_argument("--runs", type=int, default=1, help="rounds over all servers")
    parser.add_argument("--seconds", type=int, default=5, help="of load for each figure")
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 8, 64])
    parser.add_argument("--port", type=int, default=18200)


def main(options):
    expected = made()
    names = [name for name in SERVERS
             if not options.only or any(re.search(each, name, re.I) for each in options.only)]
    table = {}
    before = measuring.load()
    for _ in range(options.runs):
        for name in names:
            print(f"{name} ...", flush=True)
            measure(name, options, expected, table)
    print_table(table)
    goals = goals_of(table, names)
    goals.print()
    save("serving", options, table, goals, before)


def save(name, options, table, goals, before):
    host = measuring.machine()
    print(f"{options.runs} rounds; {host['processors']} processors; load {before} before, "
          f"{measuring.load()} after")
    measuring.RESULTS.mkdir(parents=True, exist_ok=True)
    path = measuring.RESULTS / f"{name}.json"
    values = {str(key): value for key, value in table.items()}
    path.write_text(json.dumps({"name": name, "machine": host, "load_before": before,
                                "goals": goals.all, "values": values}, indent=2) + "\n")
    print(f"all figures: {path.relative_to(measuring.ROOT)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    add_options(parser)
    parser.add_argument("--only", nargs="+", help="words in the names of servers")
    main(parser.parse_args())
