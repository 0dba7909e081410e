// SPDX-License-Identifier: Apache-2.0
// The table from metric to objective.
#include "steps/fitting.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace kingpost::steps {
namespace {

struct Row {
  std::string_view metric;
  std::string_view objective;
  std::string_view early_stopping;
};
constexpr std::array kNumbers = {
    Row{"mae", "regression_l1", "l1"}, Row{"median_abs_error", "regression_l1", "l1"},
    Row{"p90_abs_error", "regression_l1", "l1"}, Row{"mape", "mape", "mape"}};
constexpr std::array kBinary = {Row{"auc", "binary", "auc"},
                                Row{"pr_auc", "binary", "average_precision"}};

template <typename Table>
Row find(const Table& table, std::string_view metric, Row otherwise) {
  const auto found = std::find_if(table.begin(), table.end(),
                                  [&](const Row& row) { return row.metric == metric; });
  return found == table.end() ? otherwise : *found;
}

double sigmoid(double x) {
  return 1.0 / (1.0 + std::exp(-x));
}

void softmax(double* row, std::size_t outputs) {
  const double most = *std::max_element(row, row + outputs);
  double sum = 0;
  for (std::size_t i = 0; i < outputs; ++i) {
    row[i] = std::exp(row[i] - most);
    sum += row[i];
  }
  for (std::size_t i = 0; i < outputs; ++i) row[i] /= sum;
}

void one_vs_rest(double* row, std::size_t outputs) {
  double sum = 0;
  for (std::size_t i = 0; i < outputs; ++i) {
    row[i] = sigmoid(std::max(row[i], -80.0));
    sum += row[i];
  }
  for (std::size_t i = 0; i < outputs; ++i) row[i] /= sum;
}

}  // namespace

lightgbm::Settings boosting_settings(const records::Target& target, std::string_view metric) {
  Row row{"", "multiclass", "multi_logloss"};
  if (target.task == records::Task::kNumber) row = find(kNumbers, metric, {"", "regression", "l2"});
  if (target.task == records::Task::kBinary) {
    row = find(kBinary, metric, {"", "binary", "binary_logloss"});
  }
  lightgbm::Settings out;
  out.objective = row.objective;
  out.metric = row.early_stopping;
  if (target.task == records::Task::kMulticlass) out.classes = outputs_of(target);
  return out;
}

std::int32_t outputs_of(const records::Target& target) {
  if (target.task != records::Task::kMulticlass) return 1;
  return static_cast<std::int32_t>(target.classes.size());
}

std::vector<double> linked(records::Link link, std::vector<double> raw, std::int32_t outputs) {
  const auto width = static_cast<std::size_t>(outputs);
  switch (link) {
    case records::Link::kIdentity:
      break;
    case records::Link::kSigmoid:
      std::transform(raw.begin(), raw.end(), raw.begin(), sigmoid);
      break;
    case records::Link::kSoftmax:
      for (std::size_t i = 0; i < raw.size(); i += width) softmax(&raw[i], width);
      break;
    case records::Link::kOneVsRest:
      for (std::size_t i = 0; i < raw.size(); i += width) one_vs_rest(&raw[i], width);
      break;
  }
  return raw;
}

}  // namespace kingpost::steps
