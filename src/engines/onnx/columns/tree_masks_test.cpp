// SPDX-License-Identifier: Apache-2.0
// Trees by sets of leaves, on each unit that this processor has, beside a walk from root to leaf.
#include "engines/onnx/columns/tree_masks.h"

#include <algorithm>
#include <bit>
#include <limits>

#include <gtest/gtest.h>

#include "base/random.h"

namespace kingpost::onnx {
namespace {

constexpr std::size_t kLanes = TreeMasks::kLanes;
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Few different numbers, so that splits and features are often equal.
float draw_number(Random& random) {
  switch (random.below(12)) {
    case 0:
      return kNan;
    case 1:
      return random.below(2) == 0 ? kInfinity : -kInfinity;
    case 2:
      return -0.0F;
    default:
      return static_cast<float>(random.below(9)) - 4;
  }
}

float draw_split(Random& random) {
  const float out = draw_number(random);
  return out != out ? 0.5F : out;
}

// `leaves` of each tree, in random shapes; columns, then tables [rows, columns of the source].
struct Forest {
  struct Shape {
    std::size_t trees = 40;
    std::size_t leaves = 31;
    std::size_t targets = 1;
    std::size_t columns = 5;
    std::vector<std::size_t> sources{};
  };

  Forest(const Shape& shape, std::int64_t seed) : own(shape), random(7, seed) {
    for (std::size_t i = 0; i < shape.columns; ++i) features.push_back({.column = i});
    for (std::size_t source = 0; source < shape.sources.size(); ++source) {
      constexpr std::size_t kWidth = 3;
      auto& table = tables.emplace_back();
      for (std::size_t i = 0; i < shape.sources[source] * kWidth; ++i) {
        table.push_back(draw_number(random));
      }
      for (std::size_t i = 0; i < kWidth; ++i) {
        features.push_back({.table = table.data() + i, .stride = kWidth, .source = source});
      }
    }
    for (std::size_t i = 0; i < shape.trees; ++i) grow();
    const auto splits = static_cast<std::int32_t>(nodes.size());
    for (auto& node : nodes) {
      for (std::int32_t& next : node.next) next = next < 0 ? splits - 1 - next : next;
    }
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const auto at = splits + static_cast<std::int32_t>(i);
      nodes.push_back({weights[i], 0, {at, at}});
      is_missing_true.push_back(0);
    }
  }

  // A leaf turns into a split until there are enough. Leaf i is -1 - i.
  void grow() {
    struct Open {
      std::size_t node = 0;
      std::size_t side = 0;
    };
    std::vector<Open> open;
    roots.push_back(static_cast<std::int32_t>(nodes.size()));
    const auto add = [&] {
      nodes.push_back(
          {draw_split(random), random.below(static_cast<std::uint32_t>(features.size())), {}});
      is_missing_true.push_back(static_cast<std::uint8_t>(random.below(2)));
      open.push_back({nodes.size() - 1, 0});
      open.push_back({nodes.size() - 1, 1});
    };
    add();
    while (open.size() < own.leaves) {
      const auto at = random.below(static_cast<std::uint32_t>(open.size()));
      const Open leaf = open[at];
      open.erase(open.begin() + at);
      nodes[leaf.node].next[leaf.side] = static_cast<std::int32_t>(nodes.size());
      add();
    }
    const auto target = static_cast<std::uint32_t>((roots.size() - 1) % own.targets);
    for (const Open& leaf : open) {
      nodes[leaf.node].next[leaf.side] = -1 - static_cast<std::int32_t>(weights.size());
      weights.push_back(static_cast<float>(random.below(1000)) / 7 - 70);
      target_of.push_back(target);
    }
  }

  TreeParts parts() const { return {nodes, is_missing_true, target_of, roots, own.targets}; }
  std::unique_ptr<TreeMasks> masks(MaskUnit unit) const {
    return TreeMasks::of(parts(), features, own.sources, unit);
  }

  Shape own;
  Random random;
  std::vector<TreeLink<float>> nodes;
  std::vector<std::uint8_t> is_missing_true;
  std::vector<float> weights;
  std::vector<std::uint32_t> target_of;
  std::vector<std::int32_t> roots;
  std::vector<TreeMasks::Feature> features;
  std::vector<std::vector<float>> tables;
};

// Rows of random features and categories.
struct Block {
  explicit Block(Forest& forest) {
    for (std::size_t i = 0; i < forest.own.columns * kLanes; ++i) {
      columns.push_back(draw_number(forest.random));
    }
    for (const std::size_t size : forest.own.sources) {
      for (std::size_t i = 0; i < kLanes; ++i) {
        places.push_back(forest.random.below(static_cast<std::uint32_t>(size)));
      }
    }
  }

  float value(const TreeMasks::Feature& feature, std::size_t lane) const {
    if (feature.table == nullptr) return columns[feature.column * kLanes + lane];
    const auto row = static_cast<std::size_t>(places[feature.source * kLanes + lane]);
    return feature.table[row * feature.stride];
  }

  std::vector<float> columns;
  std::vector<std::int64_t> places;
};

std::vector<float> walked(const Forest& forest, const Block& block) {
  std::vector<float> out(forest.own.targets * kLanes);
  const std::size_t splits = forest.nodes.size() - forest.weights.size();
  for (const std::int32_t root : forest.roots) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      auto at = static_cast<std::size_t>(root);
      while (at < splits) {
        const auto& node = forest.nodes[at];
        const float value = block.value(forest.features[node.place], lane);
        const bool is_missing = value != value;
        const bool is_true = value <= node.split || (is_missing && forest.is_missing_true[at] != 0);
        at = static_cast<std::size_t>(node.next[is_true ? 1 : 0]);
      }
      out[forest.target_of[at - splits] * kLanes + lane] += forest.nodes[at].split;
    }
  }
  return out;
}

