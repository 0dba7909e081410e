// SPDX-License-Identifier: Apache-2.0
// Step 18: a registered version behind a port that stays, whatever version answers.
#pragma once

#include "base/node.h"
#include "base/spec.h"
#include "steps/18_deploy/rollout.h"
#include "steps/step.h"

namespace kingpost::steps::deploy {

const Field& spec();
void check(CheckContext& context);

/// How a new version gets its traffic. Fails with `deploy.no_effect` where one of the keys would
/// have none beside the others, or `deploy.guard_malformed`.
Result<Plan> plan_of(const Node& section);

/// The same of words of the command line; an empty text and a negative number are left out.
struct PlanWords {
  std::string canary{};
  std::string bake{};
  int shadow = -1;
  std::string shadow_for{};
  bool blue_green = false;
  std::vector<std::string> guards{};
  std::int64_t min_requests = -1;

  bool is_empty() const;
};
/// Fails as plan_of, or with `deploy.canary_malformed`.
Result<Plan> plan_of(const PlanWords& words);

}  // namespace kingpost::steps::deploy
