// SPDX-License-Identifier: Apache-2.0
// Models in the runtime: what goes in, what comes out, and what is refused.
#include "engines/onnx/runtime.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include <bit>
#include <cmath>
#include <cstdlib>
#include <thread>

#include "base/files.h"
#include "support/tensors.h"

namespace kingpost::onnx {
namespace {

using records::Batch;
using testing::ElementsAre;
using testing::HasSubstr;

std::unique_ptr<Model> load(const Graph& graph) {
  auto model = Model::load(graph.bytes());
  EXPECT_TRUE(model.has_value()) << (model.has_value() ? "" : render(model.error()));
  return model.has_value() ? std::move(*model) : nullptr;
}

/// twice = 2 * number; tag = text + "!"; has = whether the text is not null.
Graph small_graph() {
  Graph graph("small");
  const Value number = graph.input("number", TensorType::kDouble);
  const Value text = graph.input("text", TensorType::kString);
  graph.output("twice", graph.node("Mul", {number, graph.constant(2.0)}, TensorType::kDouble));
  graph.output("tag", graph.node("StringConcat", {text, graph.constant("!")}, TensorType::kString));
  const Value is_null = graph.node("Equal", {text, graph.constant("")}, TensorType::kBool);
  graph.output("has", graph.node("Not", {is_null}, TensorType::kBool));
  return graph;
}

Batch small_batch() {
  return {4,
          {{"other", false, {9, 9, 9, 9}, {}},
           {"text", true, {}, {"a", "", "\xc3\xa9\xe2\x82\xac", std::string("n\0l", 3)}},
           {"number", false, {1, std::nan(""), -3, 4e300}, {}}}};
}

TEST(OnnxRuntime, RunsASliceOfABatchByTheNamesOfColumns) {
  const auto model = load(small_graph());
  const auto out = model->run(small_batch(), 1, 3);
  ASSERT_TRUE(out.has_value()) << render(out.error());
  ASSERT_EQ(out->size(), 3U);
  EXPECT_THAT((*out)[0].shape, ElementsAre(3, 1));
  EXPECT_TRUE(std::isnan((*out)[0].doubles()[0]));
  EXPECT_EQ((*out)[0].doubles()[1], -6);
  EXPECT_EQ((*out)[0].doubles()[2], 8e300);
  EXPECT_THAT((*out)[1].texts(),
              ElementsAre("!", "\xc3\xa9\xe2\x82\xac!", std::string("n\0l!", 4)));
  EXPECT_THAT((*out)[2].booleans(), ElementsAre(0, 1, 1));
}

TEST(OnnxRuntime, NamesItsPorts) {
  const auto model = load(small_graph());
  ASSERT_EQ(model->inputs().size(), 2U);
  EXPECT_EQ(model->inputs()[1].name, "text");
  EXPECT_EQ(model->inputs()[1].type, TensorType::kString);
  ASSERT_EQ(model->outputs().size(), 3U);
  EXPECT_EQ(model->outputs()[2].type, TensorType::kBool);
  EXPECT_EQ(model->outputs()[2].columns, 1);
}

TEST(OnnxRuntime, TakesAndGivesEveryType) {
  Graph graph("all");
  const std::vector<Tensor> in = {Tensor{{2, 2}, std::vector<float>{1, 2, 3, 4}},
                                  Tensor{{2, 1}, std::vector<double>{0.1, -0.0}},
                                  Tensor{{2, 1}, std::vector<std::int64_t>{INT64_MIN, INT64_MAX}},
                                  Tensor{{2, 1}, std::vector<std::uint8_t>{0, 1}},
                                  Tensor{{2, 1}, std::vector<std::string>{"", "x"}}};
  for (const Tensor& each : in) {
    const std::string name = "in" + std::to_string(each.data.index());
    const Value value = graph.input(name, each.type(), each.shape[1]);
    graph.output("out" + name, graph.node("Identity", {value}, each.type()), each.shape[1]);
  }
  const auto model = load(graph);
  EXPECT_EQ(model->inputs()[0].columns, 2);
  const auto out = model->run(in);
  ASSERT_TRUE(out.has_value()) << render(out.error());
  EXPECT_EQ(*out, in);
}

TEST(OnnxRuntime, NoRowsGiveNoRows) {
  const auto model = load(small_graph());
  const auto out = model->run(small_batch(), 4, 0);
  ASSERT_TRUE(out.has_value()) << render(out.error());
  ASSERT_EQ(out->size(), 3U);
  EXPECT_THAT((*out)[1].shape, ElementsAre(0, 1));
  EXPECT_EQ((*out)[1].type(), TensorType::kString);
  EXPECT_TRUE((*out)[0].doubles().empty());
}

TEST(OnnxRuntime, AnswersGoWhereTheyAreWanted) {
  const auto model = load(small_graph());
  const auto whole = model->run(small_batch(), 0, 4);
  ASSERT_TRUE(whole.has_value()) << render(whole.error());
  std::vector<Tensor> room;
  model->make_room(9, room);
  EXPECT_THAT(room[0].shape, ElementsAre(9, 1));
  model->make_room(4, room);
  for (const std::int64_t from : {2, 0, 3}) {
    const std::int64_t rows = from == 0 ? 2 : 1;
    const Status done = model->run_into(small_batch(), from, rows, room);
    ASSERT_TRUE(done.has_value()) << render(done.error());
  }
  EXPECT_EQ(room[1], (*whole)[1]);
  EXPECT_EQ(room[2], (*whole)[2]);
  const auto bits = [](const Tensor& tensor) {
    std::vector<std::uint64_t> out;
    for (const double each : tensor.doubles()) out.push_back(std::bit_cast<std::uint64_t>(each));
    return out;
  };
  EXPECT_EQ(bits(room[0]), bits((*whole)[0]));
  EXPECT_TRUE(model->run_into(small_batch(), 4, 0, room));
  EXPECT_FALSE(model->run_into(small_batch(), 4, 1, room));
}

TEST(OnnxRuntime, LongBatchesAreAnsweredInSlices) {
  const auto model = load(small_graph());
  records::Batch batch = small_batch();
  batch.rows = 3 * kRowsAtOnce + 5;
  batch.columns.back().numbers[1] = 0;
  for (records::BatchColumn& column : batch.columns) {
    const auto rows = static_cast<std::size_t>(batch.rows);
    const std::size_t had = std::max(column.numbers.size(), column.texts.size());
    for (std::size_t i = had; i < rows; ++i) {
      if (column.is_text) column.texts.push_back(column.texts[i % had] + std::to_string(i));
      if (!column.is_text) column.numbers.push_back(static_cast<double>(i));
    }
  }
  const auto whole = model->run(batch, 0, batch.rows);
  ASSERT_TRUE(whole.has_value()) << render(whole.error());
  std::vector<Tensor> room;
  model->make_room(batch.rows, room);
  ASSERT_TRUE(model->run_into(batch, 0, 2, room));
  ASSERT_TRUE(model->run_into(batch, 2, batch.rows - 2, room));
  EXPECT_EQ(room, *whole);
  EXPECT_FALSE(model->run_into(batch, 0, batch.rows + 1, room));
  EXPECT_FALSE(model->run_into(batch, 0, -1, room));
}

TEST(OnnxRuntime, AMatrixOfAnyLengthIsAnsweredInSlices) {
  Graph graph("sums");
  const Value in = graph.input("features", TensorType::kFloat, 2);
  graph.output("double", graph.node("Add", {in, in}, TensorType::kFloat), 2);
  graph.output("above", graph.node("Greater", {in, graph.columns(in, {0})}, TensorType::kBool), 2);
  const auto model = load(graph);
  for (const std::int64_t rows :
       {std::int64_t{0}, std::int64_t{1}, kRowsAtOnce, kRowsAtOnce + 1, 3 * kRowsAtOnce - 1}) {
    Tensor matrix{{rows, 2}, std::vector<float>(static_cast<std::size_t>(2 * rows))};
    auto& values = std::get<std::vector<float>>(matrix.data);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i * 7 % 31);
    const auto sliced = run_rows(*model, values, 2);
    const auto whole = model->run({matrix});
    const auto by_threads = run_rows(*model, values, 2, 3);
    ASSERT_TRUE(sliced && whole && by_threads) << rows;
    EXPECT_EQ(*sliced, *whole) << rows;
    EXPECT_EQ(*by_threads, *whole) << rows;
  }
}

TEST(OnnxRuntime, AnswersThatAreInputsGoWhereTheyAreWanted) {
  Graph graph("plain");
  const Value a = graph.input("a", TensorType::kDouble);
  graph.output("a", a);
  graph.output("again", a);
  const auto model = load(graph);
  std::vector<Tensor> room;
  model->make_room(3, room);
  const Batch batch{3, {{"a", false, {1, 2, 3}, {}}}};
  ASSERT_TRUE(model->run_into(batch, 1, 2, room));
  ASSERT_TRUE(model->run_into(batch, 0, 1, room));
  EXPECT_THAT(room[0].doubles(), ElementsAre(1, 2, 3));
  EXPECT_THAT(room[1].doubles(), ElementsAre(1, 2, 3));
}

TEST(OnnxRuntime, OutputsMayBeInputsOrConstants) {
  Graph graph("plain");
  const Value a = graph.input("a", TensorType::kDouble);
  graph.output("a", a);
  graph.output("again", a);
  const auto model = load(graph);
  const auto out = model->run(Batch{2, {{"a", false, {1, 2}, {}}}}, 0, 2);
  ASSERT_TRUE(out.has_value()) << render(out.error());
  EXPECT_THAT((*out)[0].doubles(), ElementsAre(1, 2));
  EXPECT_THAT((*out)[1].doubles(), ElementsAre(1, 2));
}

TEST(OnnxRuntime, AMissingColumnIsNamed) {
  const auto model = load(small_graph());
  Batch batch = small_batch();
  batch.columns[2].name = "numbr";
  const auto out = model->run(batch, 0, 1);
  ASSERT_FALSE(out.has_value());
  EXPECT_EQ(out.error().id(), "onnx.input_missing");
  EXPECT_THAT(out.error().what(), HasSubstr("number"));
  EXPECT_THAT(out.error().hint(), HasSubstr("numbr"));
  const auto too_few = model->run(std::vector<Tensor>{});
  ASSERT_FALSE(too_few.has_value());
  EXPECT_EQ(too_few.error().id(), "onnx.input_missing");
}

TEST(OnnxRuntime, AColumnOfAnotherTypeOrLengthIsNamed) {
  const auto model = load(small_graph());
  Batch swapped = small_batch();
  std::swap(swapped.columns[1].name, swapped.columns[2].name);
  Batch cut = small_batch();
  cut.columns[2].numbers.pop_back();
  for (const Batch& each : {swapped, cut}) {
    const auto out = model->run(each, 0, 1);
    ASSERT_FALSE(out.has_value());
    EXPECT_EQ(out.error().id(), "onnx.input_type");
    EXPECT_THAT(out.error().what(), HasSubstr("number"));
  }
  const Tensor number{{1, 1}, std::vector<double>{1}};
  const Tensor torn{{2, 1}, std::vector<double>{1}};
  const Tensor text{{1, 1}, std::vector<std::string>{"x"}};
  for (const auto& each : {std::vector<Tensor>{number, number}, std::vector<Tensor>{torn, text}}) {
    const auto out = model->run(each);
    ASSERT_FALSE(out.has_value());
    EXPECT_EQ(out.error().id(), "onnx.input_type");
  }
}

TEST(OnnxRuntime, RowsOutsideOfTheBatchAreRefused) {
  const auto model = load(small_graph());
  for (const auto& [from, rows] :
       std::vector<std::pair<int, int>>{{0, 5}, {4, 1}, {-1, 1}, {0, -1}}) {
    const auto out = model->run(small_batch(), from, rows);
    ASSERT_FALSE(out.has_value());
    EXPECT_EQ(out.error().id(), "onnx.run_failed");
  }
}

TEST(OnnxRuntime, AFailingRunTellsTheRuntimesWords) {
  Graph graph("fails");
  const Value a = graph.input("a", TensorType::kInt64);
  const Value table = graph.constant(Tensor{{2}, std::vector<float>{1, 2}});
  graph.output("out", graph.node("Gather", {table, a}, TensorType::kFloat));
  const auto model = load(graph);
  const auto out = model->run({Tensor{{1, 1}, std::vector<std::int64_t>{7}}});
  ASSERT_FALSE(out.has_value());
  EXPECT_EQ(out.error().id(), "onnx.run_failed");
  EXPECT_THAT(out.error().what(), HasSubstr("out of"));
}

TEST(OnnxRuntime, RefusesWhatIsNoModel) {
  Graph wrong("wrong");
  const Value a = wrong.input("a", TensorType::kDouble);
  wrong.output("out", wrong.node("NoSuchOperator", {a}, TensorType::kDouble));
  Graph mistyped("mistyped");
  const Value b = mistyped.input("b", TensorType::kDouble);
  mistyped.output("out", mistyped.node("Floor", {b}, TensorType::kFloat));
  for (const std::string& bytes :
       {std::string(), std::string("hello"), wrong.bytes(), mistyped.bytes()}) {
    const auto model = Model::load(bytes);
    ASSERT_FALSE(model.has_value());
    EXPECT_EQ(model.error().id(), "onnx.invalid_model");
  }
}

TEST(OnnxRuntime, RefusesOutputsOfUnknownWidth) {
  Graph graph("wide");
  // The runtime finds three columns where the graph says one, and then knows of none.
  const Value a = graph.input("a", TensorType::kDouble, 3);
  graph.output("out", graph.node("Floor", {a}, TensorType::kDouble), 1);
  const auto model = Model::load(graph.bytes());
  ASSERT_FALSE(model.has_value());
  EXPECT_EQ(model.error().id(), "onnx.invalid_model");
  EXPECT_THAT(model.error().what(), HasSubstr("\"out\""));
}

TEST(OnnxRuntime, FewerTextsThanRowsAreNoAnswer) {
  Graph graph("few");
  const Value a = graph.input("a", TensorType::kString);
  graph.output("out", graph.node("Identity", {graph.constant("x")}, TensorType::kString));
  graph.output("a again", graph.node("Identity", {a}, TensorType::kString));
  const auto model = load(graph);
  const Batch batch{2, {{"a", true, {}, {"1", "2"}}}};
  std::vector<Tensor> room;
  model->make_room(2, room);
  const Status done = model->run_into(batch, 0, 2, room);
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().id(), "onnx.run_failed");
}

