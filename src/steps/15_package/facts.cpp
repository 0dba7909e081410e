// SPDX-License-Identifier: Apache-2.0
// The JSON files for programs: signature, features, metrics, lineage.
#include <algorithm>

#include "base/files.h"
#include "base/text.h"
#include "base/version.h"
#include "steps/15_package/material.h"

namespace kingpost::steps::package {
namespace {

using records::TensorType;

std::string_view onnx_word(TensorType type) {
  switch (type) {
    case TensorType::kFloat:
      return "float";
    case TensorType::kDouble:
      return "double";
    case TensorType::kInt64:
      return "int64";
    case TensorType::kBool:
      return "bool";
    case TensorType::kString:
      return "string";
  }
  return {};
}

bool is_path_key(std::string_view key) {
  return key == "path" || key == "file" || key == "card";
}

Json without_folders(const Json& value, std::string_view key) {
  if (value.is_string()) {
    const bool absolute = is_path_key(key) && value.text().rfind('/', 0) == 0;
    return absolute ? Json(name_of(value.text())) : value;
  }
  if (value.is_array()) {
    Json out = Json::array();
    for (const Json& each : value.items()) out.push(without_folders(each, key));
    return out;
  }
  if (!value.is_object()) return value;
  Json out = Json::object();
  for (const auto& [name, each] : value.entries()) out.set(name, without_folders(each, name));
  return out;
}

}  // namespace

Json signature_of(const Material& material) {
  const RunContext& context = material.context;
  const records::TableSchema& schema = material.training().schema;
  Json classes = Json::array();
  for (const std::string& each : material.target().classes) classes.push(each);
  Json key = Json::array();
  for (const std::string& name : schema.key) {
    const records::Column* column = schema.find(name);
    key.push(Json::object().set("name", name).set("type", column == nullptr ? "" : column->type));
  }
  Json inputs = Json::array();
  for (std::size_t i = 0; i < material.inputs.size(); ++i) {
    Json input = Json::object();
    input.set("name", material.inputs[i].name).set("type", material.inputs[i].type);
    // Every input may be null: the featurizer has a rule for it, whatever training saw.
    input.set("onnx", onnx_word(material.ports[i].type)).set("nullable", true);
    inputs.push(std::move(input));
  }
  Json outputs = Json::array();
  for (const onnx::Port& port : material.outputs) {
    Json output = Json::object();
    output.set("name", port.name).set("onnx", onnx_word(port.type)).set("columns", port.columns);
    outputs.push(std::move(output));
  }
  const bool binary = material.task() == records::Task::kBinary;
  const bool loose = context.section.text_at("signature") == "loose";
  Json out = Json::object();
  out.set("task", records::task_word(material.task())).set("target", material.target().name);
  out.set("classes", std::move(classes));
  out.set("threshold", binary ? Json(material.model->threshold) : Json());
  out.set("key", std::move(key)).set("inputs", std::move(inputs));
  out.set("outputs", std::move(outputs)).set("exact", material.exact);
  return std::move(out.set("signature", loose ? "loose" : "strict"));
}

namespace {

// A fit is of a feature of the file, or of a part of a time: "sched_dep_hour" of "sched_dep".
bool is_behind(const std::string& fit, const std::vector<records::FeatureColumn>& columns) {
  return std::any_of(columns.begin(), columns.end(), [&](const records::FeatureColumn& column) {
    const bool is_part = starts_with(fit, column.feature + "_") && starts_with(column.name, fit);
    return column.feature == fit || is_part;
  });
}

}  // namespace

Json features_of(const Material& material, const Json& all) {
  records::FeatureSet cut = material.trained.features;
  std::vector<records::FeatureColumn> columns;
  for (const std::int64_t each : material.trained.kept) {
    columns.push_back(cut.columns.at(static_cast<std::size_t>(each)));
  }
  cut.columns = std::move(columns);
  cut.inputs = material.inputs;
  Json fits = Json::array();
  for (const Json& fit : all["fits"].items()) {
    if (is_behind(fit["feature"].text(), cut.columns)) fits.push(fit);
  }
  Json out = Json::object();
  return std::move(out.set("features", records::to_json(cut)).set("fits", std::move(fits)));
}

Json metrics_of(const Material& material) {
  const std::string& name = material.model->name;
  Json evaluations = Json::object();
  evaluations.set(name, material.evaluation[name]);
  if (!material.baseline.empty()) {
    const Json& baseline = material.evaluation[material.baseline];
    evaluations.set(material.baseline, Json::object()
                                           .set("family", baseline["family"])
                                           .set("metrics", baseline["metrics"])
                                           .set("slices", baseline["slices"]));
  }
  Json selection = Json::object();
  for (const char* key : {"metric", "value", "why", "table"}) {
    selection.set(key, material.winner[key]);
  }
  Json out = Json::object();
  out.set("model", name).set("family", material.model->family).set("metric", material.metric);
  out.set("baseline", material.baseline.empty() ? Json() : Json(material.baseline));
  out.set("rows", material.evaluation["rows"]).set("test", std::move(evaluations));
  out.set("gates", material.verdicts[name]["gates"]);
  return std::move(out.set("selection", std::move(selection)));
}

Json sections_of(const Node& pipeline) {
  Json out = Json::object();
  for (const char* word :
       {"ingest", "validate_data", "clean", "standardise", "curate", "extract_features",
        "select_features", "candidates", "train", "validate_models", "evaluate", "select_best"}) {
    if (!pipeline.has(word)) continue;
    const Json section = pipeline.at(word).json();
    Json kept = section;
    if (section.is_object()) {
      kept = Json::object();
      for (const auto& [key, value] : section.entries()) {
        // These change how fast the model is made and not what it is.
        const bool pace =
            std::string_view(word) == "train" && (key == "threads" || key == "memory");
        if (!pace) kept.set(key, value);
      }
    }
    out.set(word, without_folders(kept, word));
  }
  return out;
}

Json lineage_of(const Material& material, const Json& sources) {
  const RunContext& context = material.context;
  Json tables = Json::array();
  for (const records::Table& table : context.input.tables) {
    if (table.name == "predictions") continue;
    Json each = Json::object();
    each.set("name", table.name).set("sha256", table.digest).set("rows", table.rows);
    tables.push(std::move(each));
  }
  const auto digest_of = [&](const std::string& name) {
    const records::File* file = context.input.find_file(name);
    return file == nullptr ? Json() : Json(file->digest);
  };
  Json model = Json::object();
  model.set("name", material.model->name).set("family", material.model->family);
  model.set("digest", material.model->facts["digest"]);
  model.set("graph", digest_of(format("model.{}.onnx", material.model->name)));
  Json out = Json::object();
  out.set("kingpost", kingpost_version()).set("project", context.settings.project);
  if (context.settings.now_given) out.set("now", timestamp_text(context.settings.now));
  out.set("sources", sources).set("tables", std::move(tables));
  out.set("featurizer", digest_of("featurizer.onnx"));
  out.set("selection", digest_of("selection.json")).set("model", std::move(model));
  return std::move(out.set("sections", sections_of(context.pipeline)));
}

}  // namespace kingpost::steps::package
