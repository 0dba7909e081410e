// SPDX-License-Identifier: Apache-2.0
// Graphs as bytes: equal calls give equal bytes, and what is written is read back whole.
#include "engines/onnx/graph.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace kingpost::onnx {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> names_of(const std::vector<Port>& ports) {
  std::vector<std::string> out;
  for (const Port& each : ports) out.push_back(each.name);
  return out;
}

/// (a + b) * 2 over two doubles, and whether a text is "x".
Graph small_graph() {
  Graph graph("small");
  const Value a = graph.input("a", TensorType::kDouble);
  const Value b = graph.input("b", TensorType::kDouble);
  const Value text = graph.input("text", TensorType::kString);
  const Value sum = graph.node("Add", {a, b}, TensorType::kDouble);
  graph.output("score", graph.node("Mul", {sum, graph.constant(2.0)}, TensorType::kDouble));
  graph.output("is_x", graph.node("Equal", {text, graph.constant("x")}, TensorType::kBool));
  graph.note("b", "second");
  graph.note("a", "first");
  return graph;
}

TEST(OnnxGraph, EqualCallsGiveEqualBytes) {
  EXPECT_EQ(small_graph().bytes(), small_graph().bytes());
  EXPECT_EQ(small_graph().node_count(), 3U);
}

TEST(OnnxGraph, MakesEqualNodesAndConstantsOnce) {
  Graph graph("once");
  const Value a = graph.input("a", TensorType::kDouble);
  const Value one = graph.node("Floor", {a}, TensorType::kDouble);
  EXPECT_EQ(graph.node("Floor", {a}, TensorType::kDouble).name, one.name);
  EXPECT_NE(graph.node("Ceil", {a}, TensorType::kDouble).name, one.name);
  EXPECT_EQ(graph.node_count(), 2U);
  EXPECT_EQ(graph.constant(1.5).name, graph.constant(1.5).name);
  const double nan = std::nan("");
  EXPECT_EQ(graph.constant(nan).name, graph.constant(nan).name);
  EXPECT_NE(graph.constant(0.0).name, graph.constant(-0.0).name);
  EXPECT_NE(graph.constant(0.0).name, graph.constant(std::int64_t{0}).name);
  EXPECT_NE(graph.constant(std::int64_t{0}).name, graph.vector_of({0}).name);
  EXPECT_NE(graph.constant("").name, graph.constant("0").name);
  EXPECT_EQ(graph.constant("0").type, TensorType::kString);
}

TEST(OnnxGraph, TellsNodesApartByAttributesAndTheNumberOfOutputs) {
  Graph graph("apart");
  const Value text = graph.input("text", TensorType::kString);
  const auto split = [&](const std::string& by) {
    return graph.nodes("StringSplit", {text}, {TensorType::kString, TensorType::kInt64},
                       {{"delimiter", by}});
  };
  EXPECT_NE(split(",")[0].name, split(";")[0].name);
  EXPECT_EQ(split(",")[1].name, split(",")[1].name);
  EXPECT_NE(split(",")[0].name, split(",")[1].name);
  EXPECT_EQ(graph.node_count(), 2U);
}

/// Halves a number, and takes `factor` times the sine, until it is below one.
Graph looping_graph(double factor) {
  Graph body = Graph::body(TensorType::kDouble);
  const Value carried{std::string(Graph::kCarried), TensorType::kDouble};
  const Value half = body.node("Mul", {carried, body.constant(0.5)}, TensorType::kDouble);
  const Value sine = body.node("Sin", {half}, TensorType::kDouble);
  const Value next = body.node("Mul", {sine, body.constant(factor)}, TensorType::kDouble);
  const Value above = body.node("Greater", {next, body.constant(1.0)}, TensorType::kBool);
  body.output(std::string(Graph::kAgain),
              body.node("Reshape", {above, body.vector_of({})}, TensorType::kBool), 0);
  body.output(std::string(Graph::kResult), next);
  Graph graph("looping");
  const Value a = graph.input("a", TensorType::kDouble);
  const Value always = graph.constant(Tensor{{}, std::vector<std::uint8_t>{1}});
  graph.output("out", graph.loop(body, 9, always, a));
  return graph;
}

TEST(OnnxGraph, LoopsAreReadBackWithTheirBody) {
  const std::string bytes = looping_graph(2).bytes();
  auto read = Graph::read(bytes);
  ASSERT_TRUE(read) << render(read.error());
  EXPECT_EQ(read->bytes(), bytes);
  EXPECT_EQ(read->node_count(), 6U);
  EXPECT_THAT(inexact_operators(*read), ElementsAre("Sin"));
  EXPECT_THAT(read->operators(), ElementsAre("Greater", "Loop", "Mul", "Reshape", "Sin"));
  Graph both("both");
  const Value b = both.input("b", TensorType::kDouble);
  for (const double factor : {2.0, 3.0, 2.0}) {
    ASSERT_TRUE(both.append(looping_graph(factor), {{"a", b}}));
  }
  EXPECT_EQ(both.node_count(), 12U) << "equal loops are made once";
}

