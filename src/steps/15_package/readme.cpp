// SPDX-License-Identifier: Apache-2.0
// How to run the model, with the names of this very model in the examples.
#include "base/text.h"
#include "steps/15_package/markdown.h"
#include "steps/15_package/material.h"

namespace kingpost::steps::package {
namespace {

constexpr std::string_view kOnnxruntime = R"md(## Python's onnxruntime

```python
import json
import numpy, onnxruntime

signature = json.load(open("signature.json", encoding="utf-8"))
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1          # one thread, in order, as it is:
options.inter_op_num_threads = 1          # then the bits do not depend on the batch
options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
session = onnxruntime.InferenceSession("model.onnx", options, providers=["CPUExecutionProvider"])

def column(values, onnx_type):            # a list of values, None for null
    if onnx_type == "string":
        out = numpy.array(["" if v is None else v for v in values], dtype=object)
    else:
        out = numpy.array([numpy.nan if v is None else v for v in values], dtype=numpy.float64)
    return out.reshape(-1, 1)

def answer(rows):                         # rows: {"column": [values]}
    feed = {i["name"]: column(rows[i["name"]], i["onnx"]) for i in signature["inputs"]}
    return dict(zip([o["name"] for o in signature["outputs"]], session.run(None, feed)))
```

**Null.** A null number, boolean or time is NaN; a null text is the empty text `""`. Never hand
`None` to onnxruntime: in a column of texts it silently becomes the text "None", which is another
category. **Booleans** enter as 0 and 1. **Times** enter as microseconds since 1970-01-01 UTC, dates
as their midnight.

)md";

constexpr std::string_view kMlflow = R"md(## MLflow

```python
import mlflow
model = mlflow.pyfunc.load_model(".")     # this folder
model.predict(frame)                      # a pandas DataFrame of curated rows
```

Its loader, `code/kingpost_bundle.py`, takes nulls in any form that pandas knows (None, NaN, NA,
NaT), sets the threads as above, and gives one column per answer. MLflow checks the frame against
the signature first: every number and boolean is a `double`, so turn columns of whole numbers and of
booleans into float64 (`frame.astype({"column": "float64"})`); times are `datetime64` without a
zone, in UTC.
`mlflow.onnx.load_model(".")` gives the ONNX graph itself.

)md";

constexpr std::string_view kFiles = R"md(## Files

| file | what it is |
| --- | --- |
| `model.onnx` | from curated row to answer, features included |
| `signature.json` | what enters and leaves, by name and type |
| `input_example.json`, `input_example.answers.json` | a few rows and their answers |
| `model_card.md` | what it predicts, how good it is, where it fails |
| `metrics.json` | the numbers behind the card: metrics, slices, curves, importances, gates |
| `features.json` | how each feature is made, with the values that were fitted |
| `native/` | the model in its own form |
| `reference.json` | how inputs, labels and scores were distributed, for monitoring |
| `lineage.json` | digests of data, and the sections of the pipeline file |
| `MLmodel`, `code/`, `*.yaml`, `requirements.txt` | for MLflow |
| `SHA256SUMS` | `sha256sum -c SHA256SUMS` checks every file; its sha256 names the bundle |

The bundle holds rows and categories of the training data (`input_example.json`, `reference.json`,
`features.json`): share it with those only who may see them.
)md";

std::string answers_words(const Material& material) {
  switch (material.task()) {
    case records::Task::kNumber:
      return "`prediction` (float32)";
    case records::Task::kBinary:
      return "`probability` of true (float32) and `prediction` (true from the threshold on)";
    case records::Task::kMulticlass:
      return "`probabilities` (float32, one per class in the order of `signature.json`) and "
             "`prediction` (the class)";
  }
  return {};
}

}  // namespace

std::string readme_of(const Material& material, const Json& signature) {
  std::string out = format("# {}\n\n", plain(material.name));
  out += format(
      "A bundle of kingpost: {}, from {} inputs to {}. Read `model_card.md` before you "
      "use it.\n\n",
      records::task_word(material.task()), signature["inputs"].items().size(),
      answers_words(material));
  MarkdownTable inputs({"input", "type", "in the graph"});
  for (const Json& input : signature["inputs"].items()) {
    inputs.row({code(input["name"].text()), input["type"].text(), input["onnx"].text()});
  }
  out += inputs.text();
  out += kOnnxruntime;
  out += kMlflow;
  out +=
      "## kingpost\n\n```\nkingpost infer FOLDER rows.csv answers.csv\n```\n\n`FOLDER` is this "
      "folder; rows may be CSV, Parquet or NDJSON, `-` is stdin and stdout.\n\n";
  return out += kFiles;
}

}  // namespace kingpost::steps::package
