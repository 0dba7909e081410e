// SPDX-License-Identifier: Apache-2.0
// The model that a bundle holds, in both its forms: the graph from curated row to answer, and what
// training left.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "engines/onnx/runtime.h"
#include "records/tensor.h"
#include "steps/bundle.h"
#include "steps/parity.h"
#include "steps/trained_models.h"

namespace kingpost::steps {

class PackagedModel {
 public:
  /// Nothing where the bundle was not packaged from a run, and so has no form but the graph. Fails
  /// as Bundle::bytes, onnx::Graph::read and onnx::Model::load.
  static Result<std::optional<PackagedModel>> of(const Bundle& bundle);

  /// One model, whose kept columns are all that the bundle tells of.
  const TrainedModels& trained() const { return trained_; }
  const TrainedModel& model() const { return trained_.models.front(); }
  /// The model has no form but the graph.
  bool is_graph_only() const;
  /// What the packaged graph makes of curated rows, and of which features. Fails as Model::run.
  Result<GraphAnswers> ask(const records::Batch& rows) const;
  /// `graph` beside the form that training left. Fails as compare of steps/parity.h.
  Result<Parity> parity(const GraphAnswers& graph, double max_abs) const;

 private:
  TrainedModels trained_;
  /// LightGBM's text.
  std::optional<std::string> trees_;
  std::unique_ptr<onnx::Model> whole_;
  /// From a curated row to features; null where the graph does not say where they are.
  std::unique_ptr<onnx::Model> features_;
};

}  // namespace kingpost::steps
