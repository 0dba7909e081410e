// SPDX-License-Identifier: Apache-2.0
#include "steps/linear_facts.h"

#include <algorithm>

namespace kingpost::steps {
namespace {

using Rows = std::vector<std::vector<double>>;

std::vector<double> numbers_of(const Json& list) {
  std::vector<double> out;
  for (const Json& each : list.items()) out.push_back(each.number());
  return out;
}

Rows rows_of(const Json& list) {
  Rows out;
  for (const Json& each : list.items()) out.push_back(numbers_of(each));
  return out;
}

bool has_shape(const Rows& rows, std::int64_t count, std::int64_t width) {
  return std::ssize(rows) == count && std::all_of(rows.begin(), rows.end(), [&](const auto& row) {
           return std::ssize(row) == width;
         });
}

}  // namespace

std::optional<records::LinearModel> linear_of(const Json& linear, std::int64_t features) {
  if (!linear.is_object()) return std::nullopt;
  records::LinearModel out;
  out.features = static_cast<std::int32_t>(features);
  out.intercepts = numbers_of(linear["intercepts"]);
  out.outputs = static_cast<std::int32_t>(out.intercepts.size());
  out.weights = rows_of(linear["weights"]);
  bool fits = has_shape(out.weights, out.outputs, features);
  for (const Json& each : linear["categories"].items()) {
    const std::int64_t feature = each["feature"].integer();
    records::LinearModel::CategoryWeights category{static_cast<std::int32_t>(feature),
                                                   rows_of(each["weights"])};
    const std::int64_t codes = category.weights.empty() ? 0 : std::ssize(category.weights[0]);
    fits = fits && each["feature"].is_integer() && feature >= 0 && feature < features &&
           has_shape(category.weights, out.outputs, codes);
    out.categories.push_back(std::move(category));
  }
  if (!fits) return std::nullopt;
  return out;
}

Json linear_means_json(const records::LinearModel& model, const std::vector<double>& means) {
  Json rows = Json::array();
  auto next = means.begin();
  for (std::int32_t o = 0; o < model.outputs; ++o) {
    Json row = Json::array();
    for (std::int32_t f = 0; f < model.features; ++f) row.push(*next++);
    rows.push(std::move(row));
  }
  return std::move(Json::object().set("means", std::move(rows)));
}

std::optional<std::vector<double>> linear_means_of(const Json& json,
                                                   const records::LinearModel& model) {
  const Rows rows = rows_of(json["means"]);
  if (!has_shape(rows, model.outputs, model.features)) return std::nullopt;
  std::vector<double> out;
  for (const auto& row : rows) out.insert(out.end(), row.begin(), row.end());
  return out;
}

}  // namespace kingpost::steps
