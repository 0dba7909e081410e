// SPDX-License-Identifier: Apache-2.0
// A step harness in which steps 5 to 10 seem to have run: small made rows, graphs made by hand, and
// a real LightGBM model.
#pragma once

#include <string>
#include <vector>

#include "engines/onnx/graph.h"
#include "records/features.h"
#include "support/step_harness.h"

namespace kingpost::test {

class TrainedProject : public StepHarness {
 public:
  /// 600 rows, in turn two of train, one of validation, one of test. Columns: id (key), a and b
  /// (numbers, b with nulls), color (red, green, blue), at (a time, an hour apart), y (the target),
  /// _split. The label goes by a, by color and a little chance. Features: a, b (0 for null), color
  /// (code).
  explicit TrainedProject(records::Task task);

  /// Predicts one value or logit, whatever the row.
  void add_constant(const std::string& name, float value);
  /// weight * a + offset is the value, or the logit of true; no such model of classes.
  void add_linear(const std::string& name, float weight, float offset);
  /// Trained by LightGBM on the train rows.
  void add_trees(const std::string& name, int rounds);
  /// A model over `features` [N, 3] that gives raw scores or, where `finished`, the outputs.
  void add_model(const std::string& name, const std::string& family, onnx::Graph graph,
                 const onnx::Value& raw, Json facts = Json::object(), bool finished = false);
  /// Writes candidates.json and trials.json; call it after the last model.
  void finish(const std::string& metric);
  /// After finish: makes it a split by folds, whose train rows are those that were validation's and
  /// whose held-out scores are theirs.
  void fold();
  /// The step's section, amid those of curate and train; `metric` may be empty.
  void file(const std::string& yaml, const Field& field, const std::string& owner,
            const std::string& metric = {});
  /// Seals `matrix` anew, after a change.
  void write_matrix();
  Json json_of(const records::Dataset& dataset, const std::string& name) const;
  /// The matrix of one side, [rows, 3].
  std::vector<float> rows_of(std::uint8_t side) const;

  records::FeatureSet features;
  std::vector<double> labels;
  std::vector<float> matrix;
  std::vector<std::uint8_t> sides;

 private:
  void make_rows();
  void make_featurizer();
  void add_array(const std::string& name, NpyType type, const void* values,
                 const std::vector<std::int64_t>& shape);
  void finish_graph(onnx::Graph& graph, const onnx::Value& raw) const;
  void add_scores(const std::string& name, const onnx::Graph& graph);

  std::vector<std::string> names_;
  Json candidates_ = Json::array();
  Json trials_ = Json::array();
  Json best_ = Json::object();
};

}  // namespace kingpost::test
