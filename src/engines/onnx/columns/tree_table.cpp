// SPDX-License-Identifier: Apache-2.0
#include "engines/onnx/columns/tree_table.h"

#include <algorithm>
#include <span>
#include <string_view>
#include <utility>

namespace kingpost::onnx {
namespace {

using Integers = std::span<const std::int64_t>;

// What is not said is so by default.
bool is(const GraphNode& node, std::string_view name, std::int64_t normal) {
  const auto* const found = find_attribute<std::int64_t>(node, name);
  return found == nullptr || *found == normal;
}

// Without values where there is no such list.
template <typename T>
std::span<const T> list(const GraphNode& node, std::string_view name) {
  const auto* const found = find_attribute<std::vector<T>>(node, name);
  return found == nullptr ? std::span<const T>() : std::span<const T>(*found);
}

template <typename T>
std::span<const T> tensor(const GraphNode& node, std::string_view name) {
  const auto* const found = find_attribute<Tensor>(node, name);
  const auto* const values = found == nullptr ? nullptr : std::get_if<std::vector<T>>(&found->data);
  return values == nullptr ? std::span<const T>() : std::span<const T>(*values);
}

bool are_below(Integers values, std::size_t end) {
  return std::all_of(values.begin(), values.end(), [end](std::int64_t each) {
    return each >= 0 && static_cast<std::size_t>(each) < end;
  });
}

}  // namespace

// The lists that the attributes are.
template <typename T>
class TreeTable<T>::Reading {
 public:
  explicit Reading(const GraphNode& node)
      : features_(list<std::int64_t>(node, "nodes_featureids")),
        splits_(tensor<T>(node, "nodes_splits")),
        modes_(list<std::uint8_t>(node, "nodes_modes")),
        missing_(list<std::int64_t>(node, "nodes_missing_value_tracks_true")),
        true_ids_(list<std::int64_t>(node, "nodes_truenodeids")),
        true_leaf_(list<std::int64_t>(node, "nodes_trueleafs")),
        false_ids_(list<std::int64_t>(node, "nodes_falsenodeids")),
        false_leaf_(list<std::int64_t>(node, "nodes_falseleafs")),
        roots_(list<std::int64_t>(node, "tree_roots")),
        targets_(list<std::int64_t>(node, "leaf_targetids")),
        weights_(tensor<T>(node, "leaf_weights")) {
    const auto* const count = find_attribute<std::int64_t>(node, "n_targets");
    if (count != nullptr) count_ = *count;
  }

  bool is_sound(std::size_t features) const {
    const std::size_t size = features_.size();
    constexpr std::size_t kMost = std::size_t{1} << 30;
    const bool is_even =
        splits_.size() == size && modes_.size() == size && true_ids_.size() == size &&
        true_leaf_.size() == size && false_ids_.size() == size && false_leaf_.size() == size &&
        (missing_.empty() || missing_.size() == size) && targets_.size() == weights_.size();
    return is_even && size < kMost && weights_.size() < kMost && features < kMost / kTreeLanes &&
           count_ >= 1 && count_ < 100'000 && !roots_.empty() && are_below(features_, features) &&
           are_below(roots_, size) && are_below(targets_, static_cast<std::size_t>(count_)) &&
           std::all_of(modes_.begin(), modes_.end(), [](std::uint8_t each) { return each == 0; });
  }

  /// False where a branch leads nowhere or back. The features' places are their numbers yet.
  bool fill(TreeTable& out) const {
    for (std::size_t i = 0; i < features_.size(); ++i) {
      Node node{splits_[i], static_cast<std::uint32_t>(features_[i]), {}};
      if (!link(i, false_ids_[i], false_leaf_[i], node.next[0]) ||
          !link(i, true_ids_[i], true_leaf_[i], node.next[1])) {
        return false;
      }
      out.nodes_.push_back(node);
      out.is_missing_true_.push_back(!missing_.empty() && missing_[i] != 0 ? 1 : 0);
    }
    for (std::size_t i = 0; i < weights_.size(); ++i) {
      const auto at = static_cast<std::int32_t>(out.nodes_.size());
      out.nodes_.push_back({weights_[i], 0, {at, at}});
      out.is_missing_true_.push_back(0);
      out.target_of_.push_back(static_cast<std::uint32_t>(targets_[i]));
    }
    for (const std::int64_t each : roots_) out.roots_.push_back(static_cast<std::int32_t>(each));
    out.targets_ = static_cast<std::size_t>(count_);
    return true;
  }

