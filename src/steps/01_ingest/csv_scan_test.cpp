// SPDX-License-Identifier: Apache-2.0
// The scanner counts records and lines as RFC 4180 means them, whatever pieces the bytes come in.
#include "steps/01_ingest/csv_scan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kingpost::steps::ingest {
namespace {

using testing::ElementsAre;

CsvScan scanned(std::string_view text, CsvForm form = {}, std::size_t piece = 0) {
  CsvScan scan(form);
  if (piece == 0) piece = text.size() + 1;
  for (std::size_t at = 0; at < text.size(); at += piece) scan.add(text.substr(at, piece));
  scan.finish();
  return scan;
}

struct Counted {
  std::string_view text;
  std::int64_t records;
  std::string_view why;
};
constexpr Counted kCounted[] = {
    {"", 0, "nothing at all"},
    {"a,b", 0, "a header without an end"},
    {"a,b\n", 0, "a header"},
    {"a,b\n1,2", 1, "a last line without an end"},
    {"a,b\n1,2\n", 1, "one record"},
    {"a,b\r\n1,2\r\n3,4\r\n", 2, "CRLF"},
    {"a,b\r1,2\r3,4\r", 2, "lone CR"},
    {"a,b\n\n1,2\n\n\n3,4\n", 2, "blank lines between"},
    {"a,b\n\"1\n1\",2\n", 1, "a line end in quotes"},
    {"a,b\n\"1\r\n1\",2\n3,4\n", 2, "a CRLF in quotes"},
    {"a,b\n\"say \"\"hi\"\"\",2\n", 1, "doubled quotes"},
    {"a,b\n5\" pipe,2\n3,4\n", 2, "a quote inside a plain field opens nothing"},
    {"a,b\n\"open,2\n3,4\n", 1, "a quote that never closes takes the rest"},
};

TEST(CsvScan, CountsRecordsInAnyPieces) {
  for (const Counted& each : kCounted) {
    for (const std::size_t piece : {0U, 1U, 2U, 3U, 7U}) {
      EXPECT_EQ(scanned(each.text, {}, piece).records(), each.records)
          << each.why << ", in pieces of " << piece;
    }
  }
}

TEST(CsvScan, BlankLineOfASingleColumnIsARow) {
  CsvForm form;
  form.single_column = true;
  EXPECT_EQ(scanned("a\n1\n\n2\n", form).records(), 3);
  EXPECT_EQ(scanned("a\n1\n\n2\n").records(), 2);
}

TEST(CsvScan, TellsHowLinesEnd) {
  EXPECT_FALSE(scanned("a\n1\n").mixed_line_ends());
  EXPECT_FALSE(scanned("a\r\n1\r\n").mixed_line_ends());
  EXPECT_TRUE(scanned("a\r\n1\n").mixed_line_ends());
  EXPECT_TRUE(scanned("a\r1\n").mixed_line_ends());
  EXPECT_TRUE(scanned("a\r1\r").lone_cr());
  EXPECT_FALSE(scanned("a\r\n1\r\n").lone_cr());
  EXPECT_TRUE(scanned("a\r\n1\r", {}, 1).lone_cr()) << "a CR as the very last byte";
}

TEST(CsvScan, KnowsAnOpenQuote) {
  EXPECT_TRUE(scanned("a\n\"1\n").open_quote());
  EXPECT_FALSE(scanned("a\n\"1\"\n").open_quote());
  EXPECT_FALSE(scanned("a\n\"1\"").open_quote());
}

TEST(CsvScan, FindsTheLinesOfRecords) {
  for (const std::size_t piece : {100U, 1U}) {
    CsvScan scan({});
    scan.want_lines({0, 2, 3, 9}, {});
    const std::string_view text = "a,b\n1,2\n\"x\ny\",2\n\n3,4\n5,6\n";
    for (std::size_t at = 0; at < text.size(); at += piece) scan.add(text.substr(at, piece));
    scan.finish();
    EXPECT_THAT(scan.wanted_lines(), ElementsAre(2, 6, 7, -1));
  }
}

// The engine numbers what it could not read from 1 with header and blank lines, not with line ends
// in quotes.
TEST(CsvScan, SkippedRecordsHaveNoOrdinal) {
  CsvScan scan({});
  scan.want_lines({1}, {3});
  scan.add("a,b\n\"1\n1\",2\nbroken\n3,4\n");
  scan.finish();
  EXPECT_THAT(scan.skipped_lines(), ElementsAre(4));
  EXPECT_THAT(scan.wanted_lines(), ElementsAre(5));
}

TEST(CsvScan, OtherDelimiterAndQuote) {
  CsvForm form;
  form.delimiter = ';';
  form.quote = '\'';
  EXPECT_EQ(scanned("a;b\n'1\n1';2\n\"3;4\n", form).records(), 2);
}

TEST(CsvScan, MarksColumnsThatHoldMoreThanDigits) {
  const std::string_view text =
      "e.,b x,c,d,e,f\n1,-2,1.5,0x1F,\"- \",7\r\n\n+3,NA,4,5,6,\"8\n\"\n1,2,3,4,5,6,1e3";
  for (const std::size_t piece : {100U, 1U, 2U, 3U, 5U}) {
    const CsvScan scan = scanned(text, {}, piece);
    std::vector<std::size_t> marked;
    for (std::size_t i = 0; i < 8; ++i) {
      if (scan.has_marked(i)) marked.push_back(i);
    }
    EXPECT_THAT(marked, ElementsAre(2, 3, 4, 5, 6)) << "in pieces of " << piece;
  }
}

TEST(CsvHeader, TakesQuotesOff) {
  EXPECT_THAT(csv_header("a,b c,\"d,e\",\"f\"\"g\"\n1,2,3,4\n", {}),
              ElementsAre("a", "b c", "d,e", "f\"g"));
  EXPECT_THAT(csv_header("a,,b\r\n", {}), ElementsAre("a", "", "b"));
  EXPECT_THAT(csv_header("\"two\nlines\",b\n", {}), ElementsAre("two\nlines", "b"));
  EXPECT_THAT(csv_header("", {}), ElementsAre(""));
}

}  // namespace
}  // namespace kingpost::steps::ingest
