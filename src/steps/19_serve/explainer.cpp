// SPDX-License-Identifier: Apache-2.0
#include "steps/19_serve/explainer.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <numeric>
#include <span>

#include "base/text.h"
#include "engines/lightgbm/model_text.h"
#include "steps/model_graph.h"

namespace kingpost::steps::serve {
namespace {

std::vector<std::string> names_of(const Json& signature, std::int32_t outputs) {
  std::vector<std::string> out;
  for (const Json& each : signature["classes"].items()) out.push_back(each.text());
  // Of two classes the score is that of the second one.
  if (outputs == 1) return {out.size() == 2 ? out[1] : signature["target"].text()};
  return out;
}

}  // namespace

Result<std::unique_ptr<const Explainer>> Explainer::of(const Bundle& bundle, std::string_view model,
                                                       const Json& features,
                                                       const Json& signature) {
  constexpr std::string_view kTrees = "native/lightgbm.txt";
  if (bundle.find(kTrees) == nullptr) return std::unique_ptr<const Explainer>();
  std::unique_ptr<Explainer> out(new Explainer);
  TRY(const std::string text, bundle.bytes(kTrees));
  TRY(out->trees_, lightgbm::parse_model(text));
  for (const Json& each : features["features"]["columns"].items()) {
    Feature feature{each["name"].text(), {}};
    for (const Json& level : each["levels"].items()) feature.levels.push_back(level.text());
    out->features_.push_back(std::move(feature));
  }
  out->outputs_ = names_of(signature, out->trees_.outputs);
  const bool is_told = std::ssize(out->features_) == out->trees_.features &&
                       std::ssize(out->outputs_) == out->trees_.outputs;
  TRY(const std::string graph, features_graph(model, std::ssize(out->features_)));
  if (!is_told || graph.empty()) return std::unique_ptr<const Explainer>();
  TRY(out->session_, onnx::Session::load(graph));
  TRY(const auto whole, onnx::Session::load(model));
  for (const onnx::TensorPort& port : out->session_->inputs()) {
    const auto& all = whole->inputs();
    const auto found = std::find_if(all.begin(), all.end(), [&](const onnx::TensorPort& each) {
      return each.name == port.name;
    });
    out->inputs_.push_back(static_cast<std::size_t>(found - all.begin()));
  }
  out->shap_ = std::make_unique<TreeShap>(out->trees_);
  return std::unique_ptr<const Explainer>(std::move(out));
}

Json Explainer::value_of(std::size_t feature, float value) const {
  const std::vector<std::string>& levels = features_[feature].levels;
  if (std::isnan(value)) return nullptr;
  const auto code = static_cast<std::size_t>(std::max(value, 0.0F));
  if (levels.empty() || code >= levels.size()) {
    // As short as the float32 is: 45.1 and not 45.099998474121094.
    return parse_number(format("{}", value)).value_or(static_cast<double>(value));
  }
  return levels[code];
}

Json Explainer::row_of(const float* features) const {
  const std::size_t width = features_.size() + 1;
  const std::vector<double> all = shap_->values(features);
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
    return std::abs(parts[a]) > std::abs(parts[b]);
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
  std::vector<records::InferTensor> inputs;
  for (const std::size_t place : inputs_) inputs.push_back(question.inputs[place]);
  records::InferResponse made;
  const std::array<std::size_t, 1> only = {0};
  TRY_STATUS(session_->run(inputs, only, made));
  const std::size_t width = features_.size();
  std::vector<float> row(width);
  Json out = Json::array();
  for (std::size_t i = 0; i < static_cast<std::size_t>(question.rows); ++i) {
    std::memcpy(row.data(), made.outputs[0].data.data() + i * width * sizeof(float),
                width * sizeof(float));
    out.push(row_of(row.data()));
  }
  return out;
}

}  // namespace kingpost::steps::serve
