// SPDX-License-Identifier: Apache-2.0
// Between the files of the metrics: the rows of a measure, and who makes which.
#pragma once

#include "steps/metrics.h"

namespace kingpost::steps::measures {

/// The rows to measure, checked: labels and scores are finite, and probabilities lie in [0, 1].
struct Rows {
  records::Task task = records::Task::kNumber;
  std::size_t outputs = 1;
  std::vector<double> labels;
  std::vector<double> scores;
  std::vector<double> weights;
  std::vector<std::int64_t> numbers;
  double threshold = 0.5;

  std::size_t size() const { return labels.size(); }
  double weight(std::size_t row, std::span<const std::uint32_t> repeats) const {
    const double own = weights.empty() ? 1.0 : weights[row];
    if (repeats.empty()) return own;
    return own * repeats[numbers.empty() ? row : static_cast<std::size_t>(numbers[row])];
  }
  std::size_t label(std::size_t row) const { return static_cast<std::size_t>(labels[row]); }
};

Error undefined(std::string_view metric, std::string_view why);

/// Weighted mean of one loss per row, and what is made of it.
enum class Finish { kAsIs, kRoot };
std::unique_ptr<Measure> mean_of(std::string_view metric, Rows rows, std::vector<double> losses,
                                 Finish finish);

/// Null where the metric is not of that file.
std::unique_ptr<Measure> number_measure(std::string_view metric, Rows& rows);
std::unique_ptr<Measure> ranking_measure(std::string_view metric, Rows& rows);
std::unique_ptr<Measure> class_measure(std::string_view metric, Rows& rows);

}  // namespace kingpost::steps::measures
