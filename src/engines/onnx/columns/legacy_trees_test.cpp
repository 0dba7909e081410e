// SPDX-License-Identifier: Apache-2.0
// Trees as other programs write them: the runtime's bits, or the runtime alone.
#include "engines/onnx/columns/legacy_trees.h"

#include <gtest/gtest.h>
#include <onnx/onnx-ml.pb.h>
#include <onnxruntime/onnxruntime_c_api.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "engines/onnx/columns/agreement.h"
#include "engines/onnx/session/session.h"

namespace kingpost::onnx {
namespace {

using ::onnx::AttributeProto;
using ::onnx::ModelProto;
using ::onnx::NodeProto;
using ::onnx::TensorProto;
using ::onnx::ValueInfoProto;
using records::InferTensor;

constexpr std::int64_t kFeatures = 5;
constexpr int kTrees = 21;

using Texts = std::vector<std::string>;

struct Wanted {
  bool is_classifier = true;
  std::int64_t targets = 1;
  std::string transform = "NONE";
  Texts modes = {"BRANCH_LEQ"};
  std::vector<float> base{};
  std::vector<std::int64_t> labels{};
  Texts text_labels{};
  bool are_positive = false;
  /// Of ai.onnx.ml; the first comes with opset 9, as the converters have it.
  std::int64_t version = 3;
};

// One node of ONNX, attribute by attribute.
class LegacyNode {
 public:
  explicit LegacyNode(NodeProto& node) : node_(node) {}

  void set(const std::string& name, const std::vector<std::int64_t>& values) {
    AttributeProto& out = add(name, AttributeProto::INTS);
    out.mutable_ints()->Add(values.begin(), values.end());
  }
  void set(const std::string& name, const std::vector<float>& values) {
    AttributeProto& out = add(name, AttributeProto::FLOATS);
    out.mutable_floats()->Add(values.begin(), values.end());
  }
  void set(const std::string& name, const Texts& values) {
    AttributeProto& out = add(name, AttributeProto::STRINGS);
    for (const std::string& each : values) out.add_strings(each);
  }
  void set(const std::string& name, const std::string& value) {
    add(name, AttributeProto::STRING).set_s(value);
  }
  void set(const std::string& name, std::int64_t value) {
    add(name, AttributeProto::INT).set_i(value);
  }

 private:
  AttributeProto& add(const std::string& name, AttributeProto::AttributeType type) {
    AttributeProto& out = *node_.add_attribute();
    out.set_name(name);
    out.set_type(type);
    return out;
  }

  NodeProto& node_;
};

void set_port(ValueInfoProto& port, const std::string& name, int type,
              std::optional<std::int64_t> columns) {
  port.set_name(name);
  auto& tensor = *port.mutable_type()->mutable_tensor_type();
  tensor.set_elem_type(type);
  tensor.mutable_shape()->add_dim()->set_dim_param("rows");
  if (columns) tensor.mutable_shape()->add_dim()->set_dim_value(*columns);
}

// The lists that say what trees are.
struct Lists {
  std::vector<std::int64_t> trees, ids, features, true_ids, false_ids, missing;
  std::vector<float> splits;
  Texts modes;
  std::vector<std::int64_t> leaf_trees, leaf_ids, leaf_targets;
  std::vector<float> weights;

