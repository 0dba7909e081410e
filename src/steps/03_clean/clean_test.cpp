// SPDX-License-Identifier: Apache-2.0
// Step 3 rule by rule, its faults, and the real flights and weather.
#include "steps/03_clean/clean.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/text.h"
#include "engines/sql/dialect.h"
#include "support/step_harness.h"

namespace kingpost::steps::clean {
namespace {

using test::StepHarness;
using testing::ElementsAre;
using Table = std::vector<std::vector<std::string>>;

constexpr const char* kFlights =
    "SELECT * FROM read_csv('.deps/data/flights/flights.csv', nullstr=['NA',''], "
    "types={'time_hour':'TIMESTAMPTZ'})";
constexpr const char* kWeather =
    "SELECT * FROM read_csv('.deps/data/flights/weather.csv', nullstr=['NA',''], "
    "types={'time_hour':'TIMESTAMPTZ'})";

class Clean : public testing::Test {
 protected:
  // Checks and runs the rules on the tables added before.
  Outcome clean(const std::string& yaml) {
    h.faults = Faults();
    h.section(yaml, spec(), "clean");
    leaving = h.check(check);
    for (const Error& fault : h.faults.errors()) ADD_FAILURE() << render(fault);
    auto outcome = h.run(run);
    if (!outcome) {
      ADD_FAILURE() << render(outcome.error());
      return {};
    }
    for (const records::Table& table : outcome->output.tables) {
      EXPECT_EQ(table.schema, *leaving.find(table.name)) << "check and run disagree";
    }
    return std::move(outcome).value();
  }

  Table rows(const Outcome& outcome, const std::string& columns = "*",
             const std::string& table = "t") {
    return h.rows(*outcome.output.find(table), "SELECT " + columns + " FROM {}");
  }

  std::vector<std::string> faults_of(const std::string& yaml) {
    h.faults = Faults();
    h.section(yaml, spec(), "clean");
    h.check(check);
    return test::fault_ids(h.faults);
  }

  const Json& rule(const Outcome& outcome, std::size_t number = 0) {
    return outcome.report["tables"].items().at(0)["rules"].items().at(number);
  }

