#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Many clients, each request with rows of its own: every answer must be that of its request, and
the server's memory must stay as it is. Beside them clients that behave badly.

    make soak                                        a million requests of 64 clients
    python3 tests/soak/serve_soak.py --requests 20000
"""

import argparse
import asyncio
import json
import multiprocessing
import random
import socket
import struct
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import onnx_files  # noqa: E402
from serving import Served  # noqa: E402

WIDTH = 3


def body_of(values):
    tensor = {"name": "x", "shape": [len(values) // WIDTH, WIDTH], "datatype": "FP32",
              "data": values}
    return json.dumps({"inputs": [tensor]}).encode()


def is_right(answer, values):
    """The model gives back what it gets, rounded to float32."""
    data = json.loads(answer)["outputs"][0]["data"]
    return struct.pack(f"{len(data)}f", *data) == struct.pack(f"{len(values)}f", *values)


async def client(port, number, requests, faults):
    chance = random.Random(number)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for i in range(requests):
        # Of no two requests are the values the same.
        rows = 1 if i % 10 else chance.randint(1, 20)
        values = [number * 1000 + chance.random() for _ in range(rows * WIDTH)]
        body = body_of(values)
        writer.write(b"POST /v2/models/echo/infer HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
                     % len(body) + body)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        answer = await reader.readexactly(length)
        if b" 200 " not in head[:20] or not is_right(answer, values):
            faults.append((number, i, head[:60], answer[:200]))
    writer.close()


def process(port, numbers, requests, told):
    faults = []

    async def all_of_them():
        await asyncio.gather(*[client(port, each, requests, faults) for each in numbers])
    asyncio.run(all_of_them())
    told.put(faults)


def memory_mb(served):
    for line in Path(f"/proc/{served.process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError("the server is gone")


def misbehave(port, stop):
    """Slow heads, halves of bodies, lies about lengths, resets amid an answer."""
    chance = random.Random(1)
    post = b"POST /v2/models/echo/infer HTTP/1.1\r\nHost: x\r\n"
    held = []
    while not stop.is_set():
        try:
            each = socket.create_connection(("127.0.0.1", port), timeout=5)
        except OSError:
            continue
        kind = chance.randrange(6)
        try:
            if kind == 0:
                each.sendall(post[:chance.randrange(1, len(post))])
            elif kind == 1:
                each.sendall(post + b"Content-Length: 2000000000\r\n\r\n" + b"x" * 1000)
            elif kind == 2:
                each.sendall(post + b"Content-Length: 500\r\n\r\n{")
            elif kind == 3:
                each.sendall(post + b"Content-Length: 100000\r\n\r\n" + b"[" * 100000)
            elif kind == 4:
                body = body_of([1.5] * WIDTH * 500)
                each.sendall(post + b"Content-Length: %d\r\n\r\n" % len(body) + body)
                each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                each.close()
                continue
            else:
                each.sendall(bytes(chance.randrange(256) for _ in range(200)))
        except OSError:
            pass
        held.append(each)
        if len(held) > 200:
            held.pop(0).close()
        time.sleep(0.002)


def crowd(port, count):
    """So many connections at once, of which each tenth is used; how many were answered."""
    import resource
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    count = min(count, hard - 200)
    sockets = [socket.create_connection(("127.0.0.1", port), timeout=30) for _ in range(count)]
    answered = 0
    for each in sockets[::10]:
        each.sendall(b"GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        answered += b" 200 " in each.recv(4096)
    for each in sockets:
        each.close()
    return count, answered


def main(options):
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "echo.onnx"
        model.write_bytes(onnx_files.identity("x", [None, WIDTH]))
        served = Served("--model", f"echo={model}", "--batch-delay", "200us")
        try:
            return run(options, served)
        finally:
            served.end()


def run(options, served):
    each = options.requests // options.clients
    told, stop = multiprocessing.Queue(), multiprocessing.Event()
    bad = multiprocessing.Process(target=misbehave, args=(served.port, stop))
    bad.start()
    half = options.clients // 2
    workers = [multiprocessing.Process(target=process, args=(served.port, numbers, each, told))
               for numbers in (range(half), range(half, options.clients))]
    begun = time.monotonic()
    for worker in workers:
        worker.start()
    memories = []
    while any(worker.is_alive() for worker in workers):
        memories.append(memory_mb(served))
        if not told.empty() and told.qsize() == len(workers):
            break
        time.sleep(1)
    faults = [fault for _ in workers for fault in told.get(timeout=60)]
    for worker in workers:
        worker.join()
    seconds = time.monotonic() - begun
    stop.set()
    bad.join()
    count, answered = crowd(served.port, options.connections)
    settled = memories[len(memories) // 4:] or memories
    growth = settled[-1] - settled[0]
    print(f"{each * options.clients:,} requests of {options.clients} clients in {seconds:.0f} s, "
          f"{len(faults)} of them not answered as asked")
    print(f"memory: {settled[0]:.1f} MB after a quarter of the time, {settled[-1]:.1f} MB at the "
          f"end, {max(memories):.1f} MB at most")
    print(f"{count:,} connections at once: {answered:,} of {len(range(0, count, 10)):,} asked "
          f"on them were answered; memory then {memory_mb(served):.1f} MB")
    for fault in faults[:5]:
        print(fault)
    # Shorter runs only warm it up.
    is_flat = growth < 5 or seconds < 20
    fine = not faults and answered == len(range(0, count, 10)) and is_flat
    print("fine" if fine else "NOT fine")
    return 0 if fine else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--connections", type=int, default=10_000)
    sys.exit(main(parser.parse_args()))
