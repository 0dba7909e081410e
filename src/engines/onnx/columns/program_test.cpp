// SPDX-License-Identifier: Apache-2.0
// Columns against the runtime: the same bits, for a row alone, a few and many.
#include "engines/onnx/columns/program.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <random>

#include "engines/onnx/graph_state.h"
#include "engines/onnx/models.h"
#include "engines/onnx/runtime.h"
#include "support/tensors.h"

namespace kingpost::onnx {
namespace {

using records::Batch;
using records::Tree;
using records::TreeEnsemble;
using records::TreeNode;
using testing_support::same_bits;

using Numbers = std::mt19937_64;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

const std::vector<double>& awkward() {
  static const std::vector<double> list = {
      0.0,     -0.0,      1.0,     -1.0,       0.5,
      2.5,     -2.5,      3.0,     1e-320,     9007199254740993.0,
      1e19,    -1e19,     1e300,   -1e300,     kNan,
      -kNan,   kInfinity, 7.0,     16777217.0, -kInfinity,
      1.36e15, -1.36e15,  1.0 / 3, 100.25};
  return list;
}

// Each pair of awkward numbers, and texts beside.
Batch pairs_of_numbers() {
  Batch out;
  out.columns = {{"a"}, {"b"}, {"s", true}, {"t", true}};
  const std::vector<std::string> texts = {"", "EWR", "é", "a\nb", std::string(300, 'x')};
  for (const double a : awkward()) {
    for (const double b : awkward()) {
      out.columns[0].numbers.push_back(a);
      out.columns[1].numbers.push_back(b);
      const auto at = static_cast<std::size_t>(out.rows++);
      out.columns[2].texts.push_back(texts[at % texts.size()]);
      out.columns[3].texts.push_back(texts[at / 3 % texts.size()]);
    }
  }
  return out;
}

struct Pair {
  std::unique_ptr<Model> columns;
  std::unique_ptr<Model> runtime;
};

Pair load(const std::string& bytes) {
  auto columns = Model::load(bytes);
  auto runtime = Model::load(bytes, kRowsAtOnce, Engine::kRuntime);
  EXPECT_TRUE(columns) << (columns ? "" : render(columns.error()));
  EXPECT_TRUE(runtime) << (runtime ? "" : render(runtime.error()));
  return {std::move(*columns), std::move(*runtime)};
}

void expect_same(const Graph& graph, const Batch& batch) {
  const Pair models = load(graph.bytes());
  for (const std::int64_t rows : {std::int64_t{1}, std::int64_t{7}, batch.rows}) {
    for (std::int64_t from = 0; from + rows <= batch.rows; from += rows * 3) {
      const auto one = models.columns->run(batch, from, rows);
      const auto other = models.runtime->run(batch, from, rows);
      ASSERT_TRUE(one) << render(one.error());
      ASSERT_TRUE(other) << render(other.error());
      for (std::size_t i = 0; i < one->size(); ++i) {
        ASSERT_TRUE(same_bits((*one)[i], (*other)[i]))
            << models.columns->outputs()[i].name << " at " << from << ", " << rows << " rows";
      }
    }
  }
}

// How many nodes are left for the runtime; -1: all, since nothing was gained.
int left_of(const Graph& graph) {
  const auto program = Program::compile(read_graph(graph.bytes()).value());
  return program == nullptr ? -1 : static_cast<int>(program->rest().nodes.size());
}

class ColumnsTest : public testing::Test {
 protected:
  Value in(TensorType type, const Value& from) {
    if (type == TensorType::kDouble) return from;
    if (type != TensorType::kInt64) return graph.cast(from, type);
    // Only numbers that a whole number can be made of: beyond, processors differ.
    const Value fine =
        graph.node("And",
                   {graph.node("Less", {from, graph.constant(1e18)}, TensorType::kBool),
                    graph.node("Greater", {from, graph.constant(-1e18)}, TensorType::kBool)},
                   TensorType::kBool);
    return graph.cast(graph.node("Where", {fine, from, graph.constant(3.0)}, TensorType::kDouble),
                      type);
  }
  void out(const Value& value) {
    graph.output("out" + std::to_string(count++), graph.node("Identity", {value}, value.type));
  }

