// SPDX-License-Identifier: Apache-2.0
// The profile: small tables, large ones of which a sample stands for the rest, and odd values.
#include <gtest/gtest.h>

#include "steps/02_validate_data/validate_data.h"
#include "support/step_harness.h"

namespace kingpost::steps::validate_data {
namespace {

using test::StepHarness;

Json profile_of(StepHarness& harness) {
  harness.section("{}\n", spec(), "validate_data");
  auto outcome = harness.run(run);
  if (outcome) return outcome->report["tables"]["t"]["profile"];
  ADD_FAILURE() << render(outcome.error());
  return {};
}

Json profile_of(const std::string& rows) {
  StepHarness harness;
  harness.add_table("t", rows);
  return profile_of(harness);
}

TEST(ValidateProfile, OfATableWithoutRows) {
  const Json profile =
      profile_of("SELECT 1 AS x, 'a' AS s, 1.5::DOUBLE AS y, true AS b WHERE false");
  ASSERT_EQ(profile.items().size(), 4U);
  EXPECT_EQ(profile.items()[0]["nulls"].integer(), 0);
  EXPECT_TRUE(profile.items()[0]["min"].is_null());
  EXPECT_EQ(profile.items()[1]["distinct"].integer(), 0);
  EXPECT_FALSE(profile.items()[2].has("mean"));
}

TEST(ValidateProfile, OfNullsAndOfOneRow) {
  const Json nulls = profile_of("SELECT NULL::DOUBLE AS x, NULL::VARCHAR AS s FROM range(3)");
  EXPECT_EQ(nulls.items()[0]["nulls"].integer(), 3);
  EXPECT_FALSE(nulls.items()[0].has("mean"));
  EXPECT_TRUE(nulls.items()[1]["min_length"].is_null());
  const Json one = profile_of("SELECT 2.5::DOUBLE AS x, '日本' AS s");
  EXPECT_EQ(one.items()[0]["mean"].number(), 2.5);
  EXPECT_FALSE(one.items()[0].has("stdev"));
  EXPECT_EQ(one.items()[1]["max_length"].integer(), 2);
}

TEST(ValidateProfile, CountsNaNAndInfinitiesApart) {
  const Json x = profile_of(
                     "SELECT * FROM (VALUES (1.0::DOUBLE), ('nan'), ('nan'), ('inf'), ('-inf'), "
                     "(4.0), (NULL)) v(x)")
                     .items()[0];
  EXPECT_EQ(x["nan"].integer(), 2);
  EXPECT_EQ(x["infinite"].integer(), 2);
  EXPECT_EQ(x["nulls"].integer(), 1);
  EXPECT_EQ(x["min"].number(), 1);
  EXPECT_EQ(x["max"].number(), 4);
  EXPECT_EQ(x["mean"].number(), 2.5);
  EXPECT_EQ(x["sample"]["quantiles"]["0.99"].number(), 4);
}

TEST(ValidateProfile, OfEveryType) {
  const Json profile = profile_of(
      "SELECT true AS a, 1::TINYINT AS b, 1::FLOAT AS c, 1.25::DECIMAL(9,2) AS d, DATE "
      "'2013-01-01' "
      "AS e, TIME '10:00:00' AS f, TIMESTAMP '2013-01-01' AS g, TIMESTAMPTZ '2013-01-01 "
      "00:00:00+00' "
      "AS h, 9223372036854775807 AS i");
  const auto& columns = profile.items();
  EXPECT_EQ(columns[0]["sample"]["top"].items().at(0)["value"].text(), "true");
  EXPECT_EQ(columns[3]["max"].number(), 1.25);
  EXPECT_EQ(columns[4]["min"].text(), "2013-01-01");
  EXPECT_EQ(columns[5]["min"].text(), "10:00:00");
  EXPECT_EQ(columns[7]["max"].text(), "2013-01-01T00:00:00Z");
  EXPECT_EQ(columns[8]["max"].integer(), INT64_MAX);
}

TEST(ValidateProfile, OfALargeTableTakesASample) {
  StepHarness harness;
  harness.add_table("t",
                    "SELECT i AS id, i % 7 AS few, 'g' || (i % 3) AS s, 'u' || i AS name FROM "
                    "range(600000) r(i)");
  const Json profile = profile_of(harness);
  const Json& few = profile.items()[1];
  EXPECT_EQ(few["nulls"].integer(), 0);
  EXPECT_EQ(few["max"].integer(), 6);
  EXPECT_EQ(few["distinct"].integer(), 7);
  EXPECT_EQ(few["distinct_is"].text(), "at_least");
  EXPECT_FALSE(few.has("mean"));
  EXPECT_NEAR(few["sample"]["mean"].number(), 3, 0.1);
  EXPECT_EQ(few["sample"]["quantiles"]["0.5"].integer(), 3);
  EXPECT_EQ(profile.items()[2]["sample"]["top"].items().size(), 3U);
  const Json& name = profile.items()[3];
  EXPECT_FALSE(name.has("max_length"));
  EXPECT_EQ(name["sample"]["max_length"].integer(), 7);
  EXPECT_FALSE(name["sample"].has("top"));
  EXPECT_FALSE(name["sample"].has("distinct"));
  const Json sample = harness.run(run).value().report["tables"]["t"]["sample"];
  EXPECT_LT(sample["of_rows"].integer(), 600'000);
  EXPECT_GT(sample["every"].integer(), 1);
}

}  // namespace
}  // namespace kingpost::steps::validate_data
