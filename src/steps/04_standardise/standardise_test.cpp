// SPDX-License-Identifier: Apache-2.0
// Step 4 entry by entry, its faults, and the real flights, weather and planes.
#include "steps/04_standardise/standardise.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tuple>

#include "base/text.h"
#include "support/standardise_case.h"

namespace kingpost::steps::standardise {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using Standardise = StandardiseCase;

std::string csv(const std::string& name) {
  return "SELECT * FROM read_csv('.deps/data/flights/" + name +
         ".csv', nullstr=['NA',''], types={'time_hour':'TIMESTAMPTZ'})";
}

std::string without_hour(const std::string& name) {
  return "SELECT * FROM read_csv('.deps/data/flights/" + name + ".csv', nullstr=['NA',''])";
}

TEST_F(Standardise, RenamesAllAtOnceWithKeysAndKnowledge) {
  records::Table& table = h.add_table(
      "t", "SELECT 1 AS a, 2 AS b, TIMESTAMPTZ '2013-01-01T00:00:00Z' AS at, 4 AS d", {"a", "at"});
  table.schema.find("d")->known_at = {{"at", 60}};
  const Outcome outcome = standardise("t: {rename: {a: b, b: a, at: seen_at}}");
  EXPECT_THAT(leaving.find("t")->names(), ElementsAre("b", "a", "seen_at", "d"));
  EXPECT_THAT(leaving.find("t")->key, ElementsAre("b", "seen_at"));
  EXPECT_EQ(leaving.find("t")->find("d")->known_at, (records::Knowledge{{"seen_at", 60}}));
  EXPECT_EQ(leaving.find("t")->find("seen_at")->origin, "t.at");
  EXPECT_EQ(rows(outcome, "b, a"), (Table{{"1", "2"}}));
  EXPECT_EQ(outcome.report["tables"].items()[0]["renamed"].dump(),
            R"({"a":"b","b":"a","at":"seen_at"})");
}

TEST_F(Standardise, TextOperationsApplyInTheOrderWritten) {
  h.add_table("t",
              "SELECT * FROM (VALUES ('  São' || chr(160) || chr(9) || 'Paulo '), ('e' || "
              "chr(769)), ('é'), (''), (NULL)) AS v(s)");
  EXPECT_EQ(rows(standardise("t: {text: {s: [squash_spaces, trim, strip_accents, upper]}}")),
            (Table{{"SAO PAULO"}, {"E"}, {"E"}, {""}, {"null"}}));
  const Outcome composed = standardise("t: {text: {s: [nfc, lower]}}");
  EXPECT_EQ(rows(composed, "count(*) FILTER (s = 'é'), count(DISTINCT s)"), (Table{{"2", "3"}}));
  EXPECT_EQ(rule(composed)["values"].integer(), 2);
}

TEST_F(Standardise, CategoriesAreMappedAndOthersKeptNulledNamedOrRejected) {
  h.add_table("t",
              "SELECT * FROM (VALUES (1, 'f'), (2, 'female'), (3, 'm'), (4, '?'), (5, NULL)) AS "
              "v(n, s)");
  const std::string map = "map: {f: female, m: male}";
  EXPECT_EQ(rows(standardise("t: {categories: {s: {" + map + "}}}"), "s"),
            (Table{{"female"}, {"female"}, {"male"}, {"?"}, {"null"}}));
  const Outcome nulled = standardise("t: {categories: {s: {" + map + ", other: set_null}}}");
  EXPECT_EQ(rows(nulled, "s"), (Table{{"female"}, {"female"}, {"male"}, {"null"}, {"null"}}));
  EXPECT_EQ(rule(nulled)["other"].integer(), 1);
  EXPECT_EQ(rule(nulled)["values"].integer(), 3);
  EXPECT_EQ(rows(standardise("t: {categories: {s: {" + map +
                             ", allowed: [female, male], other: value, other_value: rest}}}"),
                 "s"),
            (Table{{"female"}, {"female"}, {"male"}, {"rest"}, {"null"}}));
  const Outcome outcome = standardise("t: {categories: {s: {" + map + ", other: reject}}}");
  EXPECT_EQ(rows(outcome, "n, s"),
            (Table{{"1", "female"}, {"2", "female"}, {"3", "male"}, {"5", "null"}}));
  EXPECT_EQ(rejected(outcome), (Table{{"s", "?", "not among the allowed values", "3"}}));
  EXPECT_EQ(outcome.output.find("t")->rows + outcome.beside.find("t.rejected")->rows, 5);
  EXPECT_THAT(outcome.warnings, ElementsAre("standardise t categories s rejected 1 row, e.g. row "
                                            "3: \"?\" not among the allowed values"));
  EXPECT_EQ(rule(outcome)["rejected"].integer(), 1);
}

TEST_F(Standardise, UnitsConvertExactly) {
  const auto converted = [&](const std::string& value, const std::string& from,
                             const std::string& to) {
    h.add_table("t", "SELECT " + value + " AS x");
    const Outcome outcome = standardise("t: {units: {x: {from: " + from + ", to: " + to + "}}}");
    return rows(outcome, "CAST(x AS VARCHAR)")[0][0];
  };
  EXPECT_EQ(converted("212", "degF", "degC"), "100.0");
  EXPECT_EQ(converted("-40::DOUBLE", "degF", "degC"), "-40.0");
  EXPECT_EQ(converted("0", "degC", "K"), "273.15");
  EXPECT_EQ(converted("32", "degF", "K"), "273.15");
  EXPECT_EQ(converted("491.67", "degR", "degC"), "0.0");
  EXPECT_EQ(converted("100", "mph", "m/s"), "44.704");
  EXPECT_EQ(converted("1", "kn", "km/h"), "1.852");
  EXPECT_EQ(converted("1", "mi", "ft"), "5280.0");
  EXPECT_EQ(converted("1", "nmi", "m"), "1852.0");
  EXPECT_EQ(converted("16", "oz", "lb"), "1.0");
  EXPECT_EQ(converted("1", "lb", "kg"), "0.45359237");
  EXPECT_EQ(converted("1013.25", "hPa", "atm"), "1.0");
  EXPECT_EQ(converted("760", "mmHg", "inHg").substr(0, 13), "29.9212598425");
  EXPECT_EQ(converted("1", "psi", "Pa").substr(0, 16), "6894.75729316836");
  EXPECT_EQ(converted("1", "inHg", "psi").substr(0, 14), "0.491154147470");
  EXPECT_EQ(converted("90", "min", "h"), "1.5");
  EXPECT_EQ(converted("1", "gal", "l"), "3.785411784");
  EXPECT_EQ(converted("1", "ft3", "l").substr(0, 12), "28.316846592");
  EXPECT_EQ(converted("1", "acre", "m2"), "4046.8564224");
  EXPECT_EQ(converted("1", "kWh", "MJ"), "3.6");
  EXPECT_EQ(converted("180", "deg", "rad"), "3.141592653589793");
  EXPECT_EQ(converted("pi()", "rad", "deg"), "180.0");
  EXPECT_EQ(converted("'nan'::DOUBLE", "degF", "degC"), "nan");
  EXPECT_EQ(converted("'-inf'::DOUBLE", "mph", "m/s"), "-inf");
  EXPECT_EQ(converted("NULL::DOUBLE", "mph", "m/s"), "null");
  EXPECT_EQ(converted("5::SMALLINT", "m", "m"), "5.0");
}

TEST_F(Standardise, AddedColumnsKnowWhatTheirColumnsKnow) {
  records::Table& table =
      h.add_table("t", "SELECT 1 AS a, 2 AS b, TIMESTAMPTZ '2013-01-01T00:00:00Z' AS at", {"a"});
  table.schema.find("b")->known_at = {{"at", 60}};
  const Outcome outcome =
      standardise("t: {add: {c: a + b, d: \"c * 1.5 -- half\", e: \"NULL::DATE\"}, drop: [c]}");
  const records::TableSchema& schema = *leaving.find("t");
  EXPECT_THAT(schema.names(), ElementsAre("a", "b", "at", "d", "e"));
  EXPECT_EQ(schema.find("d")->known_at, (records::Knowledge{{"at", 60}}));
  EXPECT_EQ(schema.find("d")->origin, "t: c * 1.5 -- half");
  EXPECT_EQ(schema.find("d")->type, "decimal");
  EXPECT_EQ(schema.find("e")->type, "date");
  EXPECT_EQ(rows(outcome, "d"), (Table{{"4.500000000"}}));
  EXPECT_THAT(outcome.warnings, ElementsAre("standardise t add e changed nothing"));
}

TEST_F(Standardise, EntriesApplyInTheFixedOrder) {
  h.add_table("t", "SELECT ' 2013-03-10 12:00:00 ' AS a, ' 212 ' AS b");
  // Written backwards on purpose.
  const Outcome outcome = standardise(
      "t:\n"
      "  drop: [temp]\n"
      "  add: {warm: temp > 50}\n"
      "  units: {temp: {from: degF, to: degC}}\n"
      "  time_zone: {at: {zone: Europe/Berlin}}\n"
      "  types: {temp: int32, at: timestamp}\n"
      "  text: {at: [trim], temp: [trim]}\n"
      "  rename: {a: at, b: temp}\n");
  EXPECT_EQ(rows(outcome, "CAST(\"at\" AS VARCHAR), warm"),
            (Table{{"2013-03-10 11:00:00+00", "true"}}));
}

TEST_F(Standardise, RejectedRowsAreKeptAsTheyCameWithTheFirstReason) {
  h.add_table(
      "t", "SELECT * FROM (VALUES ('x', 'y', 1), ('1', 'z', 2), ('2', '3', 3)) AS v(a, b, _row)");
  const Outcome outcome =
      standardise("t: {rename: {a: aa}, types: {aa: int32, b: int32}, add: {s: aa + b}}");
  EXPECT_EQ(rows(outcome), (Table{{"2", "3", "3", "5"}}));
  EXPECT_EQ(h.rows(*outcome.beside.find("t.rejected"),
                   "SELECT a, b, _row, _column, _value, _reason, _row_ FROM {}"),
            (Table{{"x", "y", "1", "aa", "x", "not a whole number", "0"},
                   {"1", "z", "2", "b", "z", "not a whole number", "1"}}));
  EXPECT_EQ(rule(outcome, 0)["examples"].dump(),
            R"([{"row":0,"column":"aa","value":"x","reason":"not a whole number"},)"
            R"({"row":1,"column":"aa","before":"1","after":"1"},)"
            R"({"row":2,"column":"aa","before":"2","after":"2"}])");
  EXPECT_EQ(outcome.report["tables"].items()[0]["rows_rejected"].integer(), 2);
  EXPECT_EQ(outcome.counts[2].number, 2);
}

TEST_F(Standardise, ATableWithoutAChangeKeepsItsDigest) {
  h.add_table("t", "SELECT 'A' AS s, 1 AS n");
  h.add_table("u", "SELECT 1 AS n");
  const Outcome outcome =
      standardise("t: {text: {s: [upper]}, types: {n: int32}, categories: {s: {map: {b: c}}}}");
  EXPECT_EQ(outcome.output.find("t")->digest, h.input.find("t")->digest);
  EXPECT_EQ(outcome.output.find("u")->digest, h.input.find("u")->digest);
  EXPECT_THAT(outcome.warnings, ElementsAre("standardise t text s changed nothing",
                                            "standardise t categories s changed nothing",
                                            "standardise t types n changed nothing"));
}

constexpr const char* kAllEntries =
    "t:\n"
    "  rename: {a: s}\n"
    "  text: {s: [trim, squash_spaces, upper, strip_accents, nfc]}\n"
    "  categories: {c: {map: {x: y}, other: reject}}\n"
    "  types: {n: int32, f: float32}\n"
    "  time_zone: {at: {zone: America/New_York}}\n"
    "  units: {u: {from: degF, to: degC}}\n"
    "  add: {k: n + u}\n"
    "  drop: [f]\n";

TEST_F(Standardise, EmptyTablesAndOnlyNullsPassEveryEntry) {
  const std::string columns =
      "SELECT NULL::VARCHAR AS a, NULL::VARCHAR AS c, NULL::VARCHAR AS n, NULL::DOUBLE AS f, "
      "NULL::TIMESTAMP AS at, NULL::BIGINT AS u";
  h.add_table("t", columns + " LIMIT 0");
  EXPECT_EQ(standardise(kAllEntries).output.find("t")->rows, 0);
  h.add_table("t", columns + " FROM range(3)");
  const Outcome outcome = standardise(kAllEntries);
  EXPECT_EQ(outcome.output.find("t")->rows, 3);
  EXPECT_EQ(rows(outcome, "count(COLUMNS(*))")[0], std::vector<std::string>(6, "0"));
  EXPECT_TRUE(outcome.beside.tables.empty());
}

TEST_F(Standardise, TheSameBytesForOneAndTwoThreadsInTheOrderOfTheInput) {
  h.add_table("t",
              "SELECT 'é ' || (i % 1000) AS a, CASE WHEN i % 11 = 0 THEN 'q' ELSE 'x' END AS c, "
              "CASE WHEN i % 13 = 0 THEN '1.5' ELSE CAST(i AS VARCHAR) END AS n, i / 3.0::DOUBLE "
              "AS f, TIMESTAMP '2012-01-01' + i * INTERVAL '3 minutes' AS at, (i % 120)::BIGINT AS "
              "u FROM range(400000) AS r(i)");
  std::vector<std::string> seen;
  for (const int threads : {1, 2, 4}) {
    h.use_threads(threads);
    const Outcome outcome = standardise(kAllEntries);
    seen.push_back(outcome.output.find("t")->digest + outcome.beside.find("t.rejected")->digest +
                   outcome.report.dump());
    EXPECT_EQ(outcome.output.find("t")->rows + outcome.beside.find("t.rejected")->rows, 400000);
    EXPECT_EQ(
        rows(outcome,
             "bool_and(n > before) FROM (SELECT n, lag(n, 1, -1) OVER () AS before FROM {}) --"),
        (Table{{"true"}}));
  }
  EXPECT_EQ(seen[0], seen[1]);
  EXPECT_EQ(seen[1], seen[2]);
}

TEST_F(Standardise, AllFaultsOfTheSectionComeAtOnce) {
  records::Table& table = h.add_table(
      "t",
      "SELECT 1 AS n, 'a' AS s, true AS b, DATE '2013-01-01' AS d, now()::TIMESTAMPTZ AS at, 5 AS "
      "late",
      {"n"});
  table.schema.find("late")->known_at = {{"at", 0}};
  EXPECT_THAT(
      faults_of("tt: {}\n"
                "t:\n"
                "  rename: {m: k, s: S, b: D, d: d}\n"
                "  text: {n: [trim]}\n"
                "  categories:\n"
                "    n: {map: {a: b}}\n"
                "    S: {allowed: [x]}\n"
                "    s: {}\n"
                "  types: {D: date, d: int32, at: string, late: timestamp_utc}\n"
                "  time_zone: {n: {zone: Europe/Berln}}\n"
                "  units:\n"
                "    n: {from: mhp, to: m/s}\n"
                "    S: {from: degC, to: km}\n"
                "  add: {N: n + 1, z: q + 1}\n"
                "  drop: [n, at, q]\n"),
      ElementsAre(
          "standardise.table_missing", "standardise.column_missing", "standardise.rename_to_itself",
          "standardise.name_taken", "standardise.type_unsuitable", "standardise.type_unsuitable",
          "standardise.allowed_unused", "standardise.column_missing", "standardise.nothing_asked",
          "standardise.cast_impossible", "standardise.cast_impossible",
          "standardise.known_at_untimed", "standardise.cast_impossible",
          "standardise.type_unsuitable", "standardise.zone_unknown", "standardise.unit_unknown",
          "standardise.type_unsuitable", "standardise.units_differ", "standardise.name_taken",
          "standardise.column_missing", "standardise.key_dropped", "standardise.column_missing",
          "standardise.known_at_dropped"));
}

TEST_F(Standardise, FaultsPointAndHint) {
  h.add_table("t", "SELECT 1.0::DOUBLE AS temp, 'a' AS s");
  const auto one = [&](const std::string& yaml) {
    faults_of(yaml);
    EXPECT_EQ(h.faults.size(), 1U);
    const Error& fault = h.faults.errors().front();
    return format("{} [{}] {} ({})", fault.id(), fault.place().column, fault.what(), fault.hint());
  };
  EXPECT_EQ(one("t: {units: {temp: {from: degf, to: degC}}}"),
            "standardise.unit_unknown [26] no unit is called \"degf\" (did you mean \"degF\"?)");
  EXPECT_EQ(one("t: {units: {temp: {from: degF, to: mph}}}"),
            "standardise.units_differ [36] degF is a temperature but mph is a speed (units of "
            "temperature: degC, degF, K, degR)");
  EXPECT_EQ(one("t: {rename: {temp: heat}, units: {temp: {from: degF, to: K}}}"),
            "standardise.column_missing [35] column \"temp\" does not exist in \"t\" (it is called "
            "\"heat\" after rename)");
  EXPECT_EQ(one("t: {categories: {s: {map: {a: fmale}, allowed: [female], other: reject}}}"),
            "standardise.category_not_allowed [31] \"fmale\" is not among the allowed values (did "
            "you mean \"female\"?)");
  EXPECT_EQ(one("t: {categories: {s: {map: {a: b}, other: value}}}"),
            "standardise.other_value_unmatched [42] other_value and other: value want each other "
            "(write other: value with other_value: rest)");
  EXPECT_EQ(
      one("t: {drop: [temp, s]}"),
      "standardise.no_columns_left [11] no column of \"t\" would be left (keep at least one)");
}

TEST_F(Standardise, KnowledgeMayBeDroppedTogether) {
  records::Table& table = h.add_table("t", "SELECT 1 AS n, now()::TIMESTAMPTZ AS at, 5 AS late");
  table.schema.find("late")->known_at = {{"at", 0}};
  EXPECT_THAT(faults_of("t: {drop: [at, late]}"), IsEmpty());
  EXPECT_THAT(leaving.find("t")->names(), ElementsAre("n"));
}

TEST_F(Standardise, AnExpressionThatCannotBeComputedIsNamed) {
  h.add_table("t", "SELECT * FROM (VALUES ('1'), ('x')) AS v(s)");
  h.section("t:\n  text: {s: [trim]}\n  add:\n    n: CAST(s AS INTEGER)\n", spec(), "standardise");
  h.check(check);
  const auto outcome = h.run(run);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().id(), "standardise.expression_failed");
  EXPECT_EQ(outcome.error().place().line, 4);
  EXPECT_THAT(outcome.error().what(), HasSubstr("standardise t add n"));
}