 private:
  // A node before its parent could make a ring.
  bool link(std::size_t parent, std::int64_t id, std::int64_t is_leaf, std::int32_t& into) const {
    const std::size_t end = is_leaf != 0 ? weights_.size() : features_.size();
    if (id < 0 || static_cast<std::size_t>(id) >= end) return false;
    if (is_leaf == 0 && static_cast<std::size_t>(id) <= parent) return false;
    into = static_cast<std::int32_t>(is_leaf != 0 ? id + std::ssize(features_) : id);
    return true;
  }

  Integers features_;
  std::span<const T> splits_;
  std::span<const std::uint8_t> modes_;
  Integers missing_;
  Integers true_ids_;
  Integers true_leaf_;
  Integers false_ids_;
  Integers false_leaf_;
  Integers roots_;
  Integers targets_;
  std::span<const T> weights_;
  std::int64_t count_ = 0;
};

template <typename T>
std::unique_ptr<TreeTable<T>> TreeTable<T>::of(const GraphNode& node, std::size_t features) {
  const bool is_plain = is(node, "aggregate_function", 1) && is(node, "post_transform", 0);
  const Reading reading(node);
  if (!is_plain || !reading.is_sound(features)) return nullptr;
  auto out = std::make_unique<TreeTable>();
  if (!reading.fill(*out)) return nullptr;
  out->find_used(features);
  out->table_of_.resize(out->nodes_.size());
  return out;
}

// Splits hold the number of their feature among the used ones until they are placed.
template <typename T>
void TreeTable<T>::find_used(std::size_t features) {
  const std::span<Node> splits(nodes_.data(), nodes_.size() - target_of_.size());
  std::vector<std::size_t> numbers(features, features);
  for (const Node& each : splits) numbers[each.place] = 0;
  for (std::size_t i = 0; i < features; ++i) {
    if (numbers[i] != 0) continue;
    numbers[i] = used_.size();
    used_.push_back(i);
  }
  for (Node& each : splits) each.place = static_cast<std::uint32_t>(numbers[each.place]);
}

template <typename T>
void TreeTable<T>::place(std::span<const TreePlace> places) {
  const std::size_t splits = nodes_.size() - target_of_.size();
  for (std::size_t i = 0; i < splits; ++i) {
    const TreePlace& place = places[nodes_[i].place];
    const std::size_t stride = place.table == 0 ? kTreeLanes : 1;
    nodes_[i].place = static_cast<std::uint32_t>(place.column * stride);
    table_of_[i] = static_cast<std::uint8_t>(place.table);
  }
}

// Where a row's features lie.
template <typename T>
struct TreeTable<T>::InBlock {
  const T* features;

  T value(const TreeTable& trees, std::int32_t at) const {
    return features[trees.nodes_.data()[at].place];
  }
  InBlock behind(std::size_t rows) const { return {features + rows}; }
};

template <typename T>
struct TreeTable<T>::InTables {
  const T* const* places;

