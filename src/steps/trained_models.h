// SPDX-License-Identifier: Apache-2.0
// What steps 6 to 10 left, as the steps that judge models read it.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engines/onnx/runtime.h"
#include "records/features.h"
#include "records/tensor.h"
#include "records/trees.h"
#include "steps/metrics.h"
#include "steps/step.h"
#include "steps/tree_shap.h"

namespace kingpost::steps {

enum class Side { kTrain = 0, kValidation = 1, kTest = 2 };
std::string_view side_word(Side side);

/// One side of the split, in the order of the training set.
struct SideRows {
  Side side = Side::kValidation;
  /// Row numbers in the training set.
  std::vector<std::int64_t> numbers;
  std::vector<double> labels;
  /// Those of train's weight column; empty without one.
  std::vector<double> weights;
};

struct TrainedModel {
  std::string name;
  std::string family;
  /// model.NAME.json.
  Json facts;
  double threshold = 0.5;
};

/// From model.NAME.json.
TrainedModel trained_model(std::string name, std::string family, Json facts);

struct TrainedModels {
  records::FeatureSet features;
  /// Columns of the matrix that the models read.
  std::vector<std::int64_t> kept;
  /// In the order of candidates.json; those without a model are left out.
  std::vector<TrainedModel> models;

  records::Task task() const { return features.target.task; }
  /// Columns of the scores: 1, or the number of classes.
  std::int64_t outputs() const;
  const TrainedModel* find(std::string_view name) const;
  std::vector<std::string> names() const;
};

Result<TrainedModels> read_trained(const RunContext& context);
Result<SideRows> read_side(const RunContext& context, Side side);

/// The rows that models are judged on, and what each answered for them without having seen them,
/// [rows, outputs]: validation rows, by the models before their refit; of a split by folds, which
/// has none, train rows, each by the model that its fold was held out of.
struct JudgedRows {
  SideRows rows;
  std::map<std::string, std::vector<double>> scores;
};
/// The file of the scores of a model on the rows that judge it.
std::string judged_file(const RunContext& context, const std::string& model);
Result<JudgedRows> read_judged(const RunContext& context, const TrainedModels& trained);

/// From a curated row to the answers; and from kept columns of the matrix.
Result<std::unique_ptr<onnx::Model>> whole_model(const RunContext& context,
                                                 const TrainedModels& trained,
                                                 const std::string& name);
Result<std::unique_ptr<onnx::Model>> bare_model(const RunContext& context, const std::string& name);

/// The weights of a linear model, by kept column; nothing for a model of another form.
std::optional<records::LinearModel> linear_model(const TrainedModels& trained,
                                                 const TrainedModel& model);

/// Its Shapley values against the train rows, or an even sample of 100,000 of them. `model` must
/// outlive it.
Result<LinearShap> linear_shap(const RunContext& context, const TrainedModels& trained,
                               const records::LinearModel& model);

/// The scores among a model's answers, as metrics take them: [rows, outputs].
Result<std::vector<double>> scores_of(const TrainedModels& trained, const onnx::Model& model,
                                      const std::vector<records::Tensor>& answers);

/// Columns that the graph reads, of the rows of one side; at most `most` rows unless it is -1.
std::string side_query(const RunContext& context, const TrainedModels& trained, Side side,
                       std::int64_t most = -1);

/// Kept columns of the matrix, [rows, kept], of the given rows of the training set.
Result<records::Tensor> matrix_rows(const RunContext& context, const TrainedModels& trained,
                                    const std::vector<std::int64_t>& numbers);

/// `count` of `rows` row numbers, ascending, evenly spread; all where there are no more.
std::vector<std::int64_t> evenly(const std::vector<std::int64_t>& rows, std::int64_t count);

/// Of the operators <, <=, >, >=.
const std::vector<std::string_view>& comparisons();
/// Requires: `op` is one of them.
bool holds(double left, std::string_view op, double right);

/// What the search was to optimise.
std::string train_metric(const Node& pipeline);
/// The keys of train that these steps read, for their keys.
Json train_parts(const Node& pipeline);
/// What a metric takes of one side and a model's scores, which must outlive the answer.
ScoredRows scored(const TrainedModels& trained, const SideRows& side,
                  const std::vector<double>& scores, double threshold);
/// From the section `curate` of the file.
records::Task task_of(const Node& pipeline);
/// Adds a fault `id` where the text is no metric of the file's target.
void check_metric(const Node& name, const Node& pipeline, std::string_view id, Faults& faults);

}  // namespace kingpost::steps
