// SPDX-License-Identifier: Apache-2.0
// However failing rows are found (statistics, one pass, a look of its own), they are the same rows.
#include <gtest/gtest.h>

#include "steps/02_validate_data/validate_data.h"
#include "support/step_harness.h"

namespace kingpost::steps::validate_data {
namespace {

using test::StepHarness;
using Cells = std::vector<std::vector<std::string>>;

Outcome outcome_of(StepHarness& harness, const std::string& yaml) {
  harness.section(yaml, spec(), "validate_data");
  auto outcome = harness.run(run);
  if (outcome) return std::move(outcome).value();
  ADD_FAILURE() << render(outcome.error());
  return {};
}

std::vector<std::int64_t> unexpected_of(const Outcome& outcome) {
  std::vector<std::int64_t> out;
  for (const Json& each : outcome.report["tables"]["t"]["checks"].items()) {
    out.push_back(each["unexpected"].integer());
  }
  return out;
}

std::vector<std::int64_t> unexpected_of(const std::string& rows, const std::string& yaml) {
  StepHarness harness;
  harness.add_table("t", rows);
  return unexpected_of(outcome_of(harness, yaml));
}

TEST(ValidateCaught, TooManyFailingRowsAreCountedAndTheFirstOnesKept) {
  StepHarness harness;
  harness.add_table("t", "SELECT i AS k, i % 3 AS x FROM range(160000) r(i)", {"k"});
  const Outcome outcome = outcome_of(harness,
                                     "t:\n"
                                     "  - {check: between, column: x, max: 0}\n"
                                     "  - {check: in_set, column: k, values: [159999]}\n"
                                     "  - {check: between, column: k, max: 159997}\n");
  EXPECT_EQ(unexpected_of(outcome), (std::vector<std::int64_t>{106'666, 159'999, 2}));
  EXPECT_EQ(harness.rows(*outcome.beside.find("t.failures"),
                         "SELECT count(*), min(_row), max(_row), min(k), max(value::INT) FROM {} "
                         "GROUP BY \"check\" ORDER BY 1, 3, 5"),
            (Cells{{"2", "159998", "159999", "159998", "159999"},
                   {"10000", "0", "9999", "0", "9999"},
                   {"10000", "1", "14999", "1", "2"}}));
}

TEST(ValidateCaught, NullsOfTheStatisticsAreKeptToo) {
  StepHarness harness;
  harness.add_table("t",
                    "SELECT i AS k, CASE WHEN i % 2 = 0 THEN i END AS x, CASE WHEN i <> 7 THEN i "
                    "END AS y FROM range(30000) r(i)",
                    {"k"});
  const Outcome outcome = outcome_of(harness,
                                     "t:\n"
                                     "  - {check: not_null, column: k}\n"
                                     "  - {check: not_null, column: x, on_fail: quarantine}\n"
                                     "  - {check: not_null, column: y, where: k < 10}\n"
                                     "  - {check: not_null, column: y}\n");
  EXPECT_EQ(unexpected_of(outcome), (std::vector<std::int64_t>{0, 15'000, 1, 1}));
  EXPECT_EQ(outcome.output.find("t")->rows, 15'000);
  EXPECT_EQ(outcome.beside.find("t.quarantined")->rows, 15'000);
  EXPECT_EQ(harness.rows(*outcome.beside.find("t.failures"),
                         "SELECT \"column\", count(*), max(k) FROM {} GROUP BY 1 ORDER BY 1"),
            (Cells{{"x", "10000", "19999"}, {"y", "2", "7"}}));
  const Json& narrowed = outcome.report["tables"]["t"]["checks"].items()[2];
  EXPECT_EQ(narrowed["elements"].integer(), 10);
}

TEST(ValidateCaught, BoundsAreCheckedToTheEdge) {
  const std::string yaml =
      "t:\n"
      "  - {check: between, column: x, min: 1, max: 3}\n"
      "  - {check: between, column: x, min: 1, strict_min: true}\n"
      "  - {check: between, column: x, max: 3, strict_max: true}\n"
      "  - {check: between, column: x, min: 2}\n";
  const std::vector<std::int64_t> wanted = {0, 1, 1, 1};
  EXPECT_EQ(unexpected_of("SELECT * FROM (VALUES (1), (2), (3), (NULL)) v(x)", yaml), wanted);
  EXPECT_EQ(unexpected_of("SELECT * FROM (VALUES (1::DOUBLE), (2), (3), (NULL)) v(x)", yaml),
            wanted);
  EXPECT_EQ(unexpected_of("SELECT * FROM (VALUES (1::FLOAT), (2), (3)) v(x)", yaml), wanted);
  EXPECT_EQ(unexpected_of("SELECT * FROM (VALUES (1::DOUBLE), (3), ('nan')) v(x)", yaml),
            (std::vector<std::int64_t>{1, 2, 2, 2}));
  EXPECT_EQ(unexpected_of("SELECT * FROM (VALUES (9007199254740992), (9007199254740993)) v(x)",
                          "t: [{check: between, column: x, min: 9007199254740993}]\n"),
            (std::vector<std::int64_t>{1}));
}

TEST(ValidateCaught, SetsOfTextsAndWholeNumbers) {
  EXPECT_EQ(unexpected_of("SELECT * FROM (VALUES (1::TINYINT), (2), (-3), (NULL)) v(x)",
                          "t:\n"
                          "  - {check: in_set, column: x, values: [1, 300, 9000000000]}\n"
                          "  - {check: not_in_set, column: x, values: [-3, 2]}\n"),
            (std::vector<std::int64_t>{2, 2}));
  EXPECT_EQ(unexpected_of("SELECT * FROM (VALUES ('a'), ('it''s'), (''), (NULL)) v(x)",
                          "t:\n"
                          "  - {check: in_set, column: x, values: [\"it's\", \"\"]}\n"
                          "  - {check: not_in_set, column: x, values: [b]}\n"),
            (std::vector<std::int64_t>{1, 0}));
  EXPECT_EQ(unexpected_of("SELECT * FROM (VALUES (0.0::DOUBLE), (-0.0), ('nan'), (NULL)) v(x)",
                          "t: [{check: in_set, column: x, values: [0, 1]}]\n"),
            (std::vector<std::int64_t>{1}));
}

TEST(ValidateCaught, ColumnsWithOurOwnNamesAreHarmless) {
  EXPECT_EQ(unexpected_of("SELECT false AS \"_Validate_Data_0\", i AS x FROM range(5) r(i)",
                          "t: [{check: in_set, column: x, values: [1, 2]}]\n"),
            (std::vector<std::int64_t>{3}));
}

TEST(ValidateCaught, RepeatedKeysOfALargeTable) {
  StepHarness harness;
  harness.add_table("t",
                    "SELECT CASE WHEN i % 50000 = 7 THEN i - 1 ELSE i END AS k, nullif(i // 2, 3) "
                    "AS n, 's' || (i % 119999) AS s FROM range(120000) r(i)");
  const Outcome outcome = outcome_of(harness,
                                     "t:\n"
                                     "  - {check: unique, columns: [k], severity: warning}\n"
                                     "  - {check: unique, columns: [n], on_fail: drop}\n"
                                     "  - {check: unique, columns: [s], severity: warning}\n"
                                     "  - {check: unique, columns: [k, s]}\n");
  EXPECT_EQ(unexpected_of(outcome), (std::vector<std::int64_t>{6, 119'998, 2, 0}));
  EXPECT_EQ(outcome.output.find("t")->rows, 2);
  EXPECT_EQ(harness.rows(*outcome.beside.find("t.failures"),
                         "SELECT \"column\", string_agg(_row, ' ' ORDER BY _row) FROM {} GROUP BY "
                         "1 ORDER BY 1"),
            (Cells{{"k", "6 7 50006 50007 100006 100007"}, {"s", "0 119999"}}));
  EXPECT_EQ(harness.session->query("SELECT current_setting('perfect_ht_threshold') AS n")
                .value()
                .integer(0, "n"),
            12);
  EXPECT_EQ(
      harness.session->query("SELECT count(*) AS n FROM duckdb_tables()").value().integer(0, "n"),
      0);
}

}  // namespace
}  // namespace kingpost::steps::validate_data
