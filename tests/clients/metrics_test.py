"""The expected values of tests/golden/metrics/cases.json are scikit-learn's own: metrics_test.cpp
holds ours to the same file. `python tests/clients/metrics_test.py --write` makes the file anew."""

import json
import math
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics as sk
from sklearn.utils.stats import _weighted_percentile

CASES = Path(__file__).resolve().parent.parent / "golden/metrics/cases.json"


def number(labels, scores, weights):
    unit = np.ones(len(labels)) if weights is None else weights
    errors = np.abs(labels - scores)
    return {
        "mae": sk.mean_absolute_error(labels, scores, sample_weight=weights),
        "mse": sk.mean_squared_error(labels, scores, sample_weight=weights),
        "rmse": sk.root_mean_squared_error(labels, scores, sample_weight=weights),
        "median_abs_error": sk.median_absolute_error(labels, scores, sample_weight=weights),
        "p90_abs_error": float(_weighted_percentile(errors, unit, 90, average=True)),
        "mape": sk.mean_absolute_percentage_error(labels, scores, sample_weight=weights),
        "bias": abs(float(np.average(scores - labels, weights=weights))),
        "r2": sk.r2_score(labels, scores, sample_weight=weights)
        if len(set(labels)) > 1 else None,
    }


def decided(labels, decisions, weights, two_classes):
    return {
        "accuracy": sk.accuracy_score(labels, decisions, sample_weight=weights),
        "balanced_accuracy": sk.balanced_accuracy_score(labels, decisions, sample_weight=weights)
        if two_classes else None,
        "f1_macro": sk.f1_score(labels, decisions, average="macro", sample_weight=weights),
        "mcc": sk.matthews_corrcoef(labels, decisions, sample_weight=weights)
        if two_classes else None,
    }


def binary(labels, scores, weights, threshold):
    decisions = (scores >= threshold).astype(int)
    two, some = len(set(labels)) > 1, 1 in labels
    out = decided(labels, decisions, weights, two)
    out |= {
        "logloss": sk.log_loss(labels, y_proba=scores, labels=[0, 1], sample_weight=weights),
        "brier": sk.brier_score_loss(labels, scores, labels=[0, 1], sample_weight=weights),
        "auc": sk.roc_auc_score(labels, scores, sample_weight=weights) if two else None,
        "pr_auc": sk.average_precision_score(labels, scores, sample_weight=weights)
        if some else None,
    }
    for name, function in (("f1", sk.f1_score), ("precision", sk.precision_score),
                           ("recall", sk.recall_score)):
        out[name] = function(labels, decisions, sample_weight=weights) if some else None
    return out


def multiclass(labels, scores, weights):
    classes = list(range(scores.shape[1]))
    out = decided(labels, scores.argmax(axis=1), weights, len(set(labels)) > 1)
    out |= {
        "logloss": sk.log_loss(labels, y_proba=scores, labels=classes, sample_weight=weights),
        "brier": sk.brier_score_loss(labels, scores, labels=classes, sample_weight=weights),
        "auc_ovr": sk.roc_auc_score(labels, scores, multi_class="ovr", sample_weight=weights)
        if set(labels) == set(classes) else None,
    }
    return out


def expected(case):
    labels, scores = np.array(case["labels"]), np.array(case["scores"])
    weights = np.array(case["weights"]) if case["weights"] else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if case["task"] == "number":
            values = number(labels, scores, weights)
        elif case["task"] == "binary":
            values = binary(labels.astype(int), scores, weights, case["threshold"])
        else:
            values = multiclass(labels.astype(int), scores.reshape(len(labels), -1), weights)
    return {name: None if value is None or math.isnan(value) else float(value)
            for name, value in values.items()}


def make():
    rng = np.random.default_rng(7)
    cases = []

    def add(name, task, labels, scores, weights=None, threshold=0.5):
        cases.append({"name": name, "task": task, "threshold": threshold,
                      "labels": np.asarray(labels, float).tolist(),
                      "scores": np.asarray(scores, float).ravel().tolist(),
                      "weights": [] if weights is None else np.asarray(weights, float).tolist()})

    y = np.round(rng.normal(5, 40, 101))
    add("numbers, odd count", "number", y, y + rng.normal(0, 15, 101))
    add("numbers, even count, weights", "number", y[:60], np.round(y[:60] + rng.normal(0, 9, 60)),
        rng.integers(0, 4, 60))
    add("numbers, fractional weights", "number", y[:37], y[:37] + rng.normal(0, 9, 37),
        rng.random(37))
    add("numbers far from zero", "number", 1e9 + y[:50], 1e9 + y[:50] + rng.normal(0, 1, 50))
    add("one number", "number", [3], [5])
    add("equal labels", "number", [4, 4, 4], [3, 4, 6])
    add("perfect", "number", [1, 2, 3], [1, 2, 3])
    p = rng.random(200)
    add("probabilities", "binary", rng.random(200) < p, p)
    ties = np.round(p, 1)
    add("ties", "binary", rng.random(200) < p, ties)
    add("ties, weights, threshold", "binary", rng.random(200) < p, ties, rng.random(200) * 3, 0.3)
    add("one positive", "binary", np.arange(50) == 17, p[:50], None, 0.5)
    add("one negative", "binary", np.arange(50) != 17, p[:50])
    add("no positive", "binary", np.zeros(20), p[:20])
    add("all positive", "binary", np.ones(20), p[:20])
    add("all scores equal", "binary", np.arange(30) % 3 == 0, np.full(30, 0.4))
    add("none called true", "binary", np.arange(30) % 3 == 0, p[:30] * 0.4)
    add("certain and wrong", "binary", [0, 1, 1, 0], [1, 0, 1, 0])
    add("weights of zero", "binary", [0, 1, 1, 0, 1], [0.2, 0.7, 0.4, 0.6, 0.1], [1, 0, 2, 1, 0])
    raw = rng.dirichlet([1, 2, 1, 0.5], 150)
    y4 = [rng.choice(4, p=row) for row in raw]
    add("four classes", "multiclass", y4, raw)
    add("four classes, weights", "multiclass", y4, raw, rng.random(150))
    add("a class without a row", "multiclass", np.minimum(y4, 2), raw)
    coarse = np.round(raw * 8) / 8
    coarse[:, 3] = 1 - coarse[:, :3].sum(axis=1)
    coarse = np.abs(coarse) / np.abs(coarse).sum(axis=1, keepdims=True)
    add("four classes, ties", "multiclass", y4, coarse)
    for case in cases:
        case["expected"] = expected(case)
    return cases


def near(a, b):
    if a is None or b is None:
        return a is b
    return math.isclose(a, b, rel_tol=1e-10, abs_tol=1e-12)


@pytest.mark.parametrize("case", json.loads(CASES.read_text()) if CASES.exists() else [],
                         ids=lambda case: case["name"])
def test_the_file_holds_what_scikit_learn_says(case):
    now = expected(case)
    assert now.keys() == case["expected"].keys()
    for name, value in now.items():
        assert near(value, case["expected"][name]), name


if __name__ == "__main__" and "--write" in sys.argv:
    CASES.parent.mkdir(exist_ok=True)
    lines = ",\n".join(json.dumps(case) for case in make())
    CASES.write_text(f"[\n{lines}\n]\n")