  StepHarness h;
  records::Catalog leaving;
};

TEST_F(Clean, DropsRepeatsOfTheKeyAndKeepsTheFirstInOrder) {
  h.add_table("t",
              "SELECT * FROM (VALUES (2, 'a', 1), (1, 'a', 2), (2, 'a', 3), (NULL, 'a', 4), "
              "(NULL, 'a', 5), (2, 'b', 6)) AS v(k, s, n)",
              {"k", "s"});
  const Outcome outcome = clean("t: [{rule: drop_duplicates}]");
  EXPECT_EQ(rows(outcome, "n"), (Table{{"1"}, {"2"}, {"4"}, {"6"}}));
  EXPECT_EQ(h.rows(*outcome.beside.find("t.dropped"), "SELECT n, _rule, _row FROM {}"),
            (Table{{"3", "1 drop_duplicates", "2"}, {"5", "1 drop_duplicates", "4"}}));
  EXPECT_EQ(rule(outcome)["rows"].integer(), 2);
  EXPECT_EQ(rule(outcome)["examples"].dump(),
            R"([{"row":2,"key":{"k":"2","s":"a"}},{"row":4,"key":{"k":null,"s":"a"}}])");
  EXPECT_TRUE(outcome.warnings.empty());
}

TEST_F(Clean, KeepsTheLastByWholeRowOrByColumns) {
  h.add_table("t",
              "SELECT * FROM (VALUES (1, 'NaN'::DOUBLE, 'x'), (1, 'NaN'::DOUBLE, 'x'), (1, 2.0, "
              "'x'), (2, 2.0, 'y')) AS v(a, b, c)");
  EXPECT_EQ(
      rows(clean("t: [{rule: drop_duplicates, by: row, keep: last}]"), "a, CAST(b AS VARCHAR)"),
      (Table{{"1", "nan"}, {"1", "2.0"}, {"2", "2.0"}}));
  EXPECT_EQ(rows(clean("t: [{rule: drop_duplicates, by: columns, columns: [a], keep: last}]"),
                 "a, CAST(b AS VARCHAR)"),
            (Table{{"1", "2.0"}, {"2", "2.0"}}));
}

TEST_F(Clean, RepeatsLookOnlyAtRowsThatAreStillThere) {
  h.add_table("t", "SELECT * FROM (VALUES (1, 'old'), (1, 'new'), (1, 'newer')) AS v(k, s)", {"k"});
  const Outcome outcome =
      clean("t: [{rule: drop_rows, where: s = 'old'}, {rule: drop_duplicates}]");
  EXPECT_EQ(rows(outcome, "s"), (Table{{"new"}}));
  EXPECT_EQ(h.rows(*outcome.beside.find("t.dropped"), "SELECT s, _rule FROM {}"),
            (Table{{"old", "1 drop_rows"}, {"newer", "2 drop_duplicates"}}));
  EXPECT_EQ(outcome.report["tables"].items()[0]["rows_dropped"].integer(), 2);
}

TEST_F(Clean, ARuleDoesNotTouchARowThatIsGone) {
  h.add_table("t", "SELECT * FROM (VALUES (1, NULL), (2, NULL), (3, 'x')) AS v(n, s)");
  const Outcome outcome =
      clean("t: [{rule: drop_rows, where: n = 1}, {rule: fill_null, column: s, value: '?'}]");
  EXPECT_EQ(rule(outcome, 1)["values"].integer(), 1);
  EXPECT_EQ(rows(outcome), (Table{{"2", "?"}, {"3", "x"}}));
  EXPECT_EQ(h.rows(*outcome.beside.find("t.dropped"), "SELECT s FROM {}"), (Table{{"null"}}));
}

TEST_F(Clean, ConditionsThatAreNullLeaveTheRowAlone) {
  h.add_table("t", "SELECT * FROM (VALUES (1), (NULL), (9)) AS v(n)");
  EXPECT_EQ(rows(clean("t: [{rule: drop_rows, where: n > 5}]")), (Table{{"1"}, {"null"}}));
  EXPECT_EQ(rows(clean("t: [{rule: set, column: n, expr: n + 1, where: n > 5}]")),
            (Table{{"1"}, {"null"}, {"10"}}));
}

TEST_F(Clean, SetsNullByValueAndByCondition) {
  h.add_table("t",
              "SELECT * FROM (VALUES (-999.0::DOUBLE, 'n/a'), ('NaN'::DOUBLE, ''), "
              "('inf'::DOUBLE, 'ok'), (5.0, NULL)) AS v(x, s)");
  const Outcome outcome = clean(
      "t:\n"
      "- {rule: set_null, column: x, values: [-999, nan], where: x > 1e300}\n"
      "- {rule: set_null, column: s, values: [\"n/a\", \"\"]}\n");
  EXPECT_EQ(rows(outcome),
            (Table{{"null", "null"}, {"null", "null"}, {"null", "ok"}, {"5.0", "null"}}));
  EXPECT_EQ(rule(outcome, 0)["values"].integer(), 3);
  EXPECT_EQ(rule(outcome, 0)["examples"].dump(),
            R"([{"row":0,"column":"x","before":"-999.0","after":null},)"
            R"({"row":1,"column":"x","before":"nan","after":null},)"
            R"({"row":2,"column":"x","before":"inf","after":null}])");
  EXPECT_EQ(rule(outcome, 1)["values"].integer(), 2);
}

TEST_F(Clean, ReplacesAllAtOnceAndToNull) {
  h.add_table("t", "SELECT * FROM (VALUES ('a'), ('b'), ('c'), (NULL), ('é')) AS v(s)");
  const Outcome outcome =
      clean("t: [{rule: replace, column: s, values: {a: b, b: a, c: null, é: e}}]");
  EXPECT_EQ(rows(outcome), (Table{{"b"}, {"a"}, {"null"}, {"null"}, {"e"}}));
  EXPECT_EQ(rule(outcome)["values"].integer(), 4);
}

TEST_F(Clean, ClipsNumbersAndTimesAndLeavesNan) {
  h.add_table("t",
              "SELECT * FROM (VALUES ('NaN'::DOUBLE, DATE '1899-01-01'), ('inf'::DOUBLE, DATE "
              "'2013-05-05'), ('-inf'::DOUBLE, NULL), (5.5, DATE '2999-01-01'), (NULL, NULL)) AS "
              "v(x, d)");
  const Outcome outcome = clean(
      "t:\n"
      "- {rule: clip, column: x, min: -1.5, max: 9}\n"
      "- {rule: clip, column: d, min: 1900-01-01, max: 2100-01-01}\n");
  EXPECT_EQ(rows(outcome, "CAST(x AS VARCHAR), d"), (Table{{"nan", "1900-01-01"},
                                                           {"9.0", "2013-05-05"},
                                                           {"-1.5", "null"},
                                                           {"5.5", "2100-01-01"},
                                                           {"null", "null"}}));
  EXPECT_EQ(rule(outcome, 0)["values"].integer(), 2);
}

TEST_F(Clean, ReadsClocksFromNumbersAndTexts) {
  h.add_table("t",
              "SELECT * FROM (VALUES (517, '0517', 517.0::DOUBLE), (2400, '24:00', 2400.0), (0, "
              "'0', -0.0), (1275, '5:7', 517.5), (-5, ' 517', 'NaN'::DOUBLE), (2401, '', "
              "'inf'::DOUBLE), (NULL, NULL, NULL), (2359, '05:17', 59.0), (99999999999, '123456', "
              "2360.0)) AS v(i, s, f)");
  const Outcome outcome = clean("t: [{rule: hhmm_to_minutes, columns: [i, s, f]}]");
  EXPECT_EQ(rows(outcome), (Table{{"317", "317", "317"},
                                  {"1440", "1440", "1440"},
                                  {"0", "0", "0"},
                                  {"null", "null", "null"},
                                  {"null", "null", "null"},
                                  {"null", "null", "null"},
                                  {"null", "null", "null"},
                                  {"1439", "317", "59"},
                                  {"null", "null", "null"}}));
  EXPECT_EQ(leaving.find("t")->find("i")->type, "int32");
  EXPECT_EQ(rule(outcome)["values"].integer(), 24);
  EXPECT_EQ(rule(outcome)["invalid"].integer(), 12);
  EXPECT_EQ(rule(outcome)["invalid_examples"].dump(),
            R"([{"row":3,"column":"i","before":"1275","after":null},)"
            R"({"row":3,"column":"s","before":"5:7","after":null},)"
            R"({"row":3,"column":"f","before":"517.5","after":null}])");
  EXPECT_THAT(outcome.warnings,
              ElementsAre("clean t rule 1 (hhmm_to_minutes i, s, f) made 12 values null that are "
                          "no time of day, e.g. \"1275\" in row 3"));
}

TEST_F(Clean, TrimsEveryWhiteSpaceAndMakesEmptyTextsNull) {
  h.add_table("t",
              "SELECT * FROM (VALUES (chr(160) || ' a b' || chr(9) || chr(8195)), ('   '), (''), "
              "(NULL), ('é')) AS v(s)");
  const Outcome outcome =
      clean("t: [{rule: trim, columns: [s]}, {rule: empty_to_null, columns: [s]}]");
  EXPECT_EQ(rows(outcome), (Table{{"a b"}, {"null"}, {"null"}, {"null"}, {"é"}}));
  EXPECT_EQ(rule(outcome, 0)["values"].integer(), 2);
  EXPECT_EQ(rule(outcome, 1)["values"].integer(), 2);
}

TEST_F(Clean, RulesApplyInTheirOrder) {
  h.add_table("t", "SELECT 5 AS n");
  EXPECT_EQ(rows(clean("t: [{rule: set, column: n, expr: n + 1}, {rule: set, column: n, expr: \"n "
                       "* 2 -- twice\"}]")),
            (Table{{"12"}}));
  EXPECT_EQ(rows(clean("t: [{rule: set, column: n, expr: n * 2}, {rule: set, column: n, expr: t.n "
                       "+ 1}]")),
            (Table{{"11"}}));
}

TEST_F(Clean, LongChainsOfRulesWork) {
  h.add_table("t", "SELECT 0 AS n");
  std::string yaml = "t:\n";
  for (int i = 0; i < 60; ++i) yaml += "- {rule: set, column: n, expr: n + 1}\n";
  EXPECT_EQ(rows(clean(yaml)), (Table{{"60"}}));
}

TEST_F(Clean, ATableThatNothingTouchesKeepsItsDigest) {
  h.add_table("t", "SELECT 1 AS n, 'NaN'::DOUBLE AS x, 'a' AS s", {"n"});
  h.add_table("u", "SELECT 1 AS n");
  const Outcome outcome = clean(
      "t:\n- {rule: drop_duplicates}\n- {rule: set_null, column: n, values: [7]}\n"
      "- {rule: clip, column: x, min: 0, max: 1}\n- {rule: trim, columns: [s]}\n");
  EXPECT_EQ(outcome.output.find("t")->digest, h.input.find("t")->digest);
  EXPECT_EQ(outcome.output.find("u")->digest, h.input.find("u")->digest);
  EXPECT_FALSE(outcome.report["tables"].items()[0]["rewritten"].boolean());
  EXPECT_TRUE(outcome.beside.tables.empty());
  EXPECT_THAT(outcome.warnings, ElementsAre("clean t rule 1 (drop_duplicates) touched nothing",
                                            "clean t rule 2 (set_null n) touched nothing",
                                            "clean t rule 3 (clip x) touched nothing",
                                            "clean t rule 4 (trim s) touched nothing"));
}

constexpr const char* kAllRules =
    "t:\n"
    "- {rule: trim, columns: [s]}\n"
    "- {rule: empty_to_null, columns: [s]}\n"
    "- {rule: replace, column: s, values: {a: b}}\n"
    "- {rule: set_null, column: x, where: x > 10}\n"
    "- {rule: fill_null, column: x, value: 1.5}\n"
    "- {rule: clip, column: x, min: 1}\n"
    "- {rule: set, column: x, expr: x * 2}\n"
    "- {rule: hhmm_to_minutes, columns: [c]}\n"
    "- {rule: drop_rows, where: n < 0}\n"
    "- {rule: drop_duplicates, by: row}\n";

TEST_F(Clean, EmptyTablesOneRowAndOnlyNullsPassEveryRule) {
  const std::string columns =
      "SELECT NULL::VARCHAR AS s, NULL::DOUBLE AS x, NULL::BIGINT AS c, NULL::INTEGER AS n";
  h.add_table("t", columns + " LIMIT 0");
  const Outcome empty = clean(kAllRules);
  EXPECT_EQ(empty.output.find("t")->rows, 0);
  EXPECT_EQ(empty.output.find("t")->schema.find("c")->type, "int32");
  h.add_table("t", columns);
  EXPECT_EQ(rows(clean(kAllRules)), (Table{{"null", "3.0", "null", "null"}}));
  h.add_table("t", columns + " FROM range(3)");
  EXPECT_EQ(rows(clean(kAllRules)).size(), 1U);
}

TEST_F(Clean, TheSameBytesForOneAndTwoThreadsInTheOrderOfTheInput) {
  const std::string query =
      "SELECT (i * 7919 % 300000)::INTEGER AS n, CASE WHEN i % 3 = 0 THEN ' a ' ELSE 'b' END AS s, "
      "i / 7.0::DOUBLE AS x, (i % 2500)::BIGINT AS c FROM range(400000) AS r(i)";
  h.add_table("t", query);
  const std::string yaml = std::string(kAllRules) +
                           "- {rule: drop_rows, where: n % 10 = 3}\n"
                           "- {rule: drop_duplicates, by: columns, columns: [n]}\n";
  std::vector<std::string> seen;
  for (const int threads : {1, 2, 4}) {
    h.use_threads(threads);
    const Outcome outcome = clean(yaml);
    seen.push_back(outcome.output.find("t")->digest + outcome.beside.find("t.dropped")->digest +
                   outcome.report.dump());
    EXPECT_EQ(
        rows(outcome,
             "bool_and(n = wanted), count(*) FROM (SELECT n, row_number() OVER () AS nth FROM "
             "{}) JOIN (SELECT wanted, row_number() OVER (ORDER BY i) AS nth FROM (SELECT i, "
             "i * 7919 % 300000 AS wanted FROM range(300000) AS r(i)) WHERE wanted % 10 <> 3) "
             "USING (nth) --"),
        (Table{{"true", "270000"}}));
  }
  EXPECT_EQ(seen[0], seen[1]);
  EXPECT_EQ(seen[1], seen[2]);
}

TEST_F(Clean, ColumnNamesOfAnyKindWork) {
  h.add_table("t", "SELECT 1 AS k_row, 2 AS \"_row\", ' x ' AS \"a \"\"b\"\"\", 'q' AS \"select\"");
  const Outcome outcome = clean(
      "t:\n- {rule: trim, columns: ['a \"b\"', select]}\n- {rule: drop_rows, where: k_row = 1}\n");
  EXPECT_EQ(outcome.output.find("t")->rows, 0);
  EXPECT_EQ(h.rows(*outcome.beside.find("t.dropped"), "SELECT _row, _row_, _rule FROM {}"),
            (Table{{"2", "0", "2 drop_rows"}}));
}

TEST_F(Clean, AValueMadeFromOthersIsKnownNoSoonerThanThey) {
  records::Table& table = h.add_table("t", "SELECT 1 AS a, 2 AS b, now()::TIMESTAMPTZ AS at");
  table.schema.find("b")->known_at = {{"at", 3'600'000'000}};
  clean("t: [{rule: set, column: a, expr: b + 1}]");
  EXPECT_EQ(leaving.find("t")->find("a")->known_at, table.schema.find("b")->known_at);
  const Outcome outcome = clean("t: [{rule: set_null, column: a, where: b > 5}]");
  EXPECT_EQ(leaving.find("t")->find("a")->known_at, table.schema.find("b")->known_at);
  EXPECT_EQ(outcome.output.find("t")->digest, table.digest);
}

TEST_F(Clean, AllFaultsOfTheSectionComeAtOnce) {
  h.add_table("t", "SELECT 1 AS n, 'a' AS s, true AS b, DATE '2013-01-01' AS d");
  EXPECT_THAT(
      faults_of("tt: []\n"
                "t:\n"
                "- {rule: drop_duplicates}\n"
                "- {rule: drop_duplicates, by: columns}\n"
                "- {rule: drop_duplicates, by: row, columns: [n, n]}\n"
                "- {rule: drop_rows, where: n + 1}\n"
                "- {rule: set_null, column: m}\n"
                "- {rule: set_null, column: n, values: [1.5, null]}\n"
                "- {rule: set, column: n, expr: n / 2}\n"
                "- {rule: fill_null, column: b, value: null}\n"
                "- {rule: replace, column: n, values: {}}\n"
                "- {rule: replace, column: d, values: {2013-02-30: 2013-03-01}}\n"
                "- {rule: clip, column: n}\n"
                "- {rule: clip, column: s, min: 1}\n"
                "- {rule: clip, column: n, min: 5, max: 4}\n"
                "- {rule: hhmm_to_minutes, columns: [b]}\n"
                "- {rule: trim, columns: [n]}\n"),
      ElementsAre("clean.table_missing", "clean.key_missing", "clean.columns_missing",
                  "clean.column_repeated", "clean.columns_unused", "clean.condition_not_boolean",
                  "clean.column_missing", "clean.nothing_asked", "clean.value_unsuitable",
                  "clean.value_unsuitable", "clean.type_not_assignable", "clean.value_unsuitable",
                  "clean.nothing_asked", "clean.value_unsuitable", "clean.nothing_asked",
                  "clean.type_unsuitable", "clean.range_empty", "clean.type_unsuitable",
                  "clean.type_unsuitable"));
}

TEST_F(Clean, AMisspeltColumnGetsTheNearestOneAndACaret) {
  h.add_table("weather", "SELECT 1.0::DOUBLE AS wind_speed");
  faults_of("weather: [{rule: set_null, column: wind_spede, where: wind_sped > 150}]");
  ASSERT_EQ(h.faults.size(), 2U);
  EXPECT_EQ(render(h.faults.errors()[0]),
            "error[clean.column_missing]: column \"wind_spede\" does not exist in \"weather\"\n"
            "  --> test.yaml:1:36\n"
            "    1 | weather: [{rule: set_null, column: wind_spede, where: wind_sped > 150}]\n"
            "      |                                    ^~~~~~~~~~\n"
            "  hint: did you mean \"wind_speed\"?\n");
  EXPECT_EQ(h.faults.errors()[1].place().column, 55);
}

TEST_F(Clean, LaterRulesSeeTheTypesOfEarlierOnes) {
  h.add_table("t", "SELECT '517' AS s");
  EXPECT_THAT(faults_of("t: [{rule: hhmm_to_minutes, columns: [s]}, {rule: trim, columns: [s]}]"),
              ElementsAre("clean.type_unsuitable"));
  EXPECT_EQ(rows(clean("t: [{rule: hhmm_to_minutes, columns: [s]}, {rule: clip, column: s, max: "
                       "300}]")),
            (Table{{"300"}}));
}

TEST_F(Clean, AnExpressionThatCannotBeComputedIsNamed) {
  h.add_table("t", "SELECT * FROM (VALUES ('1'), ('x')) AS v(s)");
  h.section(
      "t:\n- {rule: trim, columns: [s]}\n- {rule: drop_rows, where: CAST(s AS INTEGER) > 5}\n",
      spec(), "clean");
  h.check(check);
  const auto outcome = h.run(run);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().id(), "clean.expression_failed");
  EXPECT_EQ(outcome.error().place().line, 3);
  EXPECT_THAT(outcome.error().what(), testing::HasSubstr("clean t rule 2 (drop_rows)"));
}

TEST_F(Clean, ATableThatIsNotWhatItSaysIsRefused) {
  h.add_table("t", "SELECT ' a' AS s").rows = 7;
  h.section("t: [{rule: trim, columns: [s]}]", spec(), "clean");
  const auto outcome = h.run(run);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().id(), "clean.rows_lost");
}

TEST_F(Clean, RealWeatherHasOneImpossibleWindSpeed) {
  h.add_table("weather", kWeather, {"origin", "time_hour"});
  const Outcome outcome =
      clean("weather: [{rule: set_null, column: wind_speed, where: \"wind_speed > 150\"}]");
  EXPECT_EQ(rule(outcome)["rows"].integer(), 1);
  EXPECT_EQ(rule(outcome)["examples"].items().size(), 1U);
  EXPECT_EQ(rule(outcome)["examples"].items()[0]["before"].text().substr(0, 4), "1048");
  EXPECT_EQ(rows(outcome, "count(*), max(wind_speed) < 150", "weather"),
            (Table{{"26115", "true"}}));
  EXPECT_EQ(rows(clean("weather: [{rule: drop_duplicates, by: columns, columns: [origin, year, "
                       "month, day, hour]}]"),
                 "count(*)", "weather"),
            (Table{{"26112"}}));
}

TEST_F(Clean, RealFlightsAllClocksAreRead) {
  h.add_table("flights", kFlights, {"time_hour", "carrier", "flight"});
  const Outcome outcome = clean(
      "flights: [{rule: drop_duplicates}, {rule: hhmm_to_minutes, columns: [dep_time, "
      "sched_dep_time, arr_time, sched_arr_time]}]");
  EXPECT_EQ(rule(outcome, 1)["invalid"].integer(), 0);
  EXPECT_EQ(outcome.output.find("flights")->rows, 336776);
  // Midnight is written 2400 only where it was measured: 29 departures and 150 arrivals.
  EXPECT_EQ(rows(outcome,
                 "count(*) FILTER (dep_time = 1440), count(*) FILTER (sched_dep_time = 1440), "
                 "count(*) FILTER (arr_time = 1440), count(*) FILTER (sched_arr_time = 1440), "
                 "count(*) FILTER (sched_dep_time = hour * 60 + minute), count(dep_time)",
                 "flights"),
            (Table{{"29", "0", "150", "0", "336776", "328521"}}));
  EXPECT_THAT(outcome.warnings,
              ElementsAre("clean flights rule 1 (drop_duplicates) touched nothing"));
  EXPECT_EQ(rows(clean("flights: [{rule: drop_duplicates, by: columns, columns: [year, month, day, "
                       "carrier, flight]}]"),
                 "count(*)", "flights"),
            (Table{{"336752"}}));
}

}  // namespace
}  // namespace kingpost::steps::clean
