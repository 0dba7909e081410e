#!/usr/bin/env python3
"""Include lines go one way: base <- records <- engines <- {store, protocols} <- steps <- lifecycle
<- cli <- main. Folders of one level, two engines, or two steps never include each other, and each
third-party header has one owning folder (header_owners.toml)."""

import re
import tomllib
from pathlib import Path

import checking

RANK = {"base": 0, "records": 1, "engines": 2, "protocols": 3, "store": 3, "steps": 4,
        "lifecycle": 5, "cli": 6, "main.cpp": 7, "serve_main.cpp": 7}
# Folders whose own folders are strangers to each other.
SPLIT = ("engines", "steps")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def check(root):
    with open(Path(__file__).parent / "header_owners.toml", "rb") as stream:
        table = tomllib.load(stream)
    problems = unknown_folders(root)
    for path in checking.files(root, ["src"], {".h", ".cpp"}):
        where = checking.name(root, path)
        text = checking.blank(path.read_text(), keep_strings=True)
        for match in INCLUDE.finditer(text):
            bracket, header = match.groups()
            fault = own(where, header) if bracket == '"' else foreign(where, header, table)
            if fault:
                problems.append(checking.problem(where, text.count("\n", 0, match.start(2)) + 1,
                                                 fault))
    return problems


def unknown_folders(root):
    return [checking.problem(checking.name(root, path), 1,
                             f"is no known layer; known are {', '.join(RANK)}")
            for path in sorted((root / "src").glob("*")) if path.name not in RANK]


def own(where, header):
    """The fault of including our own `header` in file `where`, or None."""
    if where.endswith("_test.cpp") and header.startswith("support/"):
        return None  # tests/support, which only tests see
    here, there = where.split("/")[1:], header.split("/")
    if there[0] not in RANK or len(there) < 2:
        return f'"{header}" does not begin with a folder of src/'
    mine, theirs = here[0], there[0]
    if mine == theirs:
        if mine in SPLIT and len(there) > 2 and there[1] != (here[1] if len(here) > 2 else None):
            return f'{"/".join(here[:-1])} includes its sibling {"/".join(there[:2])}'
        return None
    if RANK.get(theirs) == RANK.get(mine):
        return f"{mine} and {theirs} are on one level: neither includes the other"
    if RANK[theirs] > RANK.get(mine, -1):
        return f"{mine} lies below {theirs} and cannot include it"
    return None


def foreign(where, header, table):
    """The fault of including `header` in brackets in file `where`, or None."""
    if "/" not in header and "." not in header:
        return None
    if starts(header, table["system"]["headers"]):
        return None
    key = next((key for key in table["owners"] if starts(header, [key])), None)
    if key is None:
        return f"<{header}> has no owner in tools/header_owners.toml"
    owner = table["owners"][key]
    if owner == "tests":
        return None if where.endswith("_test.cpp") else f"<{header}> belongs to tests"
    if not where.startswith(owner + "/"):
        return f"<{header}> belongs to {owner}"
    if where.endswith(".h") and where not in table["public"]["headers"]:
        return f"<{header}> is third-party and cannot show in a header of ours"
    return None


def starts(header, names):
    return any(header.startswith(name) if name.endswith("/") else header == name for name in names)


if __name__ == "__main__":
    checking.main(check)
