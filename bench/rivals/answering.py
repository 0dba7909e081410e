# SPDX-License-Identifier: Apache-2.0
"""How a rival of bench/checks.py is asked and answers: `PROGRAM FILE ROWS` prints one JSON line."""

import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import check_list  # noqa: E402


def answer(work):
    """`work(file, checks)` gives failing rows per check; 1 or 0 where a check looks at no row."""
    file, rows = sys.argv[1], int(sys.argv[2])
    checks = check_list.checks(rows)
    start = time.perf_counter()
    counts = work(file, checks)
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "counts": [int(count) for count in counts]}))
