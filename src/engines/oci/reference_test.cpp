// SPDX-License-Identifier: Apache-2.0
// Names of images: what registries take, and what they would not.
#include "engines/oci/reference.h"

#include <gtest/gtest.h>

namespace kingpost::oci {
namespace {

TEST(Reference, IsTakenApart) {
  const auto whole = parse_reference("Registry.local:5000/team/flight-delay:v1.2_X").value();
  EXPECT_EQ(whole.registry, "Registry.local:5000");
  EXPECT_EQ(whole.repository, "team/flight-delay");
  EXPECT_EQ(whole.tag, "v1.2_X");
  EXPECT_FALSE(whole.is_local());
  const auto hub = parse_reference("late").value();
  EXPECT_EQ(hub.registry, "docker.io");
  EXPECT_EQ(hub.repository, "library/late");
  EXPECT_EQ(hub.text, "late:latest");
  EXPECT_EQ(parse_reference("team/late:3")->repository, "team/late");
  EXPECT_TRUE(parse_reference("localhost/late")->is_local());
  EXPECT_TRUE(parse_reference("127.0.0.1:5000/a__b--c.d")->is_local());
  EXPECT_TRUE(parse_reference("127.8.0.255/late")->is_local());
  const auto six = parse_reference("[::1]:5000/team/late:3").value();
  EXPECT_EQ(six.registry, "[::1]:5000");
  EXPECT_EQ(six.repository, "team/late");
  EXPECT_EQ(six.tag, "3");
  EXPECT_TRUE(six.is_local());
  EXPECT_TRUE(parse_reference("[0:0:0:0:0:0:0:1]/late")->is_local());
  EXPECT_TRUE(parse_reference("[::ffff:7f00:1]:5000/late")->is_local());
  EXPECT_TRUE(parse_reference("[0:0:0:0:0:FFFF:7F12:3456]/late")->is_local());
  EXPECT_EQ(parse_reference("[2001:DB8::5]/late")->tag, "latest");
  for (const char* other :
       {"[::2]/a", "[fe80::1]:5000/a", "[::]/a", "[::ffff:8000:1]/a", "[::7f00:1]/a"}) {
    EXPECT_FALSE(parse_reference(other)->is_local()) << other;
  }
  for (const char* other : {"localhost.evil.org/late", "127.0.0.1.evil.com/late", "127.evil.com/a",
                            "127.0.0.x/a", "127.0.0.256/a", "128.0.0.1/a"}) {
    EXPECT_FALSE(parse_reference(other)->is_local()) << other;
  }
}

class Malformed : public testing::TestWithParam<const char*> {};

TEST_P(Malformed, IsRefused) {
  const auto parsed = parse_reference(GetParam());
  ASSERT_FALSE(parsed) << GetParam();
  EXPECT_EQ(parsed.error().id(), "containerize.ref_malformed");
}

INSTANTIATE_TEST_SUITE_P(
    References, Malformed,
    testing::Values("", ":", "/late", "late/", "a//b", "../late", "a/../b", "Late", "team/Late:1",
                    "late:", "late:-1", "late:a b", "late:1:2", "late:a/b", "a___b", "a..b", "-a",
                    "a-", ".a", "late@sha256:00", "host.local:0/late", "host.local:70000/late",
                    "host.local:x/late", "-host.local/late", "host..local/late", "a\nb",
                    "user@host.local/late", "http://host.local/late", "[::1]:5000", "[::1/late",
                    "::1/late", "[]/late", "[::1]x/late", "[::1]:0/late", "[::1]:/late",
                    "[::g]/late", "[fe80::1%lo]/late", "[::ffff:127.0.0.1]/late", "[[::1]]/late",
                    "x[::1]/late", "[localhost]/late", "late:\xC3\xA4"));

TEST(Reference, AnAddressWithPointsInBracketsIsToldHowToBeWritten) {
  const auto parsed = parse_reference("[::ffff:127.0.0.1]:5000/late");
  ASSERT_FALSE(parsed);
  EXPECT_NE(parsed.error().hint().find("[::ffff:7f00:1]"), std::string::npos);
}

TEST(Reference, IsNotLongerThanRegistriesTake) {
  EXPECT_TRUE(parse_reference(std::string(245, 'a')));
  EXPECT_FALSE(parse_reference(std::string(256, 'a')));
  EXPECT_TRUE(parse_reference("a:" + std::string(128, 'a')));
  EXPECT_FALSE(parse_reference("a:" + std::string(129, 'a')));
}

TEST(Reference, WordsAreMadeToFit) {
  EXPECT_EQ(reference_word("Flight Delay"), "flight-delay");
  EXPECT_EQ(reference_word("made_y"), "made_y");
  EXPECT_EQ(reference_word("..a__b.."), "a_b");
  EXPECT_EQ(reference_word("\xC3\xA4"), "model");
  for (const char* each : {"Flight Delay", "--a--b--", "A.B", "x!", ""}) {
    EXPECT_TRUE(parse_reference(reference_word(each))) << each;
  }
}

}  // namespace
}  // namespace kingpost::oci
