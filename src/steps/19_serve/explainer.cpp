// SPDX-License-Identifier: Apache-2.0
#include "steps/19_serve/explainer.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <span>

#include "base/text.h"
#include "engines/lightgbm/model_text.h"
#include "records/trees.h"
#include "steps/linear_facts.h"
#include "steps/model_graph.h"
#include "steps/tree_shap.h"

namespace kingpost::steps::serve {
namespace {

std::vector<std::string> names_of(const Json& signature, std::int64_t outputs) {
  std::vector<std::string> out;
  for (const Json& each : signature["classes"].items()) out.push_back(each.text());
  // Of two classes the score is that of the second one.
  if (outputs == 1) return {out.size() == 2 ? out[1] : signature["target"].text()};
  return out;
}

// By which contributions are put in order: what is no number has an order too, and stands first.
double size_of(double contribution) {
  return std::isnan(contribution) ? std::numeric_limits<double>::infinity()
                                  : std::abs(contribution);
}

constexpr std::string_view kTrees = "native/lightgbm.txt";
constexpr std::string_view kFacts = "native/model.json";

struct TreeExplanation {
  records::TreeEnsemble trees;
  TreeShap shap;
  explicit TreeExplanation(records::TreeEnsemble ensemble)
      : trees(std::move(ensemble)), shap(trees) {}
};

struct LinearExplanation {
  records::LinearModel model;
  LinearShap shap;
  LinearExplanation(records::LinearModel linear, std::vector<double> means)
      : model(std::move(linear)), shap(model, std::move(means)) {}
};

Error misfit(const Bundle& bundle, std::string_view name) {
  return fail(Code::kCorrupt, "bundle.damaged", "{} of bundle {} does not fit its model", name,
              shown(bundle.digest()));
}

}  // namespace

Result<Explainer::Explained> Explainer::of_trees(const Bundle& bundle) {
  TRY(const std::string text, bundle.bytes(kTrees));
  TRY(records::TreeEnsemble trees, lightgbm::parse_model(text));
  const auto made = std::make_shared<const TreeExplanation>(std::move(trees));
  return Explained{.features = made->trees.features,
                   .outputs = made->trees.outputs,
                   .values = [made](const float* row) { return made->shap.values(row); }};
}

Result<Explainer::Explained> Explainer::of_facts(const Bundle& bundle, std::int64_t features) {
  TRY(const Json facts, bundle.json(kFacts));
  if (facts["family"].text() == "constant") {
    const Json& expected = facts["expected_value"];
    std::vector<double> scores;
    for (const Json& each : expected.items()) scores.push_back(each.number());
    if (expected.is_number()) scores = {expected.number()};
    const std::int64_t outputs = std::ssize(scores);
    return Explained{.outputs = outputs, .values = [scores](const float*) { return scores; }};
  }
  if (!facts["linear"].is_object() || bundle.find(kLinearMeansFile) == nullptr) return Explained();
  auto model = linear_of(facts["linear"], features);
  if (!model) return misfit(bundle, kFacts);
  TRY(const Json json, bundle.json(kLinearMeansFile));
  auto means = linear_means_of(json, *model);
  if (!means) return misfit(bundle, kLinearMeansFile);
  const auto made = std::make_shared<const LinearExplanation>(*std::move(model), *std::move(means));
  return Explained{.features = made->model.features,
                   .outputs = made->model.outputs,
                   .values = [made](const float* row) { return made->shap.values(row); }};
}

Result<std::unique_ptr<const Explainer>> Explainer::of(const Bundle& bundle, std::string_view model,
                                                       const Json& features,
                                                       const Json& signature) {
  Explained explained;
  if (bundle.find(kTrees) != nullptr) {
    TRY(explained, of_trees(bundle));
  } else if (bundle.find(kFacts) != nullptr) {
    TRY(explained, of_facts(bundle, std::ssize(features["features"]["columns"].items())));
  }
  if (!explained.values) return std::unique_ptr<const Explainer>();
  std::unique_ptr<Explainer> out(new Explainer);
  out->values_ = std::move(explained.values);
  out->outputs_ = names_of(signature, explained.outputs);
  const bool is_named = explained.outputs > 0 && std::ssize(out->outputs_) == explained.outputs;
  if (!is_named) return std::unique_ptr<const Explainer>();
  if (explained.features == 0) return std::unique_ptr<const Explainer>(std::move(out));
  for (const Json& each : features["features"]["columns"].items()) {
    Feature feature{each["name"].text(), {}};
    for (const Json& level : each["levels"].items()) feature.levels.push_back(level.text());
    out->features_.push_back(std::move(feature));
  }
  if (std::ssize(out->features_) != explained.features) return std::unique_ptr<const Explainer>();
  TRY(const bool is_told, out->open_features(model));
  if (!is_told) return std::unique_ptr<const Explainer>();
  return std::unique_ptr<const Explainer>(std::move(out));
}

Result<bool> Explainer::open_features(std::string_view model) {
  TRY(const std::string graph, features_graph(model, std::ssize(features_)));
  if (graph.empty()) return false;
  TRY(session_, onnx::Session::load(graph));
  TRY(const auto whole, onnx::Session::load(model));
  for (const onnx::TensorPort& port : session_->inputs()) {
    const auto& all = whole->inputs();
    const auto found = std::find_if(all.begin(), all.end(), [&](const onnx::TensorPort& each) {
      return each.name == port.name;
    });
    inputs_.push_back(static_cast<std::size_t>(found - all.begin()));
  }
  return true;
}

Json Explainer::value_of(std::size_t feature, float value) const {
  const std::vector<std::string>& levels = features_[feature].levels;
  if (std::isnan(value)) return nullptr;
  if (levels.empty() || value >= static_cast<float>(levels.size())) {
    // As short as the float32 is: 45.1 and not 45.099998474121094.
    return parse_number(format("{}", value)).value_or(static_cast<double>(value));
  }
  return levels[static_cast<std::size_t>(std::max(value, 0.0F))];
}

Json Explainer::row_of(const float* features) const {
  const std::size_t width = features_.size() + 1;
  const std::vector<double> all = values_(features);
  std::vector<double> scores;
  for (std::size_t o = 0; o < outputs_.size(); ++o) {
    const auto first = all.begin() + static_cast<std::ptrdiff_t>(o * width);
    scores.push_back(std::accumulate(first, first + static_cast<std::ptrdiff_t>(width), 0.0));
  }
  const auto best =
      static_cast<std::size_t>(std::max_element(scores.begin(), scores.end()) - scores.begin());
  const std::span<const double> parts(all.data() + best * width, width - 1);
  std::vector<std::size_t> order(parts.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return size_of(parts[a]) > size_of(parts[b]);
  });
  Json contributions = Json::array();
  for (const std::size_t each : order) {
    contributions.push(Json::object()
                           .set("feature", features_[each].name)
                           .set("value", value_of(each, features[each]))
                           .set("contribution", parts[each]));
  }
  Json out = Json::object();
  out.set("of", outputs_[best]).set("expected", all[best * width + width - 1]);
  return std::move(out.set("score", scores[best]).set("contributions", std::move(contributions)));
}

Result<Json> Explainer::explain(const Question& question) const {
  const std::size_t width = features_.size();
  const auto rows = static_cast<std::size_t>(question.rows);
  std::vector<float> row(width);
  Json out = Json::array();
  if (session_ == nullptr) {
    for (std::size_t i = 0; i < rows; ++i) out.push(row_of(row.data()));
    return out;
  }
  std::vector<records::InferTensor> inputs;
  for (const std::size_t place : inputs_) inputs.push_back(question.inputs[place]);
  records::InferResponse made;
  const std::array<std::size_t, 1> only = {0};
  TRY_STATUS(session_->run(inputs, only, made));
  // What a graph of others says of its features need not be so.
  if (made.outputs[0].data.size() != rows * width * sizeof(float)) {
    return fail(Code::kCorrupt, "bundle.damaged",
                "the features of the graph are not as many as those of features.json");
  }
  for (std::size_t i = 0; i < rows; ++i) {
    std::memcpy(row.data(), made.outputs[0].data.data() + i * width * sizeof(float),
                width * sizeof(float));
    out.push(row_of(row.data()));
  }
  return out;
}

}  // namespace kingpost::steps::serve
