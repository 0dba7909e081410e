// SPDX-License-Identifier: Apache-2.0
// Times and durations of the pipeline file: what is read, what is refused, what is written.
#include "base/clock.h"

#include <gtest/gtest.h>

namespace kingpost {
namespace {

constexpr Micros kSecond = 1'000'000;
constexpr Micros kHour = 3'600 * kSecond;
constexpr Micros k2014 = 1'388'534'400 * kSecond;  // 2014-01-01T00:00:00Z

TEST(Clock, TimestampsAreRead) {
  const std::pair<const char*, Micros> good[] = {
      {"2014-01-01", k2014},
      {"2014-01-01T00:00", k2014},
      {"2014-01-01 00:00:01", k2014 + kSecond},
      {"2014-01-01T00:00:00.5Z", k2014 + kSecond / 2},
      {"2014-01-01T00:00:00.000001Z", k2014 + 1},
      {"2014-01-01T00:00:00.0000019Z", k2014 + 1},
      {"2014-01-01T01:00:00+01:00", k2014},
      {"2014-01-01T01:00:00+0100", k2014},
      {"2014-01-01T01:00:00+01", k2014},
      {"2013-12-31T19:00:00-05:00", k2014},
      {"1970-01-01", 0},
      {"1969-12-31T23:59:59Z", -kSecond},
      {"2012-02-29", 1'330'473'600 * kSecond},
  };
  for (const auto& [text, time] : good) EXPECT_EQ(parse_timestamp(text), time) << text;
}

TEST(Clock, TimesThatDoNotExistAreRefused) {
  for (const char* bad :
       {"", "2013", "2013-02-30", "2013-13-01", "2013-00-01", "2013-01-00", "2013-02-29",
        "2013-01-01T24:00:00", "2013-01-01T00:60", "2013-01-01T00:00:60", "2013-1-1", "01/02/2013",
        "2013-01-01T", "2013-01-01T00:00:00.", "2013-01-01T00:00:00 Z", "2013-01-01T00:00:00X",
        "2013-01-01T00:00:00+16:00", "2013-01-01x", "20130101"}) {
    EXPECT_EQ(parse_timestamp(bad), std::nullopt) << bad;
  }
}

TEST(Clock, AZoneIsNoticed) {
  bool zoned = true;
  ASSERT_TRUE(parse_timestamp("2014-01-01T00:00:00", &zoned));
  EXPECT_FALSE(zoned);
  ASSERT_TRUE(parse_timestamp("2014-01-01T00:00:00Z", &zoned));
  EXPECT_TRUE(zoned);
  ASSERT_TRUE(parse_timestamp("2014-01-01", &zoned));
  EXPECT_FALSE(zoned);
}

TEST(Clock, TimestampsAreWrittenAndReadBack) {
  for (const Micros time : {Micros{0}, Micros{-1}, k2014, k2014 + 1, -62'135'596'800 * kSecond}) {
    EXPECT_EQ(parse_timestamp(timestamp_text(time)), time) << timestamp_text(time);
  }
  EXPECT_EQ(timestamp_text(k2014), "2014-01-01T00:00:00Z");
  EXPECT_EQ(timestamp_text(-1), "1969-12-31T23:59:59.999999Z");
}

TEST(Clock, DurationsAreRead) {
  const std::pair<const char*, Micros> good[] = {{"0", 0},
                                                 {"500us", 500},
                                                 {"20ms", 20'000},
                                                 {"30s", 30 * kSecond},
                                                 {"5m", 300 * kSecond},
                                                 {"2h", 2 * kHour},
                                                 {"-2h", -2 * kHour},
                                                 {"+1d", 24 * kHour},
                                                 {"2w", 14 * 24 * kHour}};
  for (const auto& [text, duration] : good) EXPECT_EQ(parse_duration(text), duration) << text;
  for (const char* bad : {"", "2", "h", "2 hours", "2H", "1.5h", "2hh", "--2h", "+-2h",
                          "9223372036854775807d", "1month"}) {
    EXPECT_EQ(parse_duration(bad), std::nullopt) << bad;
  }
}

TEST(Clock, DurationsAreWrittenAndReadBack) {
  for (const Micros duration : {Micros{0}, Micros{1}, Micros{1'500}, kSecond, 90 * kSecond, kHour,
                                36 * kHour, -2 * kHour, 14 * 24 * kHour}) {
    EXPECT_EQ(parse_duration(duration_text(duration)), duration) << duration_text(duration);
  }
  EXPECT_EQ(duration_text(24 * kHour), "1d");
  EXPECT_EQ(duration_text(-2 * kHour), "-2h");
}

TEST(Clock, ElapsedTimesForPeople) {
  EXPECT_EQ(elapsed_text(0.0124), "12 ms");
  EXPECT_EQ(elapsed_text(0.9996), "1.0 s");
  EXPECT_EQ(elapsed_text(125), "2 m 05 s");
}

}  // namespace
}  // namespace kingpost
