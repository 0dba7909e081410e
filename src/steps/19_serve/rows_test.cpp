// SPDX-License-Identifier: Apache-2.0
#include "steps/19_serve/rows.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstring>

#include "engines/onnx/graph.h"
#include "steps/19_serve/csv_rows.h"

namespace kingpost::steps::serve {
namespace {

using onnx::TensorType;

struct NamedType {
  std::string_view name;
  std::string_view type;
};

constexpr std::array<NamedType, 8> kColumns = {{{"count", "int32"},
                                                {"big", "int64"},
                                                {"size", "float64"},
                                                {"small", "float32"},
                                                {"flag", "boolean"},
                                                {"day", "date"},
                                                {"when", "timestamp_utc"},
                                                {"name", "string"}}};

// Gives back each of its columns.
std::string echo_model() {
  onnx::Graph graph("echo");
  for (const auto& [name, type] : kColumns) {
    const TensorType kind = type == "string" ? TensorType::kString : TensorType::kDouble;
    const auto input = graph.input(std::string(name), kind);
    graph.output(format("{}_out", name), graph.node("Identity", {input}, kind));
  }
  return graph.bytes();
}

Json signature(std::string_view strictness) {
  Json out = Json::object();
  out.set("task", "number").set("target", "t").set("signature", std::string(strictness));
  out.set("key", Json::array()).set("classes", Json::array());
  Json inputs = Json::array();
  for (const auto& [name, type] : kColumns) {
    inputs.push(Json::object().set("name", name).set("type", type));
  }
  return std::move(out.set("inputs", std::move(inputs)));
}

class RowsTest : public testing::Test {
 protected:
  // The first value of each column, or why it is none.
  std::string fill(const scoring::Rows& rows, const RowPlan& plan) {
    records::InferRequest request;
    std::vector<scoring::Fault> faults;
    plan.fill(rows, request, faults);
    if (!faults.empty()) {
      std::string out;
      for (const auto& each : faults) {
        out += format("{}{}: {}", out.empty() ? "" : "; ", each.field, each.why);
      }
      return out;
    }
    std::string out;
    for (const records::InferTensor& each : request.inputs) {
      if (!out.empty()) out += ' ';
      if (each.datatype == records::Datatype::kBytes) {
        out += each.texts[0];
        continue;
      }
      double value = 0;
      std::memcpy(&value, each.data.data(), sizeof value);
      out += std::isnan(value) ? std::string("null") : format("{}", value);
    }
    return out;
  }

  std::string json(const std::string& row, std::string_view strictness = "strict") {
    const auto plan = RowPlan::of(*session_, signature(strictness)).value();
    scoring::Reader reader;
    const auto rows = reader.read("[" + row + "]", scoring::Form::kInstances, plan->fields());
    return fill(rows.value(), *plan);
  }

  std::string csv(const std::string& body) {
    const auto plan = RowPlan::of(*session_, signature("strict")).value();
    Arena arena;
    const auto rows = rows_of_csv(body, plan->fields(), arena);
    return rows ? fill(*rows, *plan) : rows.error().id();
  }

