// SPDX-License-Identifier: Apache-2.0
// Joins, knowledge time, targets and splits on small tables.
#include "steps/05_curate/curate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "steps/knowledge.h"
#include "support/step_harness.h"

namespace kingpost {
namespace {

using test::StepHarness;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Row = std::vector<std::string>;

constexpr const char* kHours =
    "SELECT CAST('2013-01-01' AS TIMESTAMP) + to_hours(CAST(i AS INTEGER))";

class Curate : public ::testing::Test {
 protected:
  const Node& section(const std::string& yaml) {
    return harness.section(yaml, steps::curate::spec(), "curate");
  }
  steps::Outcome run() {
    auto outcome = harness.run(steps::curate::run);
    EXPECT_TRUE(outcome.has_value()) << (outcome ? "" : render(outcome.error()));
    return outcome ? std::move(*outcome) : steps::Outcome{};
  }
  std::string refusal() {
    auto outcome = harness.run(steps::curate::run);
    if (!outcome) return outcome.error().id();
    return outcome->verdict ? outcome->verdict->id() : "none";
  }
  std::vector<Row> training(const steps::Outcome& outcome, const std::string& query) {
    return harness.rows(outcome.output.tables.at(0), query);
  }
  // A spine of n rows: id, g = id % 7, at (hourly), y = id.
  records::Table& spine(int n, std::vector<std::string> key = {"id"}) {
    return harness.add_table(
        "events",
        std::string("SELECT i AS id, i % 7 AS g, (") + kHours +
            ") AS at, CASE WHEN i % 10 < 9 THEN CAST(i AS DOUBLE) END AS y FROM range(" +
            std::to_string(n) + ") AS r(i) ORDER BY i",
        std::move(key));
  }

