// SPDX-License-Identifier: Apache-2.0
#include "steps/18_deploy/rollout.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"

namespace kingpost::steps::deploy {
namespace {

constexpr double kMilli = 1000;
// So many failures one after the other are no accident.
constexpr std::int64_t kFailures = 10;
// One may come late on a machine that stood still.
constexpr int kUnanswered = 3;
// What is asked of a version that hangs has failed by then (see kTrialTime).
constexpr Micros kHung = 6'000'000;

double value_of(GuardMetric metric, const Seen& seen) {
  const double requests = static_cast<double>(seen.requests);
  if (metric == GuardMetric::kErrorRate) return static_cast<double>(seen.errors) / requests;
  if (metric == GuardMetric::kP99) return seen.p99_ms;
  return seen.null_rate.value_or(0);
}

std::optional<GuardMetric> metric_of(std::string_view word) {
  for (const auto each : {GuardMetric::kErrorRate, GuardMetric::kP99, GuardMetric::kNullRate}) {
    if (metric_word(each) == word) return each;
  }
  return std::nullopt;
}

}  // namespace

std::string_view metric_word(GuardMetric metric) {
  if (metric == GuardMetric::kErrorRate) return "error_rate";
  return metric == GuardMetric::kP99 ? "p99" : "null_rate";
}

std::string guard_text(const Guard& guard) {
  if (guard.metric != GuardMetric::kP99) {
    return format("{}>{:g}", metric_word(guard.metric), guard.value);
  }
  const auto micros = static_cast<Micros>(std::llround(guard.value * kMilli));
  return format("p99>{}", duration_text(micros));
}

Result<Guard> guard_of(std::string_view text) {
  const std::size_t sign = text.find('>');
  const std::string_view word = trim(text.substr(0, sign));
  const std::string_view value =
      sign == std::string_view::npos ? std::string_view() : trim(text.substr(sign + 1));
  const auto metric = metric_of(word);
  std::optional<double> number;
  if (metric == GuardMetric::kP99) {
    const auto time = parse_duration(value);
    if (time && *time > 0) number = static_cast<double>(*time) / kMilli;
  } else if (metric) {
    number = parse_number(value);
    if (number && !(*number >= 0 && *number <= 1)) number.reset();
  }
  if (metric && number) return Guard{*metric, *number};
  return fail(Code::kInvalidInput, "deploy.guard_malformed", "\"{}\" is no guard", shown(text))
      .hint("error_rate>0.01 or null_rate>0.2 with a share from 0 to 1, or p99>50ms");
}

Json to_json(const Plan& plan) {
  Json phases = Json::array();
  for (const Phase& each : plan.phases) {
    phases.push(Json::object()
                    .set("shadow", each.is_shadow)
                    .set("percent", each.percent)
                    .set("for_us", each.duration));
  }
  Json guards = Json::array();
  for (const Guard& each : plan.guards) guards.push(guard_text(each));
  Json out = Json::object().set("phases", std::move(phases)).set("guards", std::move(guards));
  return std::move(
      out.set("blue_green", plan.is_blue_green).set("min_requests", plan.min_requests));
}

Result<Plan> plan_from_json(const Json& json) {
  Plan out;
  for (const Json& each : json["phases"].items()) {
    const std::int64_t percent = each["percent"].integer();
    if (percent < 1 || percent > 100) {
      return fail(Code::kCorrupt, "deploy.state_damaged", "a phase has {} percent", percent);
    }
    out.phases.push_back(
        {each["shadow"].boolean(), static_cast<int>(percent), each["for_us"].integer()});
  }
  for (const Json& each : json["guards"].items()) {
    TRY(out.guards.emplace_back(), guard_of(each.text()));
  }
  out.is_blue_green = json["blue_green"].boolean();
  out.min_requests = json["min_requests"].integer();
  return out;
}

void NullRate::begin() {
  ++phase_;
  first_.reset();
  value_.reset();
}

void NullRate::take(std::int64_t phase, double rows, double nulls) {
  if (phase != phase_) return;
  if (!first_ || rows < first_->rows) {
    first_ = {rows, nulls};
    value_.reset();
  } else if (rows > first_->rows) {
    value_ = (nulls - first_->nulls) / (rows - first_->rows);
  }
}

std::string_view stage_word(Stage stage) {
  switch (stage) {
    case Stage::kStarting:
      return "starting";
    case Stage::kPhase:
      return "in trial";
    case Stage::kStandby:
      return "standby";
    case Stage::kPromoted:
      return "promoted";
    case Stage::kRolledBack:
      break;
  }
  return "rolled back";
}

int Rollout::percent() const {
  if (stage_ == Stage::kPromoted) return 100;
  if (stage_ != Stage::kPhase || plan_.phases[phase_].is_shadow) return 0;
  return plan_.phases[phase_].percent;
}

int Rollout::shadow_percent() const {
  const bool is_shadow = stage_ == Stage::kPhase && plan_.phases[phase_].is_shadow;
  return is_shadow ? plan_.phases[phase_].percent : 0;
}

void Rollout::enter(std::size_t phase, Micros now) {
  phase_ = phase;
  since_ = now;
  if (phase >= plan_.phases.size()) return promote();
  stage_ = Stage::kPhase;
  const Phase& each = plan_.phases[phase];
  reason_ = format("{}% of the requests{} for {}", each.percent, each.is_shadow ? ", copied," : "",
                   duration_text(each.duration));
}

void Rollout::ready(Micros now) {
  if (stage_ != Stage::kStarting) return;
  if (plan_.is_blue_green) {
    stage_ = Stage::kStandby;
    reason_ = "ready; `kingpost deploy promote` gives it the requests";
    return;
  }
  enter(0, now);
}

std::optional<std::string> Rollout::breach(const Seen& seen) const {
  if (seen.requests < plan_.min_requests || seen.requests == 0) return std::nullopt;
  for (const Guard& each : plan_.guards) {
    const double value = value_of(each.metric, seen);
    if (value > each.value) {
      return format("{} is {:g} after {} requests, and the guard is {}", metric_word(each.metric),
                    value, seen.requests, guard_text(each));
    }
  }
  return std::nullopt;
}

Micros Rollout::end(const Seen& seen) const {
  const Micros least = seen.requests == 0 ? kHung : 0;
  return since_ + std::max(least, plan_.phases[phase_].duration);
}

bool Rollout::tick(Micros now, const Seen& seen) {
  if (stage_ != Stage::kPhase) return false;
  if (auto why = breach(seen)) {
    roll_back(std::move(*why));
    return true;
  }
  if (!seen.is_there) {
    since_ = now;
    return false;
  }
  const Micros over = now - end(seen);
  const bool fails = seen.failed_last > 0;
  if (over >= 0 && fails && seen.failed_last >= std::min(kFailures, seen.requests)) {
    roll_back(
        format("the last {} of its {} requests have failed", seen.failed_last, seen.requests));
    return true;
  }
  if (seen.unanswered >= kUnanswered) {
    roll_back(
        format("it does not answer: it was asked {} times whether it is ready, and did not say so",
               seen.unanswered));
    return true;
  }
  if (over < 0 || fails || seen.silence > over) return false;
  enter(phase_ + 1, now);
  return true;
}

void Rollout::promote() {
  stage_ = Stage::kPromoted;
  reason_ = "all requests";
}

void Rollout::roll_back(std::string reason) {
  stage_ = Stage::kRolledBack;
  reason_ = std::move(reason);
}

}  // namespace kingpost::steps::deploy
