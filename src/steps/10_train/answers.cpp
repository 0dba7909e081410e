// SPDX-License-Identifier: Apache-2.0
// Exact operators only (onnx::exact_operators).
#include "steps/10_train/answers.h"

#include <algorithm>

#include "base/text.h"
#include "engines/onnx/models.h"
#include "engines/onnx/runtime.h"
#include "steps/fitting.h"

namespace kingpost::steps::train {
namespace {

using onnx::TensorType;
using onnx::Value;
using records::Task;
using records::Tensor;

Value add_raw(onnx::Graph& graph, const Fitted& fitted, const Value& features) {
  if (const auto* trees = std::get_if<records::TreeEnsemble>(&fitted.model)) {
    return onnx::add_trees(graph, *trees, features);
  }
  return onnx::add_linear(graph, std::get<records::LinearModel>(fitted.model), features);
}

Value single(onnx::Graph& graph, float number) {
  return graph.constant(Tensor{{1, 1}, std::vector<float>{number}});
}

Value add_calibrated(onnx::Graph& graph, records::Link link, const Calibration& calibration,
                     const Value& raw) {
  if (calibration.kind == Calibrate::kNone) return onnx::add_link(graph, link, raw);
  if (calibration.kind == Calibrate::kIsotonic) {
    return onnx::add_trees(graph, calibration.steps, raw);
  }
  // Gemm over one column: optimisers leave it as it is whatever the numbers are.
  const Value line =
      graph.node("Gemm", {raw, single(graph, calibration.a), single(graph, calibration.b)},
                 TensorType::kFloat);
  return graph.node("Sigmoid", {line}, TensorType::kFloat);
}

Value add_likeliest(onnx::Graph& graph, const Value& probabilities,
                    const std::vector<std::string>& classes) {
  const Value place = graph.node("ArgMax", {probabilities}, TensorType::kInt64,
                                 {{"axis", std::int64_t{1}}, {"keepdims", std::int64_t{1}}});
  const Value names = graph.constant(Tensor{{std::ssize(classes)}, classes});
  return graph.node("Gather", {names, place}, TensorType::kString, {{"axis", std::int64_t{0}}});
}

}  // namespace

onnx::Graph raw_graph(const Fitted& fitted, std::int32_t columns) {
  onnx::Graph out("model");
  const Value features = out.input("features", TensorType::kFloat, columns);
  out.output("raw", add_raw(out, fitted, features), fitted.outputs());
  return out;
}

onnx::Graph answer_graph(const Fitted& fitted, std::int32_t columns, const records::Target& target,
                         const Calibration& calibration, double threshold) {
  onnx::Graph out("model");
  const Value features = out.input("features", TensorType::kFloat, columns);
  const Value raw = add_raw(out, fitted, features);
  if (target.task == Task::kNumber) {
    out.output("prediction", raw);
    return out;
  }
  if (target.task == Task::kMulticlass) {
    const Value probabilities = onnx::add_link(out, fitted.link(), raw);
    out.output("probabilities", probabilities, fitted.outputs());
    out.output("prediction", add_likeliest(out, probabilities, target.classes));
    return out;
  }
  const Value probability = add_calibrated(out, fitted.link(), calibration, raw);
  const Value from = single(out, static_cast<float>(threshold));
  out.output("probability", probability);
  out.output("prediction", out.node("GreaterOrEqual", {probability, from}, TensorType::kBool));
  return out;
}

std::string_view scores_name(const records::Target& target) {
  if (target.task == Task::kBinary) return "probability";
  return target.task == Task::kMulticlass ? "probabilities" : "prediction";
}

Result<std::vector<double>> answers(const onnx::Graph& graph, std::string_view output,
                                    const LabelledRows& rows, int threads) {
  TRY(const auto model,
      onnx::Model::load(graph.bytes(), onnx::kRowsAtOnce, onnx::Engine::kOwnColumns));
  const auto& ports = model->outputs();
  const auto port = std::find_if(ports.begin(), ports.end(),
                                 [&](const onnx::Port& each) { return each.name == output; });
  if (port == ports.end()) {
    return fail(Code::kInternal, "onnx.malformed", "the model has no output \"{}\"", output);
  }
  TRY(const auto made, onnx::run_rows(*model, rows.values, rows.columns, threads));
  const auto& values = made[static_cast<std::size_t>(port - ports.begin())].floats();
  return std::vector<double>(values.begin(), values.end());
}

}  // namespace kingpost::steps::train
