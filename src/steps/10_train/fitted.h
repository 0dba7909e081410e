// SPDX-License-Identifier: Apache-2.0
// A trained model of any family, and how it is trained.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "engines/lightgbm/lightgbm.h"
#include "records/features.h"
#include "records/trees.h"
#include "steps/10_train/options.h"
#include "steps/10_train/tree_scores.h"
#include "steps/training_rows.h"

namespace kingpost::steps::train {

struct Fitted {
  std::variant<records::TreeEnsemble, records::LinearModel> model;
  /// Null where the model is no LightGBM's.
  std::shared_ptr<const lightgbm::Booster> booster;
  /// Of the model and of what it was trained with.
  std::string digest;
  /// Rounds of boosting that are kept; 0 of other families.
  std::int32_t rounds = 0;
  /// Mean raw score of each output over a sample of its train rows; empty until it is known.
  std::vector<double> train_means{};

  records::Link link() const;
  std::int32_t outputs() const;
};

/// Raw scores [rows, outputs] in double precision, before the link.
class RawScores {
 public:
  /// `rows` is about how many will be asked for: it decides how, and no bit of the scores.
  /// `fitted` must outlive the answer. Fails as loading a graph does.
  static Result<RawScores> of(const Fitted& fitted, std::int64_t rows, int threads);
  Result<std::vector<double>> of_rows(const LabelledRows& rows) const;

 private:
  RawScores(const Fitted& fitted, int threads) : fitted_(&fitted), threads_(threads) {}

  const Fitted* fitted_;
  int threads_;
  std::optional<TreeScores> trees_;
};

/// The mean of each output. Requires: some rows.
std::vector<double> means(const std::vector<double>& scores, std::int32_t outputs);

/// Its size: nodes (of trees) or weights, and trees a row goes through.
struct Work {
  std::int64_t nodes = 0;
  std::int64_t leaves_visited = 0;
};
Work work_of(const Fitted& fitted);

/// Weights for reports and explanations.
Json to_json(const records::LinearModel& model);

struct FitRequest {
  std::string family;
  /// Values by name.
  Json parameters;
  std::int64_t seed = 0;
  std::int32_t rounds = 0;
  /// 0 without validation rows.
  std::int32_t early_stopping = 0;
};

class Fitter {
 public:
  /// Told after every round; false stops.
  using Observe = lightgbm::Observe;

  Fitter(const Options& options, const records::Target& target);

  /// `validation` may be null. `place` names the rows: rows of one place are put into bins once.
  /// Fails as the engines do.
  Result<Fitted> fit(const FitRequest& request, const std::string& place, const LabelledRows& train,
                     const LabelledRows* validation, const Observe& observe);
  /// Gives back the memory of all bins.
  void forget() { sets_.clear(); }

 private:
  Result<Fitted> fit_trees(const FitRequest& request, const std::string& place,
                           const LabelledRows& train, const LabelledRows* validation,
                           const Observe& observe);
  Fitted fit_constant(const LabelledRows& train) const;
  Result<Fitted> fit_linear(const FitRequest& request, const LabelledRows& train) const;

  const Options& options_;
  const records::Target& target_;
  /// By place; the settings they were made with beside.
  struct Bins {
    std::string made_with;
    std::unique_ptr<lightgbm::TrainingSet> set;
  };
  std::map<std::string, Bins> sets_;
};

}  // namespace kingpost::steps::train
