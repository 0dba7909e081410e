# SPDX-License-Identifier: Apache-2.0
"""The process is killed at every failpoint of steps 1 and 2."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from killing import KillCase  # noqa: E402


class KillTest(KillCase):
    def test_ingest(self):
        self.kill_everywhere(0)

    def test_validate_data(self):
        self.kill_everywhere(1)


if __name__ == "__main__":
    unittest.main()
