# SPDX-License-Identifier: Apache-2.0
"""Files that ONNX and LightGBM themselves have written, registered and asked."""

import csv
import subprocess
import sys
from pathlib import Path

import lightgbm
import numpy as np
import onnx
import onnxruntime
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from project import KINGPOST  # noqa: E402
from serving import made_rows  # noqa: E402


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("register")
    (out / "houses.csv").write_text(made_rows())
    call(out, "init", "houses.csv", "--target", "price")
    return out


def call(folder, *words):
    done = subprocess.run([KINGPOST, *words], cwd=folder, capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def answers(folder, model, names, rows):
    with (folder / "rows.csv").open("w") as file:
        file.write(",".join(names) + "\n")
        for row in rows:
            file.write(",".join("" if np.isnan(each) else repr(float(each)) for each in row) + "\n")
    call(folder, "infer", model, "rows.csv", "out.csv")
    with (folder / "out.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("objective", ["regression", "poisson", "binary", "multiclass"])
def test_lightgbm(folder, objective):
    chance = np.random.default_rng(3)
    rows = chance.normal(size=(2000, 3)).astype(np.float32)
    rows[:, 2] = chance.integers(0, 20, 2000)
    score = rows[:, 0] + np.isin(rows[:, 2], [3, 5, 8]) * 2
    label = {"regression": score, "poisson": np.exp(score).round(), "binary": score > 0.5,
             "multiclass": (score > 0).astype(int) + (score > 1)}[objective]
    rows[::7, 1] = np.nan
    rows[::11, 0] = np.nan
    settings = {"objective": objective, "verbose": -1, "num_threads": 1}
    if objective == "multiclass":
        settings["num_class"] = 3
    data = lightgbm.Dataset(rows, label.astype(float), categorical_feature=[2],
                            feature_name=["a", "b", "kind"])
    booster = lightgbm.train(settings, data, 30)
    booster.save_model(folder / f"{objective}.txt")
    if objective == "poisson":
        done = subprocess.run([KINGPOST, "register", "poisson.txt", "--name", "p"], cwd=folder,
                              capture_output=True, text=True, check=False)
        assert "error[lightgbm.unsupported_model]" in done.stderr
        return
    assert "all leaves equal" in call(folder, "register", f"{objective}.txt", "--name", objective)
    made = answers(folder, objective, ["a", "b", "kind"], rows[:500])
    columns = {"regression": ["prediction"], "binary": ["probability"],
               "multiclass": ["probability_0", "probability_1", "probability_2"]}[objective]
    ours = np.array([[float(each[name]) for name in columns] for each in made])
    theirs = booster.predict(rows[:500]).reshape(ours.shape)
    assert np.abs(ours - theirs).max() < 1e-5


def test_onnx_with_its_constants_in_another_file(folder):
    chance = np.random.default_rng(4)
    weights = chance.normal(size=(3, 400)).astype(np.float32)
    sums = chance.normal(size=(400, 2)).astype(np.float32)
    helper = onnx.helper
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("Relu", ["h"], ["r"]),
         helper.make_node("MatMul", ["r", "v"], ["y"])], "net",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [None, 3])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [None, 2])],
        [onnx.numpy_helper.from_array(weights, "w"), onnx.numpy_helper.from_array(sums, "v")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save_model(model, folder / "net.onnx", save_as_external_data=True, location="net.bin")
    assert (folder / "net.bin").stat().st_size > 4000
    call(folder, "register", "net.onnx", "--name", "net")
    rows = chance.normal(size=(50, 3)).astype(np.float32)
    made = answers(folder, "net", ["x_0", "x_1", "x_2"], rows)
    ours = np.array([[float(each["y_0"]), float(each["y_1"])] for each in made])
    theirs = onnxruntime.InferenceSession(folder / "net.onnx").run(None, {"x": rows})[0]
    assert np.allclose(ours, theirs, rtol=1e-5, atol=1e-4)