  StepHarness harness;
};

constexpr const char* kNumber = "{spine: events, target: {name: goal, type: number, expr: y}";

TEST_F(Curate, UnlabelledRowsAreCountedAndKeptApart) {
  spine(100);
  section(std::string(kNumber) + "}");
  const auto outcome = run();
  EXPECT_EQ(outcome.report["unlabelled"].integer(), 10);
  EXPECT_EQ(outcome.output.rows() + outcome.beside.rows(), 100);
  EXPECT_THAT(training(outcome, "SELECT count_if(goal IS NULL), count_if(_split IS NULL) FROM {}"),
              ElementsAre(Row{"0", "0"}));
  EXPECT_THAT(
      harness.rows(*outcome.beside.find("training.unlabelled"), "SELECT min(id), max(id) FROM {}"),
      ElementsAre(Row{"9", "99"}));
}

TEST_F(Curate, NanAndInfinityAreNoLabels) {
  harness.add_table("events",
                    "SELECT * FROM (VALUES (1, 1.0), (2, 'nan'::DOUBLE), (3, "
                    "'inf'::DOUBLE), (4, 4.0), (5, 5.0), (6, 6.0), (7, 7.0)) v(id, y)");
  section(
      "{spine: events, target: {name: goal, type: number, expr: y}, split: {type: random, "
      "validation: 0.2, test: 0.2}}");
  EXPECT_EQ(run().report["unlabelled"].integer(), 2);
}

TEST_F(Curate, SameDigestOnAnyNumberOfThreads) {
  spine(50'000);
  harness.add_table("lookup", "SELECT i AS g, 'g' || i AS name FROM range(7) r(i)", {"g"});
  section(
      "{spine: events, joins: [{table: lookup, match: {g: g}, take: [name]}], target: {name: "
      "goal, type: number, expr: y}}");
  const auto two = run();
  ASSERT_TRUE(harness.session->run("SET threads=1"));
  const auto one = run();
  EXPECT_EQ(one.output.tables[0].digest, two.output.tables[0].digest);
  EXPECT_EQ(one.beside.tables[0].digest, two.beside.tables[0].digest);
}

TEST_F(Curate, WhatIsTakenCanBeMatchedOnLearntSplitAndChecked) {
  spine(210);
  harness.add_table("lookup", "SELECT i AS g, 'n' || (i % 3) AS name FROM range(7) r(i)");
  harness.add_table("names", "SELECT * FROM (VALUES ('n0', 10.0), ('n1', 20.0)) v(name, worth)");
  section(
      "{spine: events, joins: [{table: lookup, match: {g: g}, take: [name]}, {table: names, match: "
      "{name: name}, take: [worth], prefix: its_}], target: {name: goal, type: number, expr: \"id "
      "+ "
      "ITS_WORTH\"}, split: {type: group, by: [name], validation: 0, test: 0.5}, checks: [{check: "
      "not_null, column: its_worth, mostly: 0.7}]}");
  const auto outcome = run();
  const auto& joins = outcome.report["joins"].items();
  EXPECT_EQ(joins.at(0)["matched"].integer(), 210);
  EXPECT_EQ(joins.at(1)["matched"].integer(), 150);
  EXPECT_EQ(joins.at(1)["null_keys"].integer(), 0);
  EXPECT_EQ(outcome.report["checks"].items().at(0)["text"].text(),
            "not_null(its_worth): 60 of 210 rows are null");
  EXPECT_EQ(outcome.beside.find("training.unlabelled")->rows, 60);
  EXPECT_THAT(training(outcome,
                       "SELECT count_if(goal = id + its_worth), count_if(name = 'n' || (g % 3)) "
                       "FROM {}"),
              ElementsAre(Row{"150", "150"}));
  EXPECT_THAT(training(outcome, "SELECT count(DISTINCT name), count(DISTINCT _split) FROM {}"),
              ElementsAre(Row{"2", "2"}));
  EXPECT_THAT(training(outcome, "SELECT count(*) FROM (SELECT DISTINCT name, _split FROM {})"),
              ElementsAre(Row{"2"}));
}

TEST_F(Curate, LookupMustBeUnique) {
  spine(20);
  harness.add_table("lookup", "SELECT * FROM (VALUES (1, 'a'), (1, 'b'), (2, 'c')) v(g, name)");
  section(
      "{spine: events, joins: [{table: lookup, match: {g: g}, take: [name]}], target: {name: "
      "goal, type: number, expr: y}}");
  const auto outcome = harness.run(steps::curate::run);
  ASSERT_FALSE(outcome.has_value());
  EXPECT_EQ(outcome.error().id(), "curate.join_not_unique");
  EXPECT_THAT(outcome.error().details().at(0), HasSubstr("g=1: 2 rows"));
}

TEST_F(Curate, NullKeysMatchNothing) {
  harness.add_table("events",
                    "SELECT * FROM (VALUES (1, NULL, 1.0), (2, 5, 2.0), (3, 6, 3.0), (4, "
                    "5, 4.0)) v(id, g, y)");
  harness.add_table("lookup",
                    "SELECT * FROM (VALUES (NULL, 'n'), (NULL, 'm'), (5, 'five')) v(g, "
                    "name)");
  section(
      "{spine: events, joins: [{table: lookup, match: {g: g}, take: [name]}], target: {name: "
      "goal, type: number, expr: y}, split: {type: random, validation: 0, test: 0}}");
  const auto outcome = run();
  const Json& join = outcome.report["joins"].items().at(0);
  EXPECT_EQ(join["matched"].integer(), 2);
  EXPECT_EQ(join["null_keys"].integer(), 1);
  EXPECT_THAT(training(outcome, "SELECT id, name FROM {} ORDER BY id"),
              ElementsAre(Row{"1", "null"}, Row{"2", "five"}, Row{"3", "null"}, Row{"4", "five"}));
}

class AsOf : public Curate {
 protected:
  // Prediction at `at`; readings of sensor s at minutes 0, 60, 120 are known `after` later.
  void readings(Micros after) {
    harness.add_table(
        "events",
        "SELECT i AS id, 's' AS sensor, TIMESTAMP '2013-01-01' + to_minutes(i * 30) AS "
        "at, CAST(i AS DOUBLE) AS y FROM range(10) r(i) ORDER BY i",
        {"id"});
    auto& table = harness.add_table("readings",
                                    "SELECT 's' AS sensor, TIMESTAMP '2013-01-01' + to_minutes(i * "
                                    "60) AS time, i AS value FROM "
                                    "range(3) r(i)");
    table.schema.find("value")->known_at = {{"time", after}};
  }
  std::vector<std::string> values(const std::string& ttl) {
    section(
        "{spine: events, predict_at: {column: at}, joins: [{table: readings, match: {sensor: "
        "sensor}, asof: time, take: [value]" +
        ttl +
        "}], target: {name: goal, type: number, expr: y}, split: {type: random, validation: 0, "
        "test: 0}}");
    std::vector<std::string> out;
    for (const Row& row : training(run(), "SELECT value FROM {} ORDER BY id")) {
      out.push_back(row[0]);
    }
    return out;
  }
};

constexpr Micros kMinute = 60'000'000;

TEST_F(AsOf, LastKnownRowIsTaken) {
  readings(0);
  EXPECT_THAT(values(""), ElementsAre("0", "0", "1", "1", "2", "2", "2", "2", "2", "2"));
}

TEST_F(AsOf, ARowIsTakenOnlyOnceItIsKnown) {
  readings(45 * kMinute);
  EXPECT_THAT(values(""), ElementsAre("null", "null", "0", "0", "1", "1", "2", "2", "2", "2"));
}

TEST_F(AsOf, AnOldRowIsNotTaken) {
  readings(0);
  EXPECT_THAT(values(", ttl: 60m"),
              ElementsAre("0", "0", "1", "1", "2", "2", "2", "null", "null", "null"));
}

TEST_F(AsOf, KnowledgeThatComesOutOfOrder) {
  harness.add_table("events",
                    "SELECT i AS id, TIMESTAMP '2013-01-01' + to_hours(CAST(i AS INTEGER)) AS at, "
                    "CAST(i AS DOUBLE) AS y FROM range(6) r(i) ORDER BY i",
                    {"id"});
  // The newer reading (hour 1) is known at hour 2, the older one (hour 0) only at hour 4.
  auto& table = harness.add_table(
      "readings",
      "SELECT * FROM (VALUES (TIMESTAMP '2013-01-01 00:00:00', TIMESTAMP '2013-01-01 "
      "04:00:00', 'old'), (TIMESTAMP '2013-01-01 01:00:00', TIMESTAMP '2013-01-01 "
      "02:00:00', 'new')) v(time, published, value)");
  table.schema.find("value")->known_at = {{"published", 0}};
  section(
      "{spine: events, predict_at: {column: at}, joins: [{table: readings, match: {}, asof: "
      "time, take: [value]}], target: {name: goal, type: number, expr: y}, split: {type: random, "
      "validation: 0, test: 0}}");
  std::vector<std::string> seen;
  for (const Row& row : training(run(), "SELECT value FROM {} ORDER BY id")) seen.push_back(row[0]);
  EXPECT_THAT(seen, ElementsAre("null", "null", "new", "new", "new", "new"));
}

TEST_F(AsOf, TheTargetMayLookAtWhatIsTaken) {
  readings(45 * kMinute);
  section(
      "{spine: events, predict_at: {column: at}, joins: [{table: readings, match: {sensor: "
      "sensor}, asof: time, ttl: 100m, take: [value]}], target: {name: goal, type: number, expr: "
      "value * 2}, split: {type: random, validation: 0, test: 0}}");
  const auto outcome = run();
  EXPECT_EQ(outcome.report["joins"].items().at(0)["matched"].integer(), 6);
  EXPECT_THAT(training(outcome, "SELECT id, goal, value FROM {} ORDER BY id"),
              ElementsAre(Row{"2", "0.0", "0"}, Row{"3", "0.0", "0"}, Row{"4", "2.0", "1"},
                          Row{"5", "2.0", "1"}, Row{"6", "4.0", "2"}, Row{"7", "4.0", "2"}));
  EXPECT_EQ(outcome.beside.find("training.unlabelled")->rows, 4);
}

TEST_F(AsOf, SameDigestOnAnyNumberOfThreads) {
  harness.add_table("events",
                    "SELECT i AS id, i % 9 AS sensor, TIMESTAMP '2013-01-01' + to_seconds(CAST(i * "
                    "7919 % 100000 AS INTEGER)) AS at, i AS y FROM range(50000) r(i)",
                    {"id"});
  auto& table = harness.add_table("readings",
                                  "SELECT i % 8 AS sensor, TIMESTAMP '2013-01-01' + to_minutes(i) "
                                  "AS time, 'v' || i AS value FROM range(1500) r(i)");
  table.schema.find("value")->known_at = {{"time", kMinute}};
  section(
      "{spine: events, predict_at: {column: at}, joins: [{table: readings, match: {sensor: "
      "sensor}, asof: time, ttl: 30m, take: [value]}], target: {name: goal, type: number, expr: "
      "y}}");
  const auto two = run();
  for (const char* threads : {"1", "4"}) {
    ASSERT_TRUE(harness.session->run(std::string("SET threads=") + threads));
    EXPECT_EQ(run().output.tables[0].digest, two.output.tables[0].digest);
  }
}

TEST_F(AsOf, TiesAreRefused) {
  readings(0);
  auto& table = harness.add_table(
      "readings",
      "SELECT 's' AS sensor, TIMESTAMP '2013-01-01' AS time, i AS value FROM range(2) "
      "r(i)");
  table.schema.find("value")->known_at = {{"time", 0}};
  section(
      "{spine: events, predict_at: {column: at}, joins: [{table: readings, match: {sensor: "
      "sensor}, asof: time, take: [value]}], target: {name: goal, type: number, expr: y}}");
  EXPECT_EQ(refusal(), "curate.asof_tie");
}

TEST_F(Curate, TargetsThatTeachNothing) {
  spine(30);
  section("{spine: events, target: {name: goal, type: number, expr: \"CAST(NULL AS DOUBLE)\"}}");
  EXPECT_EQ(refusal(), "curate.no_label");
  section("{spine: events, target: {name: goal, type: binary, expr: \"id >= 0\"}}");
  EXPECT_EQ(refusal(), "curate.one_class");
}

TEST_F(Curate, RandomSplitKeepsItsShares) {
  spine(1'000);
  section(std::string(kNumber) + ", split: {type: random, validation: 0.2, test: 0.1, seed: 4}}");
  const auto outcome = run();
  EXPECT_THAT(training(outcome, "SELECT _split, count(*) FROM {} GROUP BY 1 ORDER BY 1"),
              ElementsAre(Row{"test", "90"}, Row{"train", "630"}, Row{"validation", "180"}));
  section(std::string(kNumber) + ", split: {type: random, validation: 0.2, test: 0.1, seed: 5}}");
  EXPECT_NE(run().output.tables[0].digest, outcome.output.tables[0].digest);
}

TEST_F(Curate, StratifiedSplitKeepsTheClasses) {
  spine(1'000);
  section(
      "{spine: events, target: {name: goal, type: multiclass, expr: \"CASE WHEN id % 10 = 0 THEN "
      "'rare' ELSE 'often' END\"}, split: {type: stratified, validation: 0, test: 0.3}}");
  EXPECT_THAT(training(run(),
                       "SELECT goal, count(*) FROM {} WHERE _split='test' GROUP BY 1 ORDER BY "
                       "1"),
              ElementsAre(Row{"often", "270"}, Row{"rare", "30"}));
}

TEST_F(Curate, GroupsStayTogether) {
  spine(700);
  section(std::string(kNumber) + ", split: {type: group, by: [g], validation: 0.3, test: 0.3}}");
  EXPECT_THAT(training(run(),
                       "SELECT max(n) FROM (SELECT count(DISTINCT _split) AS n FROM {} GROUP "
                       "BY g)"),
              ElementsAre(Row{"1"}));
}

TEST_F(Curate, KeyHashIsStableWhenRowsCome) {
  const std::string yaml =
      std::string(kNumber) + ", split: {type: key_hash, validation: 0.2, test: 0.2}}";
  const std::string query = "SELECT id, _split FROM {} WHERE id < 500 ORDER BY id";
  spine(500);
  section(yaml);
  const auto before = training(run(), query);
  spine(900);
  section(yaml);
  EXPECT_EQ(training(run(), query), before);
}

TEST_F(Curate, FoldsAreEvenAndTheTestIsApart) {
  spine(1'000);
  section(std::string(kNumber) + ", split: {type: kfold, folds: 4, test: 0.1}}");
  const auto rows = training(
      run(), "SELECT _split, _fold, count(*) FROM {} GROUP BY ALL ORDER BY 1, 2 NULLS FIRST");
  ASSERT_EQ(rows.size(), 5U);
  EXPECT_EQ(rows[0], (Row{"test", "null", "90"}));
  for (std::size_t i = 1; i < rows.size(); ++i)
    EXPECT_THAT(rows[i][2], testing::AnyOf("202", "203"));
}

TEST_F(Curate, TimeSplitInAZoneWithAGap) {
  harness.add_table("events",
                    "SELECT i AS id, TIMESTAMPTZ '2013-01-01 00:00:00+00' + to_hours(CAST(i AS "
                    "INTEGER)) AS at, CAST(i AS DOUBLE) AS y FROM range(72) r(i) ORDER BY i",
                    {"id"});
  section(std::string(kNumber) +
          ", split: {type: time, column: at, tz: America/New_York, validation_from: 2013-01-02, "
          "test_from: 2013-01-03, gap: 2h}}");
  const auto outcome = run();
  // Midnight in New York is 05:00 UTC: hours 29 and 53; two hours before each are set apart.
  EXPECT_THAT(
      training(outcome, "SELECT _split, min(id), max(id) FROM {} GROUP BY 1 ORDER BY 1"),
      ElementsAre(Row{"test", "53", "71"}, Row{"train", "0", "26"}, Row{"validation", "29", "50"}));
  EXPECT_EQ(outcome.beside.find("training.set_apart")->rows, 4);
}

TEST_F(Curate, SplitThatLeavesNothingToLearnFrom) {
  spine(50);
  section(std::string(kNumber) +
          ", split: {type: time, column: at, validation_from: 2012-01-01, "
          "test_from: 2012-02-01}}");
  EXPECT_EQ(refusal(), "curate.split_empty");
}

TEST_F(Curate, KeysMayNotCrossSides) {
  spine(200, {"g"});
  section(std::string(kNumber) +
          ", split: {type: time, column: at, validation_from: 2013-01-05, "
          "test_from: 2013-01-06}}");
  EXPECT_EQ(refusal(), "curate.key_crosses_sides");
}

TEST_F(Curate, RepeatedKeysMayStandOnOneSide) {
  spine(700, {"g"});
  section(std::string(kNumber) + ", split: {type: group, by: [g], validation: 0.3, test: 0.3}}");
  EXPECT_EQ(run().report["keys_crossing"].integer(), 0);
}

TEST_F(Curate, ChecksOfTheCuratedRows) {
  spine(40);
  section(std::string(kNumber) +
          ", checks: [{check: unique, columns: [g]}, {check: not_null, column: y, mostly: 0.5}, "
          "{check: row_count_equals, table: events}]}");
  const auto outcome = run();
  ASSERT_TRUE(outcome.verdict.has_value());
  EXPECT_EQ(outcome.verdict->id(), "curate.check_failed");
  EXPECT_THAT(outcome.verdict->details(), ElementsAre(HasSubstr("unique(g): 40 of 40")));
}

TEST_F(Curate, LateColumnsAreHeldBack) {
  auto& table = spine(30);
  table.schema.find("y")->known_at = {{"at", 3'600'000'000}};
  section("{spine: events, predict_at: {column: at}, target: {name: goal, type: number, expr: y}}");
  const auto outcome = run();
  EXPECT_EQ(outcome.output.tables[0].schema.find("y"), nullptr);
  EXPECT_EQ(outcome.report["withheld"].items().at(0)["column"].text(), "y");
  const auto catalog = harness.check(steps::curate::check);
  EXPECT_TRUE(harness.faults.empty());
  EXPECT_EQ(catalog.find("training.withheld")->names(), std::vector<std::string>{"y"});
}

TEST(Accounts, ADifferenceIsAFaultOfTheProgram) {
  EXPECT_TRUE(steps::account_rows("curate.rows_unaccounted", "t", 3, 3).has_value());
  for (const char* id : {"curate.rows_unaccounted", "ingest.rows_unaccounted"}) {
    const Status status = steps::account_rows(id, "t", 3, 2);
    ASSERT_FALSE(status.has_value());
    EXPECT_EQ(status.error().id(), id);
    EXPECT_EQ(status.error().code(), Code::kInternal);
  }
}

TEST_F(Curate, NestedColumnsAreNoTables) {
  const auto columns = steps::describe(*harness.session, "SELECT [1, 2] AS list");
  ASSERT_FALSE(columns.has_value());
  EXPECT_EQ(columns.error().id(), "table.type_unsupported");
}

TEST(Knowledge, TimesOfOtherColumnsCountAsLater) {
  const std::optional<steps::PredictAt> at = steps::PredictAt{"t", -7'200'000'000};
  EXPECT_TRUE(steps::known_in_time({}, at));
  EXPECT_TRUE(steps::known_in_time({{"t", -7'200'000'000}}, at));
  EXPECT_FALSE(steps::known_in_time({{"t", -7'199'999'999}}, at));
  EXPECT_FALSE(steps::known_in_time({{"u", -90'000'000'000}}, at));
  EXPECT_FALSE(steps::known_in_time({{"t", 0}}, std::nullopt));
}

TEST_F(Curate, NanAndEmptyTextsBecomeNull) {
  harness.add_table("events",
                    "SELECT i AS id, CASE WHEN i % 4 = 0 THEN '' WHEN i % 4 = 1 THEN 'a' END AS s, "
                    "CASE WHEN i % 5 = 0 THEN CAST('nan' AS DOUBLE) ELSE 1.5 END AS x, CAST(i AS "
                    "DOUBLE) AS y FROM range(20) AS r(i)",
                    {"id"});
  section(std::string(kNumber) + "}");
  const auto outcome = run();
  EXPECT_THAT(
      training(outcome, "SELECT count_if(s = ''), count(s), count_if(isnan(x)), count(x) FROM {}"),
      ElementsAre(ElementsAre("0", "5", "0", "16")));
  EXPECT_THAT(outcome.report["no_value"].dump(),
              HasSubstr("{\"column\":\"s\",\"table\":\"events\",\"values\":5}"));
  EXPECT_THAT(outcome.warnings, ::testing::Contains(HasSubstr("\"x\" holds NaN")));
}

}  // namespace
}  // namespace kingpost
