# SPDX-License-Identifier: Apache-2.0
"""The process is killed at every failpoint of steps 3 to 5."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from killing import KillCase  # noqa: E402


class KillTest(KillCase):
    def test_clean(self):
        self.kill_everywhere(2)

    def test_standardise(self):
        self.kill_everywhere(3)

    def test_curate(self):
        self.kill_everywhere(4)


if __name__ == "__main__":
    unittest.main()
