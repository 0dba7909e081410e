// SPDX-License-Identifier: Apache-2.0
#include "engines/onnx/columns/tree_table.h"

#include <algorithm>
#include <cmath>
#include <span>
#include <string_view>

namespace kingpost::onnx {
namespace {

using Integers = std::vector<std::int64_t>;

template <typename Kind>
const Kind* find(const GraphNode& node, std::string_view name) {
  for (const Attribute& each : node.attributes) {
    if (each.name == name) return std::get_if<Kind>(&each.value);
  }
  return nullptr;
}

// What is not said is so by default.
bool is(const GraphNode& node, std::string_view name, std::int64_t normal) {
  const auto* const found = find<std::int64_t>(node, name);
  return found == nullptr || *found == normal;
}

template <typename T>
const std::vector<T>* numbers(const GraphNode& node, std::string_view name) {
  const auto* const tensor = find<Tensor>(node, name);
  return tensor == nullptr ? nullptr : std::get_if<std::vector<T>>(&tensor->data);
}

bool are_below(const Integers& values, std::size_t end) {
  return std::all_of(values.begin(), values.end(), [end](std::int64_t each) {
    return each >= 0 && static_cast<std::size_t>(each) < end;
  });
}

}  // namespace

// The lists that the attributes are, all of one length.
template <typename T>
class TreeTable<T>::Reading {
 public:
  explicit Reading(const GraphNode& node)
      : features_(find<Integers>(node, "nodes_featureids")),
        splits_(numbers<T>(node, "nodes_splits")),
        modes_(find<std::vector<std::uint8_t>>(node, "nodes_modes")),
        missing_(find<Integers>(node, "nodes_missing_value_tracks_true")),
        true_ids_(find<Integers>(node, "nodes_truenodeids")),
        true_leaf_(find<Integers>(node, "nodes_trueleafs")),
        false_ids_(find<Integers>(node, "nodes_falsenodeids")),
        false_leaf_(find<Integers>(node, "nodes_falseleafs")),
        roots_(find<Integers>(node, "tree_roots")),
        targets_(find<Integers>(node, "leaf_targetids")),
        weights_(numbers<T>(node, "leaf_weights")),
        count_(find<std::int64_t>(node, "n_targets")) {}

  bool is_sound(std::size_t features) const {
    if (features_ == nullptr || splits_ == nullptr || modes_ == nullptr || true_ids_ == nullptr ||
        true_leaf_ == nullptr || false_ids_ == nullptr || false_leaf_ == nullptr ||
        roots_ == nullptr || targets_ == nullptr || weights_ == nullptr || count_ == nullptr) {
      return false;
    }
    const std::size_t size = features_->size();
    constexpr std::size_t kMost = std::size_t{1} << 30;
    const bool is_even =
        splits_->size() == size && modes_->size() == size && true_ids_->size() == size &&
        true_leaf_->size() == size && false_ids_->size() == size && false_leaf_->size() == size &&
        (missing_ == nullptr || missing_->size() == size) && targets_->size() == weights_->size();
    return is_even && size < kMost && weights_->size() < kMost && features < kMost &&
           *count_ >= 1 && *count_ < 100'000 && are_below(*features_, features) &&
           are_below(*roots_, size) && are_below(*targets_, static_cast<std::size_t>(*count_)) &&
           std::all_of(modes_->begin(), modes_->end(), [](std::uint8_t each) { return each == 0; });
  }

  /// False where a branch leads nowhere or back.
  bool fill(TreeTable& out) const {
    for (std::size_t i = 0; i < features_->size(); ++i) {
      Node node;
      node.split = (*splits_)[i];
      node.is_missing_true = missing_ != nullptr && (*missing_)[i] != 0;
      node.offset = static_cast<std::uint32_t>((*features_)[i]);
      if (!link(i, (*false_ids_)[i], (*false_leaf_)[i], node.next[0]) ||
          !link(i, (*true_ids_)[i], (*true_leaf_)[i], node.next[1])) {
        return false;
      }
      out.nodes_.push_back(node);
    }
    for (std::size_t i = 0; i < weights_->size(); ++i) {
      out.leaves_.push_back({(*weights_)[i], static_cast<std::uint32_t>((*targets_)[i])});
    }
    for (const std::int64_t each : *roots_) out.roots_.push_back(static_cast<std::int32_t>(each));
    out.targets_ = static_cast<std::size_t>(*count_);
    return true;
  }

