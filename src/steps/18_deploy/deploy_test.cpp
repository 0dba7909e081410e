// SPDX-License-Identifier: Apache-2.0
#include "steps/18_deploy/deploy.h"

#include <gtest/gtest.h>

namespace kingpost::steps::deploy {
namespace {

std::string id_of(const PlanWords& words) {
  const auto plan = plan_of(words);
  return plan ? "" : plan.error().id();
}

TEST(Deploy, PlansOfWords) {
  EXPECT_TRUE(plan_of(PlanWords{}).value().phases.empty());
  const Plan plan = plan_of(PlanWords{.canary = "5, 25,100",
                                      .bake = "2s",
                                      .shadow = 50,
                                      .shadow_for = "1m",
                                      .guards = {"error_rate>0.5"},
                                      .min_requests = 7})
                        .value();
  ASSERT_EQ(plan.phases.size(), 4U);
  EXPECT_TRUE(plan.phases[0].is_shadow);
  EXPECT_EQ(plan.phases[0].duration, 60'000'000);
  EXPECT_EQ(plan.phases[3].percent, 100);
  EXPECT_EQ(plan.phases[3].duration, 2'000'000);
  EXPECT_EQ(plan.min_requests, 7);
  EXPECT_TRUE(plan_of(PlanWords{.blue_green = true}).value().is_blue_green);
}

TEST(Deploy, WhatHasNoEffectIsAnError) {
  EXPECT_EQ(id_of({.bake = "1s"}), "deploy.no_effect");
  EXPECT_EQ(id_of({.shadow_for = "1s"}), "deploy.no_effect");
  EXPECT_EQ(id_of({.guards = {"error_rate>0.1"}}), "deploy.no_effect");
  EXPECT_EQ(id_of({.canary = "5", .min_requests = 3}), "deploy.no_effect");
  EXPECT_EQ(id_of({.canary = "5", .blue_green = true}), "deploy.no_effect");
  EXPECT_EQ(id_of({.shadow = 5, .blue_green = true}), "deploy.no_effect");
}

TEST(Deploy, SharesThatAreNone) {
  for (const char* wrong : {"0", "101", "5,5", "25,5", "x", "5,", ",5", "5;6"}) {
    EXPECT_EQ(id_of({.canary = wrong}), "deploy.canary_malformed") << wrong;
  }
  EXPECT_EQ(id_of({.canary = "5", .bake = "soon"}), "deploy.canary_malformed");
  EXPECT_EQ(id_of({.shadow = 0}), "deploy.canary_malformed");
}

}  // namespace
}  // namespace kingpost::steps::deploy
