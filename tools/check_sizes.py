#!/usr/bin/env python3
"""Hard limits: source 500 lines, header 250, test 800, function 60, line 100 columns, main.cpp 40,
MAP.md 80. Waivers are in size_waivers.txt, which may only shrink."""

import re
import subprocess

import checking

LINES = {"source": 500, "header": 250, "test": 800, "main": 40, "map": 80}
FUNCTION = 60
COLUMNS = 100
WAIVERS = "tools/size_waivers.txt"
NOT_A_NAME = {"if", "for", "while", "switch", "catch", "return", "sizeof", "decltype"}


def check(root):
    waivers, problems = read_waivers(root)
    sizes = {}
    for path in checking.files(root, ["src", "tests", "tools"], {".h", ".cpp", ".py"}):
        measure(checking.name(root, path), path.read_text(), sizes)
    if (root / "MAP.md").exists():
        count(sizes, "MAP.md", (root / "MAP.md").read_text(), "map")
    for (where, limit), (line, value, allowed) in sizes.items():
        waived = waivers.pop((where, limit), None)
        if waived is None and value > allowed:
            problems.append(checking.problem(where, line, f"{limit} {value}, at most {allowed}"))
        elif waived is not None and value != waived[1] and value > allowed:
            problems.append(checking.problem(where, line, f"{limit} {value}, waived to {waived[1]}:"
                                             " make it that, or lower the waiver"))
        elif waived is not None and value <= allowed:
            problems.append(checking.problem(WAIVERS, waived[0],
                                             f"{where} {limit} needs no waiver"))
    problems += [checking.problem(WAIVERS, line, f"{where} has no such {limit}")
                 for (where, limit), (line, _) in waivers.items()]
    return problems


def measure(where, text, sizes):
    cxx = not where.endswith(".py")
    if "_test." in where:
        kind = "test"
    elif where == "src/main.cpp":
        kind = "main"
    else:
        kind = "header" if where.endswith(".h") else "source"
    count(sizes, where, text, kind)
    lines = text.splitlines()
    widest = max(range(len(lines)), key=lambda i: len(lines[i]), default=None)
    if widest is not None:
        sizes[where, "columns"] = (widest + 1, len(lines[widest]), COLUMNS)
    if cxx:
        for function, line, length in functions(text):
            sizes[where, f"function:{function}"] = (line, length, FUNCTION)


def count(sizes, where, text, kind):
    sizes[where, "lines"] = (1, len(text.splitlines()), LINES[kind])


def functions(text):
    """(name, line, lines) of each function body that stands directly in a namespace or class."""
    text = re.sub(r"^\s*#(?:[^\n]*\\\n)*[^\n]*", lambda m: re.sub(r"[^\n]", " ", m.group()),
                  checking.blank(text), flags=re.MULTILINE)
    stack, start, parens = [], 0, 0
    for at, char in enumerate(text):
        if char in "()":
            parens += 1 if char == "(" else -1
        elif char == "{":
            head = text[start:at]
            outside = parens == 0 and all(kind == "scope" for kind, _, _ in stack)
            kind = classify(head) if outside else "inner"
            stack.append((kind, head, start + len(head) - len(head.lstrip())))
            if kind == "scope":
                start = at + 1
        elif char == "}" and stack:
            kind, head, begin = stack.pop()
            if kind == "function":
                first = text.count("\n", 0, begin) + 1
                yield called(head), first, text.count("\n", begin, at) + 1
            if all(each == "scope" for each, _, _ in stack) and kind != "braces":
                start = at + 1
        elif char == ";" and all(kind == "scope" for kind, _, _ in stack) and parens == 0:
            start = at + 1


def classify(head):
    """What a brace after `head` opens, at namespace or class level."""
    if re.search(r"\bnamespace\b|\bextern\s*$", head):
        return "scope"
    if re.search(r"\b(class|struct|union|enum)\b", re.sub(r"<[^<>]*>", "", head.split("(")[0])):
        return "scope"
    if "(" in head and not re.search(r"=\s*$|[,:]\s*\w+\s*$", head):
        return "function"
    # Initialisers: `= {`, and members in a constructor's list.
    return "braces"


def called(head):
    names = [n for n in re.findall(r"([\w:~]+|operator\S+)\s*\(", head) if n not in NOT_A_NAME]
    return names[0] if names else "?"


def read_waivers(root):
    path = root / WAIVERS
    rows = parse(path.read_text()) if path.exists() else {}
    before = parse(previous(root))
    problems = [checking.problem(WAIVERS, line, f"{where} {limit} {value}: waivers may only shrink")
                for (where, limit), (line, value) in rows.items()
                if before is not None and value > before.get((where, limit), (0, 0))[1]]
    return rows, problems


def parse(text):
    if text is None:
        return None
    rows = {}
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            where, limit, value = line.split()
            rows[where, limit] = (number, int(value))
    return rows


def previous(root):
    """The waivers before their last change, or None where git does not know."""
    def git(*arguments):
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True)
        return done.stdout if done.returncode == 0 else None
    if git("ls-files", "--error-unmatch", WAIVERS) is None:
        return None
    if git("status", "--porcelain", "--", WAIVERS):
        return git("show", f"HEAD:{WAIVERS}")
    commit = (git("log", "-1", "--format=%H", "--", WAIVERS) or "").strip()
    return git("show", f"{commit}^:{WAIVERS}") if commit else None


if __name__ == "__main__":
    checking.main(check)
