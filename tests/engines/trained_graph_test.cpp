// SPDX-License-Identifier: Apache-2.0
// Trained models through the graph and the real runtime, against the libraries' own answers.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <random>

#include "engines/lightgbm/lightgbm.h"
#include "engines/lightgbm/model_text.h"
#include "engines/linear/linear.h"
#include "engines/onnx/models.h"
#include "engines/onnx/runtime.h"

namespace kingpost {
namespace {

constexpr std::int32_t kColumns = 6;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Columns: 0 and 3 numbers, 1, 4 and 5 categories (of 40, 3 and 200 codes, some of the last
// missing), 2 a number that may be missing.
struct Rows {
  std::vector<float> values;
  std::vector<float> labels;
  records::Samples samples() const {
    records::Samples out;
    out.values = values.data();
    out.rows = static_cast<std::int64_t>(labels.size());
    out.columns = kColumns;
    out.labels = labels.data();
    out.categorical = {1, 4, 5};
    return out;
  }
};

Rows make_rows(std::uint64_t seed, std::int64_t count, std::int32_t classes, bool has_missing) {
  std::mt19937_64 engine(seed);
  const auto unit = [&] { return static_cast<double>(engine() >> 11) * 0x1p-53; };
  Rows rows;
  for (std::int64_t i = 0; i < count; ++i) {
    const double first = unit() * 6 - 3;
    const double kind = std::floor(unit() * 40);
    const double holes = unit();
    const double few = std::floor(unit() * 5) - 2;
    const double group = std::floor(unit() * 3);
    const bool is_missing = has_missing && unit() < 0.3;
    const double missing = is_missing ? std::nan("") : holes;
    const double place = std::floor(unit() * 200);
    const double where = has_missing && unit() < 0.05 ? std::nan("") : place;
    for (const double value : {first, kind, missing, few, group, where}) {
      rows.values.push_back(static_cast<float>(value));
    }
    double score = first + std::fmod(kind * 7, 5) + few * group + (is_missing ? 3 : holes) + unit();
    score += std::fmod(place * 37, 11) / 2;
    if (classes > 0) score = std::fmod(std::abs(std::floor(score)), classes);
    rows.labels.push_back(static_cast<float>(score));
  }
  return rows;
}

// Adds rows with values at the thresholds of the trees, next to them, and beyond all.
void add_edges(const records::TreeEnsemble& trees, Rows& rows) {
  const std::vector<float> plain(rows.values.begin(), rows.values.begin() + kColumns);
  const auto add = [&](std::int32_t column, float value) {
    rows.values.insert(rows.values.end(), plain.begin(), plain.end());
    rows.values[rows.values.size() - kColumns + static_cast<std::size_t>(column)] = value;
  };
  for (const records::Tree& tree : trees.trees) {
    for (const records::TreeNode& node : tree.nodes) {
      if (node.feature < 0 || node.is_categorical) continue;
      const auto at = static_cast<float>(node.threshold);
      for (const float value :
           {at, std::nextafter(at, kInfinity), std::nextafter(at, -kInfinity)}) {
        add(node.feature, value);
      }
    }
  }
  for (std::int32_t column = 0; column < kColumns; ++column) {
    for (const float value :
         {std::nanf(""), 0.0F,   -0.0F,   kInfinity, -kInfinity, -1.0F,  1e6F,
          41.0F,         1e-45F, -1e-45F, 1e-35F,    -1e-35F,    3e9F,   -3e9F,
          1e9F,          2.5F,   -0.5F,   39.75F,    199.5F,     200.0F, 255.0F}) {
      add(column, value);
    }
  }
}

// The answers of a graph that takes `features`.
template <typename Add>
std::vector<float> through_graph(const std::vector<float>& values, std::int64_t outputs, Add add) {
  onnx::Graph graph("trained");
  const auto features = graph.input("features", records::TensorType::kFloat, kColumns);
  graph.output("out", add(graph, features), outputs);
  const auto model = onnx::Model::load(graph.bytes());
  if (!model) {
    ADD_FAILURE() << render(model.error());
    return {};
  }
  const auto count = static_cast<std::int64_t>(values.size()) / kColumns;
  const auto out = (*model)->run({records::Tensor{{count, kColumns}, values}});
  if (!out) ADD_FAILURE() << render(out.error());
  return out ? (*out)[0].floats() : std::vector<float>{};
}

std::vector<float> through_trees(const std::vector<float>& values,
                                 const records::TreeEnsemble& trees) {
  return through_graph(values, trees.outputs, [&](onnx::Graph& graph, const onnx::Value& features) {
    return add_trees(graph, trees, features);
  });
}

// An output for each tree, which is LightGBM's number of the leaf.
records::TreeEnsemble leaf_numbers(records::TreeEnsemble trees) {
  trees.outputs = static_cast<std::int32_t>(trees.trees.size());
  for (records::Tree& tree : trees.trees) {
    const std::size_t inner = tree.nodes.size() / 2;
    for (std::size_t i = inner; i < tree.nodes.size(); ++i) {
      tree.nodes[i].value = static_cast<double>(i - inner);
    }
  }
  return trees;
}

std::string shown_row(const Rows& rows, std::size_t row) {
  std::string out;
  for (std::size_t c = 0; c < kColumns; ++c) {
    out += format(" {}", rows.values[row * kColumns + c]);
  }
  return out;
}

TEST(TrainedGraph, TreesAnswerAsLightGbm) {
  const std::vector<std::pair<std::string, std::int32_t>> tasks = {
      {"regression", 0}, {"regression_l1", 0}, {"binary", 2}, {"multiclass", 4}};
  for (const auto& [objective, classes] : tasks) {
    SCOPED_TRACE(objective);
    Rows rows = make_rows(1, 3000, classes, true);
    lightgbm::Settings settings;
    settings.objective = objective;
    settings.classes = objective == "multiclass" ? classes : 0;
    settings.rounds = 30;
    settings.parameters = {{"num_leaves", "31"}, {"min_data_per_group", "10"}};
    const auto set = lightgbm::TrainingSet::bin(rows.samples(), nullptr, settings);
    ASSERT_TRUE(set);
    const auto booster = lightgbm::Booster::train(**set, settings);
    ASSERT_TRUE(booster);
    const auto trees = lightgbm::parse_model((*booster)->text());
    ASSERT_TRUE(trees);
    add_edges(*trees, rows);
    const auto count = static_cast<std::int64_t>(rows.values.size()) / kColumns;
    const auto native = (*booster)->raw_scores(rows.values.data(), count, kColumns);
    ASSERT_TRUE(native);
    const auto ours = through_trees(rows.values, *trees);
    ASSERT_EQ(ours.size(), native->size());
    for (std::size_t i = 0; i < ours.size(); ++i) {
      const double wanted = (*native)[i];
      ASSERT_NEAR(static_cast<double>(ours[i]), wanted, 1e-5 * std::max(1.0, std::abs(wanted)));
    }
    const auto leaves = (*booster)->leaves(rows.values.data(), count, kColumns);
    ASSERT_TRUE(leaves);
    const auto our_leaves = through_trees(rows.values, leaf_numbers(*trees));
    ASSERT_EQ(our_leaves.size(), leaves->size());
    for (std::size_t i = 0; i < our_leaves.size(); ++i) {
      ASSERT_EQ(our_leaves[i], static_cast<float>((*leaves)[i]))
          << "row" << shown_row(rows, i / trees->trees.size());
    }
  }
}

TEST(TrainedGraph, LinearModelsAnswerAsTheyWereFitted) {
  for (const std::int32_t classes : {0, 2, 4}) {
    const Rows rows = make_rows(2, 500, classes, false);
    const auto model = classes == 0 ? linear::fit_ridge(rows.samples(), 1)
                                    : linear::fit_logistic(rows.samples(), classes, 1);
    ASSERT_TRUE(model);
    const auto ours = through_graph(rows.values, model->outputs,
                                    [&](onnx::Graph& graph, const onnx::Value& features) {
                                      return add_linear(graph, *model, features);
                                    });
    const auto outputs = static_cast<std::size_t>(model->outputs);
    ASSERT_EQ(ours.size(), 500 * outputs);
    for (std::size_t i = 0; i < 500; ++i) {
      const auto wanted = raw_scores(*model, rows.values.data() + i * kColumns);
      for (std::size_t o = 0; o < outputs; ++o) {
        ASSERT_NEAR(static_cast<double>(ours[i * outputs + o]), wanted[o], 1e-4);
      }
    }
  }
}

TEST(TrainedGraph, OneVsRestSharesOutOne) {
  // Scores so low that a float32 sigmoid would be 0 for all.
  const std::vector<float> scores = {0,    0,    0,    0, 0,  0, -200, -300, -200,
                                     -400, -500, -600, 5, -5, 0, 1,    2,    200};
  const auto shares =
      through_graph(scores, kColumns, [](onnx::Graph& graph, const onnx::Value& features) {
        return add_link(graph, records::Link::kOneVsRest, features);
      });
  ASSERT_EQ(shares.size(), scores.size());
  for (std::size_t i = 0; i < scores.size(); i += kColumns) {
    float sum = 0;
    for (std::size_t o = 0; o < kColumns; ++o) sum += shares[i + o];
    EXPECT_NEAR(sum, 1, 1e-6);
  }
  EXPECT_FLOAT_EQ(shares[0], 1.0F / 6);
  EXPECT_GT(shares[12], 100 * shares[13]);
}

}  // namespace
}  // namespace kingpost
