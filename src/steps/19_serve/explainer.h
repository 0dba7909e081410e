// SPDX-License-Identifier: Apache-2.0
// Why a served model answers as it does: the features of a row, by the model's own graph, and what
// each adds to the raw score (steps/tree_shap.h).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "engines/onnx/session/session.h"
#include "steps/19_serve/question.h"
#include "steps/bundle.h"

namespace kingpost::steps::serve {

class Explainer {
 public:
  /// Of LightGBM's trees, a linear model or a constant. Nothing where the bundle's model is none of
  /// them, its graph does not say where its features are, or the means of a linear model are not in
  /// the bundle. `model` is the bundle's graph. Fails as onnx::Graph::read, lightgbm::parse_model,
  /// or `bundle.damaged`.
  static Result<std::unique_ptr<const Explainer>> of(const Bundle& bundle, std::string_view model,
                                                     const Json& features, const Json& signature);

  /// For each row {of, expected, score, contributions: [{feature, value, contribution}]}, the
  /// greatest contribution first; a constant has no contributions. Of several classes it is the one
  /// with the highest score that is explained. `question` is one that the whole model takes. Fails
  /// with `onnx.run_failed`.
  Result<Json> explain(const Question& question) const;

 private:
  /// The Shapley values of a row of features, [outputs][features + 1], the expected score last.
  using Values = std::function<std::vector<double>(const float*)>;
  struct Explained {
    std::int64_t features = 0;
    std::int64_t outputs = 0;
    /// Empty where no values are to be had.
    Values values{};
  };
  static Result<Explained> of_trees(const Bundle& bundle);
  static Result<Explained> of_facts(const Bundle& bundle, std::int64_t features);

  Explainer() = default;
  /// Loads the part of the graph that makes the features; false where the graph does not tell it.
  Result<bool> open_features(std::string_view model);
  Json row_of(const float* features) const;
  Json value_of(std::size_t feature, float value) const;

  struct Feature {
    std::string name;
    /// By code; empty for a number.
    std::vector<std::string> levels;
  };
  /// Null where no features count.
  std::unique_ptr<onnx::Session> session_;
  /// For each input of the session its place among the model's.
  std::vector<std::size_t> inputs_;
  std::vector<Feature> features_;
  /// Names of what is explained, by output of the trees.
  std::vector<std::string> outputs_;
  Values values_;
};

}  // namespace kingpost::steps::serve