 private:
  // A node before its parent could make a ring.
  bool link(std::size_t parent, std::int64_t id, std::int64_t is_leaf, std::int32_t& into) const {
    const std::size_t end = is_leaf != 0 ? weights_->size() : features_->size();
    if (id < 0 || static_cast<std::size_t>(id) >= end) return false;
    if (is_leaf == 0 && static_cast<std::size_t>(id) <= parent) return false;
    into = static_cast<std::int32_t>(is_leaf != 0 ? ~id : id);
    return true;
  }

  const Integers* features_;
  const std::vector<T>* splits_;
  const std::vector<std::uint8_t>* modes_;
  const Integers* missing_;
  const Integers* true_ids_;
  const Integers* true_leaf_;
  const Integers* false_ids_;
  const Integers* false_leaf_;
  const Integers* roots_;
  const Integers* targets_;
  const std::vector<T>* weights_;
  const std::int64_t* count_;
};

template <typename T>
std::unique_ptr<TreeTable<T>> TreeTable<T>::of(const GraphNode& node, std::size_t features) {
  const bool is_plain = is(node, "aggregate_function", 1) && is(node, "post_transform", 0);
  const Reading reading(node);
  if (!is_plain || !reading.is_sound(features)) return nullptr;
  auto out = std::make_unique<TreeTable>();
  if (!reading.fill(*out)) return nullptr;
  out->features_ = features;
  return out;
}

template <typename T>
std::vector<bool> TreeTable<T>::used() const {
  std::vector<bool> out(features_);
  for (const Node& each : nodes_) out[each.offset] = true;
  return out;
}

template <typename T>
void TreeTable<T>::place(const std::vector<TreePlace>& places) {
  for (Node& each : nodes_) {
    const TreePlace& place = places[each.offset];
    each.source = static_cast<std::uint8_t>(place.source);
    each.offset = static_cast<std::uint32_t>(place.offset);
  }
}

// Paths through trees are chains of loads that wait for each other: some go side by side.
template <typename T>
void TreeTable<T>::follow(std::array<Path, kPaths>& paths) const {
  const Node* const nodes = nodes_.data();
  bool goes_on = true;
  while (goes_on) {
    goes_on = false;
    for (Path& each : paths) {
      if (each.at < 0) continue;
      const Node& node = nodes[each.at];
      const T value = each.row[node.source][node.offset];
      const bool is_true = value <= node.split || (node.is_missing_true && std::isnan(value));
      each.at = node.next[is_true ? 1 : 0];
      goes_on = goes_on || each.at >= 0;
    }
  }
}

// A tree after the other over a few rows, so that it stays in the cache for them; what is added to
// a row comes in the order of the trees.
template <typename T>
void TreeTable<T>::run(std::span<const T* const> rows, std::size_t sources, T* out) const {
  const std::size_t count = rows.size() / sources;
  std::fill_n(out, count * targets_, T{0});
  std::array<Path, kPaths> paths{};
  std::size_t tree = 0;
  std::size_t row = 0;
  while (tree < roots_.size()) {
    std::size_t used = 0;
    for (; used < kPaths && tree < roots_.size(); ++used) {
      paths[used] = {roots_[tree], rows.data() + row * sources, row};
      if (++row == count) {
        row = 0;
        ++tree;
      }
    }
    for (std::size_t i = used; i < kPaths; ++i) paths[i].at = -1;
    follow(paths);
    for (std::size_t i = 0; i < used; ++i) {
      const auto place = static_cast<std::size_t>(-1 - std::int64_t{paths[i].at});
      const Leaf& leaf = leaves_[place];
      out[leaf.target * count + paths[i].number] += leaf.weight;
    }
  }
}

template class TreeTable<float>;
template class TreeTable<double>;

}  // namespace kingpost::onnx
