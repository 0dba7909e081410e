// SPDX-License-Identifier: Apache-2.0
// Trees over sixteen rows side by side, without a branch. Each split that a row answers with false
// takes the leaves on its true side out of the row's set; the leaf that the row comes to is the
// first one left. (Lucchese et al., QuickScorer, SIGIR 2015; here tree by tree, so that a set stays
// in a register.) What all splits by a category take is looked up at once. The sums are those of
// TreeTable, bit for bit.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engines/onnx/columns/tree_table.h"

namespace kingpost::onnx {

/// What the processor has for it.
enum class MaskUnit : std::uint8_t { kNone, kAvx2, kAvx512 };
MaskUnit best_mask_unit();

class TreeMasks {
 public:
  /// Rows at a time.
  static constexpr std::size_t kLanes = 16;
  /// Rows of the tables of a source.
  static constexpr std::size_t kMostRows = 512;

  /// A feature of the trees: column `column` of the block, or a column of a table, by the row that
  /// source `source` says.
  struct Feature {
    std::size_t column = 0;
    /// Null: of the block. As many values as the source has rows, each `stride` behind the last.
    const float* table = nullptr;
    std::size_t stride = 0;
    std::size_t source = 0;
  };

  /// A feature for each that the trees use, and how many rows each source has, at most kMostRows.
  /// Null where that is no gain: with `unit` kNone, with leaves of several targets in one tree,
  /// with few large trees.
  static std::unique_ptr<TreeMasks> of(const TreeParts& trees, std::span<const Feature> features,
                                       std::span<const std::size_t> sources, MaskUnit unit);

  /// From so many rows on it is faster than TreeTable.
  std::size_t worth() const { return worth_; }
  std::size_t targets() const { return targets_; }
  /// How many numbers `run` needs room for.
  std::size_t room() const { return sources_.empty() ? 0 : 2 * kLanes * width_; }

  struct Rows {
    /// [columns, kLanes]
    const float* columns = nullptr;
    /// [sources, kLanes], each below the source's size.
    const std::int64_t* places = nullptr;
    std::uint32_t* room = nullptr;
  };
  /// `sums` is [targets, kLanes].
  void run(const Rows& rows, float* sums) const;

  /// A split, for those of its leaves that lie in one word.
  struct Entry {
    float split = 0;
    /// The leaves that are left where the split says false.
    std::uint32_t kept = 0;
    /// Of its column, in numbers.
    std::uint32_t place = 0;
  };
  /// Up to 32 leaves of a tree in their order, and the entries that end before these places: those
  /// where a missing value goes with true, then those where it goes with false.
  struct Word {
    std::uint32_t end_true = 0;
    std::uint32_t end_false = 0;
    std::array<float, 32> leaves{};
  };
  struct Tree {
    std::uint32_t end_word = 0;
    std::uint32_t target = 0;
  };

 private:
  class Builder;
  void look_up(const Rows& rows) const;

  MaskUnit unit_ = MaskUnit::kNone;
  std::size_t worth_ = 1;
  std::size_t targets_ = 1;
  /// Words, and as many more as make whole vectors.
  std::size_t width_ = 0;
  /// Of each source [rows, width]: the leaves that its splits leave in each word.
  std::vector<std::vector<std::uint32_t>> sources_;
  std::vector<Entry> entries_;
  std::vector<Word> words_;
  std::vector<Tree> trees_;
};

}  // namespace kingpost::onnx
