# SPDX-License-Identifier: Apache-2.0
"""features_of_matrix.py FEATURES.json MATRIX.npy: a mean and mean square per column of what
Kingpost's step 6 left, as the rivals of featurize.py tell theirs."""

import json
import sys
from pathlib import Path

import feature_list
import numpy as np


def main(features, matrix):
    columns = json.loads(Path(features).read_text())["features"]["columns"]
    feature_list.tell(0, [each["name"] for each in columns], np.load(matrix, mmap_mode="r"))


if __name__ == "__main__":
    main(*sys.argv[1:])
