// SPDX-License-Identifier: Apache-2.0
#include "protocols/scoring/scoring_reader.h"

#include <gtest/gtest.h>

#include <array>
#include <span>
#include <string>

namespace kingpost::scoring {
namespace {

constexpr std::array<WantedField, 2> kFields = {{{"area", 1}, {"kind", 1}}};

std::string shown_cell(const Cell& cell) {
  switch (cell.kind) {
    case Cell::Kind::kMissing:
      return "-";
    case Cell::Kind::kNull:
      return "null";
    case Cell::Kind::kBoolean:
      return cell.boolean ? "true" : "false";
    case Cell::Kind::kInteger:
      return format("{}", cell.integer);
    case Cell::Kind::kUnsigned:
      return format("{}u", cell.big);
    case Cell::Kind::kNumber:
      return format("{}f", cell.number);
    case Cell::Kind::kText:
    case Cell::Kind::kLoose:
      return std::string(cell.text);
  }
  return "?";
}

// The cells, or the error, with what was found unknown or faulty behind it.
std::string read(std::string_view body, Form form = Form::kMlflow,
                 std::span<const WantedField> fields = kFields) {
  Reader reader;
  const auto rows = reader.read(body, form, fields);
  if (!rows) return rows.error().id();
  std::string out = format("{}:", rows->rows);
  for (const Cell& each : rows->cells) out += " " + shown_cell(each);
  for (const Fault& each : rows->unknown) out += format(" ?{}@{}", each.field, each.row);
  for (const Fault& each : rows->faults) out += format(" !{}@{}", each.field, each.row);
  return out;
}

TEST(scoring_reader, all_forms_of_mlflow) {
  EXPECT_EQ(read(R"({"dataframe_split":{"columns":["kind","area"],"data":[["a",1],["b",2.5]]}})"),
            "2: 1 a 2.5f b");
  EXPECT_EQ(read(R"({"dataframe_split":{"index":[7],"data":[[1,"a"]]}})"), "1: 1 a");
  EXPECT_EQ(read(R"({"dataframe_records":[{"kind":"a","area":1},{"area":null}]})"),
            "2: 1 a null -");
  EXPECT_EQ(read(R"({"instances":[{"area":1,"kind":"a"}],"params":{"x":1}})"), "1: 1 a");
  EXPECT_EQ(read(R"({"instances":[[1,"a"],[[2],["b"]]]})"), "2: 1 a 2 b");
  EXPECT_EQ(read(R"({"inputs":[[true,"a"]]})"), "1: true a");
  EXPECT_EQ(read(R"({"inputs":{"kind":["a","b"],"area":[[1],2]}})"), "2: 1 a 2 b");
  EXPECT_EQ(read(R"({"instances":[]})"), "0:");
}

TEST(scoring_reader, instances_of_kserve) {
  EXPECT_EQ(read(R"([{"area":1,"kind":"a"}])", Form::kInstances), "1: 1 a");
  EXPECT_EQ(read(R"({"instances":[{"area":1,"kind":"a"}]})", Form::kInstances), "1: 1 a");
  EXPECT_EQ(read(R"({"inputs":[]})", Form::kInstances), "infer.rows_malformed");
  EXPECT_EQ(read("5", Form::kInstances), "infer.rows_malformed");
}

TEST(scoring_reader, whole_numbers_stay_exact) {
  EXPECT_EQ(read(R"([[9007199254740993,"a"]])", Form::kInstances), "1: 9007199254740993 a");
  EXPECT_EQ(read(R"([[18446744073709551615,"a"]])", Form::kInstances),
            "1: 18446744073709551615u a");
  EXPECT_EQ(read(R"([[-9223372036854775808,"a"]])", Form::kInstances), "1: -9223372036854775808 a");
}

TEST(scoring_reader, a_field_of_several_values) {
  constexpr std::array<WantedField, 1> kWide = {{{"x", 3}}};
  EXPECT_EQ(read(R"([{"x":[1,2,3]},[4,5,6],[[7,8,9]]])", Form::kInstances, kWide),
            "3: 1 2 3 4 5 6 7 8 9");
  EXPECT_EQ(read(R"({"inputs":{"x":[[1,2,3]]}})", Form::kMlflow, kWide), "1: 1 2 3");
  EXPECT_EQ(read(R"([{"x":[1,2]}])", Form::kInstances, kWide), "1: 1 2 - !x@0");
  EXPECT_EQ(read(R"([{"x":[1,2,3,4]}])", Form::kInstances, kWide), "1: 1 2 3 !x@0");
  EXPECT_EQ(read("[5]", Form::kInstances, kWide), "1: 5 - - !x@0");
}

TEST(scoring_reader, what_is_unknown_or_of_another_shape_is_told) {
  EXPECT_EQ(read(R"([{"area":1,"kid":"a"},{"kid":"b","kind":"c"}])", Form::kInstances),
            "2: 1 - - c ?kid@0");
  EXPECT_EQ(
      read(R"([{"area":{"x":1}},{"area":[1,2]},{"area":1,"area":2},[1],7])", Form::kInstances),
      "5: - - 1 - 1 - - - - - !area@0 !area@1 !area@2 !@3 !@4");
}

TEST(scoring_reader, what_is_malformed) {
  for (const char* body :
       {"{}", "[]", "5", R"({"instances":5})", R"({"instances":[],"inputs":[]})",
        R"({"dataframe_split":[]})", R"({"dataframe_split":{"columns":["a"]}})",
        R"({"dataframe_split":{"columns":"a","data":[]}})",
        R"({"dataframe_split":{"columns":[1],"data":[]}})",
        R"({"dataframe_split":{"columns":["area"],"data":[[1,2]]}})",
        R"({"dataframe_split":{"columns":["area"],"data":[1]}})", R"({"dataframe_records":[[1]]})",
        R"({"inputs":{"area":5}})", R"({"inputs":{"area":[1],"kind":["a","b"]}})"}) {
    EXPECT_EQ(read(body), "infer.rows_malformed") << body;
  }
  for (const std::string& body : {std::string("{"), std::string("[NaN]"), std::string(),
                                  std::string("[\"\xff\"]"), std::string(200, '[')}) {
    EXPECT_EQ(read(body), "infer.json_malformed") << body;
  }
}

// Three bytes a row, and two values that it leaves out.
TEST(scoring_reader, values_that_rows_leave_out_count) {
  const auto body = [](std::size_t rows) {
    std::string out = "[{}";
    for (std::size_t i = 1; i < rows; ++i) out += ",{}";
    return out + "]";
  };
  Reader reader;
  const auto rows = reader.read(body(kMostCells / 2), Form::kInstances, kFields);
  ASSERT_TRUE(rows) << rows.error().what();
  EXPECT_EQ(rows->rows, std::ssize(rows->cells) / 2);
  EXPECT_EQ(read(body(kMostCells / 2 + 1), Form::kInstances), "infer.too_many_values");
}

}  // namespace
}  // namespace kingpost::scoring
