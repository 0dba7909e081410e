// SPDX-License-Identifier: Apache-2.0
// Encodings: what converts, what is refused, and what counts as UTF-8.
#include "steps/01_ingest/transcode.h"

#include <gtest/gtest.h>

namespace kingpost::steps::ingest {
namespace {

using namespace std::string_literals;

TEST(Transcode, Utf8LosesOnlyItsBom) {
  EXPECT_EQ(*to_utf8("\xEF\xBB\xBF"
                     "a,b",
                     "utf-8", Whole::kText),
            "a,b");
  EXPECT_EQ(*to_utf8("Z\xC3\xBCrich", "", Whole::kText), "Z\xC3\xBCrich");
  EXPECT_EQ(*to_utf8("\xEF\xBB\xBF", "utf-8", Whole::kText), "");
}

TEST(Transcode, Latin1AndWindows1252DifferBetween80And9F) {
  EXPECT_EQ(*to_utf8("Z\xFCrich", "latin-1", Whole::kText), "Z\xC3\xBCrich");
  EXPECT_EQ(*to_utf8("\x80", "latin-1", Whole::kText), "\xC2\x80");
  EXPECT_EQ(*to_utf8("\x80", "windows-1252", Whole::kText), "\xE2\x82\xAC");
  const auto unassigned = to_utf8("ab\x81", "windows-1252", Whole::kText);
  ASSERT_FALSE(unassigned);
  EXPECT_EQ(unassigned.error().id(), "ingest.wrong_encoding");
  EXPECT_EQ(unassigned.error().what(), "byte 2 is not windows-1252");
}

TEST(Transcode, Utf16GoesByItsBom) {
  EXPECT_EQ(*to_utf8("\xFF\xFE"
                     "a\0\xFC\0"s,
                     "utf-16", Whole::kText),
            "a\xC3\xBC");
  EXPECT_EQ(*to_utf8("\xFE\xFF\0a\0\xFC"s, "utf-16", Whole::kText), "a\xC3\xBC");
  EXPECT_EQ(*to_utf8("a\0\xFC\0"s, "utf-16", Whole::kText), "a\xC3\xBC");
}

TEST(Transcode, APrefixMayEndWithinACharacter) {
  const std::string odd =
      "\xFF\xFE"
      "a\0\xFC"s;
  EXPECT_EQ(*to_utf8(odd, "utf-16", Whole::kPrefix), "a");
  const auto whole = to_utf8(odd, "utf-16", Whole::kText);
  ASSERT_FALSE(whole);
  EXPECT_EQ(whole.error().id(), "ingest.wrong_encoding");
}

TEST(Transcode, LongTextsGoThroughTheBufferInPieces) {
  const std::string text(300'000, '\xFC');
  const auto out = to_utf8(text, "latin-1", Whole::kText);
  ASSERT_TRUE(out);
  EXPECT_EQ(out->size(), 600'000U);
  EXPECT_TRUE(is_utf8(*out));
}

TEST(Transcode, LineEndsBecomePlain) {
  EXPECT_EQ(with_plain_line_ends("a\r\nb\rc\nd\r"), "a\nb\nc\nd\n");
  EXPECT_EQ(with_plain_line_ends("\r\r\n\n"), "\n\n\n");
  EXPECT_EQ(with_plain_line_ends("\"x\r\ny\"\r\n"), "\"x\ny\"\n");
}

TEST(Transcode, Utf8IsWhatUnicodeSaysItIs) {
  for (const char* good : {"", "abc", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF",
                           "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_TRUE(is_utf8(good)) << good;
  }
  const std::pair<const char*, const char*> bad[] = {{"\x80", "a continuation byte alone"},
                                                     {"\xC0\x80", "an overlong null"},
                                                     {"\xC1\xBF", "overlong"},
                                                     {"\xE0\x9F\xBF", "overlong, three bytes"},
                                                     {"\xED\xA0\x80", "a surrogate"},
                                                     {"\xF0\x8F\xBF\xBF", "overlong, four bytes"},
                                                     {"\xF4\x90\x80\x80", "above U+10FFFF"},
                                                     {"\xF5\x80\x80\x80", "no such first byte"},
                                                     {"\xC3", "cut"},
                                                     {"\xE2\x82", "cut, three bytes"},
                                                     {"Z\xFCrich", "latin-1"}};
  for (const auto& [text, why] : bad) EXPECT_FALSE(is_utf8(text)) << why;
}

}  // namespace
}  // namespace kingpost::steps::ingest