TEST(OnnxGraph, CastsAndConcatenatesOnlyWhereNeeded) {
  Graph graph("cast");
  const Value a = graph.input("a", TensorType::kDouble);
  EXPECT_EQ(graph.cast(a, TensorType::kDouble).name, "a");
  EXPECT_EQ(graph.side_by_side({a}).name, "a");
  EXPECT_EQ(graph.node_count(), 0U);
  EXPECT_EQ(graph.cast(a, TensorType::kFloat).type, TensorType::kFloat);
  EXPECT_THAT(graph.operators(), ElementsAre("Cast"));
}

TEST(OnnxGraph, ReadsBackEveryTypeOfConstantAndAttribute) {
  Graph graph("all");
  const Value a = graph.input("a", TensorType::kDouble, 3);
  const std::vector<Attribute> attributes = {{"i", std::int64_t{-7}},
                                             {"f", std::numeric_limits<float>::denorm_min()},
                                             {"s", std::string("a\0b", 3)},
                                             {"is", std::vector<std::int64_t>{1, -2}},
                                             {"fs", std::vector<float>{std::nanf(""), -0.0F}},
                                             {"ss", std::vector<std::string>{"", "\xc3\xa9"}},
                                             {"t", Tensor{{2}, std::vector<std::int64_t>{5, 6}}},
                                             {"u", std::vector<std::uint8_t>{0, 255}},
                                             {"empty", std::vector<std::int64_t>{}}};
  const std::vector<Value> all = {
      a,
      graph.constant(Tensor{{2}, std::vector<float>{1, std::nanf("")}}),
      graph.constant(Tensor{{1, 2}, std::vector<double>{-0.0, 5e-324}}),
      graph.vector_of({}),
      graph.constant(Tensor{{2, 1}, std::vector<std::uint8_t>{1, 0}}),
      graph.constant(Tensor{{3}, std::vector<std::string>{"", "x", "\xc3\xa9"}})};
  const Value made = graph.node("Anything", all, TensorType::kFloat, attributes, "ai.onnx.ml");
  graph.output("out", made, 4);
  graph.output("copy of a", a, 3);
  const auto read = Graph::read(graph.bytes());
  ASSERT_TRUE(read.has_value()) << render(read.error());
  EXPECT_EQ(read->bytes(), graph.bytes());
  EXPECT_THAT(read->operators(), ElementsAre("Identity", "ai.onnx.ml.Anything"));
  ASSERT_EQ(read->outputs().size(), 2U);
  EXPECT_EQ(read->outputs()[0].columns, 4);
  EXPECT_EQ(read->outputs()[1].type, TensorType::kDouble);
}

TEST(OnnxGraph, ReadsBackPortsAndNotes) {
  const auto read = Graph::read(small_graph().bytes());
  ASSERT_TRUE(read.has_value());
  EXPECT_THAT(names_of(read->inputs()), ElementsAre("a", "b", "text"));
  EXPECT_THAT(names_of(read->outputs()), ElementsAre("score", "is_x"));
  EXPECT_EQ(read->inputs()[2].type, TensorType::kString);
  EXPECT_EQ(read->notes().at("a"), "first");
  EXPECT_EQ(read->bytes(), small_graph().bytes());
}

TEST(OnnxGraph, OneValueMayLeaveUnderTwoNames) {
  Graph graph("twice");
  const Value a = graph.input("a", TensorType::kDouble);
  const Value up = graph.node("Ceil", {a}, TensorType::kDouble);
  graph.output("one", up);
  graph.output("two", up);
  graph.output("a", a);
  graph.output("three", graph.constant(1.0));
  const auto read = Graph::read(graph.bytes());
  ASSERT_TRUE(read.has_value()) << render(read.error());
  EXPECT_THAT(names_of(read->outputs()), ElementsAre("one", "two", "a", "three"));
  EXPECT_EQ(read->bytes(), graph.bytes());
}

TEST(OnnxGraph, AnOutputCanBeNamedAgain) {
  Graph graph("again");
  const Value a = graph.input("a", TensorType::kDouble);
  graph.output("out", graph.node("Ceil", {a}, TensorType::kDouble));
  graph.output("out", graph.cast(a, TensorType::kFloat));
  ASSERT_EQ(graph.outputs().size(), 1U);
  EXPECT_EQ(graph.outputs()[0].type, TensorType::kFloat);
  graph.prune();
  EXPECT_THAT(graph.operators(), ElementsAre("Cast"));
}

TEST(OnnxGraph, PruneDropsWhatNoOutputNeeds) {
  Graph graph("prune");
  const Value a = graph.input("a", TensorType::kDouble);
  const Value b = graph.input("b", TensorType::kDouble);
  graph.input("unused", TensorType::kString);
  const Value kept = graph.node("Add", {a, graph.constant(1.0)}, TensorType::kDouble);
  const Value gone = graph.node("Mul", {b, graph.constant(3.0)}, TensorType::kDouble);
  graph.node("Add", {kept, gone}, TensorType::kDouble);
  graph.output("out", kept);
  graph.prune();
  EXPECT_THAT(names_of(graph.inputs()), ElementsAre("a"));
  EXPECT_EQ(graph.node_count(), 1U);
  const std::string bytes = graph.bytes();
  graph.prune();
  EXPECT_EQ(graph.bytes(), bytes);
  EXPECT_EQ(graph.node("Add", {a, graph.constant(1.0)}, TensorType::kDouble).name, kept.name);
}

