// SPDX-License-Identifier: Apache-2.0
// How the candidates compare on rows that they have not seen.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "steps/bootstrap.h"
#include "steps/slices.h"

namespace kingpost::steps::select_best {

inline constexpr std::string_view kWorstSlice = "worst_slice_";

struct Entrant {
  const TrainedModel* model = nullptr;
  bool valid = false;
  bool reference = false;
  std::optional<double> value;
  std::optional<Interval> interval;
  /// not_valid, reference, refused (a constraint), eligible, selected.
  std::string verdict;
  std::string words;
};

class Contest {
 public:
  Contest(RunContext& context, const TrainedModels& trained)
      : context_(context), trained_(trained) {}

  Status open(const std::string& metric);
  /// Everyone, with verdicts not_valid, reference, refused or eligible, in the order of the
  /// candidates.
  Result<std::vector<Entrant>> entrants(const Json& verdicts, const Node& section);
  bool folded() const { return judged_.rows.side == Side::kTrain; }
  const std::string& metric() const { return metric_; }
  const JudgedRows& judged() const { return judged_; }
  ScoredRows rows_of(const TrainedModel& model) const;

 private:
  Status score(Entrant& entrant);
  /// Eligible where it has a value and keeps every constraint.
  Status hold_to(const Node& section, Entrant& entrant);
  /// Fails as metrics do; worst_slice_ takes the worst of the slices that are not small.
  Result<double> value_of(const std::string& metric, const TrainedModel& model);
  Result<double> worst_slice(const std::string& metric, const TrainedModel& model);
  Result<std::string> refusal(const Node& limit, const TrainedModel& model);

  RunContext& context_;
  const TrainedModels& trained_;
  std::string metric_;
  JudgedRows judged_;
  Slices slices_;
};

}  // namespace kingpost::steps::select_best
