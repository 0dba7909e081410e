# SPDX-License-Identifier: Apache-2.0
"""training_lightgbm.py FOLDER: LightGBM's own Python package on the matrix that Kingpost's step 6
left, with the parameters of Kingpost's model: read, bin, train with the validation metric of every
round, predict validation rows, save. Prints one JSON line: seconds, sha256 of the trees, AUC."""

import hashlib
import json
import sys
import time
from pathlib import Path

import lightgbm
import numpy as np


def main(folder):
    folder = Path(folder)
    facts = json.loads((folder / "model.gbdt.json").read_text())
    columns = json.loads((folder / "features.json").read_text())["features"]["columns"]
    start = time.perf_counter()
    kept = facts["kept"]
    matrix = np.load(folder / "matrix.npy")[:, kept]
    labels, sides = np.load(folder / "labels.npy"), np.load(folder / "sides.npy")
    names = [f"c{i}" for i in range(len(kept))]
    codes = [name for name, at in zip(names, kept) if "levels" in columns[at]]
    parameters = {**facts["parameters"], "objective": "binary", "metric": "auc", "verbose": -1,
                  "deterministic": True, "force_col_wise": True, "seed": facts["seed"],
                  # Kingpost bins once for all trials of a search: by the default seed, all columns.
                  "data_random_seed": 1, "feature_pre_filter": False}
    train = lightgbm.Dataset(matrix[sides == 0], labels[sides == 0], feature_name=names,
                             categorical_feature=codes, params=parameters)
    held = train.create_valid(matrix[sides == 1], labels[sides == 1])
    values = {}
    model = lightgbm.train(parameters, train, facts["rounds"], valid_sets=[held],
                           callbacks=[lightgbm.record_evaluation(values)])
    np.save(folder / "scores.python.npy", model.predict(matrix[sides == 1]))
    text = model.model_to_string()
    (folder / "model.python.txt").write_text(text)
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "trees": trees_of(text),
                      "auc": values["valid_0"]["auc"][-1]}))


def trees_of(text):
    """The trees alone: names of columns and the time of day do not count."""
    begin, end = text.index("\nTree=0\n"), text.index("\nend of trees")
    return hashlib.sha256(text[begin:end].encode()).hexdigest()


if __name__ == "__main__":
    main(sys.argv[1])
