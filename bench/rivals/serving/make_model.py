# SPDX-License-Identifier: Apache-2.0
"""OUT_FOLDER: a binary LightGBM model of 100 trees with 31 leaves over 28 numbers as text and as
ONNX, MLflow's model of it, and for each form of request a body of 1 and of 100 rows."""

import json
import shutil
import struct
import sys
from pathlib import Path

import lightgbm
import mlflow.lightgbm
import numpy as np
import onnxmltools
from onnxmltools.convert.common.data_types import FloatTensorType

FEATURES, TREES, LEAVES, ROWS = 28, 100, 31, 60_000


def model(x):
    chance = np.random.default_rng(7)
    weight = chance.normal(size=FEATURES)
    score = x @ weight * 0.4 + np.sin(x[:, 0] * 2) + x[:, 1] * x[:, 2] - (np.abs(x[:, 3]) > 1)
    y = (score + chance.logistic(size=len(score)) > 0).astype(np.int32)
    parameters = {"objective": "binary", "num_leaves": LEAVES, "seed": 7, "verbose": -1,
                  "deterministic": True, "force_row_wise": True, "num_threads": 2}
    return lightgbm.train(parameters, lightgbm.Dataset(x, y), num_boost_round=TREES)


def write_bodies(folder, x):
    names = [f"f{i}" for i in range(FEATURES)]
    for count in (1, 100):
        # What JSON says is what the model gets.
        rows = [[float(f"{value:.6g}") for value in row] for row in x[:count].tolist()]
        flat = [value for row in rows for value in row]
        tensor = {"name": "input", "shape": [count, FEATURES], "datatype": "FP32"}
        wanted = [{"name": "probabilities"}]
        for name, body in (
                ("v2", {"inputs": [{**tensor, "data": flat}], "outputs": wanted}),
                ("v2_all", {"inputs": [{**tensor, "data": flat}]}),
                ("split", {"dataframe_split": {"columns": names, "data": rows}}),
                ("rows", {"x": rows})):
            (folder / f"{name}_{count}.json").write_text(json.dumps(body, separators=(",", ":")))
        head = json.dumps({
            "inputs": [{**tensor, "parameters": {"binary_data_size": 4 * len(flat)}}],
            "outputs": [{"name": "probabilities", "parameters": {"binary_data": True}}],
        }, separators=(",", ":")).encode()
        (folder / f"v2_{count}.bin").write_bytes(head + struct.pack(f"<{len(flat)}f", *flat))
        (folder / f"v2_{count}.bin.head").write_text(f"{len(head)}")
        yield count, np.array(rows, np.float32)


def main(folder):
    folder.mkdir(parents=True)
    x = np.random.default_rng(5).normal(size=(ROWS, FEATURES)).astype(np.float32)
    booster = model(x)
    booster.save_model(folder / "model.txt")
    shutil.copy(folder / "model.txt", folder / "model.bst")
    onnx = onnxmltools.convert_lightgbm(
        booster, initial_types=[("input", FloatTensorType([None, FEATURES]))], zipmap=False,
        target_opset=15)
    (folder / "model.onnx").write_bytes(onnx.SerializeToString())
    mlflow.lightgbm.save_model(booster, folder / "mlflow")
    expected = {str(count): booster.predict(rows).tolist()
                for count, rows in write_bodies(folder, x)}
    (folder / "expected.json").write_text(json.dumps(expected))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
