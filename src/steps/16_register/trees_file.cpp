// SPDX-License-Identifier: Apache-2.0
#include "steps/16_register/trees_file.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <set>

#include "base/text.h"
#include "base/utf8.h"
#include "engines/lightgbm/lightgbm.h"
#include "engines/onnx/models.h"
#include "engines/onnx/runtime.h"

namespace kingpost::steps::registering {
namespace {

using onnx::TensorType;
using onnx::Value;
using records::Link;
using records::Tensor;
using records::TreeEnsemble;

constexpr double kMostApart = 1e-5;
constexpr std::size_t kMixedRows = 2000;
constexpr std::size_t kMostRows = 20'000;
constexpr std::size_t kMostValues = 20'000'000;
constexpr float kNone = std::numeric_limits<float>::quiet_NaN();

// An output, or a name that the graph may give a value of its own.
bool is_kept_free(const std::string& name) {
  return name == "prediction" || name == "probability" || name == "probabilities" ||
         name.front() == '/';
}

bool is_column(const std::string& name) {
  return !name.empty() && name.size() <= 255 && is_utf8(name) && !is_kept_free(name) &&
         std::none_of(name.begin(), name.end(),
                      [](char each) { return static_cast<unsigned char>(each) < ' '; });
}

// What each feature is asked with.
std::vector<std::vector<float>> values_of(const TreeEnsemble& trees) {
  std::vector<std::set<float>> found(static_cast<std::size_t>(trees.features));
  for (auto& each : found) each = {-1.0F, 0.0F, 1.0F};
  for (const records::Tree& tree : trees.trees) {
    for (const records::TreeNode& node : tree.nodes) {
      if (node.feature < 0) continue;
      auto& into = found[static_cast<std::size_t>(node.feature)];
      const auto at = static_cast<float>(node.threshold);
      if (!node.is_categorical) {
        into.insert({std::nextafter(at, -INFINITY), at, std::nextafter(at, INFINITY)});
      }
      for (const std::int32_t code : node.categories) {
        into.insert({static_cast<float>(code), static_cast<float>(code + 1)});
      }
    }
  }
  std::vector<std::vector<float>> out;
  for (const auto& each : found) {
    out.emplace_back(each.begin(), each.end());
    std::erase_if(out.back(), [](float value) { return !std::isfinite(value); });
    out.back().push_back(kNone);
  }
  return out;
}

// Row-major: every value of every feature stands in a row, as far as there is room; then mixtures.
std::vector<float> rows_of(const TreeEnsemble& trees) {
  const auto values = values_of(trees);
  std::size_t most = 0;
  for (const auto& each : values) most = std::max(most, each.size());
  // Of very wide models fewer, so that the rows stay in memory.
  const std::size_t room = std::max(kMixedRows, kMostValues / values.size());
  const std::size_t rows = std::min({most + kMixedRows, kMostRows, room});
  std::mt19937_64 chance(20);  // NOLINT(bugprone-random-generator-seed): the same rows every time
  std::vector<float> out;
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t f = 0; f < values.size(); ++f) {
      const bool in_turn = row < most && row + kMixedRows < rows + 1;
      const std::size_t at = in_turn ? row + f : static_cast<std::size_t>(chance());
      out.push_back(values[f][at % values[f].size()]);
    }
  }
  return out;
}

double sigmoid(double raw) {
  return 1 / (1 + std::exp(-raw));
}

// Raw scores of one row to answers, in double precision.
void link(Link link, double* scores, std::size_t outputs) {
  if (link == Link::kIdentity) return;
  const double most = *std::max_element(scores, scores + outputs);
  double sum = 0;
  for (std::size_t i = 0; i < outputs; ++i) {
    scores[i] = link == Link::kSoftmax ? std::exp(scores[i] - most) : sigmoid(scores[i]);
    sum += scores[i];
  }
  if (link == Link::kSigmoid) return;
  for (std::size_t i = 0; i < outputs; ++i) scores[i] /= sum;
}

Value add_answers(onnx::Graph& graph, const TreeEnsemble& trees, const Value& raw) {
  if (trees.link == Link::kIdentity) {
    graph.output("prediction", raw, trees.outputs);
    return raw;
  }
  const Value answers = onnx::add_link(graph, trees.link, raw);
  if (trees.outputs == 1) {
    graph.output("probability", answers);
    const Value half = graph.constant(Tensor{{1, 1}, std::vector<float>{0.5F}});
    graph.output("prediction", graph.node("GreaterOrEqual", {answers, half}, TensorType::kBool));
    return answers;
  }
  graph.output("probabilities", answers, trees.outputs);
  graph.output("prediction",
               graph.node("ArgMax", {answers}, TensorType::kInt64,
                          {{"axis", std::int64_t{1}}, {"keepdims", std::int64_t{1}}}));
  return answers;
}

