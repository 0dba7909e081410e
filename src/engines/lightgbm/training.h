// SPDX-License-Identifier: Apache-2.0
// What lies behind a TrainingSet, shared with the loop that trains on it.
#pragma once

#include <cstdint>
#include <string>

#include "engines/lightgbm/library.h"
#include "engines/lightgbm/lightgbm.h"

namespace kingpost::lightgbm {

struct TrainingSet::State {
  const Library* library = nullptr;
  Handle train;
  Handle validation;
  /// The settings that they were made with: bin_key.
  std::string bins;
};

/// Boosting, round by round.
struct Trained {
  std::string text;
  std::int32_t rounds = 0;
  double validation = 0;
};
class Training {
 public:
  Training(const Library& library, const Settings& settings, const Observe& observe);
  Result<Trained> run(void* train, void* validation);

 private:
  Result<double> evaluate(int set) const;
  /// Sets `grown_` to false when no leaf can be split any more and no tree was added.
  Status grow();
  Result<Progress> look(bool has_validation) const;
  /// True when this was the last round.
  bool judge(const Progress& progress, bool has_validation);

  const Library& library_;
  const Settings& settings_;
  const Observe& observe_;
  bool more_is_better_;
  Handle booster_;
  std::int32_t round_ = 0;
  bool grown_ = true;
  bool finished_ = false;
  std::int32_t best_round_ = 0;
  double best_ = 0;
};

}  // namespace kingpost::lightgbm