TEST(OnnxGraph, AppendSharesNodesAndKeepsTheRest) {
  Graph graph("whole");
  const Value a = graph.input("a", TensorType::kDouble);
  const Value double_b = graph.node("Mul", {a, graph.constant(2.0)}, TensorType::kDouble);
  const auto first = graph.append(small_graph(), {{"b", double_b}});
  ASSERT_TRUE(first.has_value()) << render(first.error());
  EXPECT_THAT(names_of(graph.inputs()), ElementsAre("a", "text"));
  EXPECT_EQ(graph.node_count(), 4U);
  const auto second = graph.append(*Graph::read(small_graph().bytes()), {{"b", double_b}});
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ(graph.node_count(), 4U) << "the same nodes again";
  EXPECT_EQ(first->at("score").name, second->at("score").name);
  EXPECT_EQ(first->at("is_x").type, TensorType::kBool);
  EXPECT_THAT(graph.outputs(), IsEmpty());
  EXPECT_EQ(graph.notes().at("b"), "second");
}

TEST(OnnxGraph, AppendAnswersAnInputThatIsAnOutput) {
  Graph through("through");
  through.output("same", through.input("a", TensorType::kDouble));
  Graph graph("whole");
  const Value x = graph.input("x", TensorType::kDouble);
  const auto out = graph.append(through, {{"a", x}});
  ASSERT_TRUE(out.has_value());
  EXPECT_EQ(out->at("same").name, "x");
}

TEST(OnnxGraph, AppendRefusesOtherTypesAndTakenNames) {
  Graph graph("whole");
  const Value text = graph.input("t", TensorType::kString);
  const auto by_type = graph.append(small_graph(), {{"a", text}});
  ASSERT_FALSE(by_type.has_value());
  EXPECT_EQ(by_type.error().id(), "onnx.type_mismatch");

  Graph own("own");
  own.input("a", TensorType::kDouble, 2);
  const auto by_width = own.append(small_graph(), {});
  ASSERT_FALSE(by_width.has_value());
  EXPECT_EQ(by_width.error().id(), "onnx.type_mismatch");

  Graph taken("taken");
  taken.output("a",
               taken.node("Ceil", {taken.input("x", TensorType::kDouble)}, TensorType::kDouble));
  auto read = Graph::read(taken.bytes());
  const auto by_name = read->append(small_graph(), {});
  ASSERT_FALSE(by_name.has_value());
  EXPECT_EQ(by_name.error().id(), "onnx.name_taken");
}

TEST(OnnxGraph, RefusesBytesThatAreNoGraph) {
  const std::string bytes = small_graph().bytes();
  for (const std::string& bad : {std::string(), std::string("hello"), bytes.substr(0, 40)}) {
    const auto read = Graph::read(bad);
    ASSERT_FALSE(read.has_value()) << bad;
    EXPECT_EQ(read.error().id(), "onnx.malformed");
  }
}

// Whatever single byte is damaged, the answer is a graph or an error, and never a crash.
TEST(OnnxGraph, SurvivesDamagedBytes) {
  const std::string bytes = small_graph().bytes();
  int refused = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (const int flip : {1, 0x80, 0xff}) {
      std::string damaged = bytes;
      damaged[i] = static_cast<char>(damaged[i] ^ flip);
      const auto read = Graph::read(damaged);
      if (!read.has_value()) ++refused;
      EXPECT_TRUE(!read.has_value() || !read->bytes().empty());
    }
  }
  EXPECT_GT(refused, 0);
}

TEST(OnnxGraph, NamesWhatIsNotExact) {
  Graph graph("exact");
  const Value a = graph.input("a", TensorType::kDouble);
  const Value small = graph.cast(a, TensorType::kFloat);
  graph.node("Exp", {small}, TensorType::kFloat);
  graph.node("Add", {a, a}, TensorType::kDouble);
  EXPECT_THAT(inexact_operators(graph), IsEmpty());
  graph.node("Exp", {a}, TensorType::kDouble);
  graph.node("Log", {small}, TensorType::kFloat);
  graph.node("Pow", {a, graph.constant(2.0)}, TensorType::kDouble);
  EXPECT_THAT(inexact_operators(graph), ElementsAre("Exp(double)", "Log"));
  graph.node("Pow", {a, graph.constant(3.0)}, TensorType::kDouble);
  EXPECT_THAT(inexact_operators(graph), ElementsAre("Exp(double)", "Log", "Pow(3)"));
  graph.output("out", graph.node("Exp", {a}, TensorType::kDouble));
  EXPECT_THAT(inexact_operators(*Graph::read(graph.bytes())),
              ElementsAre("Exp(double)", "Log", "Pow(3)"));
}

}  // namespace
}  // namespace kingpost::onnx
