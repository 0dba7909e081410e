# SPDX-License-Identifier: Apache-2.0
"""The counts of validate_data against Great Expectations' own on the real flights and weather
tables: elements, missing and unexpected of each check, verdicts, and the observed statistics."""

import json
import logging
import math
import os
import subprocess
import warnings
from pathlib import Path

import great_expectations as gx
import great_expectations.expectations as gxe
import pandas
import pytest

ROOT = Path(__file__).resolve().parents[2]
KINGPOST = os.environ.get("KINGPOST", str(ROOT / "build/release/kingpost"))
DATA = ROOT / ".deps/data/flights"

FILE = """
version: 1
project: great_expectations
ingest:
  flights: {{path: {data}/flights.csv, nulls: ["", NA], types: {{tailnum: string}}}}
  weather: {{path: {data}/weather.csv, nulls: ["", NA]}}
validate_data:
{sections}
curate: {{spine: flights, target: {{name: delay, type: number, expr: arr_delay}}}}
"""

# Table, our check, theirs. Every check is a warning, so that all of them are computed and kept.
CHECKS = [
    ("flights", "unique, columns: [time_hour, carrier, flight]",
     gxe.ExpectCompoundColumnsToBeUnique(column_list=["time_hour", "carrier", "flight"])),
    ("flights", "unique, columns: [year, month, day, carrier, flight]",
     gxe.ExpectCompoundColumnsToBeUnique(
         column_list=["year", "month", "day", "carrier", "flight"])),
    ("flights", "unique, columns: [tailnum, time_hour]",
     gxe.ExpectCompoundColumnsToBeUnique(column_list=["tailnum", "time_hour"])),
    ("flights", "unique, columns: [tailnum]", gxe.ExpectColumnValuesToBeUnique(column="tailnum")),
    ("flights", "in_set, column: origin, values: [EWR, JFK]",
     gxe.ExpectColumnValuesToBeInSet(column="origin", value_set=["EWR", "JFK"])),
    ("flights", "not_in_set, column: carrier, values: [OO, HA]",
     gxe.ExpectColumnValuesToNotBeInSet(column="carrier", value_set=["OO", "HA"])),
    ("flights", "in_set, column: month, values: [1, 2, 3], mostly: 0.2",
     gxe.ExpectColumnValuesToBeInSet(column="month", value_set=[1, 2, 3], mostly=0.2)),
    ("flights", "not_null, column: tailnum, mostly: 0.99",
     gxe.ExpectColumnValuesToNotBeNull(column="tailnum", mostly=0.99)),
    ("flights", "not_null, column: arr_delay",
     gxe.ExpectColumnValuesToNotBeNull(column="arr_delay")),
    ("flights", "between, column: arr_delay, min: -60, max: 600",
     gxe.ExpectColumnValuesToBeBetween(column="arr_delay", min_value=-60, max_value=600)),
    ("flights", "between, column: dep_delay, min: -10, max: 60, strict_min: true, strict_max: true",
     gxe.ExpectColumnValuesToBeBetween(column="dep_delay", min_value=-10, max_value=60,
                                       strict_min=True, strict_max=True)),
    ("flights", "between, column: distance, min: 100",
     gxe.ExpectColumnValuesToBeBetween(column="distance", min_value=100)),
    ("flights", "length, column: tailnum, min: 6, max: 6",
     gxe.ExpectColumnValueLengthsToBeBetween(column="tailnum", min_value=6, max_value=6)),
    ("flights", "matches, column: tailnum, pattern: \"N[0-9]+[A-Z]{2}$\"",
     gxe.ExpectColumnValuesToMatchRegex(column="tailnum", regex="N[0-9]+[A-Z]{2}$")),
    ("flights", "matches, column: tailnum, pattern: \"[0-9]MQ\"",
     gxe.ExpectColumnValuesToMatchRegex(column="tailnum", regex="[0-9]MQ")),
    ("flights", "not_matches, column: tailnum, pattern: \"^N\"",
     gxe.ExpectColumnValuesToNotMatchRegex(column="tailnum", regex="^N")),
    ("flights", "increasing, column: month", gxe.ExpectColumnValuesToBeIncreasing(column="month")),
    ("flights", "increasing, column: hour, strictly: true",
     gxe.ExpectColumnValuesToBeIncreasing(column="hour", strictly=True)),
    ("flights", "row_count, min: 1, max: 2",
     gxe.ExpectTableRowCountToBeBetween(min_value=1, max_value=2)),
    ("flights", "distinct_count, column: tailnum, min: 4000, max: 5000",
     gxe.ExpectColumnUniqueValueCountToBeBetween(column="tailnum", min_value=4000, max_value=5000)),
    ("flights", "mean, column: arr_delay, min: 0, max: 1",
     gxe.ExpectColumnMeanToBeBetween(column="arr_delay", min_value=0, max_value=1)),
    ("flights", "median, column: air_time, min: 100, max: 200",
     gxe.ExpectColumnMedianToBeBetween(column="air_time", min_value=100, max_value=200)),
    ("flights", "stdev, column: dep_delay, min: 40, max: 41",
     gxe.ExpectColumnStdevToBeBetween(column="dep_delay", min_value=40, max_value=41)),
    ("flights", "sum, column: distance, min: 0, max: 1",
     gxe.ExpectColumnSumToBeBetween(column="distance", min_value=0, max_value=1)),
    ("weather", "between, column: wind_speed, min: 0, max: 150, mostly: 0.999",
     gxe.ExpectColumnValuesToBeBetween(column="wind_speed", min_value=0, max_value=150,
                                       mostly=0.999)),
    ("weather", "unique, columns: [origin, year, month, day, hour]",
     gxe.ExpectCompoundColumnsToBeUnique(column_list=["origin", "year", "month", "day", "hour"])),
    ("weather", "mean, column: humid, min: 0, max: 1",
     gxe.ExpectColumnMeanToBeBetween(column="humid", min_value=0, max_value=1)),
    ("weather", "stdev, column: wind_speed, min: 0, max: 1",
     gxe.ExpectColumnStdevToBeBetween(column="wind_speed", min_value=0, max_value=1)),
    ("weather", "median, column: pressure, min: 1000, max: 1100",
     gxe.ExpectColumnMedianToBeBetween(column="pressure", min_value=1000, max_value=1100)),
]


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    """The report of our checks, in the order of CHECKS."""
    folder = tmp_path_factory.mktemp("kingpost")
    tables = list(dict.fromkeys(table for table, _, _ in CHECKS))
    sections = "\n".join(f"  {table}:\n" + "\n".join(
        f"    - {{check: {check}, severity: warning}}"
        for of, check, _ in CHECKS if of == table) for table in tables)
    file = folder / "kingpost.yaml"
    file.write_text(FILE.format(data=DATA, sections=sections))
    run(folder, "run", str(file), "--to", "validate_data")
    report = json.loads(run(folder, "data", "report", "validate_data", "--file", str(file)))
    rest = {table: iter(report["tables"][table]["checks"]) for table in tables}
    return [next(rest[table]) for table, _, _ in CHECKS]


