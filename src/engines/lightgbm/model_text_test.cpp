// SPDX-License-Identifier: Apache-2.0
// The reader of LightGBM's text on hand-made, unsupported and damaged models.
#include "engines/lightgbm/model_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "engines/lightgbm/lightgbm.h"

namespace kingpost::lightgbm {
namespace {

using testing::ElementsAre;

constexpr const char* kHeader =
    "tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nlabel_index=0\n"
    "max_feature_idx=1\nobjective=regression\nfeature_names=a b\nfeature_infos=none none\n";
// Feature 0 at 0.1, NaN to the left by its bit; left child: feature 1 in {1, 33}.
constexpr const char* kTree =
    "Tree=0\nnum_leaves=3\nnum_cat=1\nsplit_feature=0 1\nsplit_gain=2 1\n"
    "threshold=0.10000000000000001 0\ndecision_type=10 1\nleft_child=1 -1\nright_child=-2 -3\n"
    "leaf_value=1.5 2.5 3.5\nleaf_weight=1 2 3\nleaf_count=1 2 3\ninternal_value=0 0\n"
    "internal_weight=0 4\ninternal_count=6 4\ncat_boundaries=0 2\ncat_threshold=2 2\n"
    "is_linear=0\nshrinkage=1\n\n\n";

std::string model(const std::string& header, const std::string& tree) {
  return header + format("tree_sizes={}\n\n", tree.size()) + tree + "end of trees\n";
}

std::string fault_of(const std::string& text) {
  const auto parsed = parse_model(text);
  return parsed ? "none" : parsed.error().id();
}

TEST(ModelText, ReadsSplitsOfBothKinds) {
  const auto parsed = parse_model(model(kHeader, kTree));
  ASSERT_TRUE(parsed) << render(parsed.error());
  EXPECT_EQ(parsed->features, 2);
  EXPECT_EQ(parsed->outputs, 1);
  EXPECT_EQ(parsed->link, records::Link::kIdentity);
  ASSERT_EQ(parsed->trees.size(), 1U);
  const auto& nodes = parsed->trees[0].nodes;
  ASSERT_EQ(nodes.size(), 5U);
  EXPECT_EQ(nodes[0].threshold, static_cast<double>(float_not_above(0.1)));
  EXPECT_TRUE(nodes[0].missing_left);
  EXPECT_EQ(nodes[0].left, 1);
  EXPECT_EQ(nodes[0].right, 3);
  EXPECT_EQ(nodes[0].cover, 6);
  EXPECT_TRUE(nodes[1].is_categorical);
  EXPECT_THAT(nodes[1].categories, ElementsAre(1, 33));
  EXPECT_EQ(nodes[1].left, 2);
  EXPECT_EQ(nodes[1].right, 4);
  EXPECT_EQ(nodes[3].value, 2.5);
  EXPECT_EQ(nodes[3].cover, 2);
}

TEST(ModelText, NanIsZeroWhereNoneWasMissing) {
  // decision_type 2: no missing type, and the bit for left means nothing.
  const std::string tree = replace_all(kTree, "decision_type=10 1", "decision_type=2 1");
  EXPECT_TRUE(parse_model(model(kHeader, tree))->trees[0].nodes[0].missing_left);
  const std::string below =
      replace_all(tree, "threshold=0.10000000000000001 0", "threshold=-0.1 0");
  EXPECT_FALSE(parse_model(model(kHeader, below))->trees[0].nodes[0].missing_left);
}

TEST(ModelText, RefusesWhatItCannotRepeat) {
  const auto header = [](const char* from, const char* to) {
    return model(replace_all(kHeader, from, to), kTree);
  };
  const auto tree = [](const char* from, const char* to) {
    return model(kHeader, replace_all(kTree, from, to));
  };
  for (const std::string& text :
       {header("max_feature", "average_output\nmax_feature"), header("=regression", "=lambdarank"),
        header("=regression", "=regression sqrt"), header("=regression", "=binary sigmoid:2"),
        header("=regression", "=poisson"), tree("is_linear=0", "is_linear=1"),
        tree("decision_type=10 1", "decision_type=4 1")}) {
    EXPECT_EQ(fault_of(text), "lightgbm.unsupported_model") << text;
  }
}

TEST(ModelText, RefusesDamage) {
  const std::vector<std::pair<std::string, std::string>> changes = {
      {"tree\nversion", "version"},
      {"max_feature_idx=1", "max_feature_idx=0"},
      {"max_feature_idx=1", "max_feature_idx=2147483647"},
      {"num_tree_per_iteration=1", "num_tree_per_iteration=0"},
      {"num_tree_per_iteration=1", "num_tree_per_iteration=2"},
      {"num_leaves=3", "num_leaves=4"},
      {"num_leaves=3", "num_leaves=2000000000"},
      {"num_leaves=3", "num_leaves=0"},
      {"num_cat=1", "num_cat=-1"},
      {"num_cat=1", "num_cat=0"},
      {"split_feature=0 1", "split_feature=0 -1"},
      {"left_child=1 -1", "left_child=0 -1"},
      {"left_child=1 -1", "left_child=2 -1"},
      {"left_child=1 -1", "left_child=1 -2"},
      {"left_child=1 -1", "left_child=1 -4"},
      {"left_child=1 -1", "left_child=1 -2147483648"},
      {"threshold=0.10000000000000001 0", "threshold=nan 0"},
      {"threshold=0.10000000000000001 0", "threshold=0.1 1"},
      {"threshold=0.10000000000000001 0", "threshold=0.1 -1"},
      {"threshold=0.10000000000000001 0", "threshold=0.1"},
      {"threshold=0.10000000000000001 0", "threshold=0.1 x"},
      {"cat_boundaries=0 2", "cat_boundaries=0 3"},
      {"cat_boundaries=0 2", "cat_boundaries=2 0"},
      {"cat_boundaries=0 2", "cat_boundaries=0 -1"},
      {"cat_boundaries=0 2", "cat_boundaries=-1 2"},
      {"leaf_value=1.5 2.5", "leaf_value=1.5 inf"},
      {"leaf_weight=1 2 3", "leaf_weight=1 2"},
      {"is_linear=0", "is_linear"},
      {"is_linear=0", "num_leaves=2"},
      {"version=v4", "num_class=1"},
  };
  for (const auto& [from, to] : changes) {
    EXPECT_EQ(fault_of(model(replace_all(kHeader, from, to), replace_all(kTree, from, to))),
              "lightgbm.malformed_model")
        << from << " -> " << to;
  }
  EXPECT_EQ(fault_of(""), "lightgbm.malformed_model");
  EXPECT_EQ(fault_of(replace_all(model(kHeader, kTree), "tree_sizes=3", "tree_sizes=2")),
            "lightgbm.malformed_model");
}

TEST(ModelText, ATextThatBreaksOffIsNeverRead) {
  const std::string whole = model(kHeader, kTree);
  const std::size_t end = whole.size() - std::string("end of trees\n").size();
  for (std::size_t size = 0; size < end; ++size) {
    EXPECT_EQ(fault_of(whole.substr(0, size)), "lightgbm.malformed_model") << size;
  }
}

}  // namespace
}  // namespace kingpost::lightgbm
