# SPDX-License-Identifier: Apache-2.0
"""Facts of the nycflights13 tables that steps 1 to 5 must get right, each measured on the data."""

import csv
import json
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KINGPOST = os.environ.get("KINGPOST", str(ROOT / "build/release/kingpost"))
DATA = ROOT / ".deps/data/flights"

FACTS = """
version: 1
project: facts
ingest:
  flights:
    path: {data}/flights.csv
    nulls: ["", NA]
    types: {{time_hour: timestamp_utc, flight: string, tailnum: string}}
    freshness: {{column: time_hour, warn_after: 1d}}
  weather:
    path: {data}/weather.csv
    nulls: ["", NA]
    types: {{time_hour: timestamp_utc}}
    freshness: {{column: time_hour, warn_after: 1d}}
  planes: {{path: {data}/planes.csv, nulls: ["", NA]}}
  airports: {{path: {data}/airports.csv, nulls: ["", NA]}}
validate_data:
  flights:
    - {{check: unique, name: key, columns: [time_hour, carrier, flight], severity: warning}}
    - check: unique
      name: obvious_key
      severity: warning
      columns: [year, month, day, carrier, flight]
    - {{check: not_null, name: arr_delay, column: arr_delay, severity: warning}}
    - {{check: not_null, name: dep_time, column: dep_time, severity: warning}}
    - {{check: not_null, name: tailnum, column: tailnum, severity: warning}}
    - check: sql
      name: diverted
      severity: warning
      query: >-
        SELECT * FROM flights WHERE dep_time IS NOT NULL AND arr_delay IS NULL
    - {{check: relationships, name: dest, column: dest, to: airports.faa, severity: warning}}
    - {{check: relationships, name: plane, column: tailnum, to: planes.tailnum, severity: warning}}
    - check: sql
      name: midnight
      severity: warning
      query: >-
        SELECT dep_time FROM flights WHERE dep_time = 2400 UNION ALL SELECT arr_time FROM
        flights WHERE arr_time = 2400
  weather:
    - {{check: unique, name: instant, columns: [origin, time_hour], severity: warning}}
    - {{check: unique, name: local, columns: [origin, year, month, day, hour], severity: warning}}
    - {{check: between, name: wind_speed, column: wind_speed, max: 150, severity: warning}}
    - {{check: not_null, name: wind_gust, column: wind_gust, severity: warning}}
  planes:
    - {{check: not_null, name: year, column: year, severity: warning}}
    - {{check: not_null, name: speed, column: speed, severity: warning}}
curate:
  spine: flights
{curate}
  target: {{name: delay, type: number, expr: arr_delay}}
"""

EXACT = "  joins: [{table: weather, match: {origin: origin, time_hour: time_hour}, take: [temp]}]"
AS_OF = """  predict_at: {column: time_hour}
  joins: [{table: weather, match: {origin: origin}, asof: time_hour, ttl: 6h, take: [temp]}]"""


