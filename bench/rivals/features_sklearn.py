# SPDX-License-Identifier: Apache-2.0
"""features_sklearn.py ROWS.parquet OUT.npy: the features of featurize.py by scikit-learn's
ColumnTransformer over a pandas frame, fitted on the rows of the split "train". Prints one JSON line
with the seconds and a mean and mean square per column."""

import sys
import time

import feature_list
import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler


def known(frame):
    return frame.fillna("(missing)")


def parts(frame):
    time_of = frame[feature_list.TIME].dt
    return np.column_stack([time_of.month, time_of.dayofweek + 1, time_of.hour])


def cycle(frame):
    time_of = frame[feature_list.TIME].dt
    angle = (time_of.hour * 60 + time_of.minute) * (2 * np.pi / 1440)
    return np.column_stack([np.sin(angle), np.cos(angle)])


def amount(frame):
    return (frame["price"] * frame["quantity"] * (1 - frame["discount"].fillna(0))).to_frame()


def transformer():
    numbers, texts, moment = feature_list.NUMBERS, feature_list.CATEGORIES, [feature_list.TIME]
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False, dtype=np.float32)
    return ColumnTransformer([
        ("numbers", make_pipeline(StandardScaler(), SimpleImputer(strategy="median")), numbers),
        ("missing", MissingIndicator(features="missing-only"), numbers),
        ("texts", make_pipeline(FunctionTransformer(known), one_hot), texts),
        ("parts", FunctionTransformer(parts), moment),
        ("cycle", FunctionTransformer(cycle), moment),
        ("amount", make_pipeline(FunctionTransformer(amount), StandardScaler()),
         ["price", "quantity", "discount"]),
    ])


def names(fitted, frame):
    lacking = [n for n in feature_list.NUMBERS if frame[n].isna().any()]
    one_hot = fitted.named_transformers_["texts"][1]
    levels = [f"{name}={level}" for name, all_levels in
              zip(feature_list.CATEGORIES, one_hot.categories_) for level in all_levels]
    return [*feature_list.NUMBERS, *(f"{n}:missing" for n in lacking), *levels,
            *feature_list.PARTS, *feature_list.CYCLE, "amount"]


def main(path, out):
    start = time.perf_counter()
    frame = pd.read_parquet(path)
    train = frame[frame["_split"] == "train"]
    fitted = transformer().fit(train)
    matrix = fitted.transform(frame).astype(np.float32)
    np.save(out, matrix)
    seconds = time.perf_counter() - start
    feature_list.tell(seconds, names(fitted, train), matrix)


if __name__ == "__main__":
    main(*sys.argv[1:])
