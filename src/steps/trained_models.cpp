// SPDX-License-Identifier: Apache-2.0
// Names of files and outputs as steps 6 to 10 give them.
#include "steps/trained_models.h"

#include <algorithm>

#include "base/text.h"
#include "engines/sql/dialect.h"
#include "steps/linear_facts.h"
#include "steps/model_graph.h"
#include "steps/ordered_rows.h"

namespace kingpost::steps {
namespace {}  // namespace

using records::Task;

std::string_view side_word(Side side) {
  if (side == Side::kTrain) return "train";
  return side == Side::kValidation ? "validation" : "test";
}

TrainedModel trained_model(std::string name, std::string family, Json facts) {
  TrainedModel out{std::move(name), std::move(family), std::move(facts)};
  if (out.facts["threshold"].is_number()) out.threshold = out.facts["threshold"].number();
  return out;
}

std::int64_t TrainedModels::outputs() const {
  if (task() != Task::kMulticlass) return 1;
  return static_cast<std::int64_t>(features.target.classes.size());
}

const TrainedModel* TrainedModels::find(std::string_view name) const {
  const auto found = std::find_if(models.begin(), models.end(),
                                  [&](const TrainedModel& each) { return each.name == name; });
  return found == models.end() ? nullptr : &*found;
}

std::vector<std::string> TrainedModels::names() const {
  std::vector<std::string> out;
  for (const TrainedModel& each : models) out.push_back(each.name);
  return out;
}

Result<TrainedModels> read_trained(const RunContext& context) {
  TrainedModels out;
  TRY(const Json features, json_of(context, "features.json"));
  out.features = records::features_from_json(features["features"]);
  TRY(const Json selection, json_of(context, "selection.json"));
  for (const Json& column : selection["columns"].items()) out.kept.push_back(column.integer());
  TRY(const Json candidates, json_of(context, "candidates.json"));
  for (const Json& candidate : candidates["candidates"].items()) {
    const std::string& name = candidate["name"].text();
    const std::string file = format("model.{}.json", name);
    if (context.input.find_file(file) == nullptr) continue;
    TRY(Json facts, json_of(context, file));
    out.models.push_back(trained_model(name, candidate["family"].text(), std::move(facts)));
  }
  return out;
}

Result<SideRows> read_side(const RunContext& context, Side side) {
  TRY(const Npy labels, array_of(context, "labels.npy"));
  TRY(const Npy sides, array_of(context, "sides.npy"));
  SideRows out;
  out.side = side;
  for (std::int64_t row = 0; row < sides.rows(); ++row) {
    if (sides.bytes()[row] != static_cast<std::uint8_t>(side)) continue;
    out.numbers.push_back(row);
    out.labels.push_back(labels.doubles()[row]);
  }
  const std::string weight = context.pipeline.at("train").text_at("weight");
  if (weight.empty() || out.numbers.empty()) return out;
  TRY_STATUS(stream_in_order(context.sql,
                             {format("CAST({} AS DOUBLE) AS weight", sql::identifier(weight)),
                              from_table(context, *context.input.find("training"), true),
                              format("_split = '{}'", side_word(side))},
                             [&](records::Batch& batch) {
                               const std::vector<double>& some = batch.columns[0].numbers;
                               out.weights.insert(out.weights.end(), some.begin(), some.end());
                               return Status();
                             }));
  return out;
}

ScoredRows scored(const TrainedModels& trained, const SideRows& side,
                  const std::vector<double>& scores, double threshold) {
  return {trained.task(), trained.outputs(), side.labels, scores, side.weights, threshold};
}

std::string judged_file(const RunContext& context, const std::string& model) {
  const bool folded = context.input.find_file("folds.npy") != nullptr;
  return format("{}.{}.npy", folded ? "held_out" : "scores", model);
}

Result<JudgedRows> read_judged(const RunContext& context, const TrainedModels& trained) {
  JudgedRows out;
  const bool folded = context.input.find_file("folds.npy") != nullptr;
  TRY(out.rows, read_side(context, folded ? Side::kTrain : Side::kValidation));
  for (const TrainedModel& model : trained.models) {
    const std::string file = judged_file(context, model.name);
    TRY(const Npy scores, array_of(context, file));
    TRY_STATUS(account_rows("train.rows_unaccounted", file,
                            static_cast<std::int64_t>(out.rows.numbers.size()), scores.rows()));
    const std::int64_t values = scores.rows() * scores.columns();
    out.scores[model.name].assign(scores.doubles(), scores.doubles() + values);
  }
  return out;
}

Result<std::unique_ptr<onnx::Model>> whole_model(const RunContext& context,
                                                 const TrainedModels& trained,
                                                 const std::string& name) {
  TRY(const std::string featurizer, bytes_of(context, "featurizer.onnx"));
  TRY(const std::string model, bytes_of(context, format("model.{}.onnx", name)));
  TRY(const onnx::Graph whole, whole_graph(featurizer, trained.kept, model));
  return onnx::Model::load(whole.bytes());
}

Result<std::unique_ptr<onnx::Model>> bare_model(const RunContext& context,
                                                const std::string& name) {
  TRY(const std::string bytes, bytes_of(context, format("model.{}.onnx", name)));
  return onnx::Model::load(bytes);
}

std::optional<records::LinearModel> linear_model(const TrainedModels& trained,
                                                 const TrainedModel& model) {
  auto out = linear_of(model.facts["linear"], std::ssize(trained.kept));
  if (!out) return out;
  if (trained.task() == Task::kBinary) out->link = records::Link::kSigmoid;
  if (trained.task() == Task::kMulticlass) out->link = records::Link::kOneVsRest;
  if (model.facts["linear"]["link"].text() == "softmax") out->link = records::Link::kSoftmax;
  return out;
}

Result<LinearShap> linear_shap(const RunContext& context, const TrainedModels& trained,
                               const records::LinearModel& model) {
  constexpr std::int64_t kMostRows = 100'000;
  TRY(const SideRows train, read_side(context, Side::kTrain));
  TRY(const records::Tensor rows, matrix_rows(context, trained, evenly(train.numbers, kMostRows)));
  return LinearShap(model, rows.floats().data(), rows.shape[0]);
}

Result<std::vector<double>> scores_of(const TrainedModels& trained, const onnx::Model& model,
                                      const std::vector<records::Tensor>& answers) {
  std::string_view wanted = "prediction";
  if (trained.task() == Task::kBinary) wanted = "probability";
  if (trained.task() == Task::kMulticlass) wanted = "probabilities";
  for (std::size_t i = 0; i < model.outputs().size(); ++i) {
    if (model.outputs()[i].name != wanted) continue;
    const std::vector<float>& values = answers[i].floats();
    return std::vector<double>(values.begin(), values.end());
  }
  return fail(Code::kInternal, "step.file_missing", "the model has no output \"{}\"", wanted);
}

std::string side_query(const RunContext& context, const TrainedModels& trained, Side side,
                       std::int64_t most) {
  std::vector<std::string> items;
  for (const records::Column& column : trained.features.inputs) {
    items.push_back(sql::identifier(column.name));
  }
  // A graph of constants reads no column at all.
  if (items.empty()) items.emplace_back("CAST(0 AS DOUBLE) AS _kp_none");
  return format("SELECT {} FROM {} WHERE _split = '{}' ORDER BY file_row_number{}",
                join(items, ", "), from_table(context, *context.input.find("training"), true),
                side_word(side), most < 0 ? std::string() : format(" LIMIT {}", most));
}

Result<records::Tensor> matrix_rows(const RunContext& context, const TrainedModels& trained,
                                    const std::vector<std::int64_t>& numbers) {
  TRY(const Npy matrix, array_of(context, "matrix.npy"));
  std::vector<float> values;
  values.reserve(numbers.size() * trained.kept.size());
  for (const std::int64_t row : numbers) {
    const float* from = matrix.floats() + row * matrix.columns();
    for (const std::int64_t column : trained.kept) values.push_back(from[column]);
  }
  return records::Tensor{
      {static_cast<std::int64_t>(numbers.size()), static_cast<std::int64_t>(trained.kept.size())},
      std::move(values)};
}

std::vector<std::int64_t> evenly(const std::vector<std::int64_t>& rows, std::int64_t count) {
  const auto all = static_cast<std::int64_t>(rows.size());
  if (all <= count) return rows;
  std::vector<std::int64_t> out;
  for (std::int64_t i = 0; i < count; ++i) {
    out.push_back(rows[static_cast<std::size_t>(i * all / count)]);
  }
  return out;
}

const std::vector<std::string_view>& comparisons() {
  static const std::vector<std::string_view> words = {"<", "<=", ">", ">="};
  return words;
}

bool holds(double left, std::string_view op, double right) {
  if (op == "<") return left < right;
  if (op == "<=") return left <= right;
  return op == ">" ? left > right : left >= right;
}

Task task_of(const Node& pipeline) {
  const std::string type = pipeline.at("curate").at("target").text_at("type");
  if (type == "binary") return Task::kBinary;
  return type == "multiclass" ? Task::kMulticlass : Task::kNumber;
}

std::string train_metric(const Node& pipeline) {
  const std::string named = pipeline.at("train").text_at("metric");
  return named.empty() ? std::string(default_metric(task_of(pipeline))) : named;
}

Json train_parts(const Node& pipeline) {
  Json out = Json::object();
  out.set("metric", train_metric(pipeline));
  return std::move(out.set("weight", pipeline.at("train").text_at("weight")));
}

void check_metric(const Node& name, const Node& pipeline, std::string_view id, Faults& faults) {
  const Task task = task_of(pipeline);
  const Metric* metric = find_metric(name.text);
  if (metric != nullptr && metric->suits(task)) return;
  faults.add(fault_at(
      name.mark, id,
      format("\"{}\" is no metric of a {} target", shown(name.text), records::task_word(task)),
      did_you_mean(name.text, metric_names(task),
                   format("metrics: {}", listed(metric_names(task), 30)))));
}

}  // namespace kingpost::steps
