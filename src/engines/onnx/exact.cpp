// SPDX-License-Identifier: Apache-2.0
// The operators whose bits for a row do not depend on the rows beside it. The list is what
// exact_test.cpp has proven on the pinned runtime; nothing else belongs here.
#include <algorithm>
#include <array>

#include "engines/onnx/graph_state.h"

namespace kingpost::onnx {
namespace {

constexpr std::array<std::string_view, 58> kExact = {{"Abs",
                                                      "Add",
                                                      "And",
                                                      "ArgMax",
                                                      "Cast",
                                                      "Ceil",
                                                      "Clip",
                                                      "Concat",
                                                      "CumSum",
                                                      "Div",
                                                      "Equal",
                                                      "Erf",
                                                      "Exp",
                                                      "Expand",
                                                      "Floor",
                                                      "Gather",
                                                      "GatherElements",
                                                      "GatherND",
                                                      "Gemm",
                                                      "Greater",
                                                      "GreaterOrEqual",
                                                      "Identity",
                                                      "IsInf",
                                                      "IsNaN",
                                                      "Less",
                                                      "LessOrEqual",
                                                      "Loop",
                                                      "MatMul",
                                                      "Mod",
                                                      "Mul",
                                                      "Neg",
                                                      "Not",
                                                      "OneHot",
                                                      "Or",
                                                      "Pow",
                                                      "Reciprocal",
                                                      "RegexFullMatch",
                                                      "Relu",
                                                      "Reshape",
                                                      "Round",
                                                      "Shape",
                                                      "Sigmoid",
                                                      "Sign",
                                                      "Slice",
                                                      "Softmax",
                                                      "Sqrt",
                                                      "Squeeze",
                                                      "StringConcat",
                                                      "StringNormalizer",
                                                      "StringSplit",
                                                      "Sub",
                                                      "Tanh",
                                                      "Transpose",
                                                      "Unsqueeze",
                                                      "Where",
                                                      "Xor",
                                                      "ai.onnx.ml.LabelEncoder",
                                                      "ai.onnx.ml.TreeEnsemble"}};

// Exact on float32; on float64 the last values of a batch go through other code than the rest.
constexpr std::array kFloatOnly = {std::string_view("Erf"), std::string_view("Exp"),
                                   std::string_view("Sigmoid"), std::string_view("Softmax"),
                                   std::string_view("Tanh")};

template <typename List>
bool contains(const List& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

// Pow multiplies thrice when all rows have the exponent 3, but not when there is one row.
bool is_constant_three(const GraphState& state, const std::string& value) {
  return std::any_of(state.constants.begin(), state.constants.end(), [&](const auto& each) {
    return each.name == value && (each.tensor.data == Tensor::Data(std::vector<float>{3}) ||
                                  each.tensor.data == Tensor::Data(std::vector<double>{3}));
  });
}

}  // namespace

const std::vector<std::string_view>& exact_operators() {
  static const std::vector<std::string_view> list(kExact.begin(), kExact.end());
  return list;
}

std::string operator_name(const GraphNode& node) {
  return node.domain.empty() ? node.op : node.domain + "." + node.op;
}

const GraphState* body_of(const GraphNode& node) {
  for (const Attribute& each : node.attributes) {
    if (const auto* body = std::get_if<std::shared_ptr<const GraphState>>(&each.value)) {
      return body->get();
    }
  }
  return nullptr;
}

std::string inexact_name(const GraphState& state, const GraphNode& node) {
  std::string name = operator_name(node);
  if (!contains(exact_operators(), name)) return name;
  const bool is_double = node.types.front() == TensorType::kDouble;
  if (is_double && contains(kFloatOnly, name)) return name + "(double)";
  if (name == "Pow" && is_constant_three(state, node.inputs.at(1))) return name + "(3)";
  return {};
}

}  // namespace kingpost::onnx
