# SPDX-License-Identifier: Apache-2.0
"""A small made project for tests that run the program: three tables through steps 1 to 5, with an
as-of join. Equal seeds give equal bytes."""

import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KINGPOST = os.environ.get("KINGPOST", str(ROOT / "build/dev/kingpost"))
STEPS = ["ingest", "validate_data", "clean", "standardise", "curate"]
SECONDS = 120

PIPELINE = """\
# Was a sale paid in full? Predicted two hours ahead.
version: 1
project: made
vars: {now: "2024-03-01T00:00:00Z"}
engine: {type: duckdb, memory: 1GB, threads: 2}

ingest:
  sales:
    path: sales.csv
    key: [sale]
    nulls: ["", NA]
    types: {sold: timestamp_utc, paid: float64}
    known_at: [{columns: [paid], column: sold, after: 24h}]
    freshness: {column: sold, warn_after: 400d}
  weather:
    path: weather.csv
    key: [shop, seen]
    nulls: ["", NA]
    types: {seen: timestamp_utc, temp: float64, wind: float64}
    known_at: [{columns: [temp, wind], column: seen, after: 1h}]
  shops: {path: shops.csv, key: [shop], static: true}

validate_data:
  sales:
    - {check: unique, columns: [sale], severity: critical}
    - {check: between, column: paid, min: 0, max: 900, on_fail: quarantine}
    - {check: sql, name: early, file: early.sql, severity: warning}
  shops:
    - {check: unique, columns: [shop]}

clean:
  sales: [{rule: drop_duplicates, by: key}]
  weather: [{rule: set_null, column: wind, where: "wind > 150"}]

standardise:
  weather: {units: {temp: {from: degF, to: degC}}}
  shops: {text: {city: [trim, upper]}}

curate:
  spine: sales
  predict_at: {column: sold, offset: -2h}
  joins:
    - {table: weather, match: {shop: shop}, asof: seen, ttl: 6h, take: [temp, wind]}
    - {table: shops, match: {shop: shop}, take: [city, size]}
  split: {type: random, validation: 0.2, test: 0.2, seed: 13}
  target: {name: full, type: binary, expr: "paid > 50"}
"""


def make_tables(folder, rows=400):
    """Writes the three CSV files and the SQL file that the pipeline file names."""
    chance = random.Random(7)
    start = datetime(2024, 1, 1)
    shops = [f"s{i}" for i in range(8)]
    with open(folder / "sales.csv", "w", encoding="utf-8") as file:
        file.write("sale,shop,sold,items,paid\n")
        for sale in range(rows):
            at = start + timedelta(minutes=chance.randrange(60 * 24 * 20))
            paid = "NA" if chance.random() < 0.02 else f"{chance.uniform(0, 1000):.2f}"
            file.write(f"{sale},{chance.choice(shops)},{at:%Y-%m-%dT%H:%M:%SZ},"
                       f"{chance.randrange(1, 9)},{paid}\n")
    with open(folder / "weather.csv", "w", encoding="utf-8") as file:
        file.write("shop,seen,temp,wind\n")
        for shop in shops:
            for hour in range(0, 24 * 20, 3):
                wind = 1000 if chance.random() < 0.01 else chance.randrange(0, 60)
                file.write(f"{shop},{start + timedelta(hours=hour):%Y-%m-%dT%H:%M:%SZ},"
                           f"{chance.uniform(10, 90):.1f},{wind}\n")
    with open(folder / "shops.csv", "w", encoding="utf-8") as file:
        file.write("shop,city,size\n")
        for shop in shops:
            city = chance.choice(["Bern", "Graz", "Lyon"])
            file.write(f"{shop}, {city} ,{chance.randrange(40, 400)}\n")
    (folder / "early.sql").write_text("SELECT * FROM sales WHERE sold < TIMESTAMP '2023-01-01'\n")


