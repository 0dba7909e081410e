// SPDX-License-Identifier: Apache-2.0
// The table of metrics, and the checks that all of them share.
#include "steps/metrics.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/text.h"
#include "steps/metrics_measure.h"

namespace kingpost::steps {

using measures::Rows;
using records::Task;

std::string_view direction_word(Direction direction) {
  return direction == Direction::kLess ? "less" : "greater";
}

bool Metric::suits(Task task) const {
  if (task == Task::kNumber) return number;
  return task == Task::kBinary ? binary : multiclass;
}

const std::vector<Metric>& metrics() {
  constexpr Direction kLess = Direction::kLess;
  constexpr Direction kGreater = Direction::kGreater;
  static const std::vector<Metric> table = {
      {"mae", kLess, true, false, false, "mean absolute error"},
      {"rmse", kLess, true, false, false, "root of the mean squared error"},
      {"mse", kLess, true, false, false, "mean squared error"},
      {"median_abs_error", kLess, true, false, false, "median of the absolute errors"},
      {"p90_abs_error", kLess, true, false, false, "90th percentile of the absolute errors"},
      {"mape", kLess, true, false, false,
       "mean of the absolute error over the absolute label; huge where labels are 0"},
      {"bias", kLess, true, false, false, "absolute value of the mean of prediction minus label"},
      {"r2", kGreater, true, false, false, "share of the label's variance that is explained"},
      {"logloss", kLess, false, true, true, "mean negative log of the label's probability"},
      {"brier", kLess, false, true, true, "mean squared error of the probabilities"},
      {"ece", kLess, false, true, false, "expected calibration error over ten bins of equal width"},
      {"auc", kGreater, false, true, false, "area under the ROC curve"},
      {"auc_ovr", kGreater, false, false, true,
       "mean over the classes of the area under the ROC curve, one against the rest"},
      {"pr_auc", kGreater, false, true, false, "average precision"},
      {"accuracy", kGreater, false, true, true, "share of right answers"},
      {"balanced_accuracy", kGreater, false, true, true, "mean over the classes of the recall"},
      {"f1", kGreater, false, true, false, "harmonic mean of precision and recall"},
      {"f1_macro", kGreater, false, true, true, "mean over the classes of f1"},
      {"precision", kGreater, false, true, false, "share of the rows called true that are true"},
      {"recall", kGreater, false, true, false, "share of the true rows that are called true"},
      {"mcc", kGreater, false, true, true, "Matthews' correlation coefficient"},
  };
  return table;
}

const Metric* find_metric(std::string_view name) {
  const auto& all = metrics();
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const Metric& each) { return each.name == name; });
  return found == all.end() ? nullptr : &*found;
}

std::vector<std::string> metric_names(Task task) {
  std::vector<std::string> out;
  for (const Metric& each : metrics()) {
    if (each.suits(task)) out.emplace_back(each.name);
  }
  return out;
}

std::string metric_text(double value) {
  return format("{:.6g}", value);
}

std::string_view default_metric(Task task) {
  return task == Task::kNumber ? "mae" : "logloss";
}

namespace measures {

Error undefined(std::string_view metric, std::string_view why) {
  return fail(Code::kDataRejected, "metrics.undefined", "{} is not defined: {}", metric, why);
}

namespace {

Error mismatch(std::string_view metric, std::string_view what) {
  return fail(Code::kInternal, "metrics.undefined", "{} is not defined: {}", metric, what);
}

Status check_row(std::string_view metric, const ScoredRows& rows, std::size_t row) {
  const auto outputs = static_cast<std::size_t>(rows.outputs);
  const double label = rows.labels[row];
  const double classes = rows.task == Task::kBinary ? 2.0 : static_cast<double>(rows.outputs);
  if (!std::isfinite(label)) return undefined(metric, format("row {} has no label", row));
  if (rows.task != Task::kNumber && (label < 0 || label >= classes || label != std::floor(label))) {
    return undefined(metric, format("row {} has the label {}, which is no class", row, label));
  }
  for (std::size_t i = 0; i < outputs; ++i) {
    const double score = rows.scores[row * outputs + i];
    if (!std::isfinite(score)) {
      return undefined(metric, format("the score of row {} is not finite", row));
    }
    if (rows.task != Task::kNumber && (score < 0 || score > 1)) {
      return undefined(metric, format("the score {} of row {} is no probability", score, row));
    }
  }
  if (!rows.weights.empty() && !(rows.weights[row] >= 0 && std::isfinite(rows.weights[row]))) {
    return undefined(metric, format("the weight of row {} is negative or not finite", row));
  }
  return {};
}

Result<Rows> rows_of(std::string_view metric, const ScoredRows& scored,
                     std::span<const std::int64_t> picked) {
  const auto outputs = static_cast<std::size_t>(scored.outputs);
  const std::size_t all = scored.labels.size();
  if (scored.scores.size() != all * outputs) {
    return mismatch(metric, format("{} labels and {} scores", all, scored.scores.size()));
  }
  if (!scored.weights.empty() && scored.weights.size() != all) {
    return mismatch(metric, format("{} labels and {} weights", all, scored.weights.size()));
  }
  Rows out;
  out.task = scored.task;
  out.outputs = outputs;
  out.threshold = scored.threshold;
  out.numbers.assign(picked.begin(), picked.end());
  const std::size_t rows = picked.empty() ? all : picked.size();
  for (std::size_t i = 0; i < rows; ++i) {
    const std::size_t row = picked.empty() ? i : static_cast<std::size_t>(picked[i]);
    TRY_STATUS(check_row(metric, scored, row));
    out.labels.push_back(scored.labels[row]);
    for (std::size_t k = 0; k < outputs; ++k) {
      out.scores.push_back(scored.scores[row * outputs + k]);
    }
    if (!scored.weights.empty()) out.weights.push_back(scored.weights[row]);
  }
  if (rows == 0) return undefined(metric, "there are no rows");
  return out;
}

}  // namespace
}  // namespace measures

Result<std::unique_ptr<Measure>> Measure::prepare(std::string_view metric, const ScoredRows& rows,
                                                  std::span<const std::int64_t> picked) {
  const Metric* found = find_metric(metric);
  if (found == nullptr) {
    return fail(Code::kInvalidInput, "metrics.unknown", "there is no metric \"{}\"", shown(metric))
        .hint(did_you_mean(metric, metric_names(rows.task),
                           format("metrics: {}", listed(metric_names(rows.task), 30))));
  }
  if (!found->suits(rows.task)) {
    return fail(Code::kInvalidInput, "metrics.unsuitable", "{} is no metric of a {} target", metric,
                records::task_word(rows.task))
        .hint(format("metrics: {}", listed(metric_names(rows.task), 30)));
  }
  TRY(Rows own, measures::rows_of(metric, rows, picked));
  auto made = measures::number_measure(metric, own);
  if (made == nullptr) made = measures::ranking_measure(metric, own);
  if (made == nullptr) made = measures::class_measure(metric, own);
  return made;
}

Result<double> measure(std::string_view metric, const ScoredRows& rows) {
  TRY(const auto measure, Measure::prepare(metric, rows));
  return measure->value();
}

}  // namespace kingpost::steps
