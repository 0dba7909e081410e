#!/usr/bin/env python3
"""MAP.md tells the truth: each path in backticks exists, and each top folder of the checkout and of
src has a line."""

import re

import checking

PATH = re.compile(r"`([\w.*/+-]+)`")
# Exists only once the program or a build has run.
MADE_LATER = (".kingpost", ".deps", "build")


def check(root):
    path = root / "MAP.md"
    if not path.exists():
        return [checking.problem("MAP.md", 1, "is missing")]
    text = path.read_text()
    problems = []
    for match in PATH.finditer(text):
        token = match[1]
        if looks_like_path(token) and not exists(root, token):
            problems.append(checking.problem("MAP.md", text.count("\n", 0, match.start()) + 1,
                                             f"{token} does not exist"))
    named = {match[1].rstrip("/") for match in PATH.finditer(text)}
    for folder in top_folders(root):
        if folder not in named:
            problems.append(checking.problem("MAP.md", 1, f"has no line for `{folder}/`"))
    return problems


def looks_like_path(token):
    if token.split("/")[0] in MADE_LATER:
        return False
    return "/" in token.strip("/") or token.endswith("/") or bool(
        re.search(r"\.(md|h|cpp|py|toml|json|txt|cmake|lock|yaml)$", token))


def exists(root, token):
    # NN_word stands for any step's folder, `word` in a file name for its word.
    if "NN_word" in token:
        token = token.replace("NN_word", "[0-9][0-9]_*").replace("/word", "/*")
    return next(root.glob(token.rstrip("/")), None) is not None


def top_folders(root):
    for parent, prefix in ((root, ""), (root / "src", "src/")):
        for path in sorted(parent.glob("*/")):
            if path.name not in checking.MADE and not path.name.startswith("."):
                yield prefix + path.name


if __name__ == "__main__":
    checking.main(check)
