# SPDX-License-Identifier: Apache-2.0
"""batch_onnxruntime.py MODEL.onnx ROWS.parquet OUT.parquet: rows of a Parquet file through the graph
of a bundle, by onnxruntime's own Python package with its default options and all threads, as its
users write it with pandas. Prints one JSON line: seconds, rows, the sum of the probabilities."""

import json
import sys
import time

import numpy as np
import onnxruntime
import pandas as pd

CHUNK = 16_384


def column(values, kind):
    if kind == "tensor(string)":
        return values.fillna("").astype(str).to_numpy(dtype=object).reshape(-1, 1)
    if pd.api.types.is_datetime64_any_dtype(values):
        micros = values.to_numpy(dtype="datetime64[us]").astype("float64")
        return np.where(values.isna(), np.nan, micros).reshape(-1, 1)
    return values.to_numpy(dtype="float64", na_value=np.nan).reshape(-1, 1)


def main(model, rows, out):
    start = time.perf_counter()
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    inputs = {each.name: each.type for each in session.get_inputs()}
    names = [each.name for each in session.get_outputs()]
    frame = pd.read_parquet(rows, columns=list(inputs))
    feed = {name: column(frame[name], kind) for name, kind in inputs.items()}
    answers = []
    for at in range(0, len(frame), CHUNK):
        piece = {name: values[at:at + CHUNK] for name, values in feed.items()}
        answers.append([each.ravel() for each in session.run(names, piece)])
    made = pd.DataFrame({name: np.concatenate(parts) for name, parts in zip(names, zip(*answers))})
    made.to_parquet(out)
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "rows": len(made),
                      "sum": float(made["probability"].astype("float64").sum()),
                      "true": int(made["prediction"].sum())}))


if __name__ == "__main__":
    main(*sys.argv[1:])
