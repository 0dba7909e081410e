# SPDX-License-Identifier: Apache-2.0
"""What the programs of featurize.py share: names, and what each says of its matrix."""

import json

NUMBERS = ["price", "discount", "weight", "temperature", "quantity", "age"]
CATEGORIES = ["country", "status", "currency", "device"]
TIME = "event_time"
PARTS = ["moment_month", "moment_isodow", "moment_hour"]
CYCLE = ["minute:sin", "minute:cos"]


def moments(names, matrix):
    """{column: [mean, mean square]}, in float64."""
    out = {}
    for at, name in enumerate(names):
        column = matrix[:, at].astype("float64")
        out[name] = [float(column.mean()), float((column * column).mean())]
    return out


def tell(seconds, names, matrix):
    print(json.dumps({"seconds": seconds, "rows": len(matrix), "columns": moments(names, matrix)}))
