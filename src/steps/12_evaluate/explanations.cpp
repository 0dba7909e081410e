// SPDX-License-Identifier: Apache-2.0
// Trees are read from LightGBM's own text, linear weights from the model's facts.
#include "steps/12_evaluate/explanations.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>

#include "base/parallel.h"
#include "engines/lightgbm/model_text.h"
#include "steps/tree_shap.h"

namespace kingpost::steps::evaluate {
namespace {

// Some seconds on one core.
constexpr std::int64_t kMostWork = 400'000'000;

using Explain = std::function<std::vector<double>(const float*)>;

// Shapley values of each row, [rows][outputs][features + 1].
std::vector<std::vector<double>> explained(const Explain& explain, const records::Tensor& rows,
                                           int threads) {
  const auto count = static_cast<std::size_t>(rows.shape[0]);
  const auto width = static_cast<std::size_t>(rows.shape[1]);
  std::vector<std::vector<double>> out(count);
  parallel(count, threads,
           [&](std::size_t i) { out[i] = explain(rows.floats().data() + i * width); });
  return out;
}

// Columns of one feature count together: their values are added before the absolute value.
Json summary(const char* method, const TrainedModels& trained,
             const std::vector<std::vector<double>>& rows) {
  const std::size_t width = trained.kept.size() + 1;
  const std::size_t outputs = rows.empty() ? 0 : rows[0].size() / width;
  std::vector<std::string> names;
  std::vector<std::size_t> feature_of;
  for (const std::int64_t kept : trained.kept) {
    const std::string& name = trained.features.columns[static_cast<std::size_t>(kept)].feature;
    const auto found = std::find(names.begin(), names.end(), name);
    feature_of.push_back(static_cast<std::size_t>(found - names.begin()));
    if (found == names.end()) names.push_back(name);
  }
  std::vector<Sum> sums(names.size());
  for (const auto& values : rows) {
    for (std::size_t o = 0; o < outputs; ++o) {
      std::vector<double> moved(names.size());
      for (std::size_t k = 0; k + 1 < width; ++k) moved[feature_of[k]] += values[o * width + k];
      for (std::size_t f = 0; f < names.size(); ++f) sums[f].add(std::abs(moved[f]));
    }
  }
  std::vector<std::pair<double, std::string>> all;
  for (std::size_t f = 0; f < names.size(); ++f) {
    const double mean = rows.empty() ? 0 : sums[f].value() / static_cast<double>(rows.size());
    all.emplace_back(-mean, names[f]);
  }
  std::sort(all.begin(), all.end());
  Json features = Json::array();
  for (const auto& [mean, name] : all) {
    features.push(Json::object().set("feature", name).set("mean_abs", -mean));
  }
  Json expected = Json::array();
  for (std::size_t o = 0; o < outputs; ++o) expected.push(rows[0][o * width + width - 1]);
  Json out = Json::object();
  out.set("method", method).set("rows", rows.size()).set("expected", std::move(expected));
  return std::move(out.set("features", std::move(features)));
}

Result<Json> of_trees(const RunContext& context, const TrainedModels& trained,
                      const std::string& native, const SideRows& side, std::int64_t rows) {
  TRY(const std::string text, bytes_of(context, native));
  TRY(const records::TreeEnsemble trees, lightgbm::parse_model(text));
  const TreeShap shap(trees);
  const std::int64_t affordable = std::max<std::int64_t>(20, kMostWork / (shap.work() + 1));
  TRY(const records::Tensor sample,
      matrix_rows(context, trained, evenly(side.numbers, std::min(rows, affordable))));
  const auto values = explained([&](const float* row) { return shap.values(row); }, sample,
                                context.settings.engine.threads);
  return summary("tree_shap", trained, values);
}

Result<Json> of_linear(const RunContext& context, const TrainedModels& trained,
                       const records::LinearModel& model, const SideRows& side, std::int64_t rows) {
  TRY(const LinearShap shap, linear_shap(context, trained, model));
  TRY(const records::Tensor sample, matrix_rows(context, trained, evenly(side.numbers, rows)));
  const auto values = explained([&](const float* row) { return shap.values(row); }, sample,
                                context.settings.engine.threads);
  return summary("linear_shap", trained, values);
}

}  // namespace

Result<Json> explanations(const RunContext& context, const TrainedModels& trained,
                          const TrainedModel& model, const SideRows& side, std::int64_t rows) {
  if (rows == 0 || side.numbers.empty()) return Json();
  if (model.facts["native"].is_string()) {
    return of_trees(context, trained, model.facts["native"].text(), side, rows);
  }
  if (const auto linear = linear_model(trained, model)) {
    return of_linear(context, trained, *linear, side, rows);
  }
  return Json();
}

}  // namespace kingpost::steps::evaluate
