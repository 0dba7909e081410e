// SPDX-License-Identifier: Apache-2.0
// The trials of one candidate: on validation rows, or over the folds.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "steps/10_train/checkpoint.h"
#include "steps/10_train/fitted.h"
#include "steps/step.h"

namespace kingpost::steps::train {

struct Candidate {
  std::string name;
  std::string family;
  Json space;
  /// 0: those of the search.
  std::int64_t trials = 0;
};

/// Kept columns, by fold; kNoFold is the matrix of all train rows.
using Kept = std::map<std::int32_t, std::vector<std::int64_t>>;

/// Enough to tell how far a model learnt its rows by heart.
inline constexpr std::int64_t kTrainSample = 20000;

/// What all trials share. Everything outlives the search.
struct SearchContext {
  RunContext& context;
  const Options& options;
  const Matrices& matrices;
  const Kept& kept;

  /// The matrices that are trained on: the folds', or the one of all train rows.
  std::vector<std::int32_t> places() const;
  LabelledRows train_rows(std::int32_t place) const;
  /// Rows that the place's model has not seen: the fold's, or validation.
  LabelledRows held_rows(std::int32_t place) const;
  /// kTrainSample of the train rows, evenly; all where there are no more.
  LabelledRows train_sample(std::int32_t place) const;
  bool cancelled() const { return context.cancelled && context.cancelled(); }
};

struct Searched {
  Candidate candidate;
  /// Of trials.json.
  std::vector<Json> trials;
  /// Place of the best among `trials`; -1 where none could be scored.
  std::int64_t best = -1;
  /// Of the best, one per place; empty where they are still to be made again.
  std::vector<Fitted> models;

  const Json& best_trial() const { return trials[static_cast<std::size_t>(best)]; }
};

class Search {
 public:
  Search(const SearchContext& shared, const Candidate& candidate);

  /// Draws and runs all trials; those that the checkpoint has are not run again. Fails only with
  /// what would make every trial fail: a missing library, a stop by the user.
  Result<Searched> run(Checkpoint& checkpoint);
  /// Trains the parameters of a trial, one model per place.
  Result<std::vector<Fitted>> fit_places(const Json& trial);
  Fitter& fitter() { return fitter_; }

 private:
  struct Scored {
    std::vector<double> fold_scores;
    double score = 0;
    /// Of each place that has one.
    std::vector<double> train_scores;
    std::optional<double> train_score;
    std::int64_t rounds = 0;
  };
  std::int64_t trial_count() const;
  /// What the checkpoint has of the trial, or what it comes to now.
  Result<Json> record_of(Checkpoint& checkpoint, std::int64_t number, const Json& parameters,
                         std::vector<Fitted>& models);
  Result<Json> run_trial(std::int64_t number, const Json& parameters, std::vector<Fitted>& models);
  Result<Scored> score(const Json& trial, std::vector<Fitted>& models);
  Result<double> measured(records::Link link, std::vector<double> raw,
                          const LabelledRows& rows) const;
  /// Of a model that `out` is told the scores of; also sets its train_means.
  Status score_place(std::int32_t place, Fitted& fitted, Scored& out) const;
  FitRequest request_of(const Json& trial) const;
  bool is_better(const Json& record, const Searched& so_far) const;
  void tell(std::int64_t number, const Searched& so_far);
  Fitter::Observe observer(std::int64_t number) const;

  const SearchContext& shared_;
  const Candidate& candidate_;
  Fitter fitter_;
};

}  // namespace kingpost::steps::train
