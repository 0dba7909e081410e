# SPDX-License-Identifier: Apache-2.0
"""The 44 checks in pandera, lazily, so that all failures are found."""

import pandas
import pandera.pandas as pandera
from pandera.errors import SchemaErrors

from answering import answer


def bound(value):
    return pandas.Timestamp(value) if isinstance(value, str) else value


def within(number, check):
    return bool(check["min"] <= number <= check["max"])


def rule(check, name):
    kind = check["check"]
    if kind == "between":
        return pandera.Check.in_range(bound(check["min"]), bound(check["max"]), name=name)
    if kind == "length":
        return pandera.Check.str_length(check["min"], check["max"], name=name)
    if kind == "in_set":
        return pandera.Check.isin(check["values"], name=name)
    if kind == "not_in_set":
        return pandera.Check.notin(check["values"], name=name)
    if kind == "matches":
        return pandera.Check.str_contains(check["pattern"], name=name)
    if kind == "not_matches":
        return pandera.Check(lambda s: ~s.str.contains(check["pattern"]), name=name)
    numbers = {"mean": lambda s: s.mean(), "stdev": lambda s: s.std(), "sum": lambda s: s.sum(),
               "distinct_count": lambda s: s.nunique()}
    return pandera.Check(lambda s: within(numbers[kind](s), check), name=name)


def schema_of(checks, columns):
    """The schema, and the number of the check behind each of its faults, by (column, name)."""
    parts = {name: {"checks": [], "nullable": True} for name in columns}
    numbers = {}
    whole = []
    for number, check in enumerate(checks):
        kind = check["check"]
        if kind == "row_count":
            whole.append(pandera.Check(lambda frame, n=check["equals"]: len(frame) == n,
                                       name=f"c{number}"))
            numbers[f"c{number}"] = number
        elif kind == "unique":
            parts[check["columns"][0]]["unique"] = True
            numbers[check["columns"][0], "field_uniqueness"] = number
        elif kind == "not_null":
            parts[check["column"]]["nullable"] = False
            numbers[check["column"], "not_nullable"] = number
        else:
            parts[check["column"]]["checks"].append(rule(check, f"c{number}"))
            numbers[f"c{number}"] = number
    columns = {name: pandera.Column(**part) for name, part in parts.items()}
    return pandera.DataFrameSchema(columns, checks=whole), numbers


def work(file, checks):
    frame = pandas.read_parquet(file)
    schema, numbers = schema_of(checks, frame.columns)
    counts = [0] * len(checks)
    try:
        schema.validate(frame, lazy=True)
    except SchemaErrors as faults:
        for fault in faults.schema_errors:
            name = getattr(fault.check, "name", None) or fault.check
            number = numbers[name if name in numbers else (fault.schema.name, name)]
            # A check of a whole column has no cases, only the answer False.
            cases = fault.failure_cases
            counts[number] = len(cases) if hasattr(cases, "__len__") else 1
    return counts


answer(work)
