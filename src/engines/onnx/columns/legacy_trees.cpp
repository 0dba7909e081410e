// SPDX-License-Identifier: Apache-2.0
#include "engines/onnx/columns/legacy_trees.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <unordered_map>
#include <unordered_set>

namespace kingpost::onnx {
namespace {

using Integers = std::vector<std::int64_t>;
using Floats = std::vector<float>;

template <typename Kind>
Kind take(const GraphNode& node, std::string_view name) {
  const auto* const found = find_attribute<Kind>(node, name);
  return found == nullptr ? Kind() : *found;
}

bool is_one_of(const GraphNode& node, std::string_view name, std::string_view normal) {
  const auto* const found = find_attribute<std::string>(node, name);
  return found == nullptr || *found == normal;
}

// Every split is made one by <=, of which the other side is true where it asks for more.
struct Split {
  float at = 0;
  bool is_swapped = false;
};

std::optional<Split> split_of(std::string_view mode, float at) {
  constexpr float kLowest = -std::numeric_limits<float>::infinity();
  const bool is_strict = mode == "BRANCH_LT" || mode == "BRANCH_GTE";
  const bool is_swapped = mode == "BRANCH_GT" || mode == "BRANCH_GTE";
  if (!is_strict && !is_swapped && mode != "BRANCH_LEQ") return std::nullopt;
  if (!is_strict) return Split{at, is_swapped};
  if (at == kLowest) return std::nullopt;
  return Split{std::nextafter(at, kLowest), is_swapped};
}

class LegacyReader {
 public:
  LegacyReader(const GraphNode& node, const std::string& prefix)
      : trees_(take<Integers>(node, "nodes_treeids")),
        ids_(take<Integers>(node, "nodes_nodeids")),
        features_(take<Integers>(node, "nodes_featureids")),
        splits_(take<Floats>(node, "nodes_values")),
        modes_(take<std::vector<std::string>>(node, "nodes_modes")),
        true_ids_(take<Integers>(node, "nodes_truenodeids")),
        false_ids_(take<Integers>(node, "nodes_falsenodeids")),
        missing_(take<Integers>(node, "nodes_missing_value_tracks_true")),
        leaf_trees_(take<Integers>(node, prefix + "_treeids")),
        leaf_ids_(take<Integers>(node, prefix + "_nodeids")),
        leaf_targets_(take<Integers>(node, prefix + "_ids")),
        weights_(take<Floats>(node, prefix + "_weights")) {}

  /// False where the trees are not sound.
  bool read(std::int64_t targets) {
    if (!is_even() || !find_places() || !find_leaves()) return false;
    is_taken_.resize(trees_.size());
    for (std::size_t i = 0; i < trees_.size(); ++i) {
      if (i > 0 && trees_[i] == trees_[i - 1]) continue;
      // The nodes of a tree stand together, its root first.
      if (!roots_seen_.insert(trees_[i]).second || !add_tree(i)) return false;
    }
    targets_ = targets;
    return std::all_of(leaf_targets_.begin(), leaf_targets_.end(),
                       [targets](std::int64_t each) { return each >= 0 && each < targets; });
  }

  const Integers& leaf_targets() const { return leaf_targets_; }
  const Floats& weights() const { return weights_; }

  GraphNode node(const GraphNode& from) {
    GraphNode out{"TreeEnsemble", std::string(kMlDomain), from.inputs, {}, {}, {}};
    const auto count = [](const auto& list) { return std::ssize(list); };
    out.attributes = {
        {"nodes_splits", Tensor{{count(out_splits_)}, out_splits_}},
        {"nodes_featureids", out_features_},
        {"nodes_modes", std::vector<std::uint8_t>(out_features_.size())},
        {"nodes_missing_value_tracks_true", out_missing_},
        {"nodes_falsenodeids", out_next_[0]},
        {"nodes_falseleafs", out_leaf_[0]},
        {"nodes_truenodeids", out_next_[1]},
        {"nodes_trueleafs", out_leaf_[1]},
        {"tree_roots", out_roots_},
        {"leaf_targetids", leaf_targets_},
        {"leaf_weights", Tensor{{count(weights_)}, weights_}},
        {"n_targets", targets_},
    };
    return out;
  }

