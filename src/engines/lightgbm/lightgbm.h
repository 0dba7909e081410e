// SPDX-License-Identifier: Apache-2.0
// Gradient boosted trees by LightGBM (Ke et al. 2017, https://lightgbm.readthedocs.io), which is
// opened at run time. Training is deterministic: the same rows, settings and seed give the same
// trees on any number of threads. The number of threads is one for the whole process: train one
// model at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "records/samples.h"

namespace kingpost::lightgbm {

using Data = records::Samples;

struct Settings {
  /// One of `objectives()`.
  std::string objective = "regression";
  /// Number of classes, of `multiclass` only.
  std::int32_t classes = 0;
  /// LightGBM's own names; those of `parameter_names()`. Where bagging_fraction is below 1 and
  /// bagging_freq is not given, each round draws its rows anew.
  std::map<std::string, std::string> parameters{};
  /// Rounds of boosting, at most.
  std::int32_t rounds = 100;
  /// Stops when the validation metric has not become better for so many rounds, and keeps the best
  /// round; 0 is never. Wants validation rows.
  std::int32_t early_stopping = 0;
  /// One of `metrics()`, computed on the validation rows; empty for the objective's own.
  std::string metric{};
  std::int64_t seed = 0;
  /// 0 for all that the machine has.
  std::int32_t threads = 0;
  /// The metric on the training rows is computed in every so many-th round; 0 is never. For some
  /// metrics it costs as much as growing the tree.
  std::int32_t train_metric_every = 0;
};

std::vector<std::string> objectives();
std::vector<std::string> metrics();
std::vector<std::string> parameter_names();
/// Whether more is better; false for a name that is none.
bool more_is_better(std::string_view metric);
/// The metric that an empty `Settings::metric` stands for.
std::string metric_of(const Settings& settings);
/// All that decides the model, in one form: no threads, no train_metric_every.
Json canonical(const Settings& settings);
/// Fails with `lightgbm.setting_unknown` or `lightgbm.setting_invalid`, naming the setting.
Status check(const Settings& settings);

struct Progress {
  /// From 1.
  std::int32_t round = 0;
  /// NaN where it was not computed.
  double train = 0;
  double validation = 0;
};
/// Answers false to stop after this round.
using Observe = std::function<bool(const Progress&)>;

/// Rows put into bins once, which many models may be trained on. It holds no pointer to the rows.
class TrainingSet {
 public:
  /// `validation` may be null. Of the settings only objective, classes, threads and the parameters
  /// of the bins (max_bin, min_data_in_bin) matter. Fails with `lightgbm.library_missing`,
  /// `lightgbm.data_invalid` (no rows, a label that does not fit, a weight below 0, a code that is
  /// no whole number) or `lightgbm.failed`.
  static Result<std::unique_ptr<TrainingSet>> bin(const Data& train, const Data* validation,
                                                  const Settings& settings);
  ~TrainingSet();
  TrainingSet(const TrainingSet&) = delete;
  TrainingSet& operator=(const TrainingSet&) = delete;

 private:
  friend class Booster;
  struct State;
  explicit TrainingSet(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

class Booster {
 public:
  /// Fails with `lightgbm.setting_*`, or `lightgbm.failed` with the library's own words.
  static Result<std::unique_ptr<Booster>> train(const TrainingSet& set, const Settings& settings,
                                                const Observe& observe = {});
  /// Of LightGBM's text. Fails with `lightgbm.malformed_model` or `lightgbm.unsupported_model` as
  /// `parse_model` does.
  static Result<std::unique_ptr<Booster>> read(std::string text);
  ~Booster();
  Booster(const Booster&) = delete;
  Booster& operator=(const Booster&) = delete;

  /// LightGBM's text of the rounds that are kept.
  const std::string& text() const;
  /// The rounds that are kept.
  std::int32_t rounds() const;
  /// The validation metric of the last round that is kept; NaN without validation or when read.
  double validation() const;
  std::int32_t outputs() const;
  std::int32_t features() const;

  // Of rows [n, features], row-major; they fail with `lightgbm.data_invalid` when the number of
  // columns is another.

  /// [n, outputs], before the link.
  Result<std::vector<double>> raw_scores(const float* rows, std::int64_t n,
                                         std::int32_t columns) const;
  /// [n, trees]: LightGBM's number of the leaf.
  Result<std::vector<std::int32_t>> leaves(const float* rows, std::int64_t n,
                                           std::int32_t columns) const;
  /// [n, outputs, features + 1]: path-dependent TreeSHAP, the expected value last.
  Result<std::vector<double>> contributions(const float* rows, std::int64_t n,
                                            std::int32_t columns) const;
  /// [features]: the sum of gains of the splits by each feature.
  Result<std::vector<double>> gains() const;

 private:
  struct State;
  explicit Booster(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// The path of the library that training would open, or an empty text.
std::string library_path();

}  // namespace kingpost::lightgbm
