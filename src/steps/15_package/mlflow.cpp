// SPDX-License-Identifier: Apache-2.0
// The MLmodel file (https://mlflow.org/docs/latest/ml/model/, as of 3.17). The flavour onnx gives
// the graph; the flavour python_function goes through a loader of ours, because MLflow's own hands
// columns to the runtime as they are: of one dimension, and with None for null.
#include "base/text.h"
#include "engines/onnx/runtime.h"
#include "steps/15_package/material.h"

namespace kingpost::steps::package {
namespace {

constexpr std::string_view kMlflowVersion = "3.17.2";
constexpr std::string_view kPythonVersion = "3.11";

constexpr std::string_view kLoader = R"py(# SPDX-License-Identifier: Apache-2.0
"""Loads a bundle of kingpost for mlflow.pyfunc: a DataFrame of curated rows to one of answers."""

import json
from pathlib import Path

import numpy
import onnxruntime
import pandas

LARGEST = 2 ** 53


def _load_pyfunc(path):
    path = Path(path)
    return Model(path if path.is_dir() else path.parent)


class Model:
    def __init__(self, folder):
        text = (folder / "signature.json").read_text(encoding="utf-8")
        self.signature = json.loads(text)
        # One thread, in order, not rewritten: the bits do not depend on the batch.
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        self.session = onnxruntime.InferenceSession(
            str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"])

    def predict(self, data, params=None):
        frame = data if isinstance(data, pandas.DataFrame) else pandas.DataFrame(data)
        inputs = self.signature["inputs"]
        missing = [each["name"] for each in inputs if each["name"] not in frame.columns]
        if missing:
            raise ValueError(f"the rows lack columns of the model: {missing}")
        feed = {each["name"]: _column(frame[each["name"]], each) for each in inputs}
        names = [each["name"] for each in self.signature["outputs"]]
        answers = dict(zip(names, self.session.run(names, feed)))
        out = {"prediction": answers["prediction"][:, 0]}
        if "probability" in answers:
            out["probability"] = answers["probability"][:, 0]
        for at, each in enumerate(self.signature["classes"]):
            if "probabilities" in answers:
                out[f"probability_{each}"] = answers["probabilities"][:, at]
        return pandas.DataFrame(out, index=frame.index)


def _column(values, spec):
    """As the graph takes it: [N, 1], null is NaN or the empty text, times are microseconds."""
    if spec["onnx"] == "string":
        out = _texts(values, spec["name"])
    elif spec["type"] == "date" or spec["type"].startswith("timestamp"):
        out = _times(values)
    else:
        out = _numbers(values, spec["name"])
    return out.reshape(-1, 1)


def _texts(values, name):
    out = values.astype(object).to_numpy(dtype=object, copy=True)
    out[values.isna().to_numpy(dtype=bool)] = ""
    odd = next((each for each in out if not isinstance(each, str)), None)
    if odd is not None:
        raise TypeError(f"column {name!r} holds texts, and {odd!r} is none")
    return out


def _numbers(values, name):
    if values.dtype == object:
        values = pandas.Series([numpy.nan if pandas.isna(each) else each for each in values],
                               dtype=object)
        odd = next((each for each in values if isinstance(each, (str, bytes))), None)
        if odd is not None:
            raise TypeError(f"column {name!r} holds numbers, and {odd!r} is none")
        out = values.to_numpy(dtype=numpy.float64)
    else:
        out = values.to_numpy(dtype=numpy.float64, na_value=numpy.nan)
    whole = pandas.api.types.is_integer_dtype(values.dtype)
    if whole and numpy.nanmax(numpy.abs(out), initial=0) > LARGEST:
        raise ValueError(f"column {name!r} holds whole numbers beyond 2^53")
    return out


def _times(values):
    if pandas.api.types.is_float_dtype(values.dtype):
        return values.to_numpy(dtype=numpy.float64, na_value=numpy.nan)
    times = pandas.to_datetime(values, utc=True).dt.tz_localize(None)
    out = times.to_numpy(dtype="datetime64[us]")
    return numpy.where(numpy.isnat(out), numpy.nan, out.astype(numpy.int64).astype(numpy.float64))
)py";

// MLflow's words for what a frame holds. Numbers are double whatever they were, because only that
// may be null in pandas; booleans too, because MLflow reads a null boolean from JSON as false.
std::string_view input_type(std::string_view type) {
  if (type == "string") return "string";
  return records::is_temporal(type) ? "datetime" : "double";
}

Json spec_of(std::string_view type, std::string name) {
  Json out = Json::object();
  return std::move(out.set("type", type).set("name", std::move(name)).set("required", true));
}

Json inputs_of(const Json& signature) {
  Json out = Json::array();
  for (const Json& input : signature["inputs"].items()) {
    out.push(spec_of(input_type(input["type"].text()), input["name"].text()));
  }
  return out;
}

Json outputs_of(const Material& material) {
  Json out = Json::array();
  const bool number = material.task() == records::Task::kNumber;
  const bool binary = material.task() == records::Task::kBinary;
  out.push(spec_of(number ? "float" : (binary ? "boolean" : "string"), "prediction"));
  if (binary) out.push(spec_of("float", "probability"));
  if (number || binary) return out;
  for (const std::string& each : material.target().classes) {
    out.push(spec_of("float", "probability_" + each));
  }
  return out;
}

// A JSON text as a YAML scalar.
std::string quoted(const Json& value) {
  return format("'{}'", replace_all(value.dump(), "'", "''"));
}

std::vector<std::string> requirements() {
  return {format("mlflow-skinny>={},<4", kMlflowVersion), "numpy>=1.26", "onnx>=1.17",
          format("onnxruntime=={}", onnx::runtime_version()), "pandas>=2.2"};
}

std::string mlmodel(const Material& material, const Json& signature, const std::string& identity) {
  std::string out = "flavors:\n";
  out +=
      "  onnx:\n    code: null\n    data: model.onnx\n    onnx_session_options:\n"
      "      execution_mode: sequential\n      inter_op_num_threads: 1\n"
      "      intra_op_num_threads: 1\n    providers:\n    - CPUExecutionProvider\n";
  out +=
      "  python_function:\n    code: code\n    data: model.onnx\n    env:\n"
      "      conda: conda.yaml\n      virtualenv: python_env.yaml\n"
      "    loader_module: kingpost_bundle\n";
  out += format("    python_version: '{}'\n", kPythonVersion);
  out += format("mlflow_version: {}\nmodel_uuid: {}\n", kMlflowVersion, identity.substr(0, 32));
  out +=
      "saved_input_example_info:\n  artifact_path: input_example.json\n"
      "  pandas_orient: split\n  type: dataframe\n";
  out += format("signature:\n  inputs: {}\n  outputs: {}\n  params: null\n",
                quoted(inputs_of(signature)), quoted(outputs_of(material)));
  // MLflow takes the clock where there is no time; the epoch says that none was noted.
  const RunContext& context = material.context;
  const Micros made = context.settings.now_given ? context.settings.now : 0;
  std::string time = replace_all(timestamp_text(made), "T", " ");
  time.pop_back();
  return out + format("utc_time_created: '{}'\n", time);
}

}  // namespace

std::vector<TextFile> mlflow_files(const Material& material, const Json& signature,
                                   const std::string& identity) {
  const auto lines = requirements();
  std::string pip;
  for (const std::string& line : lines) pip += format("  - {}\n", line);
  return {
      {"MLmodel", mlmodel(material, signature, identity)},
      {"code/kingpost_bundle.py", std::string(kLoader)},
      {"requirements.txt", join(lines, "\n") + "\n"},
      {"python_env.yaml", format("python: '{}'\nbuild_dependencies:\n- pip\ndependencies:\n- -r "
                                 "requirements.txt\n",
                                 kPythonVersion)},
      {"conda.yaml", format("channels:\n- conda-forge\ndependencies:\n- python={}\n- pip\n- "
                            "pip:\n{}name: kingpost\n",
                            kPythonVersion, pip)}};
}

}  // namespace kingpost::steps::package