class Done:
    """What a command left: exit status, text, and the events of `run --json`."""

    def __init__(self, code, out, err):
        self.code = code
        self.out = out
        self.err = err

    @property
    def events(self):
        return [json.loads(line) for line in self.out.splitlines() if line.startswith("{")]

    def steps(self, event):
        return [each["step"] for each in self.events if each["event"] == event]

    @property
    def ran(self):
        return self.steps("done")

    @property
    def sealed(self):
        return self.steps("sealed")

    def warnings(self):
        return [each["text"] for each in self.events if each["event"] == "warning"]

    def __str__(self):
        return f"exit {self.code}\n{self.out}{self.err}"


class Project:
    """A folder with the made project; removed by `close`."""

    def __init__(self, pipeline=PIPELINE, rows=400, folder=None):
        self.folder = Path(folder or tempfile.mkdtemp(prefix="kingpost-test-")).resolve()
        self.folder.mkdir(exist_ok=True)
        make_tables(self.folder, rows)
        self.write("made.yaml", pipeline)

    def copy(self):
        """The same project with its store in another folder."""
        other = Project.__new__(Project)
        other.folder = Path(tempfile.mkdtemp(prefix="kingpost-test-")).resolve()
        shutil.copytree(self.folder, other.folder, dirs_exist_ok=True)
        return other

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def store(self):
        return self.folder / ".kingpost"

    @property
    def objects(self):
        return self.store / "objects"

    def write(self, name, text):
        (self.folder / name).write_text(text, encoding="utf-8")

    def read(self, name):
        return (self.folder / name).read_text(encoding="utf-8")

    def replace(self, name, old, new):
        text = self.read(name)
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {name}"
        self.write(name, text.replace(old, new))

    def start(self, *words, env=None, **more):
        """The command as a process of its own."""
        return subprocess.Popen([KINGPOST, *words], cwd=self.folder, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True,
                                env=self.environment(env), **more)

    def command(self, *words, env=None, **more):
        done = subprocess.run([KINGPOST, *words], cwd=self.folder, capture_output=True, text=True,
                              timeout=SECONDS, check=False, env=self.environment(env), **more)
        return Done(done.returncode, done.stdout, done.stderr)

    @staticmethod
    def environment(env):
        return {**os.environ, "TZ": "UTC", "TERM": "dumb", **(env or {})}

    def run(self, *words, env=None, file="made.yaml", **more):
        """The steps of the data, unless the words say another end."""
        if "--to" not in words:
            words = (*words, "--to", STEPS[-1])
        return self.command("run", file, "--json", *words, env=env, **more)

    def why(self, step, *words, env=None):
        done = self.command("why", step, "-f", "made.yaml", *words, env=env)
        assert done.code == 0, str(done)
        return done.out

    def tables(self, file="made.yaml"):
        """{table@step: digest} of all tables, with `current` beside it."""
        done = self.command("data", "list", file, "--json")
        assert done.code == 0, str(done)
        return {f"{each['table']}@{each['step']}": (each["digest"], each["current"])
                for each in json.loads(done.out) if "table" in each}

    def plan(self, file="made.yaml"):
        done = self.command("plan", file, "--json")
        assert done.code == 0, str(done)
        return {each["step"]: each for each in json.loads(done.out)}

    def object_path(self, digest):
        return self.objects / digest[:2] / digest[2:]

    def object_names(self):
        """Digests of all objects there: tables and manifests."""
        return {head.name + each.name for head in self.objects.iterdir() if len(head.name) == 2
                for each in head.iterdir()}

    def leftovers(self):
        """Temporary files."""
        temporary = self.objects / "tmp"
        return sorted(str(path.relative_to(self.objects)) for path in temporary.rglob("*"))


def as_another_user():
    """Root may read and write anything, so tests of rights run as nobody."""
    return {"user": 65534, "group": 65534, "extra_groups": []} if os.getuid() == 0 else {}


def killed(done):
    return done.code == -signal.SIGKILL
