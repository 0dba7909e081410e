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

/// Where a feature of a row is: a row has several places where features lie.
struct TreePlace {
  std::size_t source = 0;
  std::size_t offset = 0;
};
inline constexpr std::size_t kMostTreeSources = 256;

template <typename T>
class TreeTable {
 public:
  /// Null where the node asks for more than splits by <= and sums of leaves, or is not sound.
  static std::unique_ptr<TreeTable> of(const GraphNode& node, std::size_t features);

  std::size_t targets() const { return targets_; }
  /// For each feature whether a split looks at it.
  std::vector<bool> used() const;
  /// Once, before `run`: one place for each feature.
  void place(const std::vector<TreePlace>& places);

  /// `rows` are `sources` pointers for each row, `out` is [targets, rows], a target after the
  /// other.
  void run(std::span<const T* const> rows, std::size_t sources, T* out) const;

 private:
  struct Node {
    T split{};
    /// Whether a missing value goes where true goes.
    bool is_missing_true = false;
    std::uint8_t source = 0;
    std::uint32_t offset = 0;
    /// Where false and true go; below 0: the leaf ~place.
    std::array<std::int32_t, 2> next{};
  };
  struct Leaf {
    T weight{};
    std::uint32_t target = 0;
  };
  class Reading;

  static constexpr std::size_t kPaths = 8;
  /// A row on its way through a tree.
  struct Path {
    std::int32_t at = -1;
    const T* const* row = nullptr;
    std::size_t number = 0;
  };
  void follow(std::array<Path, kPaths>& paths) const;

  std::size_t features_ = 0;
  std::size_t targets_ = 1;
  std::vector<Node> nodes_;
  std::vector<Leaf> leaves_;
  std::vector<std::int32_t> roots_;
};

extern template class TreeTable<float>;
extern template class TreeTable<double>;

}  // namespace kingpost::onnx