  void add(std::int64_t tree, std::int64_t id, const std::string& mode, float split) {
    trees.push_back(tree);
    ids.push_back(id);
    modes.push_back(mode);
    splits.push_back(split);
    features.push_back(0);
    true_ids.push_back(0);
    false_ids.push_back(0);
    missing.push_back(0);
  }
  void add_leaf(std::int64_t tree, std::int64_t id, std::int64_t target, float weight) {
    add(tree, id, "LEAF", 0);
    leaf_trees.push_back(tree);
    leaf_ids.push_back(id);
    leaf_targets.push_back(target);
    weights.push_back(weight);
  }
  void write(LegacyNode& node, const std::string& prefix) const {
    node.set("nodes_treeids", trees);
    node.set("nodes_nodeids", ids);
    node.set("nodes_featureids", features);
    node.set("nodes_truenodeids", true_ids);
    node.set("nodes_falsenodeids", false_ids);
    node.set("nodes_missing_value_tracks_true", missing);
    node.set("nodes_values", splits);
    node.set("nodes_modes", modes);
    node.set(prefix + "_treeids", leaf_trees);
    node.set(prefix + "_nodeids", leaf_ids);
    node.set(prefix + "_ids", leaf_targets);
    node.set(prefix + "_weights", weights);
  }
};

class LegacyTreesTest : public testing::Test {
 protected:
  double chance() { return std::uniform_real_distribution<>(0, 1)(numbers_); }
  std::int64_t pick(std::int64_t end) {
    return static_cast<std::int64_t>(numbers_() % static_cast<std::uint64_t>(end));
  }

  // Up to three levels of splits; the last tree is a leaf alone.
  Lists random_trees(const Wanted& wanted) {
    Lists out;
    for (std::int64_t tree = 0; tree < kTrees; ++tree) {
      std::vector<std::int64_t> waiting = {0};
      while (!waiting.empty()) {
        const std::int64_t id = waiting.back();
        waiting.pop_back();
        const float weight = static_cast<float>(chance() - (wanted.are_positive ? 0 : 0.5)) / 16;
        if (id > 6 || tree == kTrees - 1 || (id > 2 && chance() < 0.2)) {
          out.add_leaf(tree, id, tree % wanted.targets, weight);
          continue;
        }
        const auto mode = static_cast<std::size_t>(pick(std::ssize(wanted.modes)));
        out.add(tree, id, wanted.modes[mode], static_cast<float>(pick(9) - 4) / 4);
        out.features.back() = pick(kFeatures);
        out.missing.back() = pick(2);
        out.true_ids.back() = 2 * id + 1;
        out.false_ids.back() = 2 * id + 2;
        // Now and then a child comes before its sister, or its nephews.
        waiting.insert(waiting.end() - pick(std::ssize(waiting) + 1), 2 * id + 1);
        waiting.push_back(2 * id + 2);
      }
    }
    return out;
  }

  std::string model_of(const Wanted& wanted, const Lists& lists) const {
    ModelProto model;
    model.set_ir_version(8);
    model.add_opset_import()->set_version(wanted.version == 1 ? 9 : 15);
    auto& ml = *model.add_opset_import();
    ml.set_domain("ai.onnx.ml");
    ml.set_version(wanted.version);
    auto& graph = *model.mutable_graph();
    graph.set_name("legacy");
    set_port(*graph.add_input(), "x", TensorProto::FLOAT, kFeatures);
    NodeProto& node = *graph.add_node();
    node.set_domain("ai.onnx.ml");
    node.add_input("x");
    LegacyNode attributes(node);
    lists.write(attributes, wanted.is_classifier ? "class" : "target");
    attributes.set("post_transform", wanted.transform);
    if (!wanted.base.empty()) attributes.set("base_values", wanted.base);
    if (!wanted.is_classifier) {
      node.set_op_type("TreeEnsembleRegressor");
      attributes.set("n_targets", wanted.targets);
      node.add_output("y");
      set_port(*graph.add_output(), "y", TensorProto::FLOAT, wanted.targets);
      return model.SerializeAsString();
    }
    node.set_op_type("TreeEnsembleClassifier");
    const bool has_texts = !wanted.text_labels.empty();
    if (has_texts) {
      attributes.set("classlabels_strings", wanted.text_labels);
    } else {
      attributes.set("classlabels_int64s", wanted.labels);
    }
    node.add_output("raw label");
    node.add_output("raw chances");
    // As the converters go on.
    NodeProto& name = *graph.add_node();
    name.set_op_type("Identity");
    name.add_input("raw label");
    name.add_output("label");
    NodeProto& weigh = *graph.add_node();
    weigh.set_op_type("Mul");
    weigh.add_input("raw chances");
    weigh.add_input("one");
    weigh.add_output("probabilities");
    TensorProto& one = *graph.add_initializer();
    one.set_name("one");
    one.set_data_type(TensorProto::FLOAT);
    one.add_float_data(1);
    set_port(*graph.add_output(), "label", has_texts ? TensorProto::STRING : TensorProto::INT64,
             std::nullopt);
    const auto classes =
        static_cast<std::int64_t>(std::max(wanted.labels.size(), wanted.text_labels.size()));
    set_port(*graph.add_output(), "probabilities", TensorProto::FLOAT, classes);
    return model.SerializeAsString();
  }

