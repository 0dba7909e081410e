// SPDX-License-Identifier: Apache-2.0
// Fitted models in the runtime against a plain walk over their records.
#include "engines/onnx/models.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <random>

#include "engines/onnx/runtime.h"
#include "support/tensors.h"

namespace kingpost::onnx {
namespace {

using records::LinearModel;
using records::Link;
using records::Tree;
using records::TreeEnsemble;
using records::TreeNode;
using testing::ElementsAre;
using testing_support::awkward_number;
using testing_support::cuts_of;
using testing_support::same_bits;
using testing_support::slice;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

Tensor matrix(std::int64_t columns, std::vector<float> values) {
  return {{std::ssize(values) / columns, columns}, std::move(values)};
}

template <typename Model>
std::unique_ptr<onnx::Model> load(const Model& model, Link link = Link::kIdentity) {
  Graph graph("model");
  const Value features = graph.input("features", TensorType::kFloat, model.features);
  Value scores;
  if constexpr (std::is_same_v<Model, TreeEnsemble>) scores = add_trees(graph, model, features);
  if constexpr (std::is_same_v<Model, LinearModel>) scores = add_linear(graph, model, features);
  graph.output("scores", add_link(graph, link, scores), model.outputs);
  EXPECT_THAT(inexact_operators(graph), testing::IsEmpty());
  auto loaded = onnx::Model::load(graph.bytes());
  EXPECT_TRUE(loaded.has_value()) << (loaded.has_value() ? "" : render(loaded.error()));
  return loaded.has_value() ? std::move(*loaded) : nullptr;
}

Tensor answer(const onnx::Model& model, const Tensor& features) {
  auto out = model.run({features});
  EXPECT_TRUE(out.has_value()) << (out.has_value() ? "" : render(out.error()));
  return out.has_value() ? std::move(out->front()) : Tensor{};
}

template <typename Model>
std::vector<float> scores(const Model& model, const Tensor& features) {
  return answer(*load(model), features).floats();
}

using Engine = std::mt19937_64;

TreeNode leaf(double value) {
  return {.value = value};
}

/// Left is node 1, worth 1; right is node 2, worth 2.
TreeEnsemble stump(TreeNode root) {
  root.feature = 0;
  root.left = 1;
  root.right = 2;
  return {.features = 1, .trees = {{{root, leaf(1), leaf(2)}}}};
}

TEST(OnnxTrees, SplitAtTheThresholdAndItsNeighbours) {
  for (const float threshold : {0.1F, 1.0F, -3.5e-40F, 3e38F, -1e-45F}) {
    const float up = std::nextafter(threshold, kInfinity);
    const float down = std::nextafter(threshold, -kInfinity);
    const Tensor rows = matrix(1, {down, threshold, up, -kInfinity, kInfinity, kNan});
    EXPECT_THAT(scores(stump({.threshold = threshold}), rows), ElementsAre(1, 1, 2, 1, 2, 2))
        << threshold;
  }
}

TEST(OnnxTrees, SplitAtZeroAndInfinity) {
  const Tensor rows = matrix(1, {0.0F, -0.0F, 1e-45F, -1e-45F, kInfinity, -kInfinity, kNan});
  for (const double zero : {0.0, -0.0}) {
    EXPECT_THAT(scores(stump({.threshold = zero}), rows), ElementsAre(1, 1, 2, 1, 2, 1, 2));
    EXPECT_THAT(scores(stump({.threshold = zero, .missing_left = true}), rows),
                ElementsAre(1, 1, 2, 1, 2, 1, 1));
  }
  EXPECT_THAT(scores(stump({.threshold = kInfinity}), rows), ElementsAre(1, 1, 1, 1, 1, 1, 2));
  EXPECT_THAT(scores(stump({.threshold = -kInfinity}), rows), ElementsAre(2, 2, 2, 2, 2, 1, 2));
}

TEST(OnnxTrees, AThresholdBetweenTwoFloatsGoesToTheLower) {
  const float below = 0.1F;
  const float above = std::nextafter(below, 1.0F);
  const double between = (static_cast<double>(below) + static_cast<double>(above)) / 2;
  for (const double threshold : {between, std::nextafter(static_cast<double>(above), 0.0)}) {
    EXPECT_THAT(scores(stump({.threshold = threshold}), matrix(1, {below, above})),
                ElementsAre(1, 2));
  }
  const Tensor rows = matrix(1, {3.4e38F, kInfinity, -kInfinity, -3.4e38F});
  EXPECT_THAT(scores(stump({.threshold = 1e300}), rows), ElementsAre(1, 2, 1, 1));
  EXPECT_THAT(scores(stump({.threshold = -1e300}), rows), ElementsAre(2, 2, 1, 2));
}

TEST(OnnxTrees, SplitByCategory) {
  const std::vector<float> codes = {kNan, -1, -0.0F, 0,  1,    2,         31,         32,
                                    33,   63, 64,    65, 1000, kInfinity, -kInfinity, 2147483648.0F,
                                    1e20F};
  for (const std::vector<std::int32_t>& set :
       {std::vector<std::int32_t>{0}, {1}, {2, 32}, {1, 31, 32, 33}, {64}, {0, 63, 64, 65, 1000}}) {
    for (const bool missing_left : {false, true}) {
      const TreeEnsemble ensemble =
          stump({.categories = set, .is_categorical = true, .missing_left = missing_left});
      std::vector<float> wanted;
      for (const float code : codes) {
        const bool is_in = std::find(set.begin(), set.end(), code) != set.end();
        wanted.push_back(is_in ? 1 : 2);
      }
      EXPECT_EQ(scores(ensemble, matrix(1, codes)), wanted) << testing::PrintToString(set);
    }
  }
}

TEST(OnnxTrees, SplitByAFractionAsByTheWholeNumber) {
  const Tensor rows = matrix(1, {0.5F, -0.5F, -0.999F, -1, 1.5F, 2, 40.25F, 40.999F, 41, 1e-40F});
  EXPECT_THAT(scores(stump({.categories = {0, 40}, .is_categorical = true}), rows),
              ElementsAre(1, 1, 1, 2, 2, 2, 1, 1, 2, 1));
}

// More codes, more columns or more ranks than are looked up.
TEST(OnnxTrees, SetsBeyondTheTablesAreSets) {
  const Tensor rows = matrix(1, {0, 4095, 4096, 2e9F, kNan, -1, kInfinity});
  for (const std::int32_t most : {4095, 4096, 2000000000}) {
    std::vector<float> wanted;
    for (const float code : rows.floats()) {
      wanted.push_back(code == 0 || code == static_cast<float>(most) ? 1 : 2);
    }
    EXPECT_EQ(scores(stump({.categories = {0, most}, .is_categorical = true}), rows), wanted);
  }
  TreeEnsemble many = stump({.categories = {0}, .is_categorical = true});
  std::uint32_t seed = 8;
  Engine engine(seed);
  for (int i = 0; i < 1500; ++i) {
    many.trees.push_back(many.trees.front());
    auto& set = many.trees.back().nodes.front().categories;
    set.clear();
    for (int code = 0; code < 900; ++code) {
      if (engine() % 3 == 0) set.push_back(code);
    }
  }
  std::vector<float> codes = {kNan, -1, 900, kInfinity};
  for (int code = 0; code < 900; code += 7) codes.push_back(static_cast<float>(code));
  std::vector<float> wanted;
  for (const float code : codes) {
    wanted.push_back(static_cast<float>(records::raw_scores(many, &code)[0]));
  }
  EXPECT_EQ(scores(many, matrix(1, codes)), wanted);
}

TEST(OnnxTrees, ASetWithoutCategoriesSendsAllRight) {
  EXPECT_THAT(scores(stump({.is_categorical = true}), matrix(1, {0, 1, kNan, -1})),
              ElementsAre(2, 2, 2, 2));
}

TEST(OnnxTrees, ATreeMayBeOneLeaf) {
  const TreeEnsemble ensemble = {.features = 2, .trees = {{{leaf(5)}}, {{leaf(-0.5)}}}};
  EXPECT_THAT(scores(ensemble, matrix(2, {1, 2, kNan, kNan})), ElementsAre(4.5, 4.5));
}

TEST(OnnxTrees, NoTreesGiveZeros) {
  const TreeEnsemble ensemble = {.features = 2, .outputs = 3, .trees = {}};
  const Tensor out = answer(*load(ensemble), matrix(2, {kNan, 2, kInfinity, 4}));
  EXPECT_THAT(out.shape, ElementsAre(2, 3));
  EXPECT_THAT(out.floats(), testing::Each(0.0F));
}

TEST(OnnxTrees, TreesGoRoundOverTheOutputs) {
  const TreeEnsemble ensemble = {
      .features = 1, .outputs = 2, .trees = {{{leaf(1)}}, {{leaf(10)}}, {{leaf(2)}}}};
  EXPECT_THAT(scores(ensemble, matrix(1, {0})), ElementsAre(3, 10));
}

/// Features 0 to 2 hold numbers, 3 and 4 codes. Leaves are eighths, so that sums are exact.
std::int32_t grow(Tree& tree, Engine& engine, int depth) {
  const auto draw = [&](int most) { return std::uniform_int_distribution<int>(0, most)(engine); };
  const auto at = tree.nodes.size();
  tree.nodes.push_back(leaf(draw(64) / 8.0 - 4));
  if (depth == 0 || draw(9) == 0) return static_cast<std::int32_t>(at);
  TreeNode node;
  node.feature = draw(4);
  node.threshold = static_cast<float>(awkward_number(engine));
  if (std::isnan(node.threshold)) node.threshold = 0.25;
  node.missing_left = draw(1) == 1;
  node.is_categorical = node.feature > 2;
  const int codes = node.feature == 3 ? 90 : 200;
  for (int code = 0; node.is_categorical && code < codes; ++code) {
    if (draw(3) == 0) node.categories.push_back(code);
  }
  node.left = grow(tree, engine, depth - 1);
  node.right = grow(tree, engine, depth - 1);
  tree.nodes[at] = node;
  return static_cast<std::int32_t>(at);
}

TreeEnsemble forest(int trees, std::int32_t outputs, std::uint64_t seed) {
  Engine engine(seed);
  TreeEnsemble out{.features = 5, .outputs = outputs, .trees = {}};
  for (int i = 0; i < trees; ++i) grow(out.trees.emplace_back(), engine, 6);
  return out;
}

/// Rows for a forest: numbers that are thresholds, their neighbours, or anything; codes up to 198,
/// and what is none.
Tensor rows_for(const TreeEnsemble& ensemble, std::int64_t rows, std::uint64_t seed) {
  Engine engine(seed);
  std::vector<float> thresholds;
  for (const Tree& tree : ensemble.trees) {
    for (const TreeNode& node : tree.nodes)
      thresholds.push_back(static_cast<float>(node.threshold));
  }
  std::uniform_int_distribution<std::size_t> pick(0, thresholds.size() - 1);
  std::uniform_int_distribution<int> code(0, 99);
  std::vector<float> values;
  for (std::int64_t i = 0; i < rows; ++i) {
    for (int feature = 0; feature < 3; ++feature) {
      const float at = thresholds[pick(engine)];
      const std::array choices = {at, std::nextafter(at, kInfinity), std::nextafter(at, -kInfinity),
                                  static_cast<float>(awkward_number(engine))};
      values.push_back(choices[static_cast<std::size_t>(code(engine) % 4)]);
    }
    values.push_back(static_cast<float>(code(engine)));
    const std::array odd = {kNan, -1.0F, 1e9F, kInfinity, -kInfinity, 200.0F, 17.5F, -0.25F};
    const bool is_odd = code(engine) < 10;
    values.push_back(is_odd ? odd[static_cast<std::size_t>(code(engine)) % odd.size()]
                            : static_cast<float>(code(engine) + code(engine)));
  }
  return matrix(5, std::move(values));
}

std::vector<float> plain_scores(const TreeEnsemble& ensemble, const Tensor& features) {
  std::vector<float> out;
  for (std::size_t at = 0; at < features.floats().size(); at += 5) {
    for (const double score : records::raw_scores(ensemble, &features.floats()[at])) {
      out.push_back(static_cast<float>(score));
    }
  }
  return out;
}

// The runtime takes other ways by the number of trees and of rows.
TEST(OnnxTrees, ForestsDecideAsTheirRecords) {
  for (const int trees : {1, 7, 90, 130}) {
    for (const std::int32_t outputs : {1, 3}) {
      const TreeEnsemble ensemble = forest(trees, outputs, static_cast<std::uint64_t>(trees));
      const std::int64_t rows = trees == 90 ? 4500 : 300;
      const Tensor features = rows_for(ensemble, rows, 3);
      EXPECT_EQ(scores(ensemble, features), plain_scores(ensemble, features))
          << trees << " trees, " << outputs << " outputs";
    }
  }
}

void expect_same_in_every_batch(const onnx::Model& model, const Tensor& features) {
  const Tensor whole = answer(model, features);
  for (const auto& [from, rows] : cuts_of(features.shape[0])) {
    EXPECT_TRUE(same_bits(answer(model, slice(features, from, rows)), slice(whole, from, rows)))
        << "rows " << from << " to " << from + rows;
  }
}

TEST(OnnxTrees, GiveTheSameBitsInEveryBatch) {
  for (const int trees : {1, 60, 200}) {
    for (const std::int32_t outputs : {1, 3}) {
      TreeEnsemble ensemble = forest(trees, outputs, 11);
      for (Tree& tree : ensemble.trees) {
        for (TreeNode& node : tree.nodes) node.value = node.value / 3 + 1e-3;
      }
      const auto link = outputs == 1 ? Link::kSigmoid : Link::kSoftmax;
      expect_same_in_every_batch(*load(ensemble, link), rows_for(ensemble, 4400, 5));
    }
  }
}

LinearModel small_linear() {
  return {.features = 4,
          .outputs = 2,
          .intercepts = {0.5, -1},
          .weights = {{1, 0, 2, 0}, {-1, 0, 4, 0}},
          .categories = {{1, {{0.25, 8}, {0, 16}}}, {3, {{100, 200, 300}, {-100, -200, -300}}}}};
}

TEST(OnnxLinear, AddsNumbersAndCategories) {
  const Tensor rows = matrix(4, {1, 0,         1,  2,     //
                                 0, 1,         0,  0,     //
                                 3, 2,         -1, 3,     //
                                 0, -1,        0,  kNan,  //
                                 0, 1e20F,     0,  -2,    //
                                 0, kInfinity, 0,  -kInfinity});
  EXPECT_THAT(scores(small_linear(), rows),
              ElementsAre(303.75, -298, 108.5, -85, 1.5, -8, 0.5, -1, 0.5, -1, 0.5, -1));
}

TEST(OnnxLinear, NanInANumberMakesTheScoreNan) {
  const auto out = scores(small_linear(), matrix(4, {kNan, 0, 1, 2, 1, 0, 1, 2}));
  EXPECT_TRUE(std::isnan(out[0]) && std::isnan(out[1]));
  EXPECT_EQ(out[2], 303.75F);
}

TEST(OnnxLinear, TakesNumbersAloneCategoriesAloneAndNothing) {
  const LinearModel numbers = {
      .features = 2, .outputs = 1, .intercepts = {1}, .weights = {{2, 3}}, .categories = {}};
  EXPECT_THAT(scores(numbers, matrix(2, {1, 1, 0, 2})), ElementsAre(6, 7));
  const LinearModel categories = {.features = 1,
                                  .outputs = 1,
                                  .intercepts = {1},
                                  .weights = {{0}},
                                  .categories = {{0, {{5, 6}}}}};
  EXPECT_THAT(scores(categories, matrix(1, {0, 1, 2})), ElementsAre(6, 7, 1));
  const LinearModel constant = {
      .features = 1, .outputs = 1, .intercepts = {4}, .weights = {{0}}, .categories = {{0, {{}}}}};
  EXPECT_THAT(scores(constant, matrix(1, {0, kNan})), ElementsAre(4, 4));
}

/// 30 features, of which three are categories of 20 codes.
LinearModel draw_linear(std::int32_t outputs, std::uint64_t seed) {
  Engine engine(seed);
  std::normal_distribution<double> normal;
  const auto draw = [&](std::size_t count) {
    std::vector<double> out(count);
    for (double& each : out) each = normal(engine);
    return out;
  };
  const auto width = static_cast<std::size_t>(outputs);
  LinearModel model;
  model.features = 30;
  model.outputs = outputs;
  model.intercepts = draw(width);
  for (std::size_t i = 0; i < width; ++i) model.weights.push_back(draw(30));
  for (const std::int32_t feature : {4, 9, 29}) {
    model.categories.push_back({feature, {width, draw(20)}});
  }
  return model;
}

Tensor draw_rows(std::uint64_t seed) {
  Engine engine(seed);
  std::vector<float> values;
  for (int i = 0; i < 1003 * 30; ++i) {
    const double number = awkward_number(engine);
    values.push_back(static_cast<float>(i % 7 == 0 || std::abs(number) < 1e3 ? number : 1.5));
  }
  return matrix(30, std::move(values));
}

TEST(OnnxLinear, GivesTheSameBitsInEveryBatch) {
  for (const std::int32_t outputs : {1, 4}) {
    const auto link = outputs == 1 ? Link::kSigmoid : Link::kSoftmax;
    expect_same_in_every_batch(*load(draw_linear(outputs, 17), link), draw_rows(18));
  }
}

TEST(OnnxLink, GivesProbabilities) {
  Graph graph("link");
  const Value score = graph.input("score", TensorType::kFloat, 3);
  graph.output("sigmoid", add_link(graph, Link::kSigmoid, score), 3);
  graph.output("softmax", add_link(graph, Link::kSoftmax, score), 3);
  graph.output("same", add_link(graph, Link::kIdentity, score), 3);
  const auto model = onnx::Model::load(graph.bytes());
  ASSERT_TRUE(model.has_value()) << render(model.error());
  const auto out = (*model)->run({matrix(3, {0, 2, -2, 1000, 0, -1000})});
  ASSERT_TRUE(out.has_value()) << render(out.error());
  const auto& sigmoid = (*out)[0].floats();
  EXPECT_EQ(sigmoid[0], 0.5F);
  EXPECT_NEAR(sigmoid[1], 0.8807970779778823, 1e-6);
  EXPECT_NEAR(sigmoid[2], 0.11920292202211755, 1e-6);
  EXPECT_NEAR(sigmoid[3], 1, 1e-6);
  EXPECT_NEAR(sigmoid[5], 0, 1e-6);
  const auto& softmax = (*out)[1].floats();
  EXPECT_NEAR(softmax[0], 0.11731042782619837, 1e-6);
  EXPECT_NEAR(softmax[1], 0.8668133321973347, 1e-6);
  EXPECT_NEAR(softmax[0] + softmax[1] + softmax[2], 1, 1e-6);
  EXPECT_NEAR(softmax[3], 1, 1e-6);
  EXPECT_EQ((*out)[2].floats()[5], -1000);
}

}  // namespace
}  // namespace kingpost::onnx