TEST(OnnxRuntime, ManyThreadsMayRunOneModel) {
  const auto model = load(small_graph());
  const Batch batch = small_batch();
  std::vector<std::thread> threads;
  std::vector<int> fine(4, 0);
  for (std::size_t t = 0; t < fine.size(); ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 500; ++i) {
        const auto out = model->run(batch, i % 4, 1);
        const bool is_right =
            out.has_value() &&
            (*out)[1].texts()[0] == batch.columns[1].texts[static_cast<std::size_t>(i % 4)] + "!";
        fine[t] += is_right ? 1 : 0;
      }
    });
  }
  for (std::thread& each : threads) each.join();
  EXPECT_THAT(fine, testing::Each(500));
}

TEST(OnnxRuntime, KnowsItsLibrary) {
  EXPECT_THAT(runtime_path(), testing::EndsWith("/libonnxruntime.so.1"));
  EXPECT_THAT(runtime_version(), testing::StartsWith("1."));
}

TEST(OnnxRuntime, AGraphOfThisProcessAnswersTheSameWithoutTheRuntime) {
  auto own = Model::load(small_graph().bytes(), kRowsAtOnce, Engine::kOwnColumns);
  ASSERT_TRUE(own.has_value()) << render(own.error());
  const auto other = load(small_graph());
  ASSERT_EQ((*own)->inputs().size(), 2U);
  EXPECT_EQ((*own)->inputs()[1].name, other->inputs()[1].name);
  EXPECT_EQ((*own)->outputs()[1].type, other->outputs()[1].type);
  for (const std::int64_t rows : {0, 1, 4}) {
    const auto one = (*own)->run(small_batch(), 0, rows);
    const auto two = other->run(small_batch(), 0, rows);
    ASSERT_TRUE(one.has_value()) << render(one.error());
    for (std::size_t i = 0; i < one->size(); ++i) {
      EXPECT_TRUE(testing_support::same_bits((*one)[i], (*two)[i]));
    }
  }
  const auto uneven = (*own)->run(
      {Tensor{{2, 1}, std::vector<double>{1, 2}}, Tensor{{1, 1}, std::vector<std::string>{"a"}}});
  ASSERT_FALSE(uneven.has_value());
  EXPECT_EQ(uneven.error().id(), "onnx.input_type");
}