  // The columns that stand in for the runtime, asked about more than they were when they were made.
  void expect_taken(const Wanted& wanted) {
    for (std::uint64_t seed = 0; seed < 8; ++seed) {
      numbers_.seed(seed);
      const std::string bytes = model_of(wanted, random_trees(wanted));
      const RuntimeApi& runtime = *runtime_api().value();
      Held<OrtSession> whole(runtime.table->ReleaseSession);
      ASSERT_TRUE(open_session(runtime, bytes, whole));
      const auto columns = Executor::make(runtime, bytes, whole.get());
      ASSERT_NE(columns, nullptr) << wanted.transform << " of " << wanted.targets;
      std::vector<float> near = {-1, -0.75F, -0.5F, -0.25F, 0, 0.25F, 0.5F, 0.75F, 1};
      for (int k = 0; k < 200; ++k) near.push_back(static_cast<float>(chance() * 3 - 1.5));
      EXPECT_TRUE(agree(runtime, whole.get(), *columns, near)) << wanted.transform;
    }
  }

  // Without a session to be held against there is nothing to answer: it must be seen before.
  void expect_left(const Wanted& wanted, const Lists& lists) const {
    EXPECT_EQ(Executor::make(*runtime_api().value(), model_of(wanted, lists), nullptr), nullptr);
  }

  explicit LegacyTreesTest(std::uint64_t seed = 1) : numbers_(seed) {}

