"""What the checkers share: the list of steps, walking the sources, reading C++ without comments."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

WORDS = ("ingest validate_data clean standardise curate extract_features select_features "
         "candidates code train validate_models evaluate revisit select_best package register "
         "containerize deploy serve infer monitor retrain_or_retire").split()

# Made by tools and programs, so no part of what is checked.
MADE = {".git", ".deps", ".kingpost", "build", "__pycache__", "node_modules", ".pytest_cache"}


def files(root, folders, suffixes):
    """Files below `folders` of `root` with one of `suffixes`, in a fixed order."""
    found = []
    for folder in folders:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in suffixes and path.is_file() and not MADE & set(path.parts):
                found.append(path)
    return found


def name(root, path):
    return path.relative_to(root).as_posix()


def problem(where, line, text):
    return f"{where}:{line}: {text}"


TOKEN = re.compile(
    r'//[^\n]*|/\*.*?\*/'                                     # comments
    r'|R"(?P<mark>[^()\\\s]*)\(.*?\)(?P=mark)"'               # raw strings
    r'|"(?:\\.|[^"\\\n])*"'                                   # strings
    r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'",                  # characters, not 1'000
    re.DOTALL)


def blank(text, keep_strings=False):
    """The same text, same length and lines, with comments (and strings) turned into spaces."""
    def fill(match):
        token = match.group()
        if keep_strings and not token.startswith(("//", "/*")):
            return token
        return re.sub(r"[^\n]", " ", token)
    return TOKEN.sub(fill, text)


def main(check, root=ROOT):
    problems = check(root)
    for line in problems:
        print(line)
    sys.exit(1 if problems else 0)