Result<std::vector<float>> answers_of(const std::string& graph, const TreeEnsemble& trees,
                                      const std::vector<float>& rows,
                                      const std::vector<std::string>& names) {
  TRY(const auto model, onnx::Model::load(graph));
  records::Batch batch;
  const std::size_t width = names.size();
  batch.rows = static_cast<std::int64_t>(rows.size() / width);
  for (std::size_t f = 0; f < width; ++f) {
    records::BatchColumn column{names[f]};
    for (std::size_t at = f; at < rows.size(); at += width) {
      column.numbers.push_back(static_cast<double>(rows[at]));
    }
    batch.columns.push_back(std::move(column));
  }
  std::vector<Tensor> out;
  model->make_room(batch.rows, out);
  TRY_STATUS(model->run_into(batch, 0, batch.rows, out));
  for (std::size_t i = 0; i < out.size(); ++i) {
    const bool is_it = model->outputs()[i].name != "prediction" || trees.link == Link::kIdentity;
    if (is_it) return out[i].floats();
  }
  return fail(Code::kInternal, "onnx.malformed", "the model has no scores");
}

// Leaves that differ.
Result<std::int64_t> other_leaves(const lightgbm::Booster& booster, const TreeEnsemble& trees,
                                  const std::vector<float>& rows) {
  const auto width = static_cast<std::size_t>(trees.features);
  const std::size_t count = rows.size() / width;
  TRY(const auto leaves,
      booster.leaves(rows.data(), static_cast<std::int64_t>(count), trees.features));
  std::int64_t out = 0;
  for (std::size_t row = 0; row < count; ++row) {
    for (std::size_t t = 0; t < trees.trees.size(); ++t) {
      const records::Tree& tree = trees.trees[t];
      const std::size_t own =
          records::leaf_of(tree, &rows[row * width]) - (tree.nodes.size() - 1) / 2;
      if (own != static_cast<std::size_t>(leaves[row * trees.trees.size() + t])) ++out;
    }
  }
  return out;
}

}  // namespace

Result<std::vector<std::string>> feature_names(const std::string& text, std::int32_t features) {
  constexpr std::string_view kKey = "\nfeature_names=";
  const std::size_t at = text.find(kKey);
  std::vector<std::string> out;
  if (at != std::string::npos) {
    const std::size_t from = at + kKey.size();
    std::string line = text.substr(from, text.find('\n', from) - from);
    if (!line.empty() && line.back() == '\r') line.pop_back();
    out = split(line, ' ');
  }
  const auto refuse = [&](const std::string& name, std::string_view why) {
    return fail(Code::kInvalidInput, "register.feature_name", "the feature name \"{}\" {}",
                shown(name), why)
        .hint("give each feature a name of its own, without control characters, before training");
  };
  if (std::ssize(out) != features) {
    return refuse(join(out, " "), format("is not {} names", features));
  }
  std::set<std::string> seen;
  for (const std::string& each : out) {
    if (!is_column(each)) return refuse(each, "cannot be that of a column");
    if (!seen.insert(each).second) return refuse(each, "stands twice");
  }
  return out;
}

std::string tree_graph(const TreeEnsemble& trees, const std::vector<std::string>& names) {
  onnx::Graph out("model");
  std::vector<Value> columns;
  for (const std::string& each : names) columns.push_back(out.input(each, TensorType::kDouble));
  const Value features = out.cast(out.side_by_side(columns), TensorType::kFloat);
  add_answers(out, trees, onnx::add_trees(out, trees, features));
  return out.bytes();
}

Result<TreeParity> compare_trees(const std::string& text, const TreeEnsemble& trees,
                                 const std::string& graph, const std::vector<std::string>& names) {
  TRY(const auto booster, lightgbm::Booster::read(text));
  const std::vector<float> rows = rows_of(trees);
  TreeParity out;
  out.rows = static_cast<std::int64_t>(rows.size() / names.size());
  TRY(out.other_leaves, other_leaves(*booster, trees, rows));
  TRY(auto own, booster->raw_scores(rows.data(), out.rows, trees.features));
  TRY(const auto answers, answers_of(graph, trees, rows, names));
  const auto outputs = static_cast<std::size_t>(trees.outputs);
  for (std::size_t i = 0; i < own.size(); i += outputs) link(trees.link, &own[i], outputs);
  for (std::size_t i = 0; i < own.size(); ++i) {
    const double apart =
        std::abs(own[i] - static_cast<double>(answers[i])) / std::max(1.0, std::abs(own[i]));
    out.largest = std::isnan(apart) ? INFINITY : std::max(out.largest, apart);
  }
  if (out.other_leaves == 0 && out.largest <= kMostApart) return out;
  return fail(Code::kDataRejected, "register.parity_failed",
              "the graph does not answer as LightGBM does: {} other leaves, answers up to {:.3g} "
              "apart, over {} rows",
              out.other_leaves, out.largest, out.rows)
      .hint("nothing was registered; please report this with the model");
}

}  // namespace kingpost::steps::registering
