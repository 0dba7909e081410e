// SPDX-License-Identifier: Apache-2.0
// JSON: exact integers, numbers that round-trip, one canonical text, and hostile input.
#include "base/json.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace kingpost {
namespace {

TEST(Json, KeysKeepTheirOrderAndCanonicalTextDoesNot) {
  Json json = Json::object();
  json.set("b", 1).set("a", Json::array()).set("c", "x");
  json.set("b", 2);
  EXPECT_EQ(json.dump(), R"({"b":2,"a":[],"c":"x"})");
  EXPECT_EQ(json.canonical(), R"({"a":[],"b":2,"c":"x"})");
}

TEST(Json, ReadersAnswerTheEmptyValueOfTheirType) {
  const Json text("x");
  EXPECT_EQ(text.integer(), 0);
  EXPECT_FALSE(text.boolean());
  EXPECT_TRUE(text.items().empty());
  EXPECT_TRUE(text["key"].is_null());
  EXPECT_EQ(Json(5).text(), "");
  EXPECT_EQ(Json(5).number(), 5.0);
}

TEST(Json, TextsReadBack) {
  for (const char* text :
       {"null", "true", "[]", "{}", "[1,-2,0.5]", "9223372036854775807", "-9223372036854775808",
        R"("a\"b\\c\n")", R"({"a":{"b":[{}]}})", "0.1", "1e+300", "5e-324"}) {
    const auto json = parse_json(text);
    ASSERT_TRUE(json) << text;
    const auto again = parse_json(json->dump());
    ASSERT_TRUE(again) << json->dump();
    EXPECT_EQ(*again, *json) << text;
  }
}

TEST(Json, NumbersKeepTheirKind) {
  EXPECT_TRUE(parse_json("1")->is_integer());
  EXPECT_FALSE(parse_json("1.0")->is_integer());
  EXPECT_FALSE(parse_json("18446744073709551616")->is_integer());
  EXPECT_EQ(parse_json("18446744073709551616")->number(), 18446744073709551616.0);
  EXPECT_EQ(parse_json(Json(0.1).dump())->number(), 0.1);
  EXPECT_EQ(Json(std::nan("")).dump(), "null");
  EXPECT_EQ(Json(std::numeric_limits<double>::infinity()).dump(), "null");
}

TEST(Json, EscapesAreRead) {
  EXPECT_EQ(parse_json(R"("\u00fc\ud83d\ude00\t")")->text(), "\xC3\xBC\xF0\x9F\x98\x80\t");
  EXPECT_EQ(Json(std::string("a\x01"
                             "b"))
                .dump(),
            R"("a\u0001b")");
}

TEST(Json, WhatIsNoJsonIsRefused) {
  for (const char* bad : {"",
                          " ",
                          "{",
                          "[1,",
                          "[1 2]",
                          "{\"a\"}",
                          "{\"a\":1,}",
                          "[1,]",
                          "01",
                          "+1",
                          "1.",
                          ".5",
                          "NaN",
                          "'a'",
                          "\"a",
                          "\"\\x\"",
                          "\"\\ud800\"",
                          "tru",
                          "nulll",
                          "1 2",
                          "{\"a\":1,\"a\":2}",
                          "\"line\nbreak\""}) {
    const auto json = parse_json(bad);
    ASSERT_FALSE(json) << bad;
    EXPECT_EQ(json.error().id(), "json.malformed") << bad;
  }
}

TEST(Json, DepthIsBounded) {
  EXPECT_TRUE(parse_json(std::string(500, '[') + std::string(500, ']')));
  EXPECT_FALSE(parse_json(std::string(100'000, '[')));
}

}  // namespace
}  // namespace kingpost
