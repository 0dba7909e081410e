// SPDX-License-Identifier: Apache-2.0
// What a matrix holds.
#include "records/features.h"

namespace kingpost::records {
namespace {

Json texts_json(const std::vector<std::string>& texts) {
  Json out = Json::array();
  for (const std::string& each : texts) out.push(each);
  return out;
}

std::vector<std::string> texts_of(const Json& json) {
  std::vector<std::string> out;
  for (const Json& each : json.items()) out.push_back(each.text());
  return out;
}

}  // namespace

std::string_view task_word(Task task) {
  if (task == Task::kNumber) return "number";
  return task == Task::kBinary ? "binary" : "multiclass";
}

const FeatureColumn* FeatureSet::find(std::string_view column) const {
  for (const FeatureColumn& each : columns) {
    if (each.name == column) return &each;
  }
  return nullptr;
}

Json to_json(const FeatureSet& features) {
  Json columns = Json::array();
  for (const FeatureColumn& column : features.columns) {
    Json each = Json::object();
    each.set("name", column.name).set("feature", column.feature);
    if (column.categorical) each.set("levels", texts_json(column.levels));
    if (column.may_miss) each.set("may_miss", true);
    if (column.out_of_fold) each.set("out_of_fold", true);
    columns.push(std::move(each));
  }
  Json inputs = Json::array();
  for (const Column& column : features.inputs) {
    inputs.push(Json::object().set("name", column.name).set("type", column.type));
  }
  Json target = Json::object();
  target.set("name", features.target.name).set("task", task_word(features.target.task));
  target.set("classes", texts_json(features.target.classes));
  Json out = Json::object();
  out.set("columns", std::move(columns)).set("inputs", std::move(inputs));
  out.set("target", std::move(target)).set("exact", features.exact);
  return out;
}

FeatureSet features_from_json(const Json& json) {
  FeatureSet out;
  for (const Json& each : json["columns"].items()) {
    out.columns.push_back({each["name"].text(), each["feature"].text(), each.has("levels"),
                           texts_of(each["levels"]), each["may_miss"].boolean(),
                           each["out_of_fold"].boolean()});
  }
  for (const Json& each : json["inputs"].items()) {
    out.inputs.push_back({each["name"].text(), each["type"].text(), {}, {}});
  }
  const Json& target = json["target"];
  out.target.name = target["name"].text();
  for (const Task task : {Task::kNumber, Task::kBinary, Task::kMulticlass}) {
    if (task_word(task) == target["task"].text()) out.target.task = task;
  }
  out.target.classes = texts_of(target["classes"]);
  out.exact = json["exact"].boolean();
  return out;
}

}  // namespace kingpost::records
