// SPDX-License-Identifier: Apache-2.0
#include "steps/18_deploy/deploy.h"

#include <algorithm>

#include "base/text.h"

namespace kingpost::steps::deploy {
namespace {

constexpr std::string_view kBake = "1h";
constexpr std::string_view kShadowFor = "24h";

Error no_effect(std::string_view key, std::string_view why) {
  return fail(Code::kInvalidInput, "deploy.no_effect", "{} has no effect: {}", key, why)
      .hint("take it out, or say what it is for");
}

Result<Micros> time_of(std::string_view text) {
  const auto time = parse_duration(text);
  if (time && *time >= 0) return *time;
  return fail(Code::kInvalidInput, "deploy.canary_malformed", "\"{}\" is no time such as 30s or 1h",
              shown(text));
}

// "5,25,100".
Result<std::vector<int>> shares_of(const std::string& text) {
  std::vector<int> out;
  for (const std::string& word : split(text, ',')) {
    const auto share = parse_integer(trim(word));
    const bool grows = share && (out.empty() || *share > out.back());
    if (!share || *share < 1 || *share > 100 || !grows) {
      return fail(Code::kInvalidInput, "deploy.canary_malformed",
                  "\"{}\" are no shares of the requests that grow, from 1 to 100", shown(text))
          .hint("e.g. 5,25,100");
    }
    out.push_back(static_cast<int>(*share));
  }
  return out;
}

PlanWords words_of(const Node& section) {
  PlanWords out;
  std::vector<std::string> shares;
  for (const Node& each : section.list("canary")) shares.push_back(each.text);
  out.canary = join(shares, ",");
  out.bake = section.text_at("bake");
  if (const Node* shadow = section.find("shadow")) {
    out.shadow = static_cast<int>(shadow->integer("percent"));
    out.shadow_for = shadow->text_at("for");
  }
  out.blue_green = section.flag("blue_green");
  for (const Node& each : section.list("rollback_if")) {
    out.guards.push_back(
        format("{}{}{}", each.text_at("metric"), each.text_at("op"), each.at("value").text));
  }
  if (section.has("min_requests")) out.min_requests = section.integer("min_requests");
  return out;
}

Status hold(const PlanWords& words) {
  const bool is_tried = !words.canary.empty() || words.shadow >= 0;
  if (words.blue_green && is_tried) {
    return no_effect("a canary or a shadow", "blue_green waits for somebody to promote it");
  }
  if (!words.bake.empty() && words.canary.empty()) {
    return no_effect("bake", "there is no canary");
  }
  if (!words.shadow_for.empty() && words.shadow < 0) {
    return no_effect("shadow_for", "there is no shadow");
  }
  if (!words.guards.empty() && !is_tried) {
    return no_effect("rollback_if", "without canary and shadow there is nothing to go back from");
  }
  if (words.min_requests >= 0 && words.guards.empty()) {
    return no_effect("min_requests", "there is no rollback_if");
  }
  return {};
}

}  // namespace

bool PlanWords::is_empty() const {
  return canary.empty() && bake.empty() && shadow < 0 && shadow_for.empty() && !blue_green &&
         guards.empty() && min_requests < 0;
}

Result<Plan> plan_of(const PlanWords& words) {
  TRY_STATUS(hold(words));
  Plan out;
  out.is_blue_green = words.blue_green;
  if (words.shadow >= 0) {
    if (words.shadow < 1 || words.shadow > 100) {
      return fail(Code::kInvalidInput, "deploy.canary_malformed",
                  "a shadow of {} percent is none from 1 to 100", words.shadow);
    }
    const std::string_view time = words.shadow_for.empty() ? kShadowFor : words.shadow_for;
    TRY(const Micros duration, time_of(time));
    out.phases.push_back({true, words.shadow, duration});
  }
  if (!words.canary.empty()) {
    TRY(const std::vector<int> shares, shares_of(words.canary));
    TRY(const Micros bake, time_of(words.bake.empty() ? kBake : std::string_view(words.bake)));
    for (const int share : shares) out.phases.push_back({false, share, bake});
  }
  for (const std::string& each : words.guards) {
    TRY(out.guards.emplace_back(), guard_of(each));
  }
  if (words.min_requests >= 0) out.min_requests = words.min_requests;
  return out;
}

Result<Plan> plan_of(const Node& section) {
  return plan_of(words_of(section));
}

void check(CheckContext& context) {
  if (!context.section.is_map()) return;
  const auto plan = plan_of(context.section);
  if (plan) return;
  context.faults.add(
      fault_at(context.section.mark, plan.error().id(), plan.error().what(), plan.error().hint()));
}

}  // namespace kingpost::steps::deploy
