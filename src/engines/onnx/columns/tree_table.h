// SPDX-License-Identifier: Apache-2.0
// ai.onnx.ml TreeEnsemble (version 5) over rows of features: leaves are added up in the order of
// the trees, in the type of the features, as ONNX Runtime adds them with one thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>
#include <vector>

#include "engines/onnx/graph_state.h"

namespace kingpost::onnx {

/// So many rows of features lie side by side.
inline constexpr std::size_t kTreeLanes = 8;
inline constexpr std::size_t kMostTreeTables = 255;

/// Where a feature is: in the blocks (table 0, `column` of their width), or in a row of a table.
struct TreePlace {
  std::size_t table = 0;
  std::size_t column = 0;
};

/// Rows of features in blocks of kTreeLanes, the last one filled up with any numbers and rows.
template <typename T>
struct TreeRows {
  std::size_t rows = 0;
  /// Blocks [width, kTreeLanes] of the features in no table.
  const T* blocks = nullptr;
  std::size_t width = 1;
  /// Blocks [1 + tables, kTreeLanes] of where each row's features lie: in the block, then in the
  /// tables. Nothing where there are no tables.
  std::span<const T* const> places;
  std::size_t tables = 0;
  /// Some feature may be no number.
  bool may_miss = false;
};

/// A split or a leaf, which is a node that leads to itself either way. 16 bytes of float32: four to
/// a line of the cache.
template <typename T>
struct TreeLink {
  /// Or the weight of a leaf.
  T split{};
  /// From where the row's features lie.
  std::uint32_t place = 0;
  /// Where false and true go.
  std::array<std::int32_t, 2> next{};
};

/// What a table of float32 holds, before it is placed: places are numbers of used features.
struct TreeParts {
  std::span<const TreeLink<float>> nodes;
  /// Of each node, whether a missing value goes where true goes.
  std::span<const std::uint8_t> is_missing_true;
  /// Of each leaf; leaves are the last of the nodes.
  std::span<const std::uint32_t> target_of;
  std::span<const std::int32_t> roots;
  std::size_t targets = 1;
};

template <typename T>
class TreeTable {
 public:
  /// Null where the node asks for more than splits by <= and sums of leaves, or is not sound.
  static std::unique_ptr<TreeTable> of(const GraphNode& node, std::size_t features);

  std::size_t targets() const { return targets_; }
  /// The features that a split looks at, at least one, in ascending order.
  const std::vector<std::size_t>& used() const { return used_; }
  TreeParts parts() const
    requires std::is_same_v<T, float>
  {
    return {nodes_, is_missing_true_, target_of_, roots_, targets_};
  }
  /// Once, before `run`: a place for each used feature.
  void place(std::span<const TreePlace> places);

  /// `out` is [targets, rows], a target after the other.
  void run(const TreeRows<T>& rows, T* out) const;

 private:
  using Node = TreeLink<T>;
  using Lanes = std::array<std::int32_t, kTreeLanes>;
  class Reading;
  struct InBlock;
  struct InTables;

  void find_used(std::size_t features);
  template <bool MayMiss, typename Row>
  std::int32_t step(std::int32_t at, Row row) const;
  /// Each lane with the row `stride` behind that of the lane before.
  template <bool MayMiss, std::size_t Stride, typename Row>
  void follow(Row row, Lanes& lanes) const;
  template <bool MayMiss, typename Row>
  void run_all(Row first, std::size_t block, std::size_t rows, T* out) const;
  template <bool MayMiss, typename Row>
  void run_row(Row row, std::size_t number, std::size_t rows, T* out) const;
  void add(std::int32_t leaf, std::size_t row, std::size_t rows, T* out) const;

  std::size_t targets_ = 1;
  std::vector<std::size_t> used_;
  std::vector<Node> nodes_;
  /// Of each node, whether a missing value goes where true goes.
  std::vector<std::uint8_t> is_missing_true_;
  /// Of each node, the table that its feature is in, or 0.
  std::vector<std::uint8_t> table_of_;
  /// Of each leaf.
  std::vector<std::uint32_t> target_of_;
  std::vector<std::int32_t> roots_;
};

extern template class TreeTable<float>;
extern template class TreeTable<double>;

}  // namespace kingpost::onnx
