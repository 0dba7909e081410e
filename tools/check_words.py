#!/usr/bin/env python3
"""One word for one step everywhere: folders src/steps/NN_word, rows of lifecycle.cpp, the README's
table and the page word.md in each step's folder have the same words in the same order."""

import re

import checking

TABLE_ROW = re.compile(r"^\|\s*(\d+)\s*\|\s*\[?[`*]*([a-z_]+)", re.MULTILINE)


def check(root):
    return folders(root) + rows(root) + table(root)


def folders(root):
    problems = []
    for folder in sorted((root / "src/steps").glob("*/")):
        where = checking.name(root, folder)
        match = re.fullmatch(r"(\d\d)_([a-z_]+)", folder.name)
        number = int(match[1]) if match else 0
        if not 1 <= number <= len(checking.WORDS):
            problems.append(checking.problem(where, 1, "is no NN_word of the 22 steps"))
            continue
        word = checking.WORDS[number - 1]
        if match[2] != word:
            problems.append(checking.problem(where, 1, f"step {number} is called {word}"))
            continue
        page = folder / f"{word}.md"
        if not page.exists():
            problems.append(checking.problem(where, 1, f"has no page {word}.md"))
        elif word not in page.read_text().split("\n", 1)[0]:
            problems.append(checking.problem(checking.name(root, page), 1,
                                             f"the first line does not name {word}"))
    return problems


def rows(root):
    """The words in lifecycle.cpp, where each first stands as a string of its own."""
    path = root / "src/lifecycle/lifecycle.cpp"
    if not path.exists():
        return []
    text = checking.blank(path.read_text(), keep_strings=True)
    found = [(match[1], text.count("\n", 0, match.start()) + 1)
             for match in re.finditer(r'\{\s*(?:\d+\s*,\s*)?"([a-z_]+)"', text)]
    first = {}
    for word, line in found:
        if word in checking.WORDS:
            first.setdefault(word, line)
    return compare(checking.name(root, path), list(first.items()))


def table(root):
    path = root / "README.md"
    if not path.exists():
        return []
    text = path.read_text()
    found = [(match[2], text.count("\n", 0, match.start()) + 1)
             for match in TABLE_ROW.finditer(text)]
    return compare("README.md", found)


def compare(where, found):
    for number, word in enumerate(checking.WORDS):
        if number >= len(found):
            return [checking.problem(where, found[-1][1] if found else 1,
                                     f"row {number + 1}, {word}, is missing")]
        if found[number][0] != word:
            return [checking.problem(where, found[number][1],
                                     f"row {number + 1} is {found[number][0]}, expected {word}")]
    return [checking.problem(where, line, f"{word} is one row too many")
            for word, line in found[len(checking.WORDS):]]


if __name__ == "__main__":
    checking.main(check)
