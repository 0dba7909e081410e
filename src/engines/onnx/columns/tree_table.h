// SPDX-License-Identifier: Apache-2.0
// ai.onnx.ml TreeEnsemble (version 5) over rows of features: leaves are added up in the order of
// the trees, in the type of the features, as ONNX Runtime adds them with one thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engines/onnx/graph_state.h"

namespace kingpost::onnx {

/// So many rows of features lie side by side: a block is [used features, kTreeLanes].
inline constexpr std::size_t kTreeLanes = 8;

template <typename T>
class TreeTable {
 public:
  /// Null where the node asks for more than splits by <= and sums of leaves, or is not sound.
  static std::unique_ptr<TreeTable> of(const GraphNode& node, std::size_t features);

  std::size_t targets() const { return targets_; }
  /// The features that a split looks at, at least one, in ascending order.
  const std::vector<std::size_t>& used() const { return used_; }

  /// `features` are blocks of the used ones, as many as `rows` fill, the last one filled up with
  /// any numbers; `has_missing` where one is not a number. `out` is [targets, rows], a target after
  /// the other.
  void run(const T* features, std::size_t rows, bool has_missing, T* out) const;

 private:
  /// A leaf is a node that leads to itself either way. 16 bytes of float32: four to a line of the
  /// cache.
  struct Node {
    /// Or the weight of a leaf.
    T split{};
    /// Of the feature in a block, for the first row.
    std::uint32_t place = 0;
    /// Where false and true go.
    std::array<std::int32_t, 2> next{};
  };
  using Lanes = std::array<std::int32_t, kTreeLanes>;
  class Reading;

  void find_used(std::size_t features);
  template <bool MayMiss>
  std::int32_t step(std::int32_t at, const T* features) const;
  /// `stride` from the features of a lane to those of the next.
  template <bool MayMiss, std::size_t Stride>
  void follow(const T* features, Lanes& lanes) const;
  template <bool MayMiss>
  void run_blocks(const T* features, std::size_t rows, T* out) const;
  template <bool MayMiss>
  void run_row(const T* features, std::size_t row, std::size_t rows, T* out) const;
  void add(std::int32_t leaf, std::size_t row, std::size_t rows, T* out) const;

  std::size_t targets_ = 1;
  std::vector<std::size_t> used_;
  std::vector<Node> nodes_;
  /// Of each node, whether a missing value goes where true goes.
  std::vector<std::uint8_t> is_missing_true_;
  /// Of each leaf, where there are several.
  std::vector<std::uint32_t> target_of_;
  std::vector<std::int32_t> roots_;
};

extern template class TreeTable<float>;
extern template class TreeTable<double>;

}  // namespace kingpost::onnx
