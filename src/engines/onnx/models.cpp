// SPDX-License-Identifier: Apache-2.0
// Trees become one TreeEnsemble, linear models one MatMul with the tables of their categories
// beside.
#include "engines/onnx/models.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engines/onnx/category_order.h"
#include "engines/onnx/graph_state.h"

namespace kingpost::onnx {
namespace {

using records::LinearModel;
using records::Tree;
using records::TreeEnsemble;
using records::TreeNode;

// Values of nodes_modes.
constexpr std::uint8_t kBranchLeq = 0;
constexpr std::uint8_t kBranchMember = 6;

/// The attributes of TreeEnsemble: a row for each inner node and for each leaf, over all trees.
struct Attributes {
  std::vector<std::int64_t> features;
  std::vector<float> splits;
  std::vector<std::uint8_t> modes;
  std::vector<std::int64_t> true_ids;
  std::vector<std::int64_t> true_is_leaf;
  std::vector<std::int64_t> false_ids;
  std::vector<std::int64_t> false_is_leaf;
  std::vector<std::int64_t> missing_true;
  std::vector<float> members;
  std::vector<std::int64_t> roots;
  std::vector<std::int64_t> leaf_outputs;
  std::vector<float> leaf_values;
};

/// The largest float32 that is not above the number.
float not_above(double number) {
  const auto nearest = static_cast<float>(number);
  if (static_cast<double>(nearest) <= number || std::isnan(number)) return nearest;
  return std::nextafter(nearest, -std::numeric_limits<float>::infinity());
}

// The runtime reads the sets of all member nodes from one list, in the order of the nodes.
void add_split(const TreeNode& node, Attributes& out) {
  out.features.push_back(node.feature);
  out.splits.push_back(node.is_categorical ? 0.0F : not_above(node.threshold));
  out.modes.push_back(node.is_categorical ? kBranchMember : kBranchLeq);
  out.missing_true.push_back(!node.is_categorical && node.missing_left ? 1 : 0);
  if (!node.is_categorical) return;
  for (const std::int32_t code : node.categories) out.members.push_back(static_cast<float>(code));
  out.members.push_back(std::numeric_limits<float>::quiet_NaN());
}

void add_branch(const Tree& tree, std::int32_t child, const std::vector<std::int64_t>& ids,
                std::vector<std::int64_t>& out, std::vector<std::int64_t>& is_leaf) {
  const auto at = static_cast<std::size_t>(child);
  out.push_back(ids[at]);
  is_leaf.push_back(tree.nodes[at].feature < 0 ? 1 : 0);
}

// A set without a code, which the runtime would not take, holds for no row: both branches go right.
bool is_empty_set(const TreeNode& node) {
  return node.is_categorical && node.categories.empty();
}

void add_tree(const Tree& tree, std::int64_t output, Attributes& out) {
  std::vector<std::int64_t> ids;
  auto next_node = static_cast<std::int64_t>(out.features.size());
  for (const TreeNode& node : tree.nodes) {
    if (node.feature >= 0) {
      ids.push_back(next_node++);
      continue;
    }
    ids.push_back(static_cast<std::int64_t>(out.leaf_values.size()));
    out.leaf_outputs.push_back(output);
    out.leaf_values.push_back(static_cast<float>(node.value));
  }
  out.roots.push_back(static_cast<std::int64_t>(out.features.size()));
  if (tree.nodes.front().feature < 0) {
    // A tree begins with a split: this one has the same leaf on both sides.
    add_split(TreeNode{.feature = 0}, out);
    add_branch(tree, 0, ids, out.true_ids, out.true_is_leaf);
    add_branch(tree, 0, ids, out.false_ids, out.false_is_leaf);
    return;
  }
  for (const TreeNode& node : tree.nodes) {
    if (node.feature < 0) continue;
    const bool is_empty = is_empty_set(node);
    add_split(is_empty ? TreeNode{.feature = node.feature} : node, out);
    add_branch(tree, is_empty ? node.right : node.left, ids, out.true_ids, out.true_is_leaf);
    add_branch(tree, node.right, ids, out.false_ids, out.false_is_leaf);
  }
}

Tensor vector_tensor(std::vector<float> values) {
  const auto size = static_cast<std::int64_t>(values.size());
  return {{size}, std::move(values)};
}

/// As many rows as the features have, all of them `bias`.
Value repeated(Graph& graph, const Value& features, const Tensor& bias) {
  const Value nothing = graph.columns(features, {});
  const Value no_weights = graph.constant(Tensor{{0, bias.shape[1]}, std::vector<float>()});
  return graph.node("Gemm", {nothing, no_weights, graph.constant(bias)}, TensorType::kFloat);
}

bool is_categorical(const LinearModel& model, std::int32_t feature) {
  return std::any_of(model.categories.begin(), model.categories.end(),
                     [&](const auto& each) { return each.feature == feature; });
}

/// The features that have a weight and no table.
std::vector<std::int64_t> numeric_columns(const LinearModel& model) {
  std::vector<std::int64_t> out;
  for (std::int32_t i = 0; i < model.features; ++i) {
    if (!is_categorical(model, i)) out.push_back(i);
  }
  return out;
}

/// Tables by code, one below the other, each with a row at its end for the codes that it does not
/// have.
struct Tables {
  std::int64_t width = 1;
  std::vector<std::int64_t> columns{};
  std::vector<float> sizes{};
  std::vector<std::int64_t> starts{};
  /// [codes, width]
  std::vector<float> values{};
};

/// Requires: all rows of the table have been added to `out.values` before.
void end_table(std::int32_t feature, Tables& out) {
  const std::int64_t start =
      out.starts.empty() ? 0 : out.starts.back() + static_cast<std::int64_t>(out.sizes.back()) + 1;
  out.columns.push_back(feature);
  out.starts.push_back(start);
  const std::int64_t rows = std::ssize(out.values) / out.width;
  out.sizes.push_back(static_cast<float>(rows - start - 1));
}

/// The weights of the categories; codes without a weight add nothing.
Tables tables_of(const LinearModel& model) {
  Tables out{.width = model.outputs};
  for (const auto& each : model.categories) {
    const std::size_t codes = each.weights.empty() ? 0 : each.weights.front().size();
    for (std::size_t code = 0; code < codes; ++code) {
      for (const auto& weights : each.weights) {
        out.values.push_back(static_cast<float>(weights[code]));
      }
    }
    out.values.insert(out.values.end(), static_cast<std::size_t>(model.outputs), 0.0F);
    end_table(each.feature, out);
  }
  return out;
}

Tables tables_of(const OrderedTrees& ordered) {
  Tables out{.width = ordered.width};
  for (const RankTable& each : ordered.tables) {
    out.values.insert(out.values.end(), each.ranks.begin(), each.ranks.end());
    end_table(each.feature, out);
  }
  return out;
}

/// Which numbers are codes, besides being small enough.
enum class CodesFrom { kZero, kAboveMinusOne };

/// What the tables hold for each row's codes, [rows, tables * width].
Value add_looked_up(Graph& graph, Tables tables, CodesFrom from, const Value& features) {
  const auto count = std::ssize(tables.columns);
  const auto row = [&](std::vector<float> values) {
    return graph.constant(Tensor{{1, count}, std::move(values)});
  };
  const auto bound = [&](float number) {
    return graph.constant(Tensor{{1, 1}, std::vector<float>{number}});
  };
  const Value codes = graph.columns(features, tables.columns);
  const Value sizes = row(std::move(tables.sizes));
  const Value is_not_below =
      from == CodesFrom::kZero ? graph.node("GreaterOrEqual", {codes, bound(0)}, TensorType::kBool)
                               : graph.node("Greater", {codes, bound(-1)}, TensorType::kBool);
  const Value is_below_end = graph.node("Less", {codes, sizes}, TensorType::kBool);
  const Value is_known = graph.node("And", {is_not_below, is_below_end}, TensorType::kBool);
  const Value known = graph.node("Where", {is_known, codes, sizes}, TensorType::kFloat);
  // Cut to whole numbers before the starts are added, so that no code moves on to the next row.
  const Value whole = graph.cast(known, TensorType::kInt64);
  const Value starts = graph.constant(Tensor{{1, count}, std::move(tables.starts)});
  const Value at = graph.node("Add", {whole, starts}, TensorType::kInt64);
  const auto rows = std::ssize(tables.values) / tables.width;
  const Value values = graph.constant(Tensor{{rows, tables.width}, std::move(tables.values)});
  const Value found = graph.node("Gather", {values, at}, TensorType::kFloat);
  return graph.node("Reshape", {found, graph.vector_of({-1, count * tables.width})},
                    TensorType::kFloat);
}

/// The matrix that the numbers, and then the weights that were looked up, are multiplied by: its
/// lower part adds up what belongs to one output. A reduction would depend on the address of the
/// row.
Tensor matrix_of(const LinearModel& model, const std::vector<std::int64_t>& columns) {
  const auto outputs = static_cast<std::size_t>(model.outputs);
  std::vector<float> values;
  for (const std::int64_t column : columns) {
    for (const auto& weights : model.weights) {
      values.push_back(static_cast<float>(weights[static_cast<std::size_t>(column)]));
    }
  }
  for (std::size_t i = 0; i < model.categories.size() * outputs; ++i) {
    for (std::size_t output = 0; output < outputs; ++output) {
      values.push_back(i % outputs == output ? 1.0F : 0.0F);
    }
  }
  return {{std::ssize(values) / model.outputs, model.outputs}, std::move(values)};
}

}  // namespace

Value add_trees(Graph& graph, const TreeEnsemble& ensemble, const Value& features) {
  if (ensemble.trees.empty()) {
    const auto outputs = static_cast<std::size_t>(ensemble.outputs);
    return repeated(graph, features, {{1, ensemble.outputs}, std::vector<float>(outputs, 0.0F)});
  }
  const OrderedTrees ordered = order_categories(ensemble);
  Value columns = features;
  if (!ordered.tables.empty()) {
    const Value ranks =
        add_looked_up(graph, tables_of(ordered), CodesFrom::kAboveMinusOne, features);
    columns = graph.side_by_side({features, ranks});
  }
  Attributes made;
  std::int64_t output = 0;
  for (const Tree& tree : ordered.trees.trees) {
    add_tree(tree, output, made);
    output = (output + 1) % ensemble.outputs;
  }
  std::vector<Attribute> attributes = {
      {"aggregate_function", std::int64_t{1}},
      {"leaf_targetids", std::move(made.leaf_outputs)},
      {"leaf_weights", vector_tensor(std::move(made.leaf_values))},
      {"n_targets", static_cast<std::int64_t>(ensemble.outputs)},
      {"nodes_falseleafs", std::move(made.false_is_leaf)},
      {"nodes_falsenodeids", std::move(made.false_ids)},
      {"nodes_featureids", std::move(made.features)},
      {"nodes_missing_value_tracks_true", std::move(made.missing_true)},
      {"nodes_modes", std::move(made.modes)},
      {"nodes_splits", vector_tensor(std::move(made.splits))},
      {"nodes_trueleafs", std::move(made.true_is_leaf)},
      {"nodes_truenodeids", std::move(made.true_ids)},
      {"post_transform", std::int64_t{0}},
      {"tree_roots", std::move(made.roots)}};
  if (!made.members.empty()) {
    attributes.push_back({"membership_values", vector_tensor(std::move(made.members))});
  }
  return graph.node("TreeEnsemble", {columns}, TensorType::kFloat, attributes, kMlDomain);
}

Value add_linear(Graph& graph, const LinearModel& model, const Value& features) {
  const auto columns = numeric_columns(model);
  std::vector<Value> parts;
  if (model.categories.empty()) {
    parts.push_back(features);
  } else {
    if (!columns.empty()) parts.push_back(graph.columns(features, columns));
    parts.push_back(add_looked_up(graph, tables_of(model), CodesFrom::kZero, features));
  }
  std::vector<float> intercepts;
  for (const double each : model.intercepts) intercepts.push_back(static_cast<float>(each));
  const Value bias = graph.constant(Tensor{{1, model.outputs}, std::move(intercepts)});
  const Value matrix = graph.constant(matrix_of(model, columns));
  return graph.node("Gemm", {graph.side_by_side(parts), matrix, bias}, TensorType::kFloat);
}

Value add_link(Graph& graph, records::Link link, const Value& scores) {
  switch (link) {
    case records::Link::kIdentity:
      return scores;
    case records::Link::kSigmoid:
      return graph.node("Sigmoid", {scores}, TensorType::kFloat);
    case records::Link::kSoftmax:
      return graph.node("Softmax", {scores}, TensorType::kFloat, {{"axis", std::int64_t{1}}});
    case records::Link::kOneVsRest: {
      // The runtime's Sigmoid is 0 for scores that are not so low, and then shares of 0 / 0 would
      // come out. Beyond 80 the exponential is not a float32 any more.
      const auto bound = [&](float value) {
        return graph.constant(Tensor{{}, std::vector<float>{value}});
      };
      const Value cut =
          graph.node("Clip", {scores, bound(-80.0F), bound(80.0F)}, TensorType::kFloat);
      const Value minus = graph.node("Neg", {cut}, TensorType::kFloat);
      const Value odds = graph.node("Exp", {minus}, TensorType::kFloat);
      const Value one_more = graph.node("Add", {odds, bound(1.0F)}, TensorType::kFloat);
      const Value each = graph.node("Reciprocal", {one_more}, TensorType::kFloat);
      const Value axis = graph.constant(Tensor{{}, std::vector<std::int64_t>{1}});
      const Value sums = graph.node("CumSum", {each, axis}, TensorType::kFloat);
      const Value sum = graph.columns(sums, {-1});
      return graph.node("Div", {each, sum}, TensorType::kFloat);
    }
  }
  return scores;
}

}  // namespace kingpost::onnx