 private:
  static constexpr std::size_t kNone = ~std::size_t{0};
  // A node of the list, and where in what is made its place is to be written.
  struct Waiting {
    std::size_t from = 0;
    std::size_t parent = kNone;
    std::size_t side = 0;
  };

  bool is_even() const {
    const std::size_t size = trees_.size();
    return size > 0 && ids_.size() == size && features_.size() == size && splits_.size() == size &&
           modes_.size() == size && true_ids_.size() == size && false_ids_.size() == size &&
           (missing_.empty() || missing_.size() == size) && !weights_.empty() &&
           leaf_trees_.size() == weights_.size() && leaf_ids_.size() == weights_.size() &&
           leaf_targets_.size() == weights_.size() &&
           std::all_of(weights_.begin(), weights_.end(),
                       [](float each) { return std::isfinite(each); });
  }

  static std::optional<std::uint64_t> key_of(std::int64_t tree, std::int64_t id) {
    constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();
    if (tree < 0 || tree > kMost || id < 0 || id > kMost) return std::nullopt;
    return static_cast<std::uint64_t>(tree) << 32U | static_cast<std::uint64_t>(id);
  }

  bool find_places() {
    for (std::size_t i = 0; i < trees_.size(); ++i) {
      const auto key = key_of(trees_[i], ids_[i]);
      if (!key || !places_.emplace(*key, i).second) return false;
    }
    return true;
  }

  // A leaf of several targets has no place in what is made.
  bool find_leaves() {
    leaf_of_.assign(trees_.size(), kNone);
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      const std::size_t at = place_of(leaf_trees_[i], leaf_ids_[i]);
      if (at == kNone || modes_[at] != "LEAF" || leaf_of_[at] != kNone) return false;
      leaf_of_[at] = i;
    }
    return true;
  }

  std::size_t place_of(std::int64_t tree, std::int64_t id) const {
    const auto key = key_of(tree, id);
    const auto found = key ? places_.find(*key) : places_.end();
    return found == places_.end() ? kNone : found->second;
  }

  bool add_tree(std::size_t root) {
    out_roots_.push_back(std::ssize(out_features_));
    if (modes_[root] == "LEAF") return add_stump(root);
    std::vector<Waiting> waiting = {{root}};
    while (!waiting.empty()) {
      const Waiting next = waiting.back();
      waiting.pop_back();
      if (next.from == kNone || is_taken_[next.from]) return false;
      is_taken_[next.from] = true;
      if (modes_[next.from] == "LEAF") {
        if (!add_leaf(next)) return false;
        continue;
      }
      const auto made = add_split(next);
      if (!made) return false;
      const bool is_swapped = made->is_swapped;
      const std::size_t at = out_features_.size() - 1;
      const std::int64_t tree = trees_[next.from];
      waiting.push_back({place_of(tree, false_ids_[next.from]), at, is_swapped ? 1U : 0U});
      waiting.push_back({place_of(tree, true_ids_[next.from]), at, is_swapped ? 0U : 1U});
    }
    return true;
  }

  // A tree of one leaf: both ways lead to it.
  bool add_stump(std::size_t leaf) {
    is_taken_[leaf] = true;
    push(0, 0, false);
    const std::size_t at = out_features_.size() - 1;
    return add_leaf({leaf, at, 0}) && add_leaf({leaf, at, 1});
  }

  bool add_leaf(const Waiting& next) {
    if (leaf_of_[next.from] == kNone) return false;
    out_next_[next.side][next.parent] = static_cast<std::int64_t>(leaf_of_[next.from]);
    out_leaf_[next.side][next.parent] = 1;
    return true;
  }

  std::optional<Split> add_split(const Waiting& next) {
    const auto split = split_of(modes_[next.from], splits_[next.from]);
    if (!split) return std::nullopt;
    if (next.parent != kNone) {
      out_next_[next.side][next.parent] = std::ssize(out_features_);
    }
    const bool is_missing_true = !missing_.empty() && missing_[next.from] == 1;
    push(features_[next.from], split->at, is_missing_true != split->is_swapped);
    return split;
  }

