// SPDX-License-Identifier: Apache-2.0
// How a new version gets its traffic: a copy of it first, then a growing share, watched by guards.
// It decides by what it is told and by a clock that it is given, and does nothing itself.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "base/result.h"

namespace kingpost::steps::deploy {

enum class GuardMetric { kErrorRate, kP99, kNullRate };

/// Rolls back where a measure of the new version is above the value.
struct Guard {
  GuardMetric metric = GuardMetric::kErrorRate;
  /// A share, or milliseconds.
  double value = 0;
};

std::string_view metric_word(GuardMetric metric);
/// "error_rate>0.01", "p99>50ms", "null_rate>0.2". Fails with `deploy.guard_malformed`.
Result<Guard> guard_of(std::string_view text);
std::string guard_text(const Guard& guard);

struct Phase {
  /// Copies of requests, whose answers nobody gets; else a share of the requests.
  bool is_shadow = false;
  int percent = 100;
  Micros duration = 0;
};

struct Plan {
  /// One after the other; then the new version takes everything.
  std::vector<Phase> phases;
  /// It waits, ready, until somebody promotes it, and the old one stays ready to be gone back to.
  bool is_blue_green = false;
  std::vector<Guard> guards;
  /// A guard says nothing before so many requests of the phase.
  std::int64_t min_requests = 50;
};

Json to_json(const Plan& plan);
/// Fails with `deploy.state_damaged`.
Result<Plan> plan_from_json(const Json& json);

/// Of the new version since the phase began.
struct Seen {
  std::int64_t requests = 0;
  std::int64_t errors = 0;
  double p99_ms = 0;
  /// Of the predictions; nothing where it is not known.
  std::optional<double> null_rate;
  /// It can answer.
  bool is_there = true;
  /// Requests that were sent to it and failed, the last ones, without a good answer among them.
  std::int64_t failed_last = 0;
  /// How long ago the last question of its readiness was put that it has answered.
  Micros silence = 0;
  /// Questions of its readiness in a row, the last ones, without a good answer in time.
  int unanswered = 0;
};

/// The share of null predictions since a phase began, of counters that a process keeps since it was
/// started.
class NullRate {
 public:
  /// Another phase, or another version: what was asked for before is of no use any more.
  void begin();
  /// Of which phase a sample is that is asked for now.
  std::int64_t phase() const { return phase_; }
  /// A sample of an earlier phase is left alone. The first one is what later ones are held against,
  /// and so is one of a process that was started anew.
  void take(std::int64_t phase, double rows, double nulls);
  /// Nothing before two samples, or without a row between them.
  std::optional<double> value() const { return value_; }

 private:
  struct Sample {
    double rows = 0;
    double nulls = 0;
  };
  std::int64_t phase_ = 0;
  std::optional<Sample> first_;
  std::optional<double> value_;
};

enum class Stage { kStarting, kPhase, kStandby, kPromoted, kRolledBack };
std::string_view stage_word(Stage stage);

class Rollout {
 public:
  explicit Rollout(Plan plan) : plan_(std::move(plan)) {}

  Stage stage() const { return stage_; }
  const Plan& plan() const { return plan_; }
  /// Of the requests, that the new version answers.
  int percent() const;
  /// Of the requests, that it gets copies of.
  int shadow_percent() const;
  std::size_t phase() const { return phase_; }
  /// Why it was rolled back, or what it does, for people.
  const std::string& reason() const { return reason_; }

  /// The new version can answer.
  void ready(Micros now);
  /// True where something has changed; `seen` then begins anew. The time of a phase begins anew as
  /// long as the new version is not there: none is promoted that did not last the whole of it.
  /// Nor is one that fails, whatever the guards: at the end of a phase it is rolled back where all
  /// of its requests have failed, or the last ten, and the phase goes on where the last one has. A
  /// phase without an answer lasts for as long as one may take. It ends when the new version has
  /// answered a question of its readiness that was put when its time was over; one that leaves
  /// three of them in a row is rolled back, amid a phase too.
  bool tick(Micros now, const Seen& seen);
  void promote();
  void roll_back(std::string reason);

 private:
  std::optional<std::string> breach(const Seen& seen) const;
  Micros end(const Seen& seen) const;
  void enter(std::size_t phase, Micros now);

  Plan plan_;
  Stage stage_ = Stage::kStarting;
  std::size_t phase_ = 0;
  Micros since_ = 0;
  std::string reason_;
};

}  // namespace kingpost::steps::deploy