std::vector<MaskUnit> units() {
  std::vector<MaskUnit> out;
  if (best_mask_unit() != MaskUnit::kNone) out.push_back(MaskUnit::kAvx2);
  if (best_mask_unit() == MaskUnit::kAvx512) out.push_back(MaskUnit::kAvx512);
  return out;
}

void expect_same(const Forest::Shape& shape, std::int64_t seed) {
  Forest forest(shape, seed);
  for (const MaskUnit unit : units()) {
    const auto masks = forest.masks(unit);
    ASSERT_NE(masks, nullptr) << shape.leaves << " leaves, unit " << static_cast<int>(unit);
    EXPECT_GE(masks->worth(), 2U);
    for (int turn = 0; turn < 20; ++turn) {
      const Block block(forest);
      std::vector<std::uint32_t> room(masks->room());
      std::vector<float> sums(shape.targets * kLanes, kNan);
      masks->run({block.columns.data(), block.places.data(), room.data()}, sums.data());
      const auto wanted = walked(forest, block);
      for (std::size_t i = 0; i < sums.size(); ++i) {
        ASSERT_EQ(std::bit_cast<std::uint32_t>(sums[i]), std::bit_cast<std::uint32_t>(wanted[i]))
            << "place " << i << ", " << shape.leaves << " leaves";
      }
    }
  }
}

TEST(TreeMasks, LeavesAreThoseOfAWalk) {
  for (const std::size_t leaves : {2U, 3U, 31U, 32U, 33U, 64U, 65U, 100U}) {
    expect_same({.leaves = leaves}, static_cast<std::int64_t>(leaves));
    expect_same({.leaves = leaves, .targets = 3}, static_cast<std::int64_t>(leaves) + 1000);
  }
}

TEST(TreeMasks, CategoriesAreLookedUp) {
  const std::vector<std::vector<std::size_t>> all = {{1}, {40}, {7, 33, TreeMasks::kMostRows}};
  for (const auto& sources : all) {
    for (const std::size_t leaves : {2U, 32U, 40U, 90U}) {
      expect_same({.leaves = leaves, .sources = sources}, static_cast<std::int64_t>(leaves));
      expect_same({.leaves = leaves, .columns = 0, .sources = sources}, 1);
    }
    // Words that are no whole number of vectors, and that are.
    for (const std::size_t trees : {1U, 15U, 16U, 17U}) {
      expect_same({.trees = trees, .sources = sources}, static_cast<std::int64_t>(trees));
    }
  }
}

TEST(TreeMasks, WhatIsNoGainIsLeftToTables) {
  Forest forest({}, 1);
  EXPECT_EQ(forest.masks(MaskUnit::kNone), nullptr);
  EXPECT_EQ(Forest({.trees = 3, .leaves = 513}, 1).masks(MaskUnit::kAvx2), nullptr);
  forest.own.targets = 2;
  forest.target_of.front() = 1;
  EXPECT_EQ(forest.masks(MaskUnit::kAvx2), nullptr);
  Forest other({}, 1);
  EXPECT_NE(other.masks(MaskUnit::kAvx2), nullptr);
  other.nodes.front().split = kNan;
  EXPECT_EQ(other.masks(MaskUnit::kAvx2), nullptr);
}

TEST(TreeMasks, HostileTreesAreLeftToTables) {
  // As deep as it has splits, along either side.
  for (const std::size_t side : {0U, 1U}) {
    Forest deep({.trees = 1, .leaves = 2}, 1);
    constexpr std::int32_t kSplits = 1'000'000;
    deep.nodes.clear();
    for (std::int32_t i = 0; i < kSplits; ++i) {
      deep.nodes.push_back({0, 0, {kSplits, kSplits}});
      deep.nodes.back().next[side] = i + 1;
    }
    deep.nodes.push_back({1, 0, {kSplits, kSplits}});
    deep.is_missing_true.assign(kSplits + 1, 0);
    deep.target_of.assign(1, 0);
    EXPECT_EQ(deep.masks(MaskUnit::kAvx2), nullptr);
  }
  // 4 bytes for each word and row of a source.
  const std::vector<std::size_t> sources(255, TreeMasks::kMostRows);
  EXPECT_EQ(Forest({.trees = 500, .sources = sources}, 1).masks(MaskUnit::kAvx2), nullptr);
}

TEST(TreeMasks, OneLargeBalancedTreeIsWalkedFaster) {
  Forest forest({.trees = 1, .leaves = 2}, 1);
  forest.nodes.clear();
  forest.is_missing_true.assign(1023, 0);
  forest.target_of.assign(512, 0);
  for (std::int32_t i = 0; i < 1023; ++i) {
    const bool is_leaf = i >= 511;
    forest.nodes.push_back(
        {static_cast<float>(i), 0, {is_leaf ? i : 2 * i + 2, is_leaf ? i : 2 * i + 1}});
  }
  for (const MaskUnit unit : units()) EXPECT_EQ(forest.masks(unit), nullptr);
}

}  // namespace
}  // namespace kingpost::onnx