TEST(OnnxRuntime, AGraphOfThisProcessThatColumnsCannotRunGoesToTheRuntime) {
  Graph graph("exp");
  const Value x = graph.input("number", TensorType::kDouble);
  graph.output("e", graph.node("Exp", {x}, TensorType::kDouble));
  const auto model = Model::load(graph.bytes(), kRowsAtOnce, Engine::kOwnColumns);
  ASSERT_TRUE(model.has_value()) << render(model.error());
  const auto out = (*model)->run(small_batch(), 0, 1);
  ASSERT_TRUE(out.has_value());
  EXPECT_NEAR((*out)[0].doubles()[0], 2.718281828459045, 1e-15);
}

// In a process of its own, for a library that is open stays open.
TEST(OnnxRuntimeDeathTest, SaysWhenItsLibraryCannotBeOpened) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const std::string folder = testing::TempDir() + "/onnx_runtime_test";
  ASSERT_TRUE(make_folders(folder).has_value());
  ASSERT_TRUE(write_file(folder + "/libonnxruntime.so.1", "no library").has_value());
  const auto load_from_there = [&] {
    ::setenv("KINGPOST_DRIVERS", folder.c_str(), 1);
    const auto model = Model::load("bytes");
    const auto own = Model::load(small_graph().bytes(), kRowsAtOnce, Engine::kOwnColumns);
    const bool is_missing = !model.has_value() && model.error().id() == "onnx.runtime_missing";
    std::exit(is_missing && own.has_value() ? 7 : 1);
  };
  EXPECT_EXIT(load_from_there(), testing::ExitedWithCode(7), "");
}

}  // namespace
}  // namespace kingpost::onnx
