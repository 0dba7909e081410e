#!/usr/bin/env python3
"""Each stable error id of the source is explained in docs/errors.md and appears in at least one
test or golden file; docs/errors.md explains none that is gone.

An id is a string `word.snake_case` that follows an error code or stands in a call of fail, fault or
the like, or any string of that form whose word starts such an id elsewhere. A line that ends with
`// not an error id` is left out."""

import re

import checking

FORM = r"[a-z][a-z_]*\.[a-z][a-z0-9_]*"
AFTER_CODE = re.compile(
    rf'(?:Code::k\w+\s*,\s*|\b\w*(?:fail|fault|refuse|fault_at)\([^"();]*)"({FORM})"')
LITERAL = re.compile(rf'(?<![\w\\])"({FORM})"')
FILE_ENDING = re.compile(
    r"\.(cpp|csv|db|gz|h|html|json|lock|md|onnx|parquet|py|so|toml|tsv|txt|yaml)$")
DOCS = "docs/errors.md"


def check(root):
    ids = find_ids(root)
    docs = (root / DOCS).read_text() if (root / DOCS).exists() else ""
    explained = {}
    for match in re.finditer(rf"`({FORM})`", docs):
        explained.setdefault(match[1], docs.count("\n", 0, match.start()) + 1)
    tests = "\n".join(path.read_text(errors="replace") for path in test_files(root))
    problems = []
    for each, (where, line) in sorted(ids.items()):
        if each not in explained:
            problems.append(checking.problem(where, line, f"{each} is not explained in {DOCS}"))
        if not re.search(rf"(?<![\w.]){re.escape(each)}(?![\w])", tests):
            problems.append(checking.problem(where, line, f"{each} appears in no test"))
    prefixes = {each.split(".")[0] for each in ids} | set(checking.WORDS)
    problems += [checking.problem(DOCS, line, f"{each} is in no source file")
                 for each, line in explained.items()
                 if each not in ids and each.split(".")[0] in prefixes
                 and not FILE_ENDING.search(each)]
    return problems


def find_ids(root):
    texts = {}
    for path in checking.files(root, ["src"], {".h", ".cpp"}):
        if not path.name.endswith("_test.cpp"):
            raw = path.read_text()
            raw = re.sub(r"^.*// not an error id$", "", raw, flags=re.MULTILINE)
            texts[checking.name(root, path)] = checking.blank(raw, keep_strings=True)
    prefixes = {match[1].split(".")[0] for text in texts.values()
                for match in AFTER_CODE.finditer(text)}
    ids = {}
    for where, text in texts.items():
        for match in LITERAL.finditer(text):
            each = match[1]
            if each.split(".")[0] in prefixes and not FILE_ENDING.search(each):
                ids.setdefault(each, (where, text.count("\n", 0, match.start()) + 1))
    return ids


def test_files(root):
    inside = [path for path in checking.files(root, ["src"], {".cpp"})
              if path.name.endswith("_test.cpp")]
    return inside + [path for path in sorted((root / "tests").rglob("*")) if path.is_file()
                     and not checking.MADE & set(path.parts) and path.stat().st_size < 1_000_000]


if __name__ == "__main__":
    checking.main(check)