TEST_F(Standardise, KeysThatBecomeEqualAreTold) {
  h.add_table("t", "SELECT * FROM (VALUES ('a'), ('A'), ('b')) AS v(k)", {"k"});
  EXPECT_THAT(standardise("t: {rename: {k: id}, text: {id: [upper]}}").warnings,
              ElementsAre("standardise t left 1 key in more than one row, 0 before"));
  EXPECT_THAT(standardise("t: {text: {k: [nfc, strip_accents]}}").warnings,
              ElementsAre("standardise t text k changed nothing"));
}

TEST_F(Standardise, ATableThatIsNotWhatItSaysIsRefused) {
  h.add_table("t", "SELECT ' a' AS s").rows = 7;
  h.section("t: {text: {s: [trim]}}", spec(), "standardise");
  const auto outcome = h.run(run);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().id(), "standardise.rows_lost");
}

TEST_F(Standardise, RealWeatherInCelsiusAndMetresPerSecond) {
  h.add_table("weather", csv("weather"), {"origin", "time_hour"});
  const Outcome outcome = standardise(
      "weather: {units: {temp: {from: degF, to: degC}, wind_speed: {from: mph, to: m/s}}}");
  // The first row: 39.02 degF and 10.35702 mph at EWR, 1 January 01:00.
  EXPECT_EQ(rows(outcome,
                 "round(temp, 4), round(wind_speed, 5) FROM {} WHERE origin = 'EWR' AND month = 1 "
                 "AND day = 1 AND hour = 1 --",
                 "weather"),
            (Table{{"3.9", "4.63"}}));
  EXPECT_EQ(rule(outcome, 0)["values"].integer(), 26114);
  EXPECT_EQ(rule(outcome, 1)["values"].integer(), 26111);
}

