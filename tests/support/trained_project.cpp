// SPDX-License-Identifier: Apache-2.0
// Made rows and models for the steps that judge.
#include "support/trained_project.h"

#include <cmath>
#include <limits>
#include <stdexcept>

#include "base/random.h"
#include "base/text.h"
#include "engines/lightgbm/lightgbm.h"
#include "engines/lightgbm/model_text.h"
#include "engines/onnx/models.h"
#include "engines/onnx/runtime.h"
#include "steps/05_curate/curate.h"

namespace kingpost::test {
namespace {

using records::Task;
using records::Tensor;
using records::TensorType;

constexpr std::int64_t kRows = 600;
constexpr const char* kColors[] = {"blue", "green", "red"};

template <typename T>
T required(Result<T> result) {
  if (!result) throw std::runtime_error(render(result.error()));
  return std::move(result).value();
}

void required(const Status& status) {
  if (!status) throw std::runtime_error(render(status.error()));
}

Tensor floats(std::vector<std::int64_t> shape, std::vector<float> values) {
  return {std::move(shape), std::move(values)};
}

std::string label_text(Task task, double score) {
  if (task == Task::kNumber) return format("{:.3f}", 10 + 5 * score);
  if (task == Task::kBinary) return score > 0 ? "true" : "false";
  return score < -1 ? "'low'" : (score < 1 ? "'mid'" : "'high'");
}

double label_of(Task task, double score) {
  if (task == Task::kNumber) return std::round((10 + 5 * score) * 1000) / 1000;
  if (task == Task::kBinary) return score > 0 ? 1 : 0;
  return score < -1 ? 1 : (score < 1 ? 2 : 0);
}

const Field& train_field() {
  static const Field field = object_of({.name = "train"}, Shape{.fields = {{.name = "metric"}}});
  return field;
}

}  // namespace

TrainedProject::TrainedProject(Task task) {
  features.target.name = "y";
  features.target.task = task;
  if (task == Task::kBinary) features.target.classes = {"false", "true"};
  if (task == Task::kMulticlass) features.target.classes = {"high", "low", "mid"};
  features.columns = {{"a", "a"}, {"b", "b"}, {"color", "color"}};
  features.columns[2].categorical = true;
  features.columns[2].levels = {"(missing)", "(other)", "blue", "green", "red"};
  features.inputs = {
      {"a", "float64", {}, {}}, {"b", "float64", {}, {}}, {"color", "string", {}, {}}};
  make_rows();
  make_featurizer();
}

void TrainedProject::make_rows() {
  const Task task = features.target.task;
  Random random(3, 1);
  std::vector<std::string> rows;
  for (std::int64_t i = 0; i < kRows; ++i) {
    const double a = static_cast<double>(random.below(4000)) / 1000 - 2;
    const double b = static_cast<double>(random.below(100));
    const bool missing = random.below(5) == 0;
    const std::uint32_t color = random.below(3);
    const double effect[] = {0, -1, 1.5};
    const double score = 2 * a + effect[color] + random.below(1000) / 1000.0 - 0.5;
    sides.push_back(static_cast<std::uint8_t>(i % 4 == 2 ? 1 : (i % 4 == 3 ? 2 : 0)));
    const char* side[] = {"train", "validation", "test"};
    labels.push_back(label_of(task, score));
    matrix.insert(matrix.end(), {static_cast<float>(a), missing ? 0 : static_cast<float>(b),
                                 static_cast<float>(color + 2)});
    rows.push_back(format(
        "({}, CAST({} AS DOUBLE), CAST({} AS DOUBLE), '{}', TIMESTAMP '2013-01-01' + INTERVAL {} "
        "HOUR, {}, '{}')",
        i, a, missing ? std::string("NULL") : format("{}", b), kColors[color], i,
        task == Task::kNumber ? format("CAST({} AS DOUBLE)", label_text(task, score))
                              : label_text(task, score),
        side[sides.back()]));
  }
  add_table("training",
            format("SELECT * FROM (VALUES {}) AS v(id, a, b, color, \"at\", y, _split)",
                   join(rows, ", ")),
            {"id"});
  add_array("labels.npy", NpyType::kFloat64, labels.data(), {kRows});
  add_array("sides.npy", NpyType::kUint8, sides.data(), {kRows});
  write_matrix();
}

void TrainedProject::write_matrix() {
  add_array("matrix.npy", NpyType::kFloat32, matrix.data(), {kRows, 3});
}

void TrainedProject::add_array(const std::string& name, NpyType type, const void* values,
                               const std::vector<std::int64_t>& shape) {
  const std::string path = objects->temp_path(".npy");
  auto writer = required(NpyWriter::create(path, type, shape));
  std::int64_t count = 1;
  for (const std::int64_t each : shape) count *= each;
  required(writer->write(0, values, count));
  required(writer->finish());
  const auto sealed = required(objects->seal(path));
  input.put(records::File{name, sealed.digest, sealed.bytes});
}

void TrainedProject::make_featurizer() {
  onnx::Graph graph("featurizer");
  std::vector<onnx::Value> columns;
  for (const char* name : {"a", "b"}) {
    const auto value = graph.input(name, TensorType::kDouble);
    const auto null = graph.node("IsNaN", {value}, TensorType::kBool);
    const auto whole = graph.node("Where", {null, graph.constant(0.0), value}, TensorType::kDouble);
    columns.push_back(graph.cast(whole, TensorType::kFloat));
  }
  const auto color = graph.input("color", TensorType::kString);
  columns.push_back(
      graph.node("LabelEncoder", {color}, TensorType::kFloat,
                 {{"keys_strings", std::vector<std::string>{"", "blue", "green", "red"}},
                  {"values_floats", std::vector<float>{0, 2, 3, 4}},
                  {"default_float", 1.0F}},
                 "ai.onnx.ml"));
  graph.output("features", graph.side_by_side(columns), 3);
  add_file("featurizer.onnx", graph.bytes());
  add_file("features.json", Json::object().set("features", records::to_json(features)).dump());
  add_file("selection.json", R"({"columns": [0, 1, 2], "verdicts": []})");
}

std::vector<float> TrainedProject::rows_of(std::uint8_t side) const {
  std::vector<float> out;
  for (std::size_t i = 0; i < sides.size(); ++i) {
    if (sides[i] != side) continue;
    for (std::size_t k = 0; k < 3; ++k) out.push_back(matrix[i * 3 + k]);
  }
  return out;
}

void TrainedProject::finish_graph(onnx::Graph& graph, const onnx::Value& raw) const {
  if (features.target.task == Task::kNumber) {
    graph.output("prediction", raw);
    return;
  }
  if (features.target.task == Task::kBinary) {
    const auto probability = onnx::add_link(graph, records::Link::kSigmoid, raw);
    graph.output("probability", probability);
    const auto half = graph.constant(floats({1, 1}, {0.5F}));
    graph.output("prediction",
                 graph.node("GreaterOrEqual", {probability, half}, TensorType::kBool));
    return;
  }
  const auto probabilities = onnx::add_link(graph, records::Link::kSoftmax, raw);
  graph.output("probabilities", probabilities, 3);
  const auto best = graph.node("ArgMax", {probabilities}, TensorType::kInt64,
                               {{"axis", std::int64_t{1}}, {"keepdims", std::int64_t{1}}});
  const auto names = graph.constant(Tensor{{3}, features.target.classes});
  graph.output("prediction", graph.node("Gather", {names, best}, TensorType::kString));
}

void TrainedProject::add_constant(const std::string& name, float value) {
  const bool classes = features.target.task == Task::kMulticlass;
  const std::int64_t outputs = classes ? 3 : 1;
  onnx::Graph graph("model");
  const auto rows = graph.input("features", TensorType::kFloat, 3);
  const auto zeros = graph.constant(
      floats({3, outputs}, std::vector<float>(static_cast<std::size_t>(3 * outputs))));
  std::vector<float> scores(static_cast<std::size_t>(outputs), value);
  if (classes) scores = {0, value, 0};
  const auto raw = graph.node("Add",
                              {graph.node("MatMul", {rows, zeros}, TensorType::kFloat),
                               graph.constant(floats({1, outputs}, scores))},
                              TensorType::kFloat);
  add_model(name, "constant", std::move(graph), raw);
}

void TrainedProject::add_linear(const std::string& name, float weight, float offset) {
  onnx::Graph graph("model");
  const auto rows = graph.input("features", TensorType::kFloat, 3);
  const auto weights = graph.constant(floats({3, 1}, {weight, 0, 0}));
  const auto raw = graph.node("Add",
                              {graph.node("MatMul", {rows, weights}, TensorType::kFloat),
                               graph.constant(floats({1, 1}, {offset}))},
                              TensorType::kFloat);
  Json linear = Json::object();
  linear.set("intercepts", Json(Json::Array{static_cast<double>(offset)}));
  linear.set("weights", Json(Json::Array{Json(Json::Array{static_cast<double>(weight), 0, 0})}));
  linear.set("categories", Json::array());
  add_model(name, features.target.task == Task::kNumber ? "ridge" : "logistic", std::move(graph),
            raw, std::move(Json::object().set("linear", std::move(linear))));
}

void TrainedProject::add_trees(const std::string& name, int rounds) {
  const Task task = features.target.task;
  const std::vector<float> values = rows_of(0);
  std::vector<float> targets;
  for (std::size_t i = 0; i < sides.size(); ++i) {
    if (sides[i] == 0) targets.push_back(static_cast<float>(labels[i]));
  }
  lightgbm::Data data;
  data.values = values.data();
  data.rows = static_cast<std::int64_t>(targets.size());
  data.columns = 3;
  data.labels = targets.data();
  data.categorical = {2};
  lightgbm::Settings how;
  how.objective =
      task == Task::kNumber ? "regression" : (task == Task::kBinary ? "binary" : "multiclass");
  how.classes = task == Task::kMulticlass ? 3 : 0;
  how.rounds = rounds;
  how.threads = 1;
  how.parameters = {{"num_leaves", "7"}, {"min_data_in_leaf", "10"}};
  const auto set = required(lightgbm::TrainingSet::bin(data, nullptr, how));
  const auto booster = required(lightgbm::Booster::train(*set, how));
  onnx::Graph graph("model");
  const auto rows = graph.input("features", TensorType::kFloat, 3);
  const auto raw = onnx::add_trees(graph, required(lightgbm::parse_model(booster->text())), rows);
  add_file(format("model.{}.txt", name), booster->text());
  Json facts = Json::object().set("native", format("model.{}.txt", name));
  add_model(name, "lightgbm", std::move(graph), raw, std::move(facts));
}

void TrainedProject::add_model(const std::string& name, const std::string& family,
                               onnx::Graph graph, const onnx::Value& raw, Json facts,
                               bool finished) {
  if (!finished) finish_graph(graph, raw);
  const std::string bytes = graph.bytes();
  add_file(format("model.{}.onnx", name), bytes);
  for (const auto& [key, value] : {std::pair<const char*, Json>{"name", name},
                                   {"family", family},
                                   {"nodes", graph.node_count()},
                                   {"leaves_visited", family == "lightgbm" ? 10 : 0},
                                   {"bytes", bytes.size()},
                                   {"calibration", Json::object().set("kind", "none")},
                                   {"threshold", 0.5}}) {
    if (!facts.has(key)) facts.set(key, value);
  }
  add_file(format("model.{}.json", name), facts.dump());
  candidates_.push(Json::object().set("name", name).set("family", family));
  trials_.push(Json::object().set("candidate", name).set("trial", 0).set("score", 0.0));
  best_.set(name, 0);
  names_.push_back(name);
  add_scores(name, graph);
}

void TrainedProject::add_scores(const std::string& name, const onnx::Graph& graph) {
  const auto model = required(onnx::Model::load(graph.bytes()));
  std::vector<float> rows = rows_of(1);
  const auto count = static_cast<std::int64_t>(rows.size() / 3);
  const auto answers = required(model->run({floats({count, 3}, std::move(rows))}));
  for (std::size_t i = 0; i < answers.size(); ++i) {
    if (answers[i].type() != TensorType::kFloat) continue;
    const std::vector<double> scores(answers[i].floats().begin(), answers[i].floats().end());
    add_array(format("scores.{}.npy", name), NpyType::kFloat64, scores.data(),
              {count, static_cast<std::int64_t>(scores.size()) / count});
  }
}

void TrainedProject::finish(const std::string& metric) {
  add_file("candidates.json", Json::object().set("candidates", candidates_).dump());
  Json trials = Json::object().set("metric", metric).set("trials", trials_).set("best", best_);
  add_file("trials.json", trials.dump());
}

void TrainedProject::fold() {
  std::vector<std::int32_t> folds;
  for (std::uint8_t& side : sides) {
    side = side == 1 ? 0 : 2;
    folds.push_back(side == 0 ? static_cast<std::int32_t>(folds.size() % 2) : -1);
  }
  add_array("sides.npy", NpyType::kUint8, sides.data(), {kRows});
  add_array("folds.npy", NpyType::kInt32, folds.data(), {kRows});
  const records::Table& table = *input.find("training");
  add_table("training",
            format("SELECT * REPLACE (CASE _split WHEN 'validation' THEN 'train' ELSE 'test' END "
                   "AS _split) FROM read_parquet('{}') ORDER BY id",
                   objects->path_of(table.digest)),
            {"id"});
  for (const std::string& name : names_) {
    records::File scores = *input.find_file(format("scores.{}.npy", name));
    scores.name = format("held_out.{}.npy", name);
    input.put(std::move(scores));
    const std::int64_t outputs = features.target.task == Task::kMulticlass ? 3 : 1;
    add_array(format("scores.{}.npy", name), NpyType::kFloat64, nullptr, {0, outputs});
  }
}

void TrainedProject::file(const std::string& yaml, const Field& field, const std::string& owner,
                          const std::string& metric) {
  section(yaml, field, owner);
  const char* types[] = {"number", "binary", "multiclass"};
  other_section(
      format("spine: rows\npredict_at: {{column: at}}\ntarget: {{name: y, type: {}, expr: "
             "y}}\n",
             types[static_cast<int>(features.target.task)]),
      steps::curate::spec(), "curate");
  if (!metric.empty()) other_section("metric: " + metric, train_field(), "train");
}

Json TrainedProject::json_of(const records::Dataset& dataset, const std::string& name) const {
  const records::File* file = dataset.find_file(name);
  if (file == nullptr) throw std::runtime_error("no file " + name);
  return required(parse_json(required(objects->read(file->digest))));
}

}  // namespace kingpost::test
