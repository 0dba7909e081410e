// SPDX-License-Identifier: Apache-2.0
// Names: an output of the graph must not be called as one of its inputs.
#include "steps/model_graph.h"

#include <algorithm>

#include "base/text.h"

namespace kingpost::steps {

Result<onnx::Graph> whole_graph(std::string_view featurizer, const std::vector<std::int64_t>& kept,
                                std::string_view model) {
  TRY(const onnx::Graph first, onnx::Graph::read(featurizer));
  TRY(const onnx::Graph second, onnx::Graph::read(model));
  onnx::Graph out("kingpost");
  TRY(auto made, out.append(first, {}));
  const auto features = made.find("features");
  if (features == made.end()) {
    return fail(Code::kCorrupt, "onnx.malformed", "the featurizer has no output \"features\"");
  }
  const auto width = first.outputs().front().columns;
  bool all = width == std::ssize(kept);
  for (std::size_t i = 0; all && i < kept.size(); ++i) {
    all = kept[i] == static_cast<std::int64_t>(i);
  }
  const onnx::Value picked = all ? features->second : out.columns(features->second, kept);
  TRY(auto answers, out.append(second, {{"features", picked}}));
  out.note(std::string(kFeaturesNote), picked.name);
  const auto inputs = out.inputs();
  for (const onnx::Port& port : second.outputs()) {
    const bool taken = std::any_of(inputs.begin(), inputs.end(), [&](const onnx::Port& input) {
      return input.name == port.name;
    });
    if (taken) {
      return fail(Code::kInvalidInput, "onnx.name_taken",
                  "a curated column is called \"{}\", as an output of the model is", port.name)
          .hint("rename the column in standardise");
    }
    out.output(port.name, answers.at(port.name), port.columns);
  }
  out.prune();
  return out;
}

Result<std::string> features_graph(std::string_view model, std::int64_t width) {
  constexpr std::string_view kOutput = "/features";
  TRY(onnx::Graph whole, onnx::Graph::read(model));
  const auto notes = whole.notes();
  const auto name = notes.find(std::string(kFeaturesNote));
  if (name == notes.end()) return std::string();
  const onnx::Value features{name->second, onnx::TensorType::kFloat};
  whole.output(std::string(kOutput), features, width);
  onnx::Graph part("features");
  TRY(const auto made, part.append(whole, {}));
  part.output(std::string(kOutput), made.at(std::string(kOutput)), width);
  part.prune();
  return part.bytes();
}

}  // namespace kingpost::steps