  std::mt19937_64 numbers_;
};

TEST_F(LegacyTreesTest, Regressors) {
  Wanted wanted{.is_classifier = false};
  expect_taken(wanted);
  wanted.base = {0.25F};
  wanted.version = 1;
  expect_taken(wanted);
  wanted.targets = 3;
  wanted.base = {0.5F, -1, 2};
  expect_taken(wanted);
}

TEST_F(LegacyTreesTest, SplitsOfEveryOrder) {
  Wanted wanted{.is_classifier = false};
  for (const char* mode : {"BRANCH_LEQ", "BRANCH_LT", "BRANCH_GT", "BRANCH_GTE"}) {
    wanted.modes = {mode};
    expect_taken(wanted);
  }
  wanted.modes = {"BRANCH_LEQ", "BRANCH_LT", "BRANCH_GT", "BRANCH_GTE"};
  expect_taken(wanted);
}

TEST_F(LegacyTreesTest, ClassifiersOfTwo) {
  for (const bool are_positive : {false, true}) {
    for (const char* transform : {"NONE", "LOGISTIC"}) {
      Wanted wanted{.transform = transform, .labels = {0, 1}, .are_positive = are_positive};
      expect_taken(wanted);
      wanted.base = {-0.1F};
      wanted.labels = {};
      wanted.text_labels = {"no", "yes"};
      expect_taken(wanted);
    }
  }
}

TEST_F(LegacyTreesTest, ClassifiersOfMany) {
  for (const char* transform : {"NONE", "LOGISTIC", "SOFTMAX"}) {
    Wanted wanted{.targets = 3, .transform = transform, .labels = {7, -1, 3}};
    expect_taken(wanted);
    wanted.base = {0.25F, 0, -0.25F};
    wanted.labels = {};
    wanted.text_labels = {"Adelie", "", "Gentoo"};
    expect_taken(wanted);
  }
}

TEST_F(LegacyTreesTest, WhatIsNotKnownIsTheRuntimesAlone) {
  const Wanted wanted{.is_classifier = false};
  const Lists sound = random_trees(wanted);
  const auto root = [](Lists& lists) { return std::size_t{lists.ids[0] == 0 ? 0U : 1U}; };
  Lists lists = sound;
  lists.modes[root(lists)] = "BRANCH_EQ";
  expect_left(wanted, lists);
  lists = sound;
  lists.true_ids[root(lists)] = 0;
  expect_left(wanted, lists);
  lists = sound;
  lists.true_ids[root(lists)] = lists.false_ids[root(lists)];
  expect_left(wanted, lists);
  lists = sound;
  lists.true_ids[root(lists)] = 1'000;
  expect_left(wanted, lists);
  lists = sound;
  lists.true_ids[root(lists)] = -7;
  expect_left(wanted, lists);
  lists = sound;
  lists.ids[1] = lists.ids[0];
  expect_left(wanted, lists);
  lists = sound;
  lists.features[0] = kFeatures;
  expect_left(wanted, lists);
  lists = sound;
  lists.leaf_targets[0] = 1;
  expect_left(wanted, lists);
  lists = sound;
  lists.weights[0] = std::numeric_limits<float>::infinity();
  expect_left(wanted, lists);
  lists = sound;
  lists.weights.pop_back();
  expect_left(wanted, lists);
  lists = sound;
  lists.leaf_ids[1] = lists.leaf_ids[0];
  lists.leaf_trees[1] = lists.leaf_trees[0];
  expect_left(wanted, lists);
  expect_left(wanted, {});
  expect_left({.is_classifier = false, .base = {1, 2}}, sound);
  expect_left({.is_classifier = false, .transform = "PROBIT"}, sound);
  expect_left({.transform = "SOFTMAX", .labels = {0, 1}}, sound);
  expect_left({.labels = {0}}, sound);
}

TEST_F(LegacyTreesTest, AnswersOfOtherBitsAreSeen) {
  const Wanted wanted{.transform = "LOGISTIC", .labels = {0, 1}};
  Lists lists = random_trees(wanted);
  const std::string bytes = model_of(wanted, lists);
  const RuntimeApi& runtime = *runtime_api().value();
  for (float& each : lists.weights) each = std::nextafter(each, 1.0F);
  Held<OrtSession> other(runtime.table->ReleaseSession);
  ASSERT_TRUE(open_session(runtime, model_of(wanted, lists), other));
  EXPECT_EQ(Executor::make(runtime, bytes, other.get()), nullptr);
}

TEST_F(LegacyTreesTest, LabelsAreOneNumberARow) {
  const Wanted wanted{.targets = 3, .transform = "SOFTMAX", .labels = {7, -1, 3}};
  auto session = Session::load(model_of(wanted, random_trees(wanted)));
  ASSERT_TRUE(session);
  const std::vector<float> values = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
  const std::vector<std::int64_t> shape = {2, kFeatures};
  const InferTensor input{
      "x", records::Datatype::kFp32, shape, std::as_bytes(std::span(values)), {}};
  records::InferResponse response;
  const std::vector<std::size_t> outputs = {1, 0};
  ASSERT_TRUE((*session)->run({&input, 1}, outputs, response));
  ASSERT_EQ(response.outputs.size(), 2U);
  EXPECT_EQ(std::vector(response.outputs[0].shape.begin(), response.outputs[0].shape.end()),
            (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(std::vector(response.outputs[1].shape.begin(), response.outputs[1].shape.end()),
            (std::vector<std::int64_t>{2}));
  EXPECT_EQ(response.outputs[1].data.size(), 2 * sizeof(std::int64_t));
}

}  // namespace
}  // namespace kingpost::onnx
