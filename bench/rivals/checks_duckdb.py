# SPDX-License-Identifier: Apache-2.0
"""The 44 checks as one bare scan: a SELECT of counts over the Parquet file, nothing kept, nothing
profiled. Uniqueness does not fit a scan of counts and is a second query, as in any program."""

import duckdb

from answering import answer


def text(value):
    return "'" + str(value).replace("'", "''") + "'" if isinstance(value, str) else str(value)


def listed(check):
    return ", ".join(text(value) for value in check["values"])


def outside(what, check):
    return f"{what} < {text(check['min'])} OR {what} > {text(check['max'])}"


def item(check):
    kind, column = check["check"], check.get("column")
    conditions = {
        "not_null": lambda: f"{column} IS NULL",
        "between": lambda: outside(column, check),
        "length": lambda: outside(f"length({column})", check),
        "in_set": lambda: f"{column} NOT IN ({listed(check)})",
        "not_in_set": lambda: f"{column} IN ({listed(check)})",
        "matches": lambda: f"NOT regexp_matches({column}, {text(check['pattern'])})",
        "not_matches": lambda: f"regexp_matches({column}, {text(check['pattern'])})",
    }
    if kind in conditions:
        return f"count_if({conditions[kind]()})"
    if kind == "row_count":
        return f"(count(*) <> {check['equals']})::INT"
    numbers = {"mean": "avg({})", "stdev": "stddev_samp({})", "sum": "sum({})",
               "distinct_count": "count(DISTINCT {})"}
    return f"({outside(numbers[kind].format(column), check)})::INT"


def work(file, checks):
    db = duckdb.connect()
    source = f"read_parquet('{file}')"
    scanned = [check for check in checks if check["check"] != "unique"]
    found = iter(db.execute(f"SELECT {', '.join(map(item, scanned))} FROM {source}").fetchone())
    counts = []
    for check in checks:
        if check["check"] == "unique":
            columns = ", ".join(check["columns"])
            counts.append(db.execute(
                f"SELECT coalesce(sum(n), 0) FROM (SELECT count(*) AS n FROM {source} WHERE "
                f"{columns} IS NOT NULL GROUP BY {columns} HAVING count(*) > 1)").fetchone()[0])
        else:
            counts.append(next(found))
    return counts


answer(work)