  T value(const TreeTable& trees, std::int32_t at) const {
    const std::size_t table = trees.table_of_.data()[at];
    return places[table * kTreeLanes][trees.nodes_.data()[at].place];
  }
  InTables behind(std::size_t rows) const { return {places + rows}; }
};

template <typename T>
template <bool MayMiss, typename Row>
std::int32_t TreeTable<T>::step(std::int32_t at, Row row) const {
  const Node& node = nodes_.data()[at];
  const T value = row.value(*this, at);
  bool is_true = value <= node.split;
  if constexpr (MayMiss) {
    const bool is_missing = value != value;
    is_true |= is_missing & (is_missing_true_.data()[at] != 0);
  }
  return node.next[is_true ? 1 : 0];
}

// A path through a tree is a chain of loads that wait for each other: some go side by side, without
// a branch to predict, until none gets on any more. Written out lane by lane, they stay in the
// processor's registers.
template <typename T>
template <bool MayMiss, std::size_t Stride, typename Row>
void TreeTable<T>::follow(Row row, Lanes& lanes) const {
  Lanes at = lanes;
  std::int32_t moved = 1;
  const auto advance = [&](std::int32_t& lane, Row own) {
    const std::int32_t next = step<MayMiss>(lane, own);
    lane = step<MayMiss>(next, own);
    moved |= next ^ lane;
  };
  const auto advance_all = [&]<std::size_t... Lane>(std::index_sequence<Lane...>) {
    (advance(at[Lane], row.behind(Lane * Stride)), ...);
  };
  while (moved != 0) {
    moved = 0;
    advance_all(std::make_index_sequence<kTreeLanes>());
  }
  lanes = at;
}

template <typename T>
void TreeTable<T>::add(std::int32_t leaf, std::size_t row, std::size_t rows, T* out) const {
  const auto at = static_cast<std::size_t>(leaf);
  const std::size_t first = nodes_.size() - target_of_.size();
  const std::size_t target = targets_ == 1 ? 0 : target_of_[at - first];
  out[target * rows + row] += nodes_[at].split;
}

// A tree after the other over all of the rows, so that it stays in the cache for them; what is
// added to a row comes in the order of the trees.
template <typename T>
template <bool MayMiss, typename Row>
void TreeTable<T>::run_all(Row first, std::size_t block, std::size_t rows, T* out) const {
  for (const std::int32_t root : roots_) {
    Row own = first;
    for (std::size_t from = 0; from < rows; from += kTreeLanes, own = own.behind(block)) {
      Lanes lanes;
      lanes.fill(root);
      follow<MayMiss, 1>(own, lanes);
      const std::size_t count = std::min(kTreeLanes, rows - from);
      for (std::size_t i = 0; i < count; ++i) add(lanes[i], from + i, rows, out);
    }
  }
}

// Several trees side by side for one row.
template <typename T>
template <bool MayMiss, typename Row>
void TreeTable<T>::run_row(Row row, std::size_t number, std::size_t rows, T* out) const {
  for (std::size_t from = 0; from < roots_.size(); from += kTreeLanes) {
    const std::size_t count = std::min(kTreeLanes, roots_.size() - from);
    Lanes lanes;
    lanes.fill(roots_[from]);
    std::copy_n(roots_.begin() + static_cast<std::ptrdiff_t>(from), count, lanes.begin());
    follow<MayMiss, 0>(row, lanes);
    for (std::size_t i = 0; i < count; ++i) add(lanes[i], number, rows, out);
  }
}

template <typename T>
void TreeTable<T>::run(const TreeRows<T>& rows, T* out) const {
  std::fill_n(out, rows.rows * targets_, T{0});
  const auto work = [&]<bool MayMiss>(auto first, std::size_t block) {
    if (rows.rows >= kTreeLanes / 2) return run_all<MayMiss>(first, block, rows.rows, out);
    for (std::size_t i = 0; i < rows.rows; ++i) {
      run_row<MayMiss>(first.behind(i), i, rows.rows, out);
    }
  };
  const auto choose = [&](auto first, std::size_t block) {
    if (rows.may_miss) {
      work.template operator()<true>(first, block);
    } else {
      work.template operator()<false>(first, block);
    }
  };
  if (rows.tables == 0) {
    choose(InBlock{rows.blocks}, rows.width * kTreeLanes);
  } else {
    choose(InTables{rows.places.data()}, (1 + rows.tables) * kTreeLanes);
  }
}

template class TreeTable<float>;
template class TreeTable<double>;

}  // namespace kingpost::onnx
