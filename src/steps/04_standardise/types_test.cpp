// SPDX-License-Identifier: Apache-2.0
// Changes of type and of time zone in step 4: what is kept, and what is rejected with which reason.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/standardise_case.h"

namespace kingpost::steps::standardise {
namespace {

using testing::ElementsAre;

using StandardiseTypes = StandardiseCase;

TEST_F(StandardiseTypes, TextBecomesAWholeNumberOnlyWhenItIsOne) {
  const auto [kept, gone] = cast(
      "('12'), ('+7'), ('-0'), ('3.0'), ('1.5'), (' 4'), ('1e3'), ('1_000'), ('300'), (''), "
      "('nan'), (NULL), ('127'), ('-128')",
      "int8");
  EXPECT_THAT(kept, ElementsAre("12", "7", "0", "3", "null", "127", "-128"));
  EXPECT_THAT(gone,
              ElementsAre("1.5: has a fraction", " 4: has white space around it",
                          "1e3: not a whole number", "1_000: not a whole number",
                          "300: out of range of int8", ": is empty", "nan: not a whole number"));
}

TEST_F(StandardiseTypes, TextBecomesAFloatWithoutLosingAnIdentifier) {
  const auto [kept, gone] = cast(
      "('1.5'), ('.5'), ('1.'), ('1e-3'), ('nan'), ('-inf'), ('Infinity'), ('1e999'), ('3,5'), "
      "('9007199254740992'), ('9007199254740993'), ('x'), ('1 '), ('0.1'), "
      "('10000000000000000000000000000000000000001')",
      "float64");
  EXPECT_THAT(kept, ElementsAre("1.5", "0.5", "1.0", "0.001", "nan", "-inf", "inf",
                                "9007199254740992.0", "0.1"));
  EXPECT_THAT(gone,
              ElementsAre("1e999: out of range of float64", "3,5: has a decimal comma",
                          "9007199254740993: loses digits as float64", "x: not a number",
                          "1 : has white space around it",
                          "10000000000000000000000000000000000000001: loses digits as float64"));
}

TEST_F(StandardiseTypes, WholeNumbersKeepTheirDigits) {
  auto [kept, gone] = cast(
      "(9007199254740992), (9007199254740993), (-9007199254740993), (NULL), "
      "(9223372036854775807)",
      "float64");
  EXPECT_THAT(kept, ElementsAre("9007199254740992.0", "null"));
  EXPECT_THAT(gone, ElementsAre("9007199254740993: loses digits as float64",
                                "-9007199254740993: loses digits as float64",
                                "9223372036854775807: loses digits as float64"));
  std::tie(kept, gone) = cast("(16777216), (16777217)", "float32");
  EXPECT_THAT(kept, ElementsAre("16777216.0"));
  EXPECT_THAT(gone, ElementsAre("16777217: loses digits as float32"));
  std::tie(kept, gone) = cast("(1), (0), (2), (NULL)", "boolean");
  EXPECT_THAT(kept, ElementsAre("true", "false", "null"));
  EXPECT_THAT(gone, ElementsAre("2: neither 0 nor 1"));
  EXPECT_THAT(cast("(9007199254740993), (-5)", "string").first,
              ElementsAre("9007199254740993", "-5"));
}

TEST_F(StandardiseTypes, FloatsBecomeWholeNumbersOnlyWithoutAFraction) {
  auto [kept, gone] = cast(
      "(3.0::DOUBLE), (3.5), ('nan'::DOUBLE), ('-inf'::DOUBLE), (1e10), "
      "(-0.0::DOUBLE), (NULL)",
      "int32");
  EXPECT_THAT(kept, ElementsAre("3", "0", "null"));
  EXPECT_THAT(
      gone, ElementsAre("3.5: has a fraction", "nan: nan is no int32", "-inf: infinity is no int32",
                        "10000000000.0: out of range of int32"));
  std::tie(kept, gone) =
      cast("(0.1::DOUBLE), (1e300), ('inf'::DOUBLE), (1e-300::DOUBLE), (0.0)", "float32");
  EXPECT_THAT(kept, ElementsAre("0.1", "inf", "0.0"));
  EXPECT_THAT(gone,
              ElementsAre("1e+300: out of range of float32", "1e-300: out of range of float32"));
  std::tie(kept, gone) =
      cast("(0.1::DOUBLE), (1e-10::DOUBLE), (1e40::DOUBLE), ('nan'::DOUBLE)", "decimal");
  EXPECT_THAT(kept, ElementsAre("0.100000000"));
  EXPECT_THAT(gone, ElementsAre("1e-10: loses digits as decimal, which has 9 decimals",
                                "1e+40: out of range of decimal", "nan: nan is no decimal"));
}

TEST_F(StandardiseTypes, NumbersBecomeTheShortestTextThatReadsBack) {
  EXPECT_THAT(
      cast("(0.1::DOUBLE), (1e20::DOUBLE), (1/3::DOUBLE), ('nan'::DOUBLE), (2.0::DOUBLE)", "string")
          .first,
      ElementsAre("0.1", "1e+20", "0.3333333333333333", "nan", "2.0"));
  EXPECT_THAT(
      cast("(1.5::DECIMAL(38,9)), (-20::DECIMAL(38,9)), (0.000000001::DECIMAL(38,9))", "string")
          .first,
      ElementsAre("1.5", "-20", "0.000000001"));
  EXPECT_THAT(cast("(true), (false), (NULL)", "string").first,
              ElementsAre("true", "false", "null"));
}

TEST_F(StandardiseTypes, DecimalsAreExactOrRejected) {
  auto [kept, gone] = cast(
      "('1.5'), ('0.1234567890'), ('0.12345678901'), ('1e3'), "
      "('123456789012345678901234567890')",
      "decimal");
  EXPECT_THAT(kept, ElementsAre("1.500000000", "0.123456789"));
  EXPECT_THAT(
      gone,
      ElementsAre("0.12345678901: out of range of decimal, which has 29 digits and 9 decimals",
                  "1e3: not a number",
                  "123456789012345678901234567890: out of range of decimal, which has 29 "
                  "digits and 9 decimals"));
  std::tie(kept, gone) =
      cast("(0.1::DECIMAL(38,9)), (12345678901234567890.123456789::DECIMAL(38,9))", "float64");
  EXPECT_THAT(kept, ElementsAre("0.1"));
  EXPECT_THAT(gone, ElementsAre("12345678901234567890.123456789: loses digits as float64"));
  std::tie(kept, gone) =
      cast("(2.0::DECIMAL(38,9)), (2.5::DECIMAL(38,9)), (300::DECIMAL(38,9))", "int8");
  EXPECT_THAT(kept, ElementsAre("2"));
  EXPECT_THAT(gone,
              ElementsAre("2.500000000: has a fraction", "300.000000000: out of range of int8"));
}

TEST_F(StandardiseTypes, TextsBecomeTimesOnlyInIsoForm) {
  auto [kept, gone] = cast("('2013-02-28'), ('2013-02-30'), ('28.02.2013'), ('2013-2-3')", "date");
  EXPECT_THAT(kept, ElementsAre("2013-02-28"));
  EXPECT_THAT(gone, ElementsAre("2013-02-30: not an ISO date", "28.02.2013: not an ISO date",
                                "2013-2-3: not an ISO date"));
  std::tie(kept, gone) = cast(
      "('2013-01-01T10:00:00.5'), ('2013-01-01 10:00'), ('2013-01-01'), "
      "('2013-01-01T10:00:00Z'), ('2013-01-01T25:00:00')",
      "timestamp");
  EXPECT_THAT(kept,
              ElementsAre("2013-01-01 10:00:00.5", "2013-01-01 10:00:00", "2013-01-01 00:00:00"));
  EXPECT_THAT(gone, ElementsAre("2013-01-01T10:00:00Z: not an ISO timestamp without zone",
                                "2013-01-01T25:00:00: not an ISO timestamp without zone"));
  std::tie(kept, gone) = cast(
      "('2013-01-01T10:00:00Z'), ('2013-01-01 10:00+02'), ('2013-01-01T10:00:00.25-05:30'), "
      "('2013-01-01T10:00:00'), ('2013-13-01T10:00:00Z')",
      "timestamp_utc");
  EXPECT_THAT(kept, ElementsAre("2013-01-01 10:00:00+00", "2013-01-01 08:00:00+00",
                                "2013-01-01 15:30:00.25+00"));
  EXPECT_THAT(gone, ElementsAre("2013-01-01T10:00:00: has no zone",
                                "2013-13-01T10:00:00Z: not an ISO timestamp with a zone"));
  std::tie(kept, gone) = cast("('True'), ('0'), ('1'), ('yes'), ('FALSE'), (NULL)", "boolean");
  EXPECT_THAT(kept, ElementsAre("true", "false", "true", "false", "null"));
  EXPECT_THAT(gone, ElementsAre("yes: none of true, false, 0, 1"));
  std::tie(kept, gone) = cast("('07:30'), ('07:30:15.5'), ('24:00')", "time");
  EXPECT_THAT(kept, ElementsAre("07:30:00", "07:30:15.5"));
  EXPECT_THAT(gone, ElementsAre("24:00: not an ISO time"));
}

TEST_F(StandardiseTypes, TimesAreCutOnlyWhereNothingIsLost) {
  auto [kept, gone] =
      cast("(TIMESTAMP '2013-01-01 00:00:00'), (TIMESTAMP '2013-01-01 00:00:01'), (NULL)", "date");
  EXPECT_THAT(kept, ElementsAre("2013-01-01", "null"));
  EXPECT_THAT(gone, ElementsAre("2013-01-01 00:00:01: has a time of day"));
  EXPECT_THAT(cast("(TIMESTAMPTZ '2013-01-01T10:00:00.5Z'), (NULL)", "string").first,
              ElementsAre("2013-01-01T10:00:00.5Z", "null"));
  EXPECT_THAT(cast("(TIMESTAMP '2013-01-01 10:00:00')", "string").first,
              ElementsAre("2013-01-01T10:00:00"));
  EXPECT_THAT(cast("(DATE '2013-01-01')", "timestamp").first, ElementsAre("2013-01-01 00:00:00"));
  EXPECT_THAT(cast("(TIMESTAMPTZ '2013-01-01T10:00:00Z')", "timestamp").first,
              ElementsAre("2013-01-01 10:00:00"));
}

TEST_F(StandardiseTypes, ClocksThatGoBackOrForwardAreToldApart) {
  h.add_table("t",
              "SELECT * FROM (VALUES (TIMESTAMP '2013-03-10 01:59:59'), (TIMESTAMP '2013-03-10 "
              "02:30:00'), (TIMESTAMP '2013-03-10 03:00:00'), (TIMESTAMP '2013-11-03 00:59:59'), "
              "(TIMESTAMP '2013-11-03 01:30:00'), (TIMESTAMP '2013-11-03 02:00:00'), (NULL)) AS "
              "v(x)");
  const auto zoned = [&](const std::string& more) {
    return standardise("t: {time_zone: {x: {zone: America/New_York" + more + "}}}");
  };
  const Outcome first = zoned(", ambiguous: first, missing: shift");
  EXPECT_EQ(rows(first, "CAST(x AS VARCHAR)"), (Table{{"2013-03-10 06:59:59+00"},
                                                      {"2013-03-10 07:30:00+00"},
                                                      {"2013-03-10 07:00:00+00"},
                                                      {"2013-11-03 04:59:59+00"},
                                                      {"2013-11-03 05:30:00+00"},
                                                      {"2013-11-03 07:00:00+00"},
                                                      {"null"}}));
  EXPECT_EQ(rule(first)["ambiguous"].integer(), 1);
  EXPECT_EQ(rule(first)["missing"].integer(), 1);
  EXPECT_EQ(rule(first)["values"].integer(), 6);
  EXPECT_EQ(rows(zoned(", ambiguous: second, missing: shift"), "CAST(x AS VARCHAR)")[4][0],
            "2013-11-03 06:30:00+00");
  const Outcome strict = zoned("");
  EXPECT_EQ(strict.output.find("t")->rows, 5);
  EXPECT_EQ(rejected(strict),
            (Table{{"x", "2013-03-10 02:30:00", "never occurs in America/New_York", "1"},
                   {"x", "2013-11-03 01:30:00", "occurs twice in America/New_York", "4"}}));
  EXPECT_EQ(rule(strict)["ambiguous"].integer(), 1);
  EXPECT_EQ(rule(strict)["missing"].integer(), 1);
}

TEST_F(StandardiseTypes, HalfHourChangesAndOtherZones) {
  h.add_table("t",
              "SELECT * FROM (VALUES (TIMESTAMP '2013-10-06 02:15:00'), (TIMESTAMP '2013-10-06 "
              "02:30:00'), (TIMESTAMP '2013-04-07 01:45:00'), (TIMESTAMP '2013-04-07 01:29:59'), "
              "(TIMESTAMP '2013-04-07 02:00:00')) AS v(x)");
  const Outcome lord_howe = standardise(
      "t: {time_zone: {x: {zone: Australia/Lord_Howe, ambiguous: second, missing: shift}}}");
  EXPECT_EQ(rows(lord_howe, "CAST(x AS VARCHAR)"), (Table{{"2013-10-05 15:45:00+00"},
                                                          {"2013-10-05 15:30:00+00"},
                                                          {"2013-04-06 15:15:00+00"},
                                                          {"2013-04-06 14:29:59+00"},
                                                          {"2013-04-06 15:30:00+00"}}));
  EXPECT_EQ(rule(lord_howe)["missing"].integer(), 1);
  EXPECT_EQ(rule(lord_howe)["ambiguous"].integer(), 1);
  h.add_table("t",
              "SELECT * FROM (VALUES (TIMESTAMP '2024-03-31 02:00:00'), (TIMESTAMP '2024-10-27 "
              "02:59:59.999999'), (TIMESTAMP '1850-01-01 00:00:00'), (TIMESTAMP '2999-07-01 "
              "12:00:00'), (TIMESTAMP 'infinity')) AS v(x)");
  const Outcome berlin =
      standardise("t: {time_zone: {x: {zone: Europe/Berlin, ambiguous: first, missing: shift}}}");
  EXPECT_EQ(rows(berlin, "CAST(x AS VARCHAR)"), (Table{{"2024-03-31 01:00:00+00"},
                                                       {"2024-10-27 00:59:59.999999+00"},
                                                       {"1849-12-31 23:06:32+00"},
                                                       {"2999-07-01 10:00:00+00"},
                                                       {"infinity"}}));
  EXPECT_EQ(rows(standardise("t: {time_zone: {x: {zone: UTC}}}"), "CAST(x AS VARCHAR)")[0][0],
            "2024-03-31 02:00:00+00");
}

TEST_F(StandardiseTypes, EveryInstantComesBackFromItsLocalTime) {
  for (const std::string zone :
       {"America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kolkata",
        "America/Sao_Paulo", "Pacific/Apia", "Africa/Casablanca", "Europe/London"}) {
    h.add_table("t", "SELECT instant, instant AT TIME ZONE '" + zone +
                         "' AS x FROM (SELECT TIMESTAMPTZ '1965-01-01T00:00:00Z' + i * INTERVAL "
                         "'673 minutes' AS instant FROM range(47000) AS r(i))");
    const Outcome outcome = standardise("t: {time_zone: {x: {zone: " + zone + "}}}");
    EXPECT_EQ(rows(outcome, "bool_and(x = instant)"), (Table{{"true"}})) << zone;
    EXPECT_EQ(rule(outcome)["missing"].integer(), 0) << zone;
    EXPECT_EQ(rule(outcome)["ambiguous"].integer(), rule(outcome)["rejected"].integer());
  }
}

}  // namespace
}  // namespace kingpost::steps::standardise