class Project:
    """A pipeline file in a folder of its own."""

    def __init__(self, text=None, name="facts.yaml"):
        self.folder = tempfile.mkdtemp(prefix="kingpost-")
        self.file = str(Path(self.folder) / name)
        if text is not None:
            Path(self.file).write_text(text)

    def close(self):
        shutil.rmtree(self.folder)

    def call(self, *words):
        done = subprocess.run([KINGPOST, *words], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise AssertionError(f"{words}: {done.stdout}{done.stderr}")
        return done.stdout

    def report(self, step, *more):
        return json.loads(self.call("data", "report", step, "-f", self.file, *more))


class Tables(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.exact = Project(FACTS.format(data=DATA, curate=EXACT))
        cls.exact.call("run", "-q", "--to", "curate", cls.exact.file)
        cls.checks = {
            check["label"]: check
            for table in cls.exact.report("validate_data")["tables"].values()
            for check in table["checks"]
        }
        cls.ingest = cls.exact.report("ingest")["tables"]

    @classmethod
    def tearDownClass(cls):
        cls.exact.close()

    def unexpected(self, name):
        check = self.checks[name]
        return check["observed"] if check["check"] == "sql" else check["unexpected"]

    def test_every_row_came_in(self):
        rows = {name: table["rows"] for name, table in self.ingest.items()}
        self.assertEqual(
            rows, {"flights": 336776, "weather": 26115, "planes": 3322, "airports": 1458})
        for table in self.ingest.values():
            self.assertEqual(table["rows_in"], table["rows"] + table["rejected"])

    def test_obvious_key_is_wrong(self):
        self.assertEqual(self.unexpected("key"), 0)
        self.assertEqual(self.unexpected("obvious_key"), 2 * 24)

    def test_unlabelled_rows(self):
        self.assertEqual(self.unexpected("arr_delay"), 9430)
        self.assertEqual(self.unexpected("dep_time"), 8255)
        self.assertEqual(self.unexpected("diverted"), 1175)
        self.assertEqual(self.exact.report("curate")["unlabelled"], 9430)

    def test_lookups_that_miss(self):
        self.assertEqual(self.unexpected("dest"), 7602)
        self.assertEqual(self.unexpected("tailnum"), 2512)
        self.assertEqual(self.unexpected("plane") + self.unexpected("tailnum"), 52606)

    def test_sparse_columns(self):
        self.assertEqual(self.unexpected("year"), 70)
        self.assertEqual(self.unexpected("speed"), 3299)
        self.assertEqual(self.unexpected("wind_gust"), 20778)

    def test_sensor_error(self):
        self.assertEqual(self.unexpected("wind_speed"), 1)
        self.assertIn("1048", json.dumps(self.checks["wind_speed"]["examples"]))

    def test_daylight_saving_doubles_the_local_key(self):
        self.assertEqual(self.unexpected("instant"), 0)
        self.assertEqual(self.unexpected("local"), 6)
        values = {example["value"] for example in self.checks["local"]["examples"]}
        self.assertEqual(values, {f"{origin}, 2013, 11, 3, 1" for origin in ("EWR", "JFK", "LGA")})

    def test_midnight_is_2400(self):
        self.assertEqual(self.unexpected("midnight"), 179)

    def test_times_are_instants(self):
        types = {column["name"]: column["type"] for column in self.ingest["flights"]["columns"]}
        self.assertEqual(types["time_hour"], "timestamp_utc")
        self.assertEqual(self.ingest["weather"]["newest"], "2013-12-30T23:00:00Z")

    def test_weather_by_exact_key(self):
        self.assertEqual(self.exact.report("curate")["joins"][0]["unmatched"], 1556)

    def test_weather_as_of(self):
        text = FACTS.format(data=DATA, curate=AS_OF)
        text = text.replace(
            "    types: {time_hour: timestamp_utc}\n",
            "    types: {time_hour: timestamp_utc}\n"
            "    known_at: [{columns: [temp], column: time_hour, after: 0h}]\n",
        )
        project = Project(text)
        self.addCleanup(project.close)
        project.call("run", "-q", "--to", "curate", project.file)
        join = project.report("curate")["joins"][0]
        self.assertEqual((join["unmatched"], join["matched"]), (776, 336000))

    def test_names_that_collide(self):
        curate = "  joins: [{table: planes, match: {tailnum: tailnum}, take: [year, seats]}]"
        project = Project(FACTS.format(data=DATA, curate=curate))
        self.addCleanup(project.close)
        done = subprocess.run([KINGPOST, "check", project.file], capture_output=True, text=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn("error[curate.column_collision]: column \"year\"", done.stderr)


class Example(unittest.TestCase):
    """The two targets of examples/flights, which share one store."""

    @classmethod
    def setUpClass(cls):
        cls.project = Project(name="flights_delay.yaml")
        for file in (ROOT / "examples/flights").glob("*.yaml"):
            shutil.copy(file, cls.project.folder)
        cls.late = str(Path(cls.project.folder) / "flights_late.yaml")
        cls.change = ("--set", f"vars.data={DATA}")
        cls.project.call("run", "-q", "--to", "curate", cls.project.file, *cls.change)
        cls.events = [
            json.loads(line)
            for line in cls.project.call(
                "run", "--json", "--to", "curate", cls.late, *cls.change
            ).splitlines()
        ]

    @classmethod
    def tearDownClass(cls):
        cls.project.close()

    def sides(self, *more):
        report = json.loads(
            self.project.call("data", "report", "curate", "-f", self.late, *self.change, *more)
        )
        return report["split"]["sides"]

    def test_second_target_reuses_the_shared_steps(self):
        done = [event["step"] for event in self.events if event["event"] == "done"]
        self.assertEqual(done, ["curate"])

    def test_split_in_new_york_time(self):
        sides = self.sides()
        rows = {side: sides[side]["rows"] for side in sides}
        self.assertEqual(rows, {"train": 244737, "validation": 28618, "test": 53991})
        shares = {side: round(100 * sides[side]["share"], 2) for side in sides}
        self.assertEqual(shares, {"train": 24.25, "validation": 16.77, "test": 24.99})

    def test_split_in_utc(self):
        zone = ("--set", "vars.tz=UTC")
        self.project.call("run", "-q", "--to", "curate", self.late, *self.change, *zone)
        sides = self.sides(*zone)
        rows = {side: sides[side]["rows"] for side in sides}
        self.assertEqual(rows, {"train": 244646, "validation": 28635, "test": 54065})

    def rows(self, table):
        out = str(Path(self.project.folder) / "out.csv")
        self.project.call("data", "export", table, out, "-f", self.project.file, *self.change)
        with open(out, newline="") as file:
            yield from csv.DictReader(file)

    def test_categories_unseen_in_training(self):
        seen = {"tailnum": set(), "dest": set()}
        late = {"tailnum": set(), "dest": set()}
        for table in ("training", "training.unlabelled"):
            for row in self.rows(table):
                month = int(row["month"])
                for column in seen:
                    if month <= 9:
                        seen[column].add(row[column])
                    elif month >= 11:
                        late[column].add(row[column])
        self.assertEqual(late["dest"] - seen["dest"], {"LEX"})
        self.assertEqual(len(late["tailnum"] - seen["tailnum"]), 82)

    def test_error_of_a_constant(self):
        train, test = [], []
        for row in self.rows("training"):
            (test if row["_split"] == "test" else train).append(float(row["delay"]))
        self.assertEqual(sorted(train)[len(train) // 2], -5)
        self.assertAlmostEqual(sum(abs(each + 5) for each in test) / len(test), 23.35, places=2)

    def test_late_columns_are_held_back(self):
        report = self.project.report("curate", *self.change)
        held = {each["column"] for each in report["withheld"]}
        self.assertEqual(held, {"dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"})
        shown = json.loads(
            self.project.call(
                "data", "show", "training", "--json", "-f", self.project.file, *self.change
            )
        )
        names = {column["name"] for column in shown["schema"]["columns"]}
        self.assertFalse(held & names)


if __name__ == "__main__":
    unittest.main()