TEST_F(Standardise, RealFlightsGetTheirScheduledDeparture) {
  h.add_table("flights", csv("flights"), {"time_hour", "carrier", "flight"});
  const Outcome outcome = standardise(
      "flights:\n"
      "  types: {flight: string, dep_delay: float64}\n"
      "  add: {sched_dep: \"time_hour + minute * interval '1 minute'\"}\n");
  EXPECT_EQ(leaving.find("flights")->find("sched_dep")->type, "timestamp_utc");
  EXPECT_EQ(rows(outcome,
                 "count(*), count(*) FILTER (epoch_us(sched_dep) = epoch_us(time_hour) + minute * "
                 "60000000), count(dep_delay), CAST(min(sched_dep) AS VARCHAR)",
                 "flights"),
            (Table{{"336776", "336776", "328521", "2013-01-01 10:15:00+00"}}));
}

TEST_F(Standardise, RealPlanesGetABuildYear) {
  h.add_table("planes", without_hour("planes"), {"tailnum"});
  const Outcome outcome = standardise(
      "planes: {rename: {year: build_year}, types: {build_year: int16}, text: {manufacturer: "
      "[trim, lower]}}");
  EXPECT_EQ(rows(outcome, "count(*), count(build_year), min(manufacturer) FROM {} --", "planes")[0],
            (std::vector<std::string>{"3322", "3252", "agusta spa"}));
  EXPECT_EQ(leaving.find("planes")->find("build_year")->origin, "planes.year");
}

}  // namespace
}  // namespace kingpost::steps::standardise
