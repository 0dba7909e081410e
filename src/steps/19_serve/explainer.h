// SPDX-License-Identifier: Apache-2.0
// Why a served model answers as it does: the features of a row, by the model's own graph, and what
// each adds to the raw score (steps/tree_shap.h).
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "engines/onnx/session/session.h"
#include "records/trees.h"
#include "steps/19_serve/question.h"
#include "steps/bundle.h"
#include "steps/tree_shap.h"

namespace kingpost::steps::serve {

class Explainer {
 public:
  /// Nothing where the bundle's model is no LightGBM, or its graph does not say where its features
  /// are. `model` is the bundle's graph. Fails as onnx::Graph::read, lightgbm::parse_model, or
  /// `bundle.damaged`.
  static Result<std::unique_ptr<const Explainer>> of(const Bundle& bundle, std::string_view model,
                                                     const Json& features, const Json& signature);

  /// For each row {of, expected, score, contributions: [{feature, value, contribution}]}, the
  /// greatest contribution first. Of several classes it is the one with the highest score that is
  /// explained. `question` is one that the whole model takes. Fails with `onnx.run_failed`.
  Result<Json> explain(const Question& question) const;

 private:
  Explainer() = default;
  Json row_of(const float* features) const;
  Json value_of(std::size_t feature, float value) const;

  struct Feature {
    std::string name;
    /// By code; empty for a number.
    std::vector<std::string> levels;
  };
  std::unique_ptr<onnx::Session> session_;
  /// For each input of the session its place among the model's.
  std::vector<std::size_t> inputs_;
  std::vector<Feature> features_;
  /// Names of what is explained, by output of the trees.
  std::vector<std::string> outputs_;
  records::TreeEnsemble trees_;
  std::unique_ptr<TreeShap> shap_;
};

}  // namespace kingpost::steps::serve
