// SPDX-License-Identifier: Apache-2.0
// A type holds for the whole sample, however its first rows look, and is told once per content.
#include "steps/01_ingest/infer.h"

#include <gtest/gtest.h>

#include "steps/01_ingest/ingest.h"
#include "support/step_harness.h"

namespace kingpost::steps::ingest {
namespace {

class Infer : public testing::Test {
 protected:
  // The type of a column that begins with many rows of `head` and ends in one of `tail`.
  std::string told(const std::string& head, const std::string& tail) {
    std::string text = "other,column\n";
    for (int i = 0; i < 300; ++i) text += "x," + head + "\n";
    h.folder.write("t.csv", text + "x," + tail + "\n");
    h.section("t: {path: t.csv}", spec(), "ingest");
    const auto catalog = h.check(check);
    for (const Error& fault : h.faults.errors()) ADD_FAILURE() << render(fault);
    const auto* table = catalog.find("t");
    return table != nullptr ? table->find("column")->type : "no table";
  }

  test::StepHarness h;
};

struct Case {
  const char* head;
  const char* tail;
  const char* type;
};

TEST_F(Infer, ATypeHoldsForTheWholeSample) {
  const Case cases[] = {
      {"1", "2", "int64"},
      {"1", "2.5", "float64"},
      {"1.5", "2", "float64"},
      {"1", "nan", "float64"},
      {"1", "x", "string"},
      {"1", "01", "string"},
      {"1", "2013-01-01", "string"},
      {"1", "9007199254740993", "int64"},
      {"1.5", "9007199254740993", "string"},
      {"x", "1", "string"},
      {"", "", "string"},
      {"", "true", "boolean"},
      {"", "7", "int64"},
      {"", "7.5", "float64"},
      {"", "2013-01-01", "date"},
      {"", "2013-01-01T10:00:00Z", "timestamp_utc"},
      {"true", "FALSE", "boolean"},
      {"true", "1", "string"},
      {"2013-01-01", "2013-01-02", "date"},
      {"2013-01-01", "2013-02-30", "string"},
      {"2013-01-01", "2013-01-02 10:00:00", "timestamp"},
      {"2013-01-01", "2013-01-02 10:00:00Z", "string"},
  };
  for (const Case& each : cases) {
    EXPECT_EQ(told(each.head, each.tail), each.type) << each.head << " and " << each.tail;
  }
}

TEST_F(Infer, TheSameContentIsLookedAtOnce) {
  int asked = 0;
  const auto tell = [&]() -> Result<std::vector<PlannedColumn>> {
    ++asked;
    return std::vector<PlannedColumn>{{"a", "int64", false}};
  };
  for (int i = 0; i < 3; ++i) {
    const auto told = told_once("infer_test: some content", tell);
    ASSERT_TRUE(told);
    EXPECT_EQ(told->front().type, "int64");
  }
  EXPECT_EQ(asked, 1);
  ASSERT_TRUE(told_once("infer_test: other content", tell));
  EXPECT_EQ(asked, 2);
}

TEST_F(Infer, AnErrorIsNotKept) {
  const auto fails = []() -> Result<std::vector<PlannedColumn>> {
    return fail(Code::kExhausted, "disk.full", "no room");
  };
  EXPECT_FALSE(told_once("infer_test: content in need of room", fails));
  EXPECT_TRUE(told_once(
      "infer_test: content in need of room",
      []() -> Result<std::vector<PlannedColumn>> { return std::vector<PlannedColumn>{}; }));
}

}  // namespace
}  // namespace kingpost::steps::ingest
