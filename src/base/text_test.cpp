// SPDX-License-Identifier: Apache-2.0
// Text helpers: what they answer at their edges.
#include "base/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kingpost {
namespace {

using testing::ElementsAre;

TEST(Text, SplitKeepsEmptyParts) {
  EXPECT_THAT(split("a,,b,", ','), ElementsAre("a", "", "b", ""));
  EXPECT_THAT(split("", ','), ElementsAre(""));
  EXPECT_EQ(join(split("a,,b", ','), ","), "a,,b");
}

TEST(Text, TrimAndReplace) {
  EXPECT_EQ(trim(" \t a b \r\n"), "a b");
  EXPECT_EQ(trim(" \n "), "");
  EXPECT_EQ(replace_all("aaa", "a", "aa"), "aaaaaa");
  EXPECT_EQ(lower("\xC3\x9C"
                  "A"),
            "\xC3\x9C"
            "a")
      << "only ASCII letters change";
}

TEST(Text, NearestIsAMisspellingNotAnyWord) {
  const std::vector<std::string> names = {"path", "format", "known_at", "year", "arr_delay"};
  EXPECT_EQ(nearest("patj", names), "path");
  EXPECT_EQ(nearest("yaer", names), "year") << "neighbours that changed places are one edit";
  EXPECT_EQ(nearest("KNOWN_AT", names), "known_at");
  EXPECT_EQ(nearest("arr_dly", names), "arr_delay");
  EXPECT_EQ(nearest("ab", names), std::nullopt);
  EXPECT_EQ(nearest("encoding", names), std::nullopt);
  EXPECT_EQ(nearest("x", {}), std::nullopt);
  EXPECT_EQ(did_you_mean("patj", names, "other"), "did you mean \"path\"?");
  EXPECT_EQ(did_you_mean("zzz", names, "other"), "other");
}

TEST(Text, NumbersForPeople) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1'000), "1,000");
  EXPECT_EQ(grouped(-1'234'567), "-1,234,567");
  EXPECT_EQ(grouped(INT64_MIN), "-9,223,372,036,854,775,808");
  EXPECT_EQ(counted(2'000, "tables"), "2,000 tables");
  EXPECT_EQ(counted(1, "dropped rows"), "1 dropped row");
  EXPECT_EQ(counted(1, "values changed"), "1 value changed");
  EXPECT_EQ(counted(1, "unlabelled"), "1 unlabelled");
  EXPECT_EQ(counted(0, "rows"), "0 rows");
  EXPECT_TRUE(is_amount("512 MiB"));
  EXPECT_FALSE(is_amount("lots"));
  EXPECT_FALSE(is_amount("512"));
  EXPECT_EQ(human_bytes(1023), "1023 B");
  EXPECT_EQ(human_bytes(1024), "1.0 KiB");
  EXPECT_EQ(human_bytes(3LL << 40), "3.0 TiB");
  EXPECT_EQ(listed({"a", "b", "c"}, 2), "a, b and 1 more");
  EXPECT_EQ(listed({}), "");
}

TEST(Text, ShownCannotForgeALine) {
  EXPECT_EQ(shown("a\nb\r\tc"), "a\\nb\\r\\tc");
  EXPECT_EQ(shown("\x1b[31m\x7f"), "\\x1b[31m\\x7f");
  EXPECT_EQ(shown(std::string("a\0b", 3)), "a\\x00b");
  EXPECT_EQ(shown("Z\xC3\xBCrich", 2), "Z...") << "no character is cut in two";
  EXPECT_EQ(shown(std::string(100, 'x'), 5), "xxxxx...");
}

TEST(Text, ParsersTakeTheWholeText) {
  EXPECT_EQ(parse_integer("-9223372036854775808"), INT64_MIN);
  for (const char* bad : {"", " 1", "1 ", "1.0", "9223372036854775808", "0x10", "--1"}) {
    EXPECT_EQ(parse_integer(bad), std::nullopt) << bad;
  }
  EXPECT_EQ(parse_number("1e3"), 1000.0);
  EXPECT_EQ(parse_number("-0.5"), -0.5);
  for (const char* bad : {"", "1,5", "1e", "1e400", " 1", "1%"}) {
    EXPECT_EQ(parse_number(bad), std::nullopt) << bad;
  }
}

}  // namespace
}  // namespace kingpost
