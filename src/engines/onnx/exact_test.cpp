// SPDX-License-Identifier: Apache-2.0
// The proof of the list of exact operators: each is run on a whole batch, on single rows, on sevens
// and from shifted starts, always on copies at other addresses, and must give the same bits.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <random>
#include <set>

#include "engines/onnx/runtime.h"
#include "support/tensors.h"

namespace kingpost::onnx {
namespace {

using testing_support::awkward_number;
using testing_support::cuts_of;
using testing_support::same_bits;
using testing_support::slice;

constexpr std::int64_t kRows = 1003;

struct Case {
  std::string op;
  TensorType type = TensorType::kFloat;
  std::function<Value(Graph&, const Value& x, const Value& y)> build{};
  TensorType result = TensorType::kFloat;
};

using Engine = std::mt19937_64;

std::string awkward_text(Engine& engine) {
  static const std::vector<std::string> parts = {"", "a", "B", " ", "\xc3\xa9", "ABC", ",", "x,y"};
  std::uniform_int_distribution<std::size_t> pick(0, parts.size() - 1);
  std::string out;
  for (int i = 0; i < 3; ++i) out += parts[pick(engine)];
  return out;
}

Tensor draw(TensorType type, std::int64_t columns, std::uint64_t seed) {
  Engine engine(seed);
  Tensor out{{kRows, columns}, std::vector<float>()};
  const auto count = static_cast<std::size_t>(out.size());
  if (type == TensorType::kDouble) out.data.emplace<1>();
  if (type == TensorType::kInt64) out.data.emplace<2>();
  if (type == TensorType::kBool) out.data.emplace<3>();
  if (type == TensorType::kString) out.data.emplace<4>();
  std::uniform_int_distribution<std::int64_t> integer(0, 4);
  for (std::size_t i = 0; i < count; ++i) {
    if (type == TensorType::kFloat)
      std::get<0>(out.data).push_back(static_cast<float>(awkward_number(engine)));
    if (type == TensorType::kDouble) std::get<1>(out.data).push_back(awkward_number(engine));
    if (type == TensorType::kInt64) std::get<2>(out.data).push_back(integer(engine));
    if (type == TensorType::kBool) std::get<3>(out.data).push_back(integer(engine) > 1 ? 1 : 0);
    if (type == TensorType::kString) std::get<4>(out.data).push_back(awkward_text(engine));
  }
  return out;
}

/// The only output of the case's graph on some rows.
Tensor answer(const Model& model, const Tensor& x, const Tensor& y) {
  auto out = model.run({x, y});
  EXPECT_TRUE(out.has_value()) << (out.has_value() ? "" : render(out.error()));
  return out.has_value() ? std::move(out->front()) : Tensor{};
}

Graph graph_of(const Case& tried, std::int64_t columns, std::int64_t out_columns) {
  Graph graph("exact");
  const Value x = graph.input("x", tried.type, columns);
  const Value y = graph.input("y", tried.type, columns);
  graph.output("out", tried.build(graph, x, y), out_columns);
  // Keeps y where the operator takes one input.
  graph.output("y again", graph.node("Identity", {y}, tried.type), columns);
  EXPECT_TRUE(inexact_operators(graph).empty()) << tried.op;
  return graph;
}

/// A graph loads only when it says how many columns leave it.
Result<std::unique_ptr<Model>> load_case(const Case& tried, std::int64_t columns) {
  for (const std::int64_t out :
       {columns, 2 * columns, 5 * columns, std::int64_t{2}, std::int64_t{4}, std::int64_t{5},
        std::int64_t{7}, std::int64_t{10}}) {
    auto model =
        Model::load(graph_of(tried, columns, out).bytes(), kRowsAtOnce, onnx::Engine::kRuntime);
    if (model.has_value()) return model;
  }
  return Model::load(graph_of(tried, columns, 1).bytes(), kRowsAtOnce, onnx::Engine::kRuntime);
}

void expect_exact(const Case& tried, std::int64_t columns) {
  const auto model = load_case(tried, columns);
  ASSERT_TRUE(model.has_value()) << tried.op << ": " << render(model.error());
  const Tensor all_x = draw(tried.type, columns, 7);
  const Tensor all_y = draw(tried.type, columns, 8);
  const Tensor whole = answer(**model, all_x, all_y);
  ASSERT_EQ(whole.shape.at(0), kRows) << tried.op;
  for (const auto& [from, rows] : cuts_of(kRows)) {
    const Tensor part = answer(**model, slice(all_x, from, rows), slice(all_y, from, rows));
    EXPECT_TRUE(same_bits(part, slice(whole, from, rows)))
        << tried.op << " of " << columns << " columns, type " << static_cast<int>(tried.type)
        << ": rows " << from << " to " << from + rows;
  }
}

std::vector<Case> unary_cases() {
  std::vector<Case> out;
  const auto add = [&](const std::string& op, TensorType type, TensorType result) {
    out.push_back(
        {op, type,
         [=](Graph& graph, const Value& x, const Value&) { return graph.node(op, {x}, result); },
         result});
  };
  for (const char* op :
       {"Abs", "Ceil", "Floor", "Identity", "Neg", "Reciprocal", "Relu", "Round", "Sign", "Sqrt"}) {
    add(op, TensorType::kFloat, TensorType::kFloat);
    add(op, TensorType::kDouble, TensorType::kDouble);
  }
  for (const char* op : {"Erf", "Exp", "Sigmoid", "Softmax", "Tanh"}) {
    add(op, TensorType::kFloat, TensorType::kFloat);
  }
  for (const char* op : {"IsNaN", "IsInf"}) {
    add(op, TensorType::kFloat, TensorType::kBool);
    add(op, TensorType::kDouble, TensorType::kBool);
  }
  add("Not", TensorType::kBool, TensorType::kBool);
  return out;
}

std::vector<Case> binary_cases() {
  std::vector<Case> out;
  const auto add = [&](const std::string& op, TensorType type, TensorType result,
                       const std::vector<Attribute>& attributes = {}) {
    out.push_back({op, type,
                   [=](Graph& graph, const Value& x, const Value& y) {
                     return graph.node(op, {x, y}, result, attributes);
                   },
                   result});
  };
  for (const TensorType type : {TensorType::kFloat, TensorType::kDouble}) {
    for (const char* op : {"Add", "Div", "Mul", "Pow", "Sub"}) add(op, type, type);
    add("Mod", type, type, {{"fmod", std::int64_t{1}}});
    for (const char* op : {"Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"}) {
      add(op, type, TensorType::kBool);
    }
    add("Concat", type, type, {{"axis", std::int64_t{1}}});
  }
  for (const char* op : {"Add", "Sub", "Mul"}) add(op, TensorType::kInt64, TensorType::kInt64);
  for (const char* op : {"And", "Or", "Xor", "Equal"})
    add(op, TensorType::kBool, TensorType::kBool);
  add("Equal", TensorType::kString, TensorType::kBool);
  add("StringConcat", TensorType::kString, TensorType::kString);
  return out;
}

Value constant_of(Graph& graph, TensorType type, double number,
                  const std::vector<std::int64_t>& shape) {
  if (type == TensorType::kDouble) return graph.constant({shape, std::vector<double>{number}});
  return graph.constant({shape, std::vector<float>{static_cast<float>(number)}});
}

/// With a constant beside the rows, which other code may broadcast.
void add_constant_cases(TensorType type, std::vector<Case>& out) {
  for (const std::string op : {"Add", "Sub", "Mul", "Div"}) {
    const auto build = [=](Graph& graph, const Value& x, const Value&) {
      return graph.node(op, {constant_of(graph, type, 0.3, {1, 1}), x}, type);
    };
    out.push_back({op, type, build, type});
  }
  for (const double exponent : {-1.0, 0.5, 2.0, 2.5}) {
    const auto build = [=](Graph& graph, const Value& x, const Value&) {
      return graph.node("Pow", {x, constant_of(graph, type, exponent, {1, 1})}, type);
    };
    out.push_back({"Pow", type, build, type});
  }
  const auto cube = [=](Graph& graph, const Value& x, const Value&) {
    const Value shape = graph.node("Shape", {x}, TensorType::kInt64);
    const Value three = graph.node("Expand", {constant_of(graph, type, 3, {1, 1}), shape}, type);
    return graph.node("Pow", {x, three}, type);
  };
  out.push_back({"Pow", type, cube, type});
  const auto where = [=](Graph& graph, const Value& x, const Value& y) {
    const Value is_less = graph.node("Less", {x, y}, TensorType::kBool);
    return graph.node("Where", {is_less, x, constant_of(graph, type, 0, {1, 1})}, type);
  };
  out.push_back({"Where", type, where, type});
  const auto clip = [=](Graph& graph, const Value& x, const Value&) {
    const Value low = constant_of(graph, type, -0.5, {});
    return graph.node("Clip", {x, low, constant_of(graph, type, 0, {})}, type);
  };
  out.push_back({"Clip", type, clip, type});
}

std::vector<Case> constant_cases() {
  std::vector<Case> out;
  add_constant_cases(TensorType::kFloat, out);
  add_constant_cases(TensorType::kDouble, out);
  return out;
}

std::vector<Case> cast_cases() {
  std::vector<Case> out;
  constexpr std::array kTypes = {TensorType::kFloat, TensorType::kDouble, TensorType::kInt64,
                                 TensorType::kBool};
  for (const TensorType from : kTypes) {
    for (const TensorType to : kTypes) {
      out.push_back({"Cast", from,
                     [=](Graph& graph, const Value& x, const Value&) {
                       return from == to ? graph.node("Identity", {x}, to) : graph.cast(x, to);
                     },
                     to});
    }
    out.push_back({"Cast", from,
                   [](Graph& graph, const Value& x, const Value&) {
                     return graph.cast(x, TensorType::kString);
                   },
                   TensorType::kString});
  }
  return out;
}

std::vector<Case> shape_cases() {
  std::vector<Case> out;
  const auto add = [&](const std::string& op, TensorType type, const auto& build) {
    out.push_back({op, type, build, type});
  };
  for (const TensorType type : {TensorType::kFloat, TensorType::kDouble, TensorType::kString}) {
    add("Gather", type,
        [](Graph& graph, const Value& x, const Value&) { return graph.columns(x, {0, 0}); });
    add("Expand", type, [](Graph& graph, const Value& x, const Value&) {
      const Value one = graph.columns(x, {0});
      return graph.node("Expand", {one, graph.vector_of({1, 4})}, x.type);
    });
    add("Slice", type, [](Graph& graph, const Value& x, const Value&) {
      return graph.node(
          "Slice", {x, graph.vector_of({0}), graph.vector_of({1}), graph.vector_of({1})}, x.type);
    });
    add("Unsqueeze", type, [](Graph& graph, const Value& x, const Value&) {
      const Value up = graph.node("Unsqueeze", {x, graph.vector_of({1})}, x.type);
      return graph.node("Squeeze", {up, graph.vector_of({1})}, x.type);
    });
    add("Squeeze", type, out.back().build);
    add("Reshape", type, [](Graph& graph, const Value& x, const Value&) {
      const Value shape = graph.node("Shape", {x}, TensorType::kInt64);
      return graph.node("Reshape", {x, shape}, x.type);
    });
    add("Shape", type, out.back().build);
  }
  add("GatherElements", TensorType::kFloat, [](Graph& graph, const Value& x, const Value&) {
    const Value best = graph.node("ArgMax", {x}, TensorType::kInt64, {{"axis", std::int64_t{1}}});
    return graph.node("GatherElements", {x, best}, x.type, {{"axis", std::int64_t{1}}});
  });
  add("ArgMax", TensorType::kFloat, out.back().build);
  add("Gather", TensorType::kInt64, [](Graph& graph, const Value& x, const Value&) {
    const Value table = graph.constant(Tensor{{5}, std::vector<double>{0.1, 0.2, 0.3, 0.4, 0.5}});
    return graph.node("Gather", {table, x}, TensorType::kDouble);
  });
  add("GatherND", TensorType::kInt64, [](Graph& graph, const Value& x, const Value&) {
    const Value table = graph.constant(Tensor{{5}, std::vector<float>{1, 2, 3, 4, 5}});
    const Value deep = graph.node("Unsqueeze", {x, graph.vector_of({2})}, TensorType::kInt64);
    return graph.node("GatherND", {table, deep}, TensorType::kFloat);
  });
  add("OneHot", TensorType::kInt64, [](Graph& graph, const Value& x, const Value&) {
    const Value values = graph.constant(Tensor{{2}, std::vector<float>{0, 1}});
    const Value deep = graph.node("OneHot", {x, graph.vector_of({5}), values}, TensorType::kFloat);
    return graph.node("Reshape", {deep, graph.vector_of({0, -1})}, TensorType::kFloat);
  });
  for (const TensorType type : {TensorType::kFloat, TensorType::kDouble}) {
    add("Transpose", type, [](Graph& graph, const Value& x, const Value&) {
      return graph.columns(x, {0, 0, 0, 0, 0});
    });
    add("CumSum", type, [](Graph& graph, const Value& x, const Value&) {
      const Value axis = graph.constant(Tensor{{}, std::vector<std::int64_t>{1}});
      return graph.node("CumSum", {x, axis}, x.type);
    });
  }
  return out;
}

/// Whether any text begins with an "a", as one boolean.
Value any_begins(Graph& onto, const Value& text) {
  const Value hit =
      onto.node("RegexFullMatch", {text}, TensorType::kBool, {{"pattern", std::string("a.*")}});
  const Value flat = onto.node("Reshape", {hit, onto.vector_of({1, -1})}, TensorType::kBool);
  const Value ones = onto.cast(flat, TensorType::kFloat);
  const Value turned = onto.node("Transpose", {ones}, TensorType::kFloat,
                                 {{"perm", std::vector<std::int64_t>{1, 0}}});
  const Value count = onto.node("MatMul", {ones, turned}, TensorType::kFloat);
  const Value none = onto.constant(Tensor{{1, 1}, std::vector<float>{0}});
  const Value some = onto.node("Greater", {count, none}, TensorType::kBool);
  return onto.node("Reshape", {some, onto.vector_of({})}, TensorType::kBool);
}

/// Takes an "a" off the front of each text until none has one; rows need different turns.
Value shortened(Graph& graph, const Value& x, std::int64_t columns) {
  Graph body = Graph::body(TensorType::kString, columns);
  const Value text{std::string(Graph::kCarried), TensorType::kString};
  const Value marked =
      body.node("StringConcat", {body.constant("\xFF"), text}, TensorType::kString);
  const auto split =
      body.nodes("StringSplit", {marked}, {TensorType::kString, TensorType::kInt64},
                 {{"delimiter", std::string("\xFF") + "a"}, {"maxsplit", std::int64_t{1}}});
  const Value last = body.constant(Tensor{{}, std::vector<std::int64_t>{-1}});
  const Value rest =
      body.node("Gather", {split[0], last}, TensorType::kString, {{"axis", std::int64_t{2}}});
  const Value hit =
      body.node("Equal", {split[1], body.constant(std::int64_t{2})}, TensorType::kBool);
  const Value shorter = body.node("Where", {hit, rest, text}, TensorType::kString);
  body.output(std::string(Graph::kAgain), any_begins(body, shorter), 0);
  body.output(std::string(Graph::kResult), shorter, columns);
  return graph.loop(body, 100, any_begins(graph, x), x);
}

std::vector<Case> text_cases() {
  std::vector<Case> out;
  const auto add = [&](const std::string& op, TensorType result, const auto& build) {
    out.push_back({op, TensorType::kString, build, result});
  };
  add("RegexFullMatch", TensorType::kBool, [](Graph& graph, const Value& x, const Value&) {
    return graph.node("RegexFullMatch", {x}, TensorType::kBool,
                      {{"pattern", std::string(".*a.*")}});
  });
  add("StringSplit", TensorType::kInt64, [](Graph& graph, const Value& x, const Value&) {
    return graph.nodes("StringSplit", {x}, {TensorType::kString, TensorType::kInt64},
                       {{"delimiter", std::string(",")}})[1];
  });
  add("StringNormalizer", TensorType::kString, [](Graph& graph, const Value& x, const Value&) {
    const Value shape = graph.node("Shape", {x}, TensorType::kInt64);
    const Value flat = graph.node("Reshape", {x, graph.vector_of({-1})}, TensorType::kString);
    const Value lower = graph.node(
        "StringNormalizer", {flat}, TensorType::kString,
        {{"case_change_action", std::string("LOWER")}, {"locale", std::string("C.UTF-8")}});
    return graph.node("Reshape", {lower, shape}, TensorType::kString);
  });
  add("Loop", TensorType::kString, [](Graph& graph, const Value& x, const Value&) {
    return shortened(graph, x, graph.inputs().front().columns);
  });
  add("ai.onnx.ml.LabelEncoder", TensorType::kInt64,
      [](Graph& graph, const Value& x, const Value&) {
        return graph.node("LabelEncoder", {x}, TensorType::kInt64,
                          {{"keys_strings", std::vector<std::string>{"", "a", "ABC"}},
                           {"values_int64s", std::vector<std::int64_t>{0, 2, 3}},
                           {"default_int64", std::int64_t{1}}},
                          "ai.onnx.ml");
      });
  return out;
}

std::vector<Case> all_cases() {
  std::vector<Case> out;
  for (const auto& cases : {unary_cases(), binary_cases(), constant_cases(), cast_cases(),
                            shape_cases(), text_cases()}) {
    out.insert(out.end(), cases.begin(), cases.end());
  }
  return out;
}

TEST(OnnxExact, EachListedOperatorGivesTheSameBitsInEveryBatch) {
  // The three have tests of their own, below and in models_test.cpp.
  std::set<std::string> proven = {"MatMul", "Gemm", "ai.onnx.ml.TreeEnsemble"};
  for (const Case& each : all_cases()) {
    for (const std::int64_t columns : {1, 3, 33}) expect_exact(each, columns);
    proven.insert(each.op);
  }
  const auto& list = exact_operators();
  EXPECT_EQ(proven, std::set<std::string>(list.begin(), list.end()));
  EXPECT_TRUE(std::is_sorted(list.begin(), list.end()));
}

/// Finite weights, [features, outputs].
Tensor draw_weights(TensorType type, std::int64_t features, std::int64_t outputs) {
  Tensor out = slice(draw(type, outputs, 9), 0, features);
  const auto make_finite = [](auto& values) {
    for (auto& each : values) each = std::isfinite(each) ? each : 1;
  };
  if (type == TensorType::kFloat) make_finite(std::get<0>(out.data));
  if (type == TensorType::kDouble) make_finite(std::get<1>(out.data));
  return out;
}

void expect_exact_products(TensorType type, std::int64_t features, std::int64_t outputs) {
  const Tensor weights = draw_weights(type, features, outputs);
  const auto matmul = [&](Graph& graph, const Value& x, const Value&) {
    return graph.node("MatMul", {x, graph.constant(weights)}, type);
  };
  const auto gemm = [&](Graph& graph, const Value& x, const Value&) {
    const Value bias = graph.constant(slice(weights, 0, 1));
    return graph.node("Gemm", {x, graph.constant(weights), bias}, type);
  };
  expect_exact({"MatMul", type, matmul, type}, features);
  expect_exact({"Gemm", type, gemm, type}, features);
}

TEST(OnnxExact, ProductsWithMatricesGiveTheSameBitsInEveryBatch) {
  for (const std::int64_t features : {1, 3, 7, 16, 33, 129, 300}) {
    for (const std::int64_t outputs : {1, 2, 7, 10}) {
      expect_exact_products(TensorType::kFloat, features, outputs);
      expect_exact_products(TensorType::kDouble, features, outputs);
    }
  }
}

// Measured to differ: by the rows beside, or by the address of the row (the reductions), or in the
// sign of zero (Max and Min).
TEST(OnnxExact, WhatDependsOnTheBatchIsNotListed) {
  const auto& list = exact_operators();
  for (const std::string_view op :
       {"Acos", "Asin", "Atan", "Cos", "Elu", "Log", "LogSoftmax", "Max", "Min", "ReduceMax",
        "ReduceMean", "ReduceMin", "ReduceSum", "Selu", "Sin", "Softplus",
        "ai.onnx.ml.LinearClassifier", "ai.onnx.ml.LinearRegressor"}) {
    EXPECT_EQ(std::count(list.begin(), list.end(), op), 0) << op;
  }
}

}  // namespace
}  // namespace kingpost::onnx
