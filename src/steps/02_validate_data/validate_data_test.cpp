// SPDX-License-Identifier: Apache-2.0
// What each check counts: nulls, NaN, infinities, empty tables, one row, no value, Unicode.
#include "steps/02_validate_data/validate_data.h"

#include <gtest/gtest.h>

#include <cmath>
#include <ostream>

#include "support/step_harness.h"

namespace kingpost::steps::validate_data {
namespace {

using test::StepHarness;

// Runs one check on the table t and answers its part of the report.
Json report_of(StepHarness& harness, const std::string& check) {
  harness.section("t: [" + check + "]\n", spec(), "validate_data");
  harness.check(validate_data::check);
  for (const Error& error : harness.faults.errors()) ADD_FAILURE() << render(error);
  if (!harness.faults.empty()) return {};
  auto outcome = harness.run(run);
  if (!outcome) {
    ADD_FAILURE() << render(outcome.error());
    return {};
  }
  return outcome->report["tables"]["t"]["checks"].items().at(0);
}

Json report_on(const std::string& rows, const std::string& check) {
  StepHarness harness;
  harness.add_table("t", rows);
  return report_of(harness, check);
}

struct Case {
  std::string name;
  std::string rows;
  std::string check;
  std::string verdict;
  std::int64_t evaluated;
  std::int64_t missing;
  std::int64_t unexpected;
};

void PrintTo(const Case& each, std::ostream* out) {
  *out << each.check << " on " << each.rows;
}

class ValidateRowCheck : public ::testing::TestWithParam<Case> {};

TEST_P(ValidateRowCheck, CountsAsGreatExpectationsDoes) {
  const Case& each = GetParam();
  const Json report = report_on(each.rows, each.check);
  EXPECT_EQ(report["verdict"].text(), each.verdict);
  EXPECT_EQ(report["evaluated"].integer(), each.evaluated);
  EXPECT_EQ(report["missing"].integer(), each.missing);
  EXPECT_EQ(report["unexpected"].integer(), each.unexpected);
  EXPECT_EQ(report["elements"].integer(), each.evaluated + each.missing);
}

constexpr const char* kNumbers = "SELECT * FROM (VALUES (1), (2), (2), (NULL), (9)) v(x)";
constexpr const char* kTexts =
    "SELECT * FROM (VALUES ('a'), ('bb'), ('héé'), (NULL), (''), ('日本語'), ('it''s')) v(s)";
constexpr const char* kReals =
    "SELECT * FROM (VALUES (1.5::DOUBLE), ('nan'::DOUBLE), ('inf'::DOUBLE), ('-inf'::DOUBLE), "
    "(NULL)) v(x)";
constexpr const char* kEmpty = "SELECT 1::INTEGER AS x, 'a' AS s WHERE false";
constexpr const char* kNulls = "SELECT NULL::INTEGER AS x, NULL::VARCHAR AS s FROM range(3)";
constexpr const char* kPairs =
    "SELECT * FROM (VALUES (1, 'a'), (1, 'a'), (1, 'b'), (NULL, 'a'), (NULL, 'a'), (NULL, NULL), "
    "(NULL, NULL)) v(x, s)";

INSTANTIATE_TEST_SUITE_P(
    NotNull, ValidateRowCheck,
    ::testing::Values(
        Case{"fails", kNumbers, "{check: not_null, column: x}", "failed", 5, 0, 1},
        Case{"mostly", kNumbers, "{check: not_null, column: x, mostly: 0.8}", "passed", 5, 0, 1},
        Case{"empty", kEmpty, "{check: not_null, column: x}", "passed", 0, 0, 0},
        Case{"all", kNulls, "{check: not_null, column: x}", "failed", 3, 0, 3},
        Case{"where", kNumbers, "{check: not_null, column: x, where: x IS NOT NULL}", "passed", 4,
             0, 0},
        Case{"nan_is_a_value", kReals, "{check: not_null, column: x}", "failed", 5, 0, 1}),
    [](const auto& each) { return each.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Unique, ValidateRowCheck,
    ::testing::Values(
        Case{"every_occurrence", kNumbers, "{check: unique, columns: [x]}", "failed", 4, 1, 2},
        Case{"where", kNumbers, "{check: unique, columns: [x], where: x > 2}", "passed", 1, 0, 0},
        Case{"empty", kEmpty, "{check: unique, columns: [x]}", "passed", 0, 0, 0},
        Case{"nulls", kNulls, "{check: unique, columns: [x]}", "passed", 0, 3, 0},
        Case{"compound", kPairs, "{check: unique, columns: [x, s]}", "failed", 5, 2, 4},
        Case{"compound_mostly", kPairs, "{check: unique, columns: [x, s], mostly: 0.2}", "passed",
             5, 2, 4},
        Case{"one_row", "SELECT 1 AS x", "{check: unique, columns: [x]}", "passed", 1, 0, 0},
        Case{"nan_equals_nan", "SELECT 'nan'::DOUBLE AS x FROM range(2)",
             "{check: unique, columns: [x]}", "failed", 2, 0, 2},
        Case{"zeros", "SELECT * FROM (VALUES (0.0::DOUBLE), (-0.0::DOUBLE)) v(x)",
             "{check: unique, columns: [x]}", "failed", 2, 0, 2}),
    [](const auto& each) { return each.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Sets, ValidateRowCheck,
    ::testing::Values(
        Case{"numbers", kNumbers, "{check: in_set, column: x, values: [1, 2]}", "failed", 4, 1, 1},
        Case{"texts", kTexts, "{check: in_set, column: s, values: [a, bb, \"it's\", 日本語, héé]}",
             "failed", 6, 1, 1},
        Case{"empty_text", kTexts, "{check: not_in_set, column: s, values: [\"\"]}", "failed", 6, 1,
             1},
        Case{"not_numbers", kNumbers, "{check: not_in_set, column: x, values: [2, 7]}", "failed", 4,
             1, 2},
        Case{"nan", kReals, "{check: in_set, column: x, values: [1.5]}", "failed", 4, 1, 3},
        Case{"float32", "SELECT 0.1::FLOAT AS x", "{check: in_set, column: x, values: [0.1]}",
             "passed", 1, 0, 0},
        Case{"decimal", "SELECT 0.1::DECIMAL(9,3) AS x",
             "{check: in_set, column: x, values: [0.1]}", "passed", 1, 0, 0},
        Case{"boolean", "SELECT * FROM (VALUES (true), (false)) v(x)",
             "{check: in_set, column: x, values: [true]}", "failed", 2, 0, 1},
        Case{"date", "SELECT DATE '2013-01-01' AS x",
             "{check: in_set, column: x, values: [2013-01-01]}", "passed", 1, 0, 0},
        Case{"nulls", kNulls, "{check: in_set, column: x, values: [1]}", "passed", 0, 3, 0},
        Case{"alias", kNumbers,
             "{check: expect_column_values_to_be_in_set, column: x, values: [1, 2]}", "failed", 4,
             1, 1}),
    [](const auto& each) { return each.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Between, ValidateRowCheck,
    ::testing::Values(
        Case{"bounds_pass", kNumbers, "{check: between, column: x, min: 1, max: 9}", "passed", 4, 1,
             0},
        Case{"strict_min", kNumbers, "{check: between, column: x, min: 1, strict_min: true}",
             "failed", 4, 1, 1},
        Case{"strict_max", kNumbers, "{check: between, column: x, max: 9, strict_max: true}",
             "failed", 4, 1, 1},
        Case{"fraction", kNumbers, "{check: between, column: x, min: 1.5}", "failed", 4, 1, 1},
        Case{"mostly_just", kNumbers, "{check: between, column: x, max: 2, mostly: 0.75}", "passed",
             4, 1, 1},
        Case{"mostly_not", kNumbers, "{check: between, column: x, max: 2, mostly: 0.76}", "failed",
             4, 1, 1},
        Case{"nan_and_both_infinities", kReals, "{check: between, column: x, min: 0, max: 10}",
             "failed", 4, 1, 3},
        Case{"upward_open", kReals, "{check: between, column: x, min: 0}", "failed", 4, 1, 2},
        Case{"downward_open", kReals, "{check: between, column: x, max: 10}", "failed", 4, 1, 2},
        Case{"empty", kEmpty, "{check: between, column: x, min: 0}", "passed", 0, 0, 0},
        Case{"dates", "SELECT DATE '2013-01-01' + i::INTEGER AS x FROM range(10) r(i)",
             "{check: between, column: x, min: 2013-01-03, max: 2013-01-08}", "failed", 10, 0, 4},
        Case{"instants",
             "SELECT TIMESTAMPTZ '2013-01-01 00:00:00+00' + to_hours(i) AS x FROM range(4) r(i)",
             "{check: between, column: x, min: \"2013-01-01T01:00:00Z\", max: "
             "\"2013-01-01T04:00:00+02:00\"}",
             "failed", 4, 0, 2},
        Case{"times", "SELECT TIME '06:30:00' AS x",
             "{check: between, column: x, min: \"07:00:00\"}", "failed", 1, 0, 1},
        Case{"tinyint_far_bound", "SELECT 100::TINYINT AS x",
             "{check: between, column: x, max: 1500}", "passed", 1, 0, 0}),
    [](const auto& each) { return each.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Texts, ValidateRowCheck,
    ::testing::Values(Case{"length_in_code_points", kTexts,
                           "{check: length, column: s, min: 1, max: 3}", "failed", 6, 1, 2},
                      Case{"length_of_emoji", "SELECT '🤦🏼‍♂️' AS s",
                           "{check: length, column: s, min: 5, max: 5}", "passed", 1, 0, 0},
                      Case{"matches_searches", kTexts,
                           "{check: matches, column: s, pattern: \"[a-z]\"}", "failed", 6, 1, 2},
                      Case{"matches_anchored", kTexts,
                           "{check: matches, column: s, pattern: \"^[a-z]+$\"}", "failed", 6, 1, 4},
                      Case{"not_matches", kTexts, "{check: not_matches, column: s, pattern: \"'\"}",
                           "failed", 6, 1, 1},
                      Case{"matches_nulls", kNulls, "{check: matches, column: s, pattern: x}",
                           "passed", 0, 3, 0}),
    [](const auto& each) { return each.param.name; });

constexpr const char* kSteps =
    "SELECT * FROM (VALUES (1.0::DOUBLE), (2), (2), (NULL), ('nan'), (1), (5)) v(x)";

INSTANTIATE_TEST_SUITE_P(
    Increasing, ValidateRowCheck,
    ::testing::Values(
        Case{"nan_fails_and_is_skipped", kSteps, "{check: increasing, column: x}", "failed", 6, 1,
             2},
        Case{"strictly", kSteps, "{check: increasing, column: x, strictly: true}", "failed", 6, 1,
             3},
        Case{"one_row", "SELECT 1 AS x", "{check: increasing, column: x}", "passed", 1, 0, 0},
        Case{"where", kSteps, "{check: increasing, column: x, where: x >= 2 AND x <= 5}", "passed",
             3, 0, 0}),
    [](const auto& each) { return each.param.name; });

TEST(ValidateRelationships, CountsValuesWithoutAPartner) {
  StepHarness harness;
  harness.add_table("t", "SELECT * FROM (VALUES (1), (2), (2), (NULL), (7)) v(x)");
  harness.add_table("other", "SELECT * FROM (VALUES (1::BIGINT), (NULL), (1), (7)) v(y)");
  const Json report = report_of(harness, "{check: relationships, column: x, to: other.y}");
  EXPECT_EQ(report["verdict"].text(), "failed");
  EXPECT_EQ(report["evaluated"].integer(), 4);
  EXPECT_EQ(report["missing"].integer(), 1);
  EXPECT_EQ(report["unexpected"].integer(), 2);
  EXPECT_EQ(report["examples"].items().at(0)["value"].text(), "2");
  EXPECT_EQ(report["examples"].items().at(0)["count"].integer(), 2);
}

TEST(ValidateRelationships, PassesWithinMostlyAndOnAnEmptyTable) {
  StepHarness harness;
  harness.add_table("t", "SELECT i AS x FROM range(10) r(i)");
  harness.add_table("other", "SELECT i AS y FROM range(9) r(i)");
  EXPECT_EQ(
      report_of(harness, "{check: relationships, column: x, to: other.y, mostly: 0.9}")["verdict"]
          .text(),
      "passed");
  StepHarness empty;
  empty.add_table("t", kEmpty);
  empty.add_table("other", "SELECT 1 AS y");
  EXPECT_EQ(report_of(empty, "{check: relationships, column: x, to: other.y}")["verdict"].text(),
            "passed");
}

struct NumberCase {
  std::string name;
  std::string rows;
  std::string check;
  std::string verdict;
  double observed;
};

void PrintTo(const NumberCase& each, std::ostream* out) {
  *out << each.check << " on " << each.rows;
}

class ValidateNumberCheck : public ::testing::TestWithParam<NumberCase> {};

TEST_P(ValidateNumberCheck, Observes) {
  const NumberCase& each = GetParam();
  const Json report = report_on(each.rows, each.check);
  EXPECT_EQ(report["verdict"].text(), each.verdict);
  if (std::isnan(each.observed)) {
    EXPECT_TRUE(report["observed"].is_null());
    EXPECT_FALSE(report["reason"].text().empty());
    return;
  }
  EXPECT_NEAR(report["observed"].number(), each.observed, 1e-12 * std::fabs(each.observed));
}

constexpr const char* kFour =
    "SELECT * FROM (VALUES (0.1::DOUBLE), (0.2), (0.4), (NULL), (-7.5)) v(x)";
constexpr const char* kWide =
    "SELECT * FROM (VALUES (9223372036854775807), (-9223372036854775807), (9223372036854775807)) "
    "v(x)";

INSTANTIATE_TEST_SUITE_P(
    Statistics, ValidateNumberCheck,
    ::testing::Values(
        NumberCase{"mean", kFour, "{check: mean, column: x, min: -2, max: -1}", "passed", -1.7},
        NumberCase{"mean_below", kFour, "{check: mean, column: x, min: 0}", "failed", -1.7},
        NumberCase{"mean_where", kFour, "{check: mean, column: x, min: 0, where: x > 0}", "passed",
                   0.7 / 3},
        NumberCase{"sum", kFour, "{check: sum, column: x, max: 0}", "passed", -6.8},
        NumberCase{"median", kFour, "{check: median, column: x, min: 1}", "failed", 0.15},
        NumberCase{"stdev", kFour, "{check: stdev, column: x, max: 4}", "passed",
                   3.868677637987775},
        NumberCase{"stdev_far_from_zero", "SELECT 1e9 + i AS x FROM range(3) r(i)",
                   "{check: stdev, column: x, max: 4}", "passed", 1},
        NumberCase{"integers", "SELECT i AS x FROM range(5) r(i)",
                   "{check: stdev, column: x, max: 2}", "passed", 1.5811388300841898},
        NumberCase{"widest_integers", kWide, "{check: sum, column: x, min: 0}", "passed",
                   9223372036854775807.0},
        NumberCase{"widest_deviation", kWide, "{check: stdev, column: x, min: 0}", "passed",
                   1.0650232656628343e19},
        NumberCase{"decimals", "SELECT 0.1::DECIMAL(18,6) AS x FROM range(10)",
                   "{check: sum, column: x, min: 1, max: 1}", "passed", 1},
        NumberCase{"huge", "SELECT * FROM (VALUES (1e308::DOUBLE), (-1e308)) v(x)",
                   "{check: stdev, column: x, min: 0}", "passed", 1.4142135623730951e308},
        NumberCase{"tiny", "SELECT * FROM (VALUES (1e-300::DOUBLE), (3e-300)) v(x)",
                   "{check: mean, column: x, max: 1}", "passed", 2e-300},
        NumberCase{"constant", "SELECT 0.1::DOUBLE AS x FROM range(7)",
                   "{check: stdev, column: x, max: 0}", "passed", 0},
        NumberCase{"distinct", kNumbers, "{check: distinct_count, column: x, min: 4}", "failed", 3},
        NumberCase{"rows", kNumbers, "{check: row_count, equals: 5}", "passed", 5},
        NumberCase{"rows_not", kNumbers, "{check: row_count, equals: 4}", "failed", 5},
        NumberCase{"rows_where", kNumbers, "{check: row_count, min: 3, where: x = 2}", "failed", 2},
        NumberCase{"rows_of_nothing", kEmpty, "{check: row_count, min: 1}", "failed", 0}),
    [](const auto& each) { return each.param.name; });

const double kNotComputed = std::nan("");

INSTANTIATE_TEST_SUITE_P(
    NotComputed, ValidateNumberCheck,
    ::testing::Values(NumberCase{"mean_of_nothing", kEmpty, "{check: mean, column: x, min: 0}",
                                 "not_computed", kNotComputed},
                      NumberCase{"median_of_nulls", kNulls, "{check: median, column: x, min: 0}",
                                 "not_computed", kNotComputed},
                      NumberCase{"stdev_of_one", "SELECT 1.0::DOUBLE AS x",
                                 "{check: stdev, column: x, min: 0}", "not_computed", kNotComputed},
                      NumberCase{"sum_with_nan", kReals, "{check: sum, column: x, min: 0}",
                                 "not_computed", kNotComputed},
                      NumberCase{"freshness_of_nothing", "SELECT NULL::DATE AS x",
                                 "{check: freshness, column: x, error_after: 1d}", "not_computed",
                                 kNotComputed}),
    [](const auto& each) { return each.param.name; });

TEST(ValidateStatistics, LeaveOutNaNWhenTheConditionDoes) {
  const Json report = report_on(kReals, "{check: sum, column: x, min: 0, where: isfinite(x)}");
  EXPECT_EQ(report["verdict"].text(), "passed");
  EXPECT_EQ(report["observed"].number(), 1.5);
}

TEST(ValidateFreshness, WarnsThenFails) {
  // The harness's clock is 2014-01-02T00:00:00Z.
  const std::string rows = "SELECT TIMESTAMPTZ '2014-01-01 00:00:00+00' AS x";
  const std::string check = "{check: freshness, column: x, ";
  EXPECT_EQ(report_on(rows, check + "warn_after: 24h}")["verdict"].text(), "passed");
  EXPECT_EQ(report_on(rows, check + "warn_after: 23h}")["verdict"].text(), "warned");
  const Json old = report_on(rows, check + "warn_after: 1h, error_after: 23h}");
  EXPECT_EQ(old["verdict"].text(), "failed");
  EXPECT_EQ(old["observed"]["age"].text(), "1d");
  EXPECT_EQ(report_on(rows, check + "error_after: 1h, on_fail: warn}")["verdict"].text(), "warned");
}

TEST(ValidateSchema, TypesColumnsAndTheirOrder) {
  const std::string rows = "SELECT 1::SMALLINT AS x, 'a' AS s";
  EXPECT_EQ(report_on(rows, "{check: type, column: x, type: int16}")["verdict"].text(), "passed");
  const Json type = report_on(rows, "{check: type, column: x, type: int64}");
  EXPECT_EQ(type["verdict"].text(), "failed");
  EXPECT_EQ(type["observed"].text(), "int16");
  EXPECT_EQ(report_on(rows, "{check: columns_exist, columns: [s]}")["verdict"].text(), "passed");
  EXPECT_EQ(
      report_on(rows, "{check: columns_exist, columns: [s], exactly: true}")["verdict"].text(),
      "failed");
  const Json lacking = report_on(rows, "{check: columns_exist, columns: [s, z]}");
  EXPECT_EQ(lacking["verdict"].text(), "failed");
  EXPECT_EQ(lacking["observed"]["missing"].items().at(0).text(), "z");
  EXPECT_EQ(report_on(rows, "{check: column_order, columns: [x, s]}")["verdict"].text(), "passed");
  EXPECT_EQ(report_on(rows, "{check: column_order, columns: [s, x]}")["verdict"].text(), "failed");
}

TEST(ValidateSql, RowsAreFailures) {
  StepHarness harness;
  harness.add_table("t", kNumbers);
  harness.add_table("other", "SELECT 2 AS y");
  const Json report = report_of(
      harness, "{check: sql, query: \"SELECT t.x FROM t JOIN other ON x = y -- the twos\"}");
  EXPECT_EQ(report["verdict"].text(), "failed");
  EXPECT_EQ(report["observed"].integer(), 2);
  EXPECT_EQ(report["examples"].items().at(0)["value"].text(), "{\"x\":2}");
  EXPECT_EQ(
      report_of(harness, "{check: sql, query: SELECT * FROM t WHERE x > 100}")["verdict"].text(),
      "passed");
}

TEST(ValidateSql, ReadsAFileAndItsBytesAreInTheKey) {
  StepHarness harness;
  harness.add_table("t", kNumbers);
  harness.folder.write("checks/big.sql", "WITH big AS (SELECT x FROM t WHERE x > 5)\nTABLE big;\n");
  const std::string check = "{check: sql, file: checks/big.sql}";
  EXPECT_EQ(report_of(harness, check)["observed"].integer(), 1);
}

TEST(ValidateNotComputed, NamesTheReasonAndLetsTheOthersBe) {
  StepHarness harness;
  harness.add_table("t", "SELECT * FROM (VALUES ('1'), ('x')) v(s)");
  harness.section(
      "t:\n"
      "  - {check: not_null, column: s, where: CAST(s AS INTEGER) > 0}\n"
      "  - {check: in_set, column: s, values: [\"1\"]}\n"
      "  - {check: not_null, column: s, where: CAST(s AS INTEGER) > 0, severity: warning}\n",
      spec(), "validate_data");
  harness.check(validate_data::check);
  ASSERT_TRUE(harness.faults.empty());
  const auto outcome = harness.run(run);
  ASSERT_TRUE(outcome);
  const auto& checks = outcome->report["tables"]["t"]["checks"].items();
  EXPECT_EQ(checks[0]["verdict"].text(), "not_computed");
  EXPECT_NE(checks[0]["reason"].text().find("'x'"), std::string::npos) << checks[0].dump();
  EXPECT_EQ(checks[1]["unexpected"].integer(), 1);
  ASSERT_TRUE(outcome->verdict);
  EXPECT_EQ(outcome->verdict->what(), "2 of 3 checks have failed");
  ASSERT_EQ(outcome->warnings.size(), 1U);
  EXPECT_NE(outcome->warnings[0].find("could not be computed"), std::string::npos);
}

}  // namespace
}  // namespace kingpost::steps::validate_data
