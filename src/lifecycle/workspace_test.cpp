// SPDX-License-Identifier: Apache-2.0
// Why a step is stale: which execution is the nearest, and how a change is put into words.
#include "lifecycle/workspace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/step_harness.h"

namespace kingpost::lifecycle {
namespace {

using ::testing::ElementsAre;

Json json(std::string_view text) {
  return parse_json(text).value();
}

std::vector<std::string> changes(std::string_view before, std::string_view now) {
  return differences(*find_row("clean"), json(before), json(now));
}

TEST(DifferencesTest, NamesKeysOfTheFileFromTheirSectionOn) {
  EXPECT_THAT(changes(R"({"version":1,"section":{"a":{"b":1,"c":2}}})",
                      R"({"version":2,"section":{"a":{"b":1,"c":3}}})"),
              ElementsAre("clean.a.c was 2, is 3", "clean's version was 1, is 2"));
  EXPECT_THAT(changes(R"({"inputs":{"t":{"rows":"x"}}})", R"({"inputs":{"t":{"rows":"y"}}})"),
              ElementsAre(R"(inputs.t.rows was "x", is "y")"));
}

TEST(DifferencesTest, TheOrderOfKeysIsNoDifference) {
  EXPECT_TRUE(changes(R"({"section":{"a":1,"b":2}})", R"({"section":{"b":2,"a":1}})").empty());
}

TEST(DifferencesTest, ListsOfMapsAreComparedItemByItem) {
  EXPECT_THAT(changes(R"({"section":[{"a":1},{"a":2},{"a":3}]})",
                      R"({"section":[{"a":1},{"a":5},{"a":3}]})"),
              ElementsAre("clean[1].a was 2, is 5"));
  EXPECT_THAT(
      changes(R"({"section":[{"a":1},{"a":3}]})", R"({"section":[{"a":1},{"a":2},{"a":3}]})"),
      ElementsAre(R"(clean[1] was nothing, is {"a":2})"));
  EXPECT_THAT(
      changes(R"({"section":[{"a":1},{"a":2},{"a":3}]})", R"({"section":[{"a":1},{"a":3}]})"),
      ElementsAre(R"(clean[1] was {"a":2}, is nothing)"));
}

TEST(DifferencesTest, ListsOfValuesAreShownWhole) {
  EXPECT_THAT(changes(R"({"section":{"nulls":["NA"]}})", R"({"section":{"nulls":["","NA"]}})"),
              ElementsAre(R"(clean.nulls was ["NA"], is ["","NA"])"));
}

class WhyTest : public ::testing::Test {
 protected:
  WhyTest()
      : workspace_{
            std::move(store::Objects::open(folder_.path() + "/s", folder_.path() + "/s/objects"))
                .value(),
            std::move(store::Journal::open(folder_.path() + "/s")).value()} {}

  void note(const std::string& parts, const std::string& state) {
    store::Execution execution;
    execution.run = workspace_.journal->begin_run("run", "a.yaml").value();
    execution.step = "clean";
    execution.key = parts;
    execution.parts = parts;
    const std::int64_t id = workspace_.journal->begin(execution).value();
    ASSERT_TRUE(workspace_.journal->finish(id, state, "none", ""));
  }

  std::vector<std::string> why(const std::string& parts) {
    StepKey key;
    key.key = "a key that is not sealed";
    key.parts = json(parts);
    return why_stale(workspace_, *find_row("clean"), key).value();
  }

  test::TempFolder folder_;
  Workspace workspace_;
};

TEST_F(WhyTest, PicksTheExecutionWithTheFewestDifferences) {
  note(R"({"section":{"a":1,"b":1,"c":1}})", "sealed");
  note(R"({"section":{"a":9,"b":9,"c":1}})", "sealed");
  note(R"({"section":{"a":1,"b":1,"c":2}})", "failed");
  EXPECT_THAT(why(R"({"section":{"a":1,"b":1,"c":2}})"), ElementsAre("clean.c was 1, is 2"));
  EXPECT_THAT(why(R"({"section":{"a":9,"b":8,"c":1}})"), ElementsAre("clean.b was 9, is 8"));
}

TEST_F(WhyTest, OfEquallyNearOnesTheNewestCounts) {
  note(R"({"section":{"a":1}})", "sealed");
  note(R"({"section":{"a":2}})", "sealed");
  EXPECT_THAT(why(R"({"section":{"a":3}})"), ElementsAre("clean.a was 2, is 3"));
}

TEST_F(WhyTest, SaysWhenThereIsNothingToCompareWith) {
  EXPECT_THAT(why(R"({"section":{}})"), ElementsAre("it has not run before"));
  note(R"({"section":{"a":1}})", "damaged");
  EXPECT_THAT(why(R"({"section":{"a":1}})"),
              ElementsAre("its last result was damaged or lost in the store"));
}

}  // namespace
}  // namespace kingpost::lifecycle
