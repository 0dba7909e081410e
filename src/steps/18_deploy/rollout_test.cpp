// SPDX-License-Identifier: Apache-2.0
#include "steps/18_deploy/rollout.h"

#include <gtest/gtest.h>

namespace kingpost::steps::deploy {
namespace {

constexpr Micros kSecond = 1'000'000;

Plan canary() {
  return {.phases = {{true, 50, 10 * kSecond}, {false, 5, 20 * kSecond}, {false, 25, 20 * kSecond}},
          .is_blue_green = false,
          .guards = {guard_of("error_rate>0.01").value(), guard_of("p99>50ms").value(),
                     guard_of("null_rate>0.2").value()},
          .min_requests = 50};
}

TEST(Rollout, FromShadowToAll) {
  Rollout rollout(canary());
  EXPECT_EQ(rollout.percent() + rollout.shadow_percent(), 0);
  EXPECT_FALSE(rollout.tick(0, {}));
  rollout.ready(0);
  EXPECT_EQ(rollout.shadow_percent(), 50);
  EXPECT_EQ(rollout.percent(), 0);
  EXPECT_FALSE(rollout.tick(10 * kSecond - 1, {}));
  EXPECT_TRUE(rollout.tick(10 * kSecond, {}));
  EXPECT_EQ(rollout.percent(), 5);
  EXPECT_EQ(rollout.shadow_percent(), 0);
  EXPECT_TRUE(rollout.tick(30 * kSecond, {1000, 10, 50, 0.2}));
  EXPECT_EQ(rollout.percent(), 25);
  EXPECT_TRUE(rollout.tick(50 * kSecond, {}));
  EXPECT_EQ(rollout.stage(), Stage::kPromoted);
  EXPECT_EQ(rollout.percent(), 100);
  EXPECT_FALSE(rollout.tick(90 * kSecond, {1000, 1000, 0, {}}));
}

TEST(Rollout, EachGuardRollsBack) {
  const std::vector<Seen> bad = {{1000, 11, 1, 0.0}, {1000, 0, 50.1, {}}, {1000, 0, 1, 0.21}};
  for (const Seen& seen : bad) {
    Rollout rollout(canary());
    rollout.ready(0);
    // Too few to say anything.
    Seen few = seen;
    few.requests = 49;
    EXPECT_FALSE(rollout.tick(1, few));
    EXPECT_TRUE(rollout.tick(2, seen));
    EXPECT_EQ(rollout.stage(), Stage::kRolledBack);
    EXPECT_EQ(rollout.percent(), 0);
    EXPECT_NE(rollout.reason().find("the guard is"), std::string::npos) << rollout.reason();
  }
  Rollout rollout(canary());
  rollout.ready(0);
  EXPECT_FALSE(rollout.tick(1, {0, 0, 0, {}}));
}

TEST(Rollout, WhatFailsIsNotPromotedWithoutAGuardEither) {
  const Seen all = {3, 3, 5000, {}, true, 3};
  const Seen last = {1000, 12, 5000, {}, true, 10};
  for (const Seen& seen : {all, last}) {
    Rollout rollout({.phases = {{false, 5, 10 * kSecond}}, .guards = {}});
    rollout.ready(0);
    EXPECT_FALSE(rollout.tick(10 * kSecond - 1, seen));
    EXPECT_TRUE(rollout.tick(10 * kSecond, seen));
    EXPECT_EQ(rollout.stage(), Stage::kRolledBack);
    EXPECT_NE(rollout.reason().find("have failed"), std::string::npos) << rollout.reason();
  }
  Rollout rollout({.phases = {{false, 5, 10 * kSecond}}, .guards = {}});
  rollout.ready(0);
  EXPECT_FALSE(rollout.tick(10 * kSecond, {1000, 12, 5000, {}, true, 9}));
  EXPECT_TRUE(rollout.tick(11 * kSecond, {1001, 12, 5000, {}, true, 0}));
  EXPECT_EQ(rollout.stage(), Stage::kPromoted);
}

TEST(Rollout, APhaseIsAsLongAsAnAnswerMayTake) {
  Rollout rollout({.phases = {{false, 50, kSecond}, {true, 50, kSecond}}, .guards = {}});
  rollout.ready(0);
  EXPECT_FALSE(rollout.tick(5 * kSecond, {}));
  EXPECT_TRUE(rollout.tick(6 * kSecond, {}));
  EXPECT_TRUE(rollout.tick(7 * kSecond, {1, 0, 1, {}}));
  EXPECT_EQ(rollout.stage(), Stage::kPromoted);
}

TEST(Rollout, WhatDoesNotAnswerIsNotPromoted) {
  Seen seen;
  const auto silent = [&seen](Micros silence, int unanswered) -> const Seen& {
    seen.silence = silence;
    seen.unanswered = unanswered;
    return seen;
  };
  const Plan plan = {.phases = {{false, 5, 60 * kSecond}}, .guards = {}};
  Rollout waits(plan);
  waits.ready(0);
  // It has answered, but not since its time is over.
  EXPECT_FALSE(waits.tick(60 * kSecond, silent(kSecond, 0)));
  EXPECT_FALSE(waits.tick(70 * kSecond, silent(11 * kSecond, 2)));
  EXPECT_TRUE(waits.tick(71 * kSecond, silent(kSecond, 0)));
  EXPECT_EQ(waits.stage(), Stage::kPromoted);
  // At any time, whatever else has asked it.
  for (const std::int64_t requests : {0, 1000}) {
    Rollout hangs(plan);
    hangs.ready(0);
    seen.requests = requests;
    EXPECT_FALSE(hangs.tick(20 * kSecond, silent(15 * kSecond, 2)));
    EXPECT_TRUE(hangs.tick(21 * kSecond, silent(16 * kSecond, 3)));
    EXPECT_EQ(hangs.stage(), Stage::kRolledBack);
    EXPECT_EQ(hangs.reason(),
              "it does not answer: it was asked 3 times whether it is ready, and did not say so");
  }
}

TEST(Rollout, OnlyWhatIsThereGoesOn) {
  Rollout rollout({.phases = {{false, 5, 10 * kSecond}}, .guards = {}});
  rollout.ready(0);
  const Seen gone = {0, 0, 0, {}, false};
  EXPECT_FALSE(rollout.tick(9 * kSecond, gone));
  EXPECT_FALSE(rollout.tick(90 * kSecond, gone));
  // It lasts a whole phase since it came back.
  EXPECT_FALSE(rollout.tick(100 * kSecond - 1, {}));
  EXPECT_TRUE(rollout.tick(100 * kSecond, {}));
  EXPECT_EQ(rollout.stage(), Stage::kPromoted);
}

TEST(Rollout, ReplaceAndBlueGreen) {
  Rollout replace({});
  EXPECT_EQ(replace.percent(), 0);
  replace.ready(7);
  EXPECT_EQ(replace.stage(), Stage::kPromoted);
  Plan plan;
  plan.is_blue_green = true;
  Rollout standby(plan);
  standby.ready(0);
  EXPECT_EQ(standby.stage(), Stage::kStandby);
  EXPECT_EQ(standby.percent(), 0);
  EXPECT_FALSE(standby.tick(1000 * kSecond, {}));
  standby.promote();
  EXPECT_EQ(standby.percent(), 100);
}

TEST(Rollout, PlansSurviveTheirJson) {
  const Json json = to_json(canary());
  EXPECT_EQ(to_json(plan_from_json(json).value()).dump(), json.dump());
  Json broken = parse_json(R"({"phases":[{"percent":0}]})").value();
  EXPECT_EQ(plan_from_json(broken).error().id(), "deploy.state_damaged");
}

TEST(NullRate, IsOfThisPhaseOnly) {
  NullRate rate;
  rate.begin();
  const std::int64_t phase = rate.phase();
  rate.take(phase, 100, 100);
  EXPECT_EQ(rate.value(), std::nullopt);
  // All that was null before the phase does not count.
  rate.take(phase, 200, 110);
  EXPECT_EQ(rate.value(), 0.1);
  rate.begin();
  EXPECT_EQ(rate.value(), std::nullopt);
  // An answer that comes late, of the version before.
  rate.take(phase, 300, 300);
  rate.take(phase, 400, 400);
  EXPECT_EQ(rate.value(), std::nullopt);
  rate.take(rate.phase(), 1000, 10);
  rate.take(rate.phase(), 1000, 10);
  EXPECT_EQ(rate.value(), std::nullopt);
  rate.take(rate.phase(), 1010, 15);
  EXPECT_EQ(rate.value(), 0.5);
  // The process was started anew.
  rate.take(rate.phase(), 5, 5);
  EXPECT_EQ(rate.value(), std::nullopt);
  rate.take(rate.phase(), 10, 5);
  EXPECT_EQ(rate.value(), 0.0);
}

TEST(Rollout, Guards) {
  EXPECT_EQ(guard_text(guard_of("p99 > 1s").value()), "p99>1s");
  EXPECT_EQ(guard_text(guard_of("p99>1us").value()), "p99>1us");
  EXPECT_EQ(guard_text(guard_of("error_rate>0.25").value()), "error_rate>0.25");
  for (const char* wrong : {"", "p99", "p99>5", "p99>-1s", "error_rate>2", "error_rate>x",
                            "error_rate<0.1", "auc>0.1", "null_rate>nan"}) {
    const auto guard = guard_of(wrong);
    ASSERT_FALSE(guard) << wrong;
    EXPECT_EQ(guard.error().id(), "deploy.guard_malformed");
  }
}

}  // namespace
}  // namespace kingpost::steps::deploy
