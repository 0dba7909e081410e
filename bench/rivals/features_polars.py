# SPDX-License-Identifier: Apache-2.0
"""features_polars.py ROWS.parquet OUT.npy: the features of featurize.py as Polars expressions, by
hand, fitted on the rows of the split "train". Prints one JSON line with the seconds and a mean and
mean square per column."""

import math
import sys
import time

import feature_list
import numpy as np
import polars as pl

AMOUNT = pl.col("price") * pl.col("quantity") * (1 - pl.col("discount").fill_null(0))


def scaled(expression, mean, deviation):
    return (expression - mean) / deviation


def fit(train):
    """One pass. Means and deviations are those of the values that are there."""
    numbers = feature_list.NUMBERS
    values = [*zip(numbers, map(pl.col, numbers)), ("amount", AMOUNT)]
    return train.select(*(value.median().alias(f"{n}.median") for n, value in values),
                        *(value.mean().alias(f"{n}.mean") for n, value in values),
                        *(value.std(ddof=0).alias(f"{n}.std") for n, value in values),
                        *(value.null_count().alias(f"{n}.nulls") for n, value in values),
                        *(pl.col(n).fill_null("(missing)").unique().implode().alias(f"{n}.levels")
                          for n in feature_list.CATEGORIES)).row(0, named=True)


def features(fitted):
    out = []
    for n in feature_list.NUMBERS:
        filled = pl.col(n).fill_null(fitted[f"{n}.median"])
        out.append(scaled(filled, fitted[f"{n}.mean"], fitted[f"{n}.std"]).alias(n))
    out += [pl.col(n).is_null().alias(f"{n}:missing") for n in feature_list.NUMBERS
            if fitted[f"{n}.nulls"]]
    for n in feature_list.CATEGORIES:
        known = pl.col(n).fill_null("(missing)")
        out += [(known == level).alias(f"{n}={level}") for level in fitted[f"{n}.levels"]]
    moment = pl.col(feature_list.TIME).dt
    out += [part.alias(name) for part, name in
            zip((moment.month(), moment.weekday(), moment.hour()), feature_list.PARTS)]
    angle = (moment.hour().cast(pl.Float64) * 60 + moment.minute()) * (2 * math.pi / 1440)
    out += [angle.sin().alias("minute:sin"), angle.cos().alias("minute:cos")]
    out.append(scaled(AMOUNT, fitted["amount.mean"], fitted["amount.std"]).alias("amount"))
    return [each.cast(pl.Float32) for each in out]


def main(path, out):
    start = time.perf_counter()
    frame = pl.read_parquet(path)
    fitted = fit(frame.filter(pl.col("_split") == "train"))
    made = frame.lazy().select(features(fitted)).collect()
    matrix = made.to_numpy(order="c")
    np.save(out, matrix)
    seconds = time.perf_counter() - start
    feature_list.tell(seconds, made.columns, matrix)


if __name__ == "__main__":
    main(*sys.argv[1:])
