# SPDX-License-Identifier: Apache-2.0
"""The 44 checks in Kingpost's words; each rival translates them. Every column that fails some rows
does so at a known rate, see rivals/make_rows.py."""

YEAR = ("2024-01-01 00:00:00", "2024-12-31 23:59:59")


def not_null(*columns):
    return [{"check": "not_null", "column": column} for column in columns]


def between(column, low, high):
    return {"check": "between", "column": column, "min": low, "max": high}


def length(column, low, high):
    return {"check": "length", "column": column, "min": low, "max": high}


def in_set(column, *values):
    return {"check": "in_set", "column": column, "values": list(values)}


def not_in_set(column, *values):
    return {"check": "not_in_set", "column": column, "values": list(values)}


def matches(column, pattern):
    return {"check": "matches", "column": column, "pattern": pattern}


def checks(rows):
    return [
        *not_null("id", "event_time", "updated_time", "country", "status", "email", "sku", "price",
                  "quantity", "store", "customer", "score"),
        between("price", 0, 1000),
        between("discount", 0, 0.9),
        between("weight", 0, 80),
        between("temperature", -40, 60),
        between("score", 0, 1),
        between("quantity", 1, 100),
        between("age", 0, 120),
        between("store", 1, 500),
        between("rating", 1, 5),
        between("customer", 1, 200_000),
        between("event_time", *YEAR),
        between("updated_time", *YEAR),
        in_set("country", "AT", "CH", "DE", "ES", "FR", "IT", "NL"),
        in_set("status", "new", "paid", "sent", "done"),
        in_set("currency", "EUR", "CHF", "USD"),
        in_set("device", "phone", "tablet", "desktop", "kiosk"),
        in_set("rating", 1, 2, 3, 4, 5),
        not_in_set("store", 13, 404),
        not_in_set("status", "lost", "unknown"),
        matches("email", r"^[a-z0-9.]+@[a-z]+\.[a-z]{2,4}$"),
        matches("sku", r"^[A-Z]{2}-[0-9]{5}$"),
        matches("currency", r"^[A-Z]{3}$"),
        {"check": "not_matches", "column": "comment", "pattern": r"<[a-z]+>"},
        length("email", 6, 40),
        length("sku", 8, 8),
        length("comment", 0, 60),
        {"check": "unique", "columns": ["id"]},
        {"check": "mean", "column": "price", "min": 400, "max": 600},
        {"check": "stdev", "column": "temperature", "min": 1, "max": 60},
        {"check": "sum", "column": "quantity", "min": 0, "max": 60 * rows},
        {"check": "distinct_count", "column": "country", "min": 1, "max": 5},
        {"check": "row_count", "equals": rows},
    ]


def label(check):
    what = check.get("column") or ", ".join(check.get("columns", []))
    return f"{check['check']}({what})"
