// SPDX-License-Identifier: Apache-2.0
// What a bundled model takes and gives.
#include "steps/signature.h"

#include <algorithm>

#include "base/text.h"

namespace kingpost::steps {
namespace {

Error malformed(const std::string& what) {
  return fail(Code::kCorrupt, "infer.signature_malformed", "signature.json {}", what)
      .hint("package the model again");
}

std::vector<records::Column> columns_of(const Json& json) {
  std::vector<records::Column> out;
  for (const Json& each : json.items())
    out.push_back({each["name"].text(), each["type"].text(), {}, {}});
  return out;
}

std::string class_column(const std::vector<std::string>& classes, std::size_t number) {
  return "probability_" + (number < classes.size() ? classes[number] : format("{}", number));
}

}  // namespace

std::string_view Signature::type_of(std::string_view column) const {
  for (const auto* list : {&inputs, &key}) {
    for (const records::Column& each : *list) {
      if (each.name == column) return each.type;
    }
  }
  return "";
}

Result<Signature> signature_from_json(const Json& json, const std::vector<onnx::Port>& inputs) {
  Signature out;
  const std::string& task = json["task"].text();
  // Of a file that was registered as it is nobody knows.
  if (!json["task"].is_null() && task != "number" && task != "binary" && task != "multiclass") {
    return malformed(format("names no task but \"{}\"", shown(task)));
  }
  if (task == "binary") out.target.task = records::Task::kBinary;
  if (task == "multiclass") out.target.task = records::Task::kMulticlass;
  out.target.name = json["target"].text();
  for (const Json& each : json["classes"].items()) out.target.classes.push_back(each.text());
  out.key = columns_of(json["key"]);
  out.inputs = columns_of(json["inputs"]);
  out.strict = json["signature"].text() != "loose";
  for (const onnx::Port& port : inputs) {
    const auto found =
        std::find_if(out.inputs.begin(), out.inputs.end(),
                     [&](const records::Column& each) { return each.name == port.name; });
    const bool is_text = port.type == records::TensorType::kString;
    if (found == out.inputs.end()) {
      return malformed(format("does not name the input \"{}\"", shown(port.name)));
    }
    if (is_text != (found->type == "string")) {
      return malformed(format("says {} of the input \"{}\"", found->type, shown(port.name)));
    }
  }
  if (out.inputs.size() != inputs.size()) {
    return malformed(
        format("names {} inputs, and the graph has {}", out.inputs.size(), inputs.size()));
  }
  return out;
}

std::vector<AnswerColumn> answer_columns(const Signature& signature,
                                         const std::vector<onnx::Port>& outputs) {
  std::vector<AnswerColumn> out;
  const auto add = [&](std::size_t output) {
    const onnx::Port& port = outputs[output];
    const auto columns = static_cast<std::size_t>(std::max<std::int64_t>(1, port.columns));
    for (std::size_t c = 0; c < columns; ++c) {
      std::string name = columns > 1 ? format("{}_{}", port.name, c) : port.name;
      if (port.name == "probabilities") name = class_column(signature.target.classes, c);
      out.push_back({std::move(name), port.type, output, c, columns});
    }
  };
  for (const bool prediction : {true, false}) {
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      if ((outputs[i].name == "prediction") == prediction) add(i);
    }
  }
  return out;
}

}  // namespace kingpost::steps