  Graph graph{"columns"};
  Value a = graph.input("a", TensorType::kDouble);
  Value b = graph.input("b", TensorType::kDouble);
  int count = 0;
};

TEST_F(ColumnsTest, RowsOfEveryWidth) {
  for (std::size_t width = 1; width <= 11; ++width) {
    std::vector<Value> floats;
    for (std::size_t i = 0; i < width; ++i) {
      const Value times =
          graph.node("Mul", {i % 2 == 0 ? a : b, graph.constant(static_cast<double>(i) + 0.5)},
                     TensorType::kDouble);
      floats.push_back(graph.cast(times, TensorType::kFloat));
    }
    const auto columns = static_cast<std::int64_t>(width);
    graph.output("floats" + std::to_string(width), graph.side_by_side(floats), columns);
  }
  expect_same(graph, pairs_of_numbers());
}

TEST_F(ColumnsTest, EveryOperatorOnAwkwardNumbers) {
  for (const TensorType type : {TensorType::kFloat, TensorType::kDouble, TensorType::kInt64}) {
    const Value x = in(type, a);
    const Value y = in(type, b);
    for (const char* op : {"Add", "Sub", "Mul"}) out(graph.node(op, {x, y}, type));
    for (const char* op : {"Less", "LessOrEqual", "Greater", "GreaterOrEqual", "Equal"}) {
      out(graph.node(op, {x, y}, TensorType::kBool));
    }
    out(graph.node("Where", {graph.node("Less", {x, y}, TensorType::kBool), x, y}, type));
    for (const TensorType to : {TensorType::kFloat, TensorType::kDouble, TensorType::kBool}) {
      if (to != type) out(graph.cast(x, to));
    }
    if (type == TensorType::kInt64) continue;
    out(graph.node("Div", {x, y}, type));
    out(graph.node("Mod", {x, y}, type, {{"fmod", std::int64_t{1}}}));
    for (const char* op : {"Floor", "Ceil", "Abs", "Neg", "Sqrt"}) out(graph.node(op, {x}, type));
    out(graph.node("IsNaN", {x}, TensorType::kBool));
  }
  const Value less = graph.node("Less", {a, b}, TensorType::kBool);
  const Value missing = graph.node("IsNaN", {a}, TensorType::kBool);
  for (const char* op : {"And", "Or", "Xor", "Equal"}) {
    out(graph.node(op, {less, missing}, TensorType::kBool));
  }
  out(graph.node("Not", {less}, TensorType::kBool));
  for (const TensorType to : {TensorType::kFloat, TensorType::kDouble, TensorType::kInt64}) {
    out(graph.cast(less, to));
  }
  EXPECT_EQ(left_of(graph), 0);
  expect_same(graph, pairs_of_numbers());
}

TEST_F(ColumnsTest, TextsTablesAndColumnsThatMove) {
  const Value s = graph.input("s", TensorType::kString);
  const Value t = graph.input("t", TensorType::kString);
  const Value empty = graph.constant("");
  const Value both = graph.node("StringConcat", {s, t}, TensorType::kString);
  const Value is_empty = graph.node("Equal", {s, empty}, TensorType::kBool);
  const Value chosen = graph.node("Where", {is_empty, t, both}, TensorType::kString);
  graph.output("chosen", chosen);
  const std::vector<std::string> keys = {"", "EWR", "éEWR", "EWR"};
  const Value code = graph.node("LabelEncoder", {chosen}, TensorType::kFloat,
                                {{"keys_strings", keys},
                                 {"values_floats", std::vector<float>{0, 1, 2, 3}},
                                 {"default_float", -1.0F}},
                                kMlDomain);
  const Value known =
      graph.node("Where",
                 {graph.node("Less", {code, graph.constant(Tensor{{}, std::vector<float>{0}})},
                             TensorType::kBool),
                  graph.constant(Tensor{{1, 1}, std::vector<float>{4}}), code},
                 TensorType::kFloat);
  std::vector<float> thirds(15);
  for (std::size_t i = 0; i < thirds.size(); ++i) thirds[i] = static_cast<float>(i) / 3;
  const Value table = graph.constant(Tensor{{5, 3}, thirds});
  const Value at = graph.cast(known, TensorType::kInt64);
  const Value cube = graph.node("Gather", {table, at}, TensorType::kFloat);
  const Value rows = graph.node("Reshape", {cube, graph.vector_of({-1, 3})}, TensorType::kFloat);
  const Value wide = graph.side_by_side(
      {rows, code, graph.cast(a, TensorType::kFloat), graph.cast(b, TensorType::kFloat)});
  graph.output("wide", graph.columns(wide, {5, 0, 4, 1, 1, 3}), 6);
  graph.output("few", graph.columns(wide, {-1, 2}), 2);
  const Value weights = graph.constant(Tensor{{6}, std::vector<float>{1, 2, 3, 4, 5, 6}});
  graph.output("weighed", graph.node("Mul", {wide, weights}, TensorType::kFloat), 6);
  EXPECT_EQ(left_of(graph), 0);
  expect_same(graph, pairs_of_numbers());
}

// Three splits deep; categories, missing values either way, and leaves that round.
TreeEnsemble random_trees(std::int32_t outputs, Numbers& numbers) {
  TreeEnsemble out{.features = 4, .outputs = outputs, .trees = {}};
  const auto pick = [&](std::size_t end) { return static_cast<std::size_t>(numbers() % end); };
  for (int tree = 0; tree < 24; ++tree) {
    Tree made;
    for (std::int32_t i = 0; i < 7; ++i) {
      TreeNode node;
      node.feature = static_cast<std::int32_t>(pick(4));
      node.is_categorical = node.feature == 3;
      node.missing_left = pick(2) == 0;
      node.threshold = static_cast<float>(awkward()[pick(awkward().size())]);
      if (std::isnan(node.threshold)) node.threshold = 0;
      if (node.is_categorical) node.categories = {static_cast<std::int32_t>(pick(3)), 5, 7};
      if (node.is_categorical) std::sort(node.categories.begin(), node.categories.end());
      node.left = 2 * i + 1;
      node.right = 2 * i + 2;
      made.nodes.push_back(node);
    }
    for (int leaf = 0; leaf < 8; ++leaf) {
      made.nodes.push_back({.value = std::ldexp(1.0 / static_cast<double>(1 + pick(1000)),
                                                static_cast<int>(pick(40)) - 20)});
    }
    out.trees.push_back(std::move(made));
  }
  return out;
}

// The features as they lie in a matrix.
void expect_same_of_matrix(const TreeEnsemble& trees, Numbers& numbers) {
  Graph graph("matrix");
  graph.output("scores", add_trees(graph, trees, graph.input("f", TensorType::kFloat, 4)),
               trees.outputs);
  EXPECT_EQ(left_of(graph), 0);
  const Pair models = load(graph.bytes());
  std::vector<float> values;
  while (values.size() < 1200) {
    const bool is_code = values.size() % 4 == 3;
    values.push_back(is_code ? static_cast<float>(numbers() % 9)
                             : static_cast<float>(awkward()[numbers() % awkward().size()]));
  }
  const Tensor given{{300, 4}, values};
  const auto one = models.columns->run({given});
  const auto other = models.runtime->run({given});
  ASSERT_TRUE(one && other);
  EXPECT_TRUE(same_bits(one->front(), other->front()));
}

TEST_F(ColumnsTest, TreesOfEveryKind) {
  for (const std::int32_t outputs : {1, 3}) {
    for (std::uint64_t seed = 0; seed < 10; ++seed) {
      Numbers numbers(seed);
      const TreeEnsemble trees = random_trees(outputs, numbers);
      Graph made("trees");
      const Value x = made.input("a", TensorType::kDouble);
      const Value y = made.input("b", TensorType::kDouble);
      const Value fine =
          made.node("Less", {made.node("Abs", {y}, TensorType::kDouble), made.constant(1e6)},
                    TensorType::kBool);
      const Value code = made.node("Where", {fine, y, made.constant(-1.0)}, TensorType::kDouble);
      std::vector<Value> features;
      for (const Value& each : {x, y, made.node("Sub", {x, y}, TensorType::kDouble), code}) {
        features.push_back(made.cast(each, TensorType::kFloat));
      }
      made.output("scores", add_trees(made, trees, made.side_by_side(features)), outputs);
      EXPECT_EQ(left_of(made), 0);
      expect_same(made, pairs_of_numbers());
      expect_same_of_matrix(trees, numbers);
    }
  }
}

// More than trees tell apart: the last are read as columns.
TEST_F(ColumnsTest, MoreTablesThanTreesTellApart) {
  constexpr std::int32_t kTables = 300;
  const Value near =
      graph.node("And",
                 {graph.node("Less", {a, graph.constant(4.0)}, TensorType::kBool),
                  graph.node("GreaterOrEqual", {a, graph.constant(0.0)}, TensorType::kBool)},
                 TensorType::kBool);
  const Value at = graph.cast(
      graph.node("Where", {near, a, graph.constant(3.0)}, TensorType::kDouble), TensorType::kInt64);
  std::vector<Value> features;
  TreeEnsemble trees{.features = kTables, .outputs = 1, .trees = {}};
  for (std::int32_t i = 0; i < kTables; ++i) {
    const auto base = static_cast<float>(i);
    const Value table = graph.constant(Tensor{{4, 1}, std::vector<float>{base, -1, base + 1, 7}});
    const Value cube = graph.node("Gather", {table, at}, TensorType::kFloat);
    features.push_back(graph.node("Reshape", {cube, graph.vector_of({-1, 1})}, TensorType::kFloat));
    Tree tree;
    tree.nodes.push_back({.feature = i, .threshold = base, .left = 1, .right = 2});
    tree.nodes.push_back({.value = 1.0 / (i + 1)});
    tree.nodes.push_back({.value = -1.0 / (i + 3)});
    trees.trees.push_back(std::move(tree));
  }
  graph.output("scores", add_trees(graph, trees, graph.side_by_side(features)));
  EXPECT_EQ(left_of(graph), 0);
  expect_same(graph, pairs_of_numbers());
}

// Numbers of one part of a table may go on into the next, and be read as they are.
TEST_F(ColumnsTest, RowsOfOnePartOfATableMayBeThoseOfTheNext) {
  const Value near =
      graph.node("And",
                 {graph.node("Less", {a, graph.constant(12.0)}, TensorType::kBool),
                  graph.node("GreaterOrEqual", {a, graph.constant(-9.0)}, TensorType::kBool)},
                 TensorType::kBool);
  const Value row = graph.cast(
      graph.node("Where", {near, a, graph.constant(4.0)}, TensorType::kDouble), TensorType::kInt64);
  const Value starts = graph.constant(Tensor{{1, 2}, std::vector<std::int64_t>{0, 5}});
  const Value at = graph.node("Add", {row, starts}, TensorType::kInt64);
  std::vector<float> values(20);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i * 7 % 11);
  const Value cube =
      graph.node("Gather", {graph.constant(Tensor{{20, 1}, values}), at}, TensorType::kFloat);
  TreeEnsemble trees{.features = 2, .outputs = 1, .trees = {}};
  for (std::int32_t i = 0; i < 40; ++i) {
    Tree tree;
    const auto split = static_cast<double>(i % 11);
    tree.nodes.push_back({.feature = i % 2, .threshold = split, .left = 1, .right = 2});
    tree.nodes.push_back({.value = 1.0 / (i + 1)});
    tree.nodes.push_back({.value = -1.0 / (i + 3)});
    trees.trees.push_back(std::move(tree));
  }
  const Value features =
      graph.node("Reshape", {cube, graph.vector_of({-1, 2})}, TensorType::kFloat);
  graph.output("scores", add_trees(graph, trees, features));
  EXPECT_EQ(left_of(graph), 0);
  expect_same(graph, pairs_of_numbers());
  graph.output("at", at, 2);
  EXPECT_EQ(left_of(graph), 0);
  expect_same(graph, pairs_of_numbers());
}

TEST_F(ColumnsTest, TheRuntimeGoesOnWhereColumnsEnd) {
  const Value x = graph.cast(a, TensorType::kFloat);
  const Value sum = graph.node("Add", {x, graph.cast(b, TensorType::kFloat)}, TensorType::kFloat);
  graph.output("early", sum);
  graph.output("late", graph.node("Sigmoid", {sum}, TensorType::kFloat));
  const Value halves = graph.constant(Tensor{{2, 2}, std::vector<float>{0.5, 1, 2, 0.25}});
  const Value product =
      graph.node("MatMul", {graph.side_by_side({x, sum}), halves}, TensorType::kFloat);
  graph.output("product", product, 2);
  const Value best = graph.node("ArgMax", {product}, TensorType::kInt64,
                                {{"axis", std::int64_t{1}}, {"keepdims", std::int64_t{1}}});
  graph.output("best", best);
  EXPECT_EQ(left_of(graph), 3);
  expect_same(graph, pairs_of_numbers());
}

TEST_F(ColumnsTest, WhatCannotBeSplitIsTheRuntimesAlone) {
  const Value s = graph.input("s", TensorType::kString);
  graph.output("x", graph.node("Add", {a, b}, TensorType::kDouble));
  graph.output("low", graph.node("StringNormalizer", {s}, TensorType::kString));
  EXPECT_EQ(left_of(graph), -1);
  Graph constant("constant");
  constant.output(
      "x", constant.node("Neg", {constant.input("a", TensorType::kDouble)}, TensorType::kDouble));
  constant.output("one", constant.node("Identity", {constant.constant(1.0)}, TensorType::kDouble));
  EXPECT_EQ(left_of(constant), -1);
}

TEST_F(ColumnsTest, AnOutputThatIsNotAsWideAsItSaysIsTheRuntimesAlone) {
  graph.output("sum", graph.node("Add", {a, b}, TensorType::kDouble), 2);
  EXPECT_EQ(left_of(graph), -1);
}

TEST_F(ColumnsTest, PlacesBeyondATableAreRefused) {
  const Value table = graph.constant(Tensor{{2}, std::vector<float>{1, 2}});
  graph.output(
      "out", graph.node("Gather", {table, graph.cast(a, TensorType::kInt64)}, TensorType::kFloat));
  EXPECT_EQ(left_of(graph), 0);
  const Pair models = load(graph.bytes());
  for (const double each : {-3.0, -2.0, -1.0, 0.0, 1.0, 2.0}) {
    Batch batch{1, {{"a", false, {each}}, {"b", false, {0}}}};
    const auto one = models.columns->run(batch, 0, 1);
    const auto other = models.runtime->run(batch, 0, 1);
    ASSERT_EQ(one.has_value(), other.has_value()) << each;
    if (one) {
      EXPECT_EQ(one->front(), other->front());
    }
  }
}

TEST(Columns, AChainAsLongAsTheGraphNeedsNoStack) {
  GraphState state;
  state.inputs = {{"x0", TensorType::kInt64, 1}};
  state.constants = {{"one", Tensor{{1}, std::vector<std::int64_t>{1}}}};
  constexpr int kNodes = 300'000;
  for (int i = 0; i < kNodes; ++i) {
    state.nodes.push_back({"Add",
                           "",
                           {"x" + std::to_string(i), "one"},
                           {"x" + std::to_string(i + 1)},
                           {TensorType::kInt64},
                           {}});
  }
  const std::string last = "x" + std::to_string(kNodes);
  state.nodes.push_back({"Add", "", {last, last}, {"twice"}, {TensorType::kInt64}, {}});
  state.outputs = {{{"y", TensorType::kInt64, 1}, "twice"}};
  const auto program = Program::compile(std::move(state));
  ASSERT_NE(program, nullptr);
  const std::int64_t five = 5;
  std::int64_t out = 0;
  const InputView in{&five};
  const OutputView to{&out, nullptr};
  ASSERT_TRUE(program->run(1, {&in, 1}, {&to, 1}));
  EXPECT_EQ(out, 2 * (five + kNodes));
}

// Forty nodes of two times as many columns each.
TEST(Columns, MoreColumnsThanMemoryHoldsAreTheRuntimesAlone) {
  GraphState state;
  state.inputs = {{"x0", TensorType::kInt64, 2},
                  {"wide", TensorType::kFloat, std::int64_t{1} << 40}};
  constexpr int kNodes = 40;
  for (int i = 0; i < kNodes; ++i) {
    const std::string from = "x" + std::to_string(i);
    state.nodes.push_back({"Concat",
                           "",
                           {from, from},
                           {"x" + std::to_string(i + 1)},
                           {TensorType::kInt64},
                           {{"axis", std::int64_t{1}}}});
  }
  state.outputs = {
      {{"y", TensorType::kInt64, std::int64_t{2} << kNodes}, "x" + std::to_string(kNodes)}};
  EXPECT_EQ(Program::compile(std::move(state)), nullptr);
}

}  // namespace
}  // namespace kingpost::onnx
