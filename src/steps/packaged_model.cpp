// SPDX-License-Identifier: Apache-2.0
#include "steps/packaged_model.h"

#include <numeric>

#include "steps/model_graph.h"

namespace kingpost::steps {
namespace {

constexpr std::string_view kFacts = "native/model.json";
constexpr std::string_view kTrees = "native/lightgbm.txt";
constexpr std::string_view kFeatures = "features.json";

}  // namespace

Result<std::optional<PackagedModel>> PackagedModel::of(const Bundle& bundle) {
  std::optional<PackagedModel> out;
  if (bundle.find(kFacts) == nullptr || bundle.find(kFeatures) == nullptr) return out;
  out.emplace();
  TRY(const Json features, bundle.json(kFeatures));
  out->trained_.features = records::features_from_json(features["features"]);
  const std::size_t width = out->trained_.features.columns.size();
  out->trained_.kept.resize(width);
  std::iota(out->trained_.kept.begin(), out->trained_.kept.end(), std::int64_t{0});
  TRY(const Json facts, bundle.json(kFacts));
  out->trained_.models.push_back(
      trained_model(facts["name"].text(), facts["family"].text(), facts));
  if (bundle.find(kTrees) != nullptr) {
    TRY(out->trees_, bundle.bytes(kTrees));
  }
  TRY(const std::string graph, bundle.bytes("model.onnx"));
  TRY(out->whole_, onnx::Model::load(graph));
  TRY(const std::string part, features_graph(graph, static_cast<std::int64_t>(width)));
  if (!part.empty()) {
    TRY(out->features_, onnx::Model::load(part));
  }
  return out;
}

bool PackagedModel::is_graph_only() const {
  const bool has_own = trees_.has_value() || model().facts["linear"].is_object();
  return !has_own || features_ == nullptr;
}

Result<GraphAnswers> PackagedModel::ask(const records::Batch& rows) const {
  GraphAnswers out;
  TRY(const auto answers, whole_->run(rows, 0, rows.rows));
  TRY(out.scores, scores_of(trained_, *whole_, answers));
  if (features_ == nullptr) return out;
  TRY(auto features, features_->run(rows, 0, rows.rows));
  out.features = std::move(features.front());
  return out;
}

Result<Parity> PackagedModel::parity(const GraphAnswers& graph, double max_abs) const {
  Parity out;
  out.graph_only = is_graph_only();
  if (out.graph_only) return out;
  return compare(trained_, model(), trees_, graph, max_abs);
}

}  // namespace kingpost::steps
