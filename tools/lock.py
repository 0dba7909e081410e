#!/usr/bin/env python3
"""Writes tools/locks/NAME.txt, with a hash for each package, from the wishes in NAME.in.

Run it with the oldest Python that is supported (3.11): a lock holds for one Python version.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

LOCKS = Path(__file__).resolve().parent / "locks"


def lock(name):
    wishes = LOCKS / f"{name}.in"
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--dry-run",
                        "--ignore-installed", "--report", str(report),
                        "--requirement", str(wishes)], check=True)
        text = render(name, json.loads(report.read_text()))
    (LOCKS / f"{name}.txt").write_text(text)


def render(name, report):
    lines = []
    for item in report["install"]:
        package = re.sub(r"[-_.]+", "-", item["metadata"]["name"]).lower()
        digest = item["download_info"]["archive_info"]["hashes"]["sha256"]
        lines.append(f"{package}=={item['metadata']['version']} --hash=sha256:{digest}\n")
    return f"# Made by tools/lock.py {name} from {name}.in.\n" + "".join(sorted(lines))


if __name__ == "__main__":
    for each in sys.argv[1:]:
        lock(each)
