// SPDX-License-Identifier: Apache-2.0
// What becomes of failing rows: kept beside, quarantined with the reason, dropped, and counted.
#include <gtest/gtest.h>

#include "steps/02_validate_data/validate_data.h"
#include "support/step_harness.h"

namespace kingpost::steps::validate_data {
namespace {

using test::StepHarness;
using Cells = std::vector<std::vector<std::string>>;

Outcome outcome_of(StepHarness& harness, const std::string& yaml) {
  harness.section(yaml, spec(), "validate_data");
  harness.check(check);
  for (const Error& error : harness.faults.errors()) ADD_FAILURE() << render(error);
  auto outcome = harness.run(run);
  if (outcome) return std::move(outcome).value();
  ADD_FAILURE() << render(outcome.error());
  return {};
}

std::int64_t count_of(const Outcome& outcome, const std::string& what) {
  for (const Count& each : outcome.counts) {
    if (each.what == what) return each.number;
  }
  return -1;
}

// k 0 to 9; x null at 3, -1 at 5, 100 at 7; s repeats at 0 and 9.
constexpr const char* kRows =
    "SELECT i::INTEGER AS k, CASE i WHEN 3 THEN NULL WHEN 5 THEN -1 WHEN 7 THEN 100 ELSE i END AS "
    "x, "
    "CASE i WHEN 9 THEN 's0' ELSE 's' || i END AS s FROM range(10) r(i)";

TEST(ValidatePass, LeavesTheTablesUntouched) {
  StepHarness harness;
  const std::string digest = harness.add_table("t", kRows, {"k"}).digest;
  harness.add_table("other", "SELECT 1 AS y");
  const Outcome outcome = outcome_of(harness, "t: [{check: unique, columns: [k]}]\n");
  EXPECT_FALSE(outcome.verdict);
  ASSERT_EQ(outcome.output.tables.size(), 2U);
  EXPECT_EQ(outcome.output.find("t")->digest, digest);
  EXPECT_TRUE(outcome.beside.tables.empty());
  EXPECT_EQ(count_of(outcome, "checks"), 1);
  EXPECT_EQ(count_of(outcome, "failed"), 0);
}

TEST(ValidateFail, SaysEachFailureOfAllTablesInOneLine) {
  StepHarness harness;
  harness.add_table("t", kRows, {"k"});
  harness.add_table("other", "SELECT NULL::INTEGER AS y");
  const Outcome outcome = outcome_of(harness,
                                     "t:\n"
                                     "  - {check: between, column: x, min: 0, max: 50}\n"
                                     "  - {check: unique, columns: [s], name: one s}\n"
                                     "  - {check: not_null, column: k}\n"
                                     "other:\n"
                                     "  - {check: not_null, column: y}\n");
  ASSERT_TRUE(outcome.verdict);
  EXPECT_EQ(outcome.verdict->code(), Code::kDataRejected);
  EXPECT_EQ(outcome.verdict->id(), "validate_data.failed");
  EXPECT_EQ(outcome.verdict->what(), "3 of 4 checks have failed");
  EXPECT_EQ(outcome.verdict->details(),
            (std::vector<std::string>{
                "t: between(x, between 0 and 50): 2 of 9 rows fail, e.g. -1 (row 5, k=5); 100 (row "
                "7, k=7)",
                "t: one s: 2 of 10 rows fail, e.g. s0 (2 rows, first row 0, k=0)",
                "other: not_null(y): 1 of 1 row fail, e.g. null (row 0)"}));
  EXPECT_FALSE(outcome.verdict->hint().empty());
  EXPECT_EQ(count_of(outcome, "failed"), 3);
  EXPECT_EQ(harness.rows(*outcome.beside.find("t.failures"), "SELECT * FROM {}"),
            (Cells{{"between(x, between 0 and 50)", "5", "5", "x", "-1"},
                   {"between(x, between 0 and 50)", "7", "7", "x", "100"},
                   {"one s", "0", "0", "s", "s0"},
                   {"one s", "9", "9", "s", "s0"}}));
  EXPECT_EQ(outcome.output.find("t")->digest, harness.input.find("t")->digest);
}

TEST(ValidateWarn, FollowsTheSeverityAndInfoIsForTheReportAlone) {
  StepHarness harness;
  harness.add_table("t", kRows, {"k"});
  const Outcome outcome = outcome_of(harness,
                                     "t:\n"
                                     "  - {check: not_null, column: x, severity: warning}\n"
                                     "  - {check: between, column: x, min: 0, severity: info}\n"
                                     "  - {check: between, column: x, max: 50, on_fail: warn}\n");
  EXPECT_FALSE(outcome.verdict);
  EXPECT_EQ(count_of(outcome, "warned"), 3);
  EXPECT_EQ(outcome.warnings,
            (std::vector<std::string>{
                "t: not_null(x): 1 of 10 rows fail, e.g. null (row 3, k=3)",
                "t: between(x, at most 50): 1 of 9 rows fail, e.g. 100 (row 7, k=7)"}));
}

TEST(ValidateQuarantine, TakesRowsOutWithEveryReason) {
  StepHarness harness;
  harness.add_table("t", kRows, {"k"});
  const Outcome outcome = outcome_of(
      harness,
      "t:\n"
      "  - {check: not_null, column: x, on_fail: quarantine}\n"
      "  - {check: between, column: x, min: 0, on_fail: quarantine}\n"
      "  - {check: in_set, column: k, values: [0, 1, 2, 4, 6, 7, 8, 9], on_fail: quarantine, name: "
      "known k}\n"
      "  - {check: between, column: x, max: 50, on_fail: drop}\n");
  EXPECT_FALSE(outcome.verdict);
  EXPECT_EQ(count_of(outcome, "quarantined rows"), 2);
  EXPECT_EQ(count_of(outcome, "dropped rows"), 1);
  EXPECT_EQ(harness.rows(*outcome.output.find("t"), "SELECT k FROM {}"),
            (Cells{{"0"}, {"1"}, {"2"}, {"4"}, {"6"}, {"8"}, {"9"}}));
  EXPECT_EQ(outcome.output.find("t")->schema, harness.input.find("t")->schema);
  EXPECT_EQ(harness.rows(*outcome.beside.find("t.quarantined"), "SELECT * FROM {}"),
            (Cells{{"3", "null", "s3",
                    "x is null; known k: k is not one of 0, 1, 2, 4, 6, 7 and 2 "
                    "more",
                    "3"},
                   {"5", "-1", "s5",
                    "x is not at least 0; known k: k is not one of 0, 1, 2, 4, 6, 7 "
                    "and 2 more",
                    "5"}}));
  const Json& report = outcome.report["tables"]["t"];
  EXPECT_EQ(report["rows"].integer(), 10);
  EXPECT_EQ(
      report["rows_out"].integer() + report["quarantined"].integer() + report["dropped"].integer(),
      10);
  EXPECT_EQ(report["checks"].items()[3]["verdict"].text(), "dropped");
}

TEST(ValidateQuarantine, OfRepeatedRowsKeepsTheOrderOfTheRest) {
  StepHarness harness;
  harness.add_table("t",
                    "SELECT (i * 7919) % 100000 AS k, i % 1000 = 0 AS often, i FROM "
                    "range(100000) r(i)",
                    {"i"});
  const Outcome outcome = outcome_of(
      harness, "t: [{check: unique, columns: [often], where: often, on_fail: quarantine}]\n");
  EXPECT_EQ(count_of(outcome, "quarantined rows"), 100);
  const records::Table& rest = *outcome.output.find("t");
  EXPECT_EQ(rest.rows, 99'900);
  EXPECT_EQ(harness.rows(rest,
                         "SELECT count(*) FROM (SELECT i < lag(i) OVER (ORDER BY file_row_number) "
                         "AS down FROM {}) WHERE down"),
            (Cells{{"0"}}));
}

TEST(ValidateQuarantine, FailsTheRunBelowAnExplicitShare) {
  StepHarness harness;
  harness.add_table("t", kRows, {"k"});
  const std::string check = "t: [{check: between, column: x, min: 0, max: 50, on_fail: ";
  const Outcome fails = outcome_of(harness, check + "quarantine, mostly: 0.9}]\n");
  ASSERT_TRUE(fails.verdict);
  EXPECT_EQ(count_of(fails, "quarantined rows"), 2);
  EXPECT_EQ(fails.report["tables"]["t"]["checks"].items()[0]["verdict"].text(), "failed");
  EXPECT_NE(fails.verdict->details()[0].find("at least 0.9 must pass"), std::string::npos);
  EXPECT_FALSE(outcome_of(harness, check + "quarantine, mostly: 0.7}]\n").verdict);
  EXPECT_FALSE(outcome_of(harness, check + "quarantine}]\n").verdict);
  const Outcome dropped = outcome_of(harness, check + "drop, mostly: 0.9}]\n");
  EXPECT_TRUE(dropped.verdict);
  EXPECT_EQ(count_of(dropped, "dropped rows"), 2);
}

TEST(ValidateQuarantine, OfAllRowsLeavesAnEmptyTable) {
  StepHarness harness;
  harness.add_table("t", kRows, {"k"});
  const Outcome outcome =
      outcome_of(harness, "t: [{check: between, column: k, min: 50, on_fail: quarantine}]\n");
  EXPECT_EQ(outcome.output.find("t")->rows, 0);
  EXPECT_EQ(outcome.beside.find("t.quarantined")->rows, 10);
}

TEST(ValidateFailures, AreCutAtTenThousandAndSaySo) {
  StepHarness harness;
  harness.add_table("t", "SELECT i AS k, i % 3 AS x FROM range(30000) r(i)", {"k"});
  const Outcome outcome =
      outcome_of(harness, "t: [{check: between, column: x, max: 0, severity: warning}]\n");
  const Json& check = outcome.report["tables"]["t"]["checks"].items()[0];
  EXPECT_EQ(check["unexpected"].integer(), 20'000);
  EXPECT_EQ(check["kept"].integer(), 10'000);
  EXPECT_TRUE(check["cut"].boolean());
  EXPECT_EQ(outcome.beside.find("t.failures")->rows, 10'000);
  EXPECT_EQ(harness.rows(*outcome.beside.find("t.failures"), "SELECT max(_row) FROM {}"),
            (Cells{{"14999"}}));
  EXPECT_EQ(check["examples"].items().size(), 2U);
}

TEST(ValidateFailures, WithoutAKeyAndWithKeysOfTakenNames) {
  StepHarness harness;
  harness.add_table("t", "SELECT NULL::INTEGER AS x");
  harness.add_table("u", "SELECT 'a' AS \"value\", TIME '10:00:00' AS t, NULL::INTEGER AS \"n\"",
                    {"value", "t"});
  const Outcome outcome = outcome_of(harness,
                                     "t: [{check: not_null, column: x}]\n"
                                     "u: [{check: not_null, column: n}]\n");
  EXPECT_EQ(outcome.beside.find("t.failures")->schema.names(),
            (std::vector<std::string>{"check", "_row", "column", "value"}));
  EXPECT_EQ(outcome.beside.find("u.failures")->schema.names(),
            (std::vector<std::string>{"check", "key_value", "t", "_row", "column", "value"}));
  const Json& check = outcome.report["tables"]["u"]["checks"].items()[0];
  EXPECT_EQ(check["examples"].items()[0]["key"]["t"].text(), "10:00:00");
}

TEST(ValidateFailures, OfQueriesAreRowsAsJson) {
  StepHarness harness;
  harness.add_table("t", kRows, {"k"});
  const Outcome outcome =
      outcome_of(harness, "t: [{check: sql, query: \"SELECT k, x FROM t WHERE x > 8\"}]\n");
  EXPECT_EQ(harness.rows(*outcome.beside.find("t.failures"), "SELECT k, value FROM {}"),
            (Cells{{"null", "{\"k\":7,\"x\":100}"}, {"null", "{\"k\":9,\"x\":9}"}}));
}

TEST(ValidateNames, ThatCollideWithOurOwnAreHarmless) {
  StepHarness harness;
  harness.add_table(
      "select",
      "SELECT i % 4 AS n, i AS \"a b\", 'x' AS \"o\"\"dd\", i AS u, i AS \"_no\" FROM "
      "range(8) r(i)",
      {"_no"});
  const Outcome outcome = outcome_of(harness,
                                     "select:\n"
                                     "  - {check: unique, columns: [n], on_fail: quarantine}\n"
                                     "  - {check: between, column: a b, max: 3}\n"
                                     "  - {check: matches, column: 'o\"dd', pattern: \"'\"}\n"
                                     "  - {check: sum, column: u, min: 28, max: 28}\n");
  const auto& checks = outcome.report["tables"]["select"]["checks"].items();
  EXPECT_EQ(checks[0]["unexpected"].integer(), 8);
  EXPECT_EQ(checks[1]["unexpected"].integer(), 4);
  EXPECT_EQ(checks[2]["unexpected"].integer(), 8);
  EXPECT_EQ(checks[3]["verdict"].text(), "passed");
}

TEST(ValidateThreads, GiveTheSameBytes) {
  const auto bytes_with = [](int threads) {
    StepHarness harness;
    harness.add_table("t",
                      "SELECT i AS k, (hash(i) % 1000)::INTEGER AS x, sqrt(i) * 1.1 AS y, 's' || "
                      "(hash(i * 3) % 50) AS s FROM range(300000) r(i)",
                      {"k"});
    if (!harness.session->run("SET threads=" + std::to_string(threads))) ADD_FAILURE();
    const Outcome outcome =
        outcome_of(harness,
                   "t:\n"
                   "  - {check: between, column: x, max: 990, on_fail: quarantine}\n"
                   "  - {check: unique, columns: [x, s], on_fail: drop, where: x < 3}\n"
                   "  - {check: in_set, column: s, values: [s1, s2], severity: warning}\n"
                   "  - {check: stdev, column: y, min: 1000}\n"
                   "  - {check: sql, query: SELECT * FROM t WHERE x = 5, severity: warning}\n");
    std::string out = outcome.report.dump() + render(*outcome.verdict);
    for (const auto* set : {&outcome.output, &outcome.beside}) {
      for (const records::Table& table : set->tables) out += "\n" + table.name + table.digest;
    }
    return out;
  };
  EXPECT_EQ(bytes_with(1), bytes_with(2));
}

}  // namespace
}  // namespace kingpost::steps::validate_data