  std::unique_ptr<onnx::Session> session_ = onnx::Session::load(echo_model()).value();
};

TEST_F(RowsTest, values_of_every_type) {
  EXPECT_EQ(json(R"([1, 9007199254740992, 0.5, 0.1, true, "1970-01-02",
                     "2013-07-01T08:00:00-04:00", "a b"])"),
            "1 9007199254740992 0.5 0.10000000149011612 1 86400000000 1372680000000000 a b");
  EXPECT_EQ(json(R"([2.0, 1, 3, 3, false, 86400000000, -1, ""])"), "2 1 3 3 0 86400000000 -1 ");
  EXPECT_EQ(json("[null, null, null, null, null, null, null, null]"),
            "null null null null null null null ");
}

TEST_F(RowsTest, a_strict_signature_takes_no_other_types) {
  EXPECT_EQ(
      json(R"(["1", 9007199254740993, "x", true, 1, "1970-02-30", "noon", 5])"),
      "count: \"1\" is not a whole number; big: 9007199254740993 does not fit into int64, or is "
      "not exact beyond 2^53; size: \"x\" is not a number; small: true is not a number; flag: "
      "1 is not true or false; day: \"1970-02-30\" is not a date (2026-01-31); when: "
      "\"noon\" is not a time (RFC 3339, or microseconds since 1970); name: 5 is not a text");
  EXPECT_EQ(
      json(R"([2147483648, 1.5, 1, 1, true, 1.5, 1, "a"])"),
      "count: 2147483648 does not fit into int32, or is not exact beyond 2^53; big: 1.5 is not "
      "a whole number; day: 1.5 is not a date (2026-01-31)");
  EXPECT_EQ(json(R"({"count":1})"),
            "big: is missing; size: is missing; small: is missing; flag: is missing; day: is "
            "missing; when: is missing; name: is missing");
}

TEST_F(RowsTest, a_loose_one_reads_texts_and_fills_what_is_missing) {
  EXPECT_EQ(json(R"({"count":"1","flag":1,"name":9007199254740993})", "loose"),
            "1 null null null 1 null null 9007199254740993");
  EXPECT_EQ(json(R"({"count":"one"})", "loose"), "count: \"one\" is not a whole number");
}

TEST_F(RowsTest, csv_is_read_by_the_types_of_the_columns) {
  const std::string names = "name,count,big,size,small,flag,day,when\r\n";
  EXPECT_EQ(csv("\xEF\xBB\xBF" + names +
                "\"a \"\"b\"\"\",1,2,0.5,,true,1970-01-02,1970-01-01T00:00:01Z\n"),
            "1 2 0.5 null 1 86400000000 1000000 a \"b\"");
  EXPECT_EQ(csv(names + "\n,x,,,,,,\n"), "count: \"x\" is not a whole number");
  EXPECT_EQ(csv("count,count\n1,2\n"), "infer.csv_malformed");
  std::string many = "count\n";
  for (std::size_t i = 0; i < scoring::kMostCells / 4; ++i) many += "1\n";
  EXPECT_EQ(csv(many), "infer.too_many_values");
  EXPECT_EQ(csv(""), "infer.csv_malformed");
  EXPECT_EQ(csv(names + "1,2\n"), "infer.csv_malformed");
  EXPECT_EQ(csv(names + "\"a\"b,1,2,3,4,true,,\n"), "infer.csv_malformed");
  EXPECT_EQ(csv("name\n\xff\n"), "infer.csv_malformed");
}

TEST_F(RowsTest, a_graph_without_a_signature_takes_what_its_datatypes_hold) {
  onnx::Graph graph("plain");
  const auto count = graph.input("count", TensorType::kInt64);
  const auto flag = graph.input("flag", TensorType::kBool);
  const auto size = graph.input("size", TensorType::kFloat);
  graph.output("a", graph.node("Identity", {count}, TensorType::kInt64));
  graph.output("b", graph.node("Identity", {flag}, TensorType::kBool));
  graph.output("c", graph.node("Identity", {size}, TensorType::kFloat));
  const auto session = onnx::Session::load(graph.bytes()).value();
  const auto plan = RowPlan::of(*session, {}).value();
  scoring::Reader reader;
  const auto ask = [&](std::string_view body) {
    const auto rows = reader.read(body, scoring::Form::kInstances, plan->fields()).value();
    records::InferRequest request;
    std::vector<scoring::Fault> faults;
    plan->fill(rows, request, faults);
    if (!faults.empty()) return format("{}: {}", faults[0].field, faults[0].why);
    records::InferResponse response;
    const std::vector<std::size_t> all = {0, 1, 2};
    EXPECT_TRUE(session->run(request.inputs, all, response));
    std::string out;
    EXPECT_TRUE(plan->write(response, rows.rows, out));
    return out;
  };
  EXPECT_EQ(ask("[[9007199254740993,true,0.1],[-1,false,null]]"),
            R"([{"a":9007199254740993,"b":true,"c":0.1},{"a":-1,"b":false,"c":null}])");
  EXPECT_EQ(ask("[[1.5,true,1]]"), "count: 1.5 is not a whole number in range");
  EXPECT_EQ(ask("[[null,true,1]]"), "count: null is not a whole number in range");
  EXPECT_EQ(ask("[[1,0,1]]"), "flag: 0 is not true or false");
  EXPECT_EQ(ask("[[1,true,\"x\"]]"), "size: \"x\" is not a number");
}

}  // namespace
}  // namespace kingpost::steps::serve
