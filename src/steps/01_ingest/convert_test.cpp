// SPDX-License-Identifier: Apache-2.0
// Conversion loses nothing: each text either becomes exactly its value or nothing at all.
#include "steps/01_ingest/convert.h"
#include "steps/conversion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engines/sql/dialect.h"
#include "support/step_harness.h"

namespace kingpost::steps::ingest {
namespace {

using test::StepHarness;

class Convert : public testing::Test {
 protected:
  // The value as text, or "null".
  std::string converted(std::string_view type, std::string_view text) {
    const std::string sql = conversion(type, "v");
    const auto rows = h.session->query(
        format("SELECT CAST({} AS VARCHAR) AS r FROM (SELECT {} AS v)", sql, sql::literal(text)));
    if (!rows) return render(rows.error());
    return rows->at(0, "r").is_null() ? "null" : rows->text(0, "r");
  }

  std::string told(const std::vector<std::string>& texts) {
    std::string values;
    for (const std::string& text : texts) {
      values += format("{}({})", values.empty() ? "" : ", ",
                       text == "null" ? std::string("NULL") : sql::literal(text));
    }
    const auto rows = h.session->query(
        format("SELECT {} FROM (VALUES {}) AS t(v)", inference("CAST(v AS VARCHAR)", "c"), values));
    if (!rows) return render(rows.error());
    const auto n = [&](const char* key) { return rows->integer(0, format("c_{}", key)); };
    return std::string(inferred_type({n("n"), n("i"), n("f"), n("b"), n("d"), n("t"), n("z")}));
  }

  StepHarness h;
};

struct Case {
  std::string_view type;
  std::string_view text;
  std::string_view value;
};

TEST_F(Convert, EachTextIsItsValueOrNothing) {
  const Case cases[] = {
      {"int32", "5", "5"},
      {"int32", "-5", "-5"},
      {"int32", "1.0", "1"},
      {"int32", "1.5", "null"},
      {"int32", "3000000000", "null"},
      {"int32", "ten", "null"},
      {"int32", "", "null"},
      {"int8", "127", "127"},
      {"int8", "128", "null"},
      {"int64", "9223372036854775807", "9223372036854775807"},
      {"int64", "9223372036854775808", "null"},
      {"int64", "9007199254740993", "9007199254740993"},
      {"float64", "0.1", "0.1"},
      {"float64", "1e400", "null"},
      {"float64", "one", "null"},
      {"boolean", "true", "true"},
      {"boolean", "FALSE", "false"},
      {"boolean", "maybe", "null"},
      {"date", "2012-02-29", "2012-02-29"},
      {"date", "2013-02-30", "null"},
      {"date", "2013-02-28 10:00:00", "null"},
      {"date", "01/02/2013", "null"},
      {"timestamp", "2013-01-01T10:00:00", "2013-01-01 10:00:00"},
      {"timestamp", "2013-01-01 10:00", "2013-01-01 10:00:00"},
      {"timestamp", "2013-01-01", "2013-01-01 00:00:00"},
      {"timestamp", "2013-01-01T10:00:00.123456", "2013-01-01 10:00:00.123456"},
      {"timestamp", "2013-01-01T10:00:00.1234567", "null"},
      {"timestamp", "2013-01-01T10:00:00Z", "null"},
      {"timestamp_utc", "2013-01-01T10:00:00Z", "2013-01-01 10:00:00+00"},
      {"timestamp_utc", "2013-01-01T10:00:00+01:00", "2013-01-01 09:00:00+00"},
      {"timestamp_utc", "2013-01-01T10:00:00", "2013-01-01 10:00:00+00"},
      {"timestamp_utc", "2013-01-01 10:00:00 EST", "null"},
      {"string", "", ""},
      {"string", " x ", " x "},
  };
  for (const Case& each : cases) {
    EXPECT_EQ(converted(each.type, each.text), each.value) << each.type << " of " << each.text;
  }
}

TEST_F(Convert, TypesAreToldFromTheData) {
  EXPECT_EQ(told({"1", "-2", "null"}), "int64");
  EXPECT_EQ(told({"1", "2.5"}), "float64");
  EXPECT_EQ(told({"1", "NaN"}), "float64");
  EXPECT_EQ(told({"01", "2"}), "string") << "leading zeros name things";
  EXPECT_EQ(told({"0", "0.5"}), "float64") << "a zero alone is a number";
  EXPECT_EQ(told({"0.5", "18446744073709551616"}), "string") << "a float64 would round it";
  EXPECT_EQ(told({"9223372036854775807"}), "int64");
  EXPECT_EQ(told({"true", "False"}), "boolean");
  EXPECT_EQ(told({"true", "1"}), "string");
  EXPECT_EQ(told({"2013-01-01"}), "date");
  EXPECT_EQ(told({"2013-01-01", "2013-01-01 10:00:00"}), "timestamp");
  EXPECT_EQ(told({"2013-01-01T10:00:00Z"}), "timestamp_utc");
  EXPECT_EQ(told({"2013-01-01T10:00:00Z", "2013-01-01 10:00:00"}), "string") << "two kinds of time";
  EXPECT_EQ(told({"null", "null"}), "string");
  EXPECT_EQ(told({"x"}), "string");
}

// What a first look rules out is never counted; what is counted does not depend on the rest.
TEST_F(Convert, AFirstLookRulesOutNoKindThatAValueIs) {
  const std::string_view texts[] = {"",
                                    " ",
                                    "true",
                                    "FALSE",
                                    "truer",
                                    "1",
                                    " 1 ",
                                    "+1",
                                    "-0",
                                    "01",
                                    "1.5",
                                    ".5",
                                    "5.",
                                    "-.5e3",
                                    "1e3",
                                    "\t7",
                                    "Infinity",
                                    "-inf",
                                    "nan",
                                    " NaN",
                                    "in",
                                    "NA",
                                    "0x1F",
                                    "x",
                                    "- ",
                                    "2013-01-01",
                                    "2013-02-30",
                                    "2013",
                                    "now",
                                    "é",
                                    "2013-01-01T10:00:00Z",
                                    "2013-01-01 10:00",
                                    " 2013-01-01"};
  for (const std::string_view text : texts) {
    Kinds kinds;
    kinds.narrow(text);
    const std::string value = format("CAST({} AS VARCHAR)", sql::literal(text));
    const auto rows = h.session->query(
        format("SELECT {}, {}", inference(value, "all"), inference(value, "left", kinds)));
    ASSERT_TRUE(rows);
    for (const char* key : {"n", "b", "i", "f", "d", "t", "z"}) {
      EXPECT_EQ(rows->integer(0, format("left_{}", key)), rows->integer(0, format("all_{}", key)))
          << key << " of \"" << text << "\"";
    }
  }
}

TEST_F(Convert, AFirstLookRulesOutMuch) {
  Kinds kinds;
  kinds.narrow("EWR");
  EXPECT_FALSE(kinds.any());
  kinds = {};
  kinds.narrow("12");
  EXPECT_TRUE(kinds.integer && kinds.number);
  EXPECT_FALSE(kinds.boolean || kinds.time);
}

TEST(Widened, OnlyExactIntegersBecomeFractions) {
  EXPECT_EQ(widened("int64", {3, 0, 0}), "float64");
  EXPECT_EQ(widened("int64", {3, 1, 0}), "string");
  EXPECT_EQ(widened("int64", {3, 0, 1}), "string");
  EXPECT_EQ(widened("float64", {1, 0, 0}), "string");
  EXPECT_EQ(widened("date", {1, 0, 0}), "string");
}

}  // namespace
}  // namespace kingpost::steps::ingest