  void push(std::int64_t feature, float split, bool is_missing_true) {
    out_features_.push_back(feature);
    out_splits_.push_back(split);
    out_missing_.push_back(is_missing_true ? 1 : 0);
    for (Integers& each : out_next_) each.push_back(0);
    for (Integers& each : out_leaf_) each.push_back(0);
  }

  const Integers trees_;
  const Integers ids_;
  const Integers features_;
  const Floats splits_;
  const std::vector<std::string> modes_;
  const Integers true_ids_;
  const Integers false_ids_;
  const Integers missing_;
  const Integers leaf_trees_;
  const Integers leaf_ids_;
  const Integers leaf_targets_;
  const Floats weights_;

  std::unordered_map<std::uint64_t, std::size_t> places_;
  std::unordered_set<std::int64_t> roots_seen_;
  /// For each node the place of its weight.
  std::vector<std::size_t> leaf_of_;
  std::vector<bool> is_taken_;
  std::int64_t targets_ = 1;
  Integers out_roots_;
  Integers out_features_;
  Floats out_splits_;
  Integers out_missing_;
  std::array<Integers, 2> out_next_;
  std::array<Integers, 2> out_leaf_;
};

// The lists of float64 are for models that are not of float32.
bool has_tensors(const GraphNode& node) {
  return std::any_of(node.attributes.begin(), node.attributes.end(), [](const Attribute& each) {
    return std::holds_alternative<Tensor>(each.value);
  });
}

std::optional<LegacyTrees> read_regressor(const GraphNode& node) {
  const auto* const count = find_attribute<std::int64_t>(node, "n_targets");
  const std::int64_t targets = count == nullptr ? 1 : *count;
  LegacyTrees out;
  out.base = take<Floats>(node, "base_values");
  const bool has_base = out.base.empty() || std::ssize(out.base) == targets;
  if (!has_base || !is_one_of(node, "aggregate_function", "SUM") ||
      !is_one_of(node, "post_transform", "NONE")) {
    return std::nullopt;
  }
  LegacyReader reader(node, "target");
  if (!reader.read(targets)) return std::nullopt;
  out.sums = reader.node(node);
  return out;
}

std::optional<ClassRule> rule_of(const GraphNode& node) {
  ClassRule out;
  auto numbers = take<Integers>(node, "classlabels_int64s");
  auto texts = take<std::vector<std::string>>(node, "classlabels_strings");
  if (numbers.empty() == texts.empty()) return std::nullopt;
  if (texts.empty()) {
    out.labels = std::move(numbers);
  } else {
    out.labels = std::move(texts);
  }
  const auto* const transform = find_attribute<std::string>(node, "post_transform");
  if (transform == nullptr || *transform == "NONE") return out;
  if (*transform != "LOGISTIC" && *transform != "SOFTMAX") return std::nullopt;
  out.transform =
      *transform == "LOGISTIC" ? ClassRule::Transform::kLogistic : ClassRule::Transform::kSoftmax;
  return out;
}

std::optional<LegacyTrees> read_classifier(const GraphNode& node) {
  LegacyTrees out;
  out.rule = rule_of(node);
  if (!out.rule) return std::nullopt;
  ClassRule& rule = *out.rule;
  out.base = take<Floats>(node, "base_values");
  rule.is_binary = rule.classes() == 2;
  const std::size_t sums = rule.is_binary ? 1 : rule.classes();
  const bool has_base = out.base.empty() || out.base.size() == sums;
  // Softmax of one sum is not known here.
  const bool is_odd = rule.is_binary && rule.transform == ClassRule::Transform::kSoftmax;
  if (rule.classes() < 2 || !has_base || is_odd) return std::nullopt;
  LegacyReader reader(node, "class");
  if (!reader.read(static_cast<std::int64_t>(sums))) return std::nullopt;
  rule.are_chances = std::all_of(reader.weights().begin(), reader.weights().end(),
                                 [](float each) { return each >= 0; });
  out.sums = reader.node(node);
  return out;
}

}  // namespace

std::optional<LegacyTrees> read_legacy_trees(const GraphNode& node) {
  if (has_tensors(node)) return std::nullopt;
  if (node.op == "TreeEnsembleRegressor") return read_regressor(node);
  return node.op == "TreeEnsembleClassifier" ? read_classifier(node) : std::nullopt;
}

}  // namespace kingpost::onnx