def run(folder, *arguments):
    done = subprocess.run([KINGPOST, *arguments], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def batches():
    warnings.filterwarnings("ignore")
    logging.disable(logging.CRITICAL)
    context = gx.get_context(mode="ephemeral")
    source = context.data_sources.add_pandas("pandas")
    found = {}
    for table in {table for table, _, _ in CHECKS}:
        frame = pandas.read_csv(DATA / f"{table}.csv", na_values=["", "NA"],
                                keep_default_na=False, low_memory=False)
        asset = source.add_dataframe_asset(table)
        batch = asset.add_batch_definition_whole_dataframe("whole")
        found[table] = batch.get_batch({"dataframe": frame})
    return found


@pytest.mark.parametrize("number", range(len(CHECKS)),
                         ids=[f"{check.split(',')[0]}-{i}" for i, (_, check, _) in
                              enumerate(CHECKS)])
def test_counts_are_equal(number, ours, batches):
    table, _, expectation = CHECKS[number]
    mine = ours[number]
    validated = batches[table].validate(expectation)
    theirs = validated.result
    assert theirs, validated.exception_info
    assert (mine["verdict"] == "passed") == validated.success
    if "observed_value" in theirs:
        assert math.isclose(mine["observed"], float(theirs["observed_value"]), rel_tol=1e-12)
        return
    assert mine["elements"] == theirs["element_count"]
    assert mine["unexpected"] == theirs["unexpected_count"]
    assert mine["missing"] == theirs.get("missing_count", 0)
    assert math.isclose(100 * mine["share"], theirs["unexpected_percent"], rel_tol=1e-12,
                        abs_tol=1e-15)
