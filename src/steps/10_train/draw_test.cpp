// SPDX-License-Identifier: Apache-2.0
// Parameters of trials.
#include "steps/10_train/draw.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

namespace kingpost::steps::train {
namespace {

Json space_of(std::string_view text) {
  auto json = parse_json(text);
  if (!json) throw std::runtime_error("malformed");
  return *json;
}

TEST(Draw, TheFirstTrialIsTheMiddle) {
  const Json space = space_of(
      R"({"a":{"from":0.01,"to":100,"scale":"log"},"b":{"from":2,"to":4,"scale":"linear"},
          "c":{"values":["x","y"]},"d":{"value":7},
          "e":{"from":16,"to":256,"scale":"log","integer":true}})");
  EXPECT_EQ(draw(space, {13, "gbdt", 0}).canonical(), R"({"a":1.0,"b":3.0,"c":"x","d":7,"e":64})");
}

TEST(Draw, ValuesStayInRangeAndFillIt) {
  const Json space = space_of(
      R"({"log":{"from":0.001,"to":1,"scale":"log"},"whole":{"from":1,"to":4,"integer":true},
          "word":{"values":[1,2,3]}})");
  std::map<std::int64_t, int> whole;
  std::map<std::int64_t, int> words;
  int small = 0;
  for (std::int64_t trial = 1; trial <= 900; ++trial) {
    const Json drawn = draw(space, {13, "a", trial});
    const double log = drawn["log"].number();
    EXPECT_GE(log, 0.001);
    EXPECT_LE(log, 1.0);
    if (log < 0.01) ++small;
    ++whole[drawn["whole"].integer()];
    ++words[drawn["word"].integer()];
  }
  // A third of a log range of three decades; each with 5 standard errors.
  EXPECT_NEAR(small, 300, 71);
  ASSERT_EQ(whole.size(), 4U);
  for (const auto& [value, count] : whole) EXPECT_NEAR(count, 225, 65) << value;
  ASSERT_EQ(words.size(), 3U);
  for (const auto& [value, count] : words) EXPECT_NEAR(count, 300, 71) << value;
}

TEST(Draw, AValueDependsOnItsOwnNameAndTrialAlone) {
  const Json narrow = space_of(R"({"a":{"from":0,"to":1}})");
  const Json wide = space_of(R"({"z":{"from":5,"to":6},"a":{"from":0,"to":1}})");
  const TrialId trial{13, "gbdt", 5};
  EXPECT_EQ(draw(narrow, trial)["a"].number(), draw(wide, trial)["a"].number());
  EXPECT_NE(draw(narrow, trial)["a"].number(), draw(narrow, {13, "gbdt", 6})["a"].number());
  EXPECT_NE(draw(narrow, trial)["a"].number(), draw(narrow, {14, "gbdt", 5})["a"].number());
  EXPECT_NE(draw(narrow, trial)["a"].number(), draw(narrow, {13, "other", 5})["a"].number());
  EXPECT_NE(seed_of(trial), seed_of({13, "gbdt", 6}));
  EXPECT_GE(seed_of(trial), 0);
}

TEST(Draw, TheseNumbersMustNotChange) {
  // Other numbers would give other models to the same file.
  const Json space = space_of(R"({"a":{"from":0,"to":1}})");
  EXPECT_EQ(draw(space, {13, "gbdt", 1})["a"].number(), 0.258122);
  EXPECT_EQ(seed_of({13, "gbdt", 1}), 1773986489);
}

TEST(Draw, ASpaceWithoutAChoiceIsOneTrial) {
  EXPECT_FALSE(has_choice(space_of(R"({})")));
  EXPECT_FALSE(has_choice(space_of(R"({"a":{"value":1},"b":{"values":[2]}})")));
  EXPECT_TRUE(has_choice(space_of(R"({"a":{"value":1},"b":{"values":[2,3]}})")));
  EXPECT_TRUE(has_choice(space_of(R"({"a":{"from":1,"to":2}})")));
}

}  // namespace
}  // namespace kingpost::steps::train
