// SPDX-License-Identifier: Apache-2.0
// Metrics of probabilities and of the classes decided by them.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "steps/metrics_measure.h"

namespace kingpost::steps::measures {
namespace {

// Weights of rows by label and decision.
struct Confusion {
  std::size_t classes = 2;
  std::vector<double> cells;
  /// A class counts as there when a row has it as label or decision, whatever its weight.
  std::vector<std::uint8_t> seen;
  double total = 0;

  double at(std::size_t label, std::size_t decision) const {
    return cells[label * classes + decision];
  }
  double labelled(std::size_t k) const {
    double sum = 0;
    for (std::size_t i = 0; i < classes; ++i) sum += at(k, i);
    return sum;
  }
  double decided(std::size_t k) const {
    double sum = 0;
    for (std::size_t i = 0; i < classes; ++i) sum += at(i, k);
    return sum;
  }
};

double share(double part, double whole) {
  return whole > 0 ? part / whole : 0;
}

double f1_of(const Confusion& table, std::size_t k) {
  return share(2 * table.at(k, k), table.labelled(k) + table.decided(k));
}

Result<double> accuracy(const Confusion& table) {
  double right = 0;
  for (std::size_t k = 0; k < table.classes; ++k) right += table.at(k, k);
  return right / table.total;
}

Result<double> balanced_accuracy(const Confusion& table) {
  double sum = 0;
  int there = 0;
  for (std::size_t k = 0; k < table.classes; ++k) {
    const double labelled = table.labelled(k);
    if (labelled <= 0) continue;
    sum += table.at(k, k) / labelled;
    ++there;
  }
  if (there < 2) return undefined("balanced_accuracy", "all rows are of one class");
  return sum / there;
}

Result<double> f1_macro(const Confusion& table) {
  double sum = 0;
  int there = 0;
  for (std::size_t k = 0; k < table.classes; ++k) {
    if (table.seen[k] == 0) continue;
    sum += f1_of(table, k);
    ++there;
  }
  return sum / there;
}

Result<double> matthews(const Confusion& table) {
  double right = 0;
  double chance = 0;
  double labelled = 0;
  double decided = 0;
  int there = 0;
  for (std::size_t k = 0; k < table.classes; ++k) {
    const double label = table.labelled(k);
    const double decision = table.decided(k);
    right += table.at(k, k);
    chance += label * decision;
    labelled += label * label;
    decided += decision * decision;
    if (label > 0) ++there;
  }
  if (there < 2) return undefined("mcc", "all rows are of one class");
  const double all = table.total * table.total;
  const double spread = (all - decided) * (all - labelled);
  return spread > 0 ? (right * table.total - chance) / std::sqrt(spread) : 0.0;
}

Result<double> of_positives(std::string_view metric, const Confusion& table) {
  if (table.labelled(1) <= 0) return undefined(metric, "no row is true");
  if (metric == "precision") return share(table.at(1, 1), table.decided(1));
  if (metric == "recall") return table.at(1, 1) / table.labelled(1);
  return f1_of(table, 1);
}

class Decisions final : public Measure {
 public:
  Decisions(std::string_view metric, Rows rows)
      : metric_(metric),
        rows_(std::move(rows)),
        classes_(rows_.task == records::Task::kBinary ? 2 : rows_.outputs) {
    for (std::size_t i = 0; i < rows_.size(); ++i) decisions_.push_back(decide(i));
  }

  Result<double> value(std::span<const std::uint32_t> repeats) const override {
    Confusion table;
    table.classes = classes_;
    table.cells.assign(classes_ * classes_, 0);
    table.seen.assign(classes_, 0);
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      const double weight = rows_.weight(i, repeats);
      table.cells[rows_.label(i) * classes_ + decisions_[i]] += weight;
      table.total += weight;
      if (weight == 0 && !repeats.empty()) continue;
      table.seen[rows_.label(i)] = 1;
      table.seen[decisions_[i]] = 1;
    }
    if (table.total <= 0) return undefined(metric_, "no row has a weight");
    if (metric_ == "accuracy") return accuracy(table);
    if (metric_ == "balanced_accuracy") return balanced_accuracy(table);
    if (metric_ == "f1_macro") return f1_macro(table);
    if (metric_ == "mcc") return matthews(table);
    return of_positives(metric_, table);
  }

 private:
  std::size_t decide(std::size_t row) const {
    if (rows_.task == records::Task::kBinary) return rows_.scores[row] >= rows_.threshold ? 1 : 0;
    const double* first = rows_.scores.data() + row * rows_.outputs;
    return static_cast<std::size_t>(std::max_element(first, first + rows_.outputs) - first);
  }

  std::string metric_;
  Rows rows_;
  std::size_t classes_;
  std::vector<std::size_t> decisions_;
};

class CalibrationError final : public Measure {
 public:
  static constexpr std::size_t kBins = 10;

  explicit CalibrationError(Rows rows) : rows_(std::move(rows)) {
    for (const double score : rows_.scores) {
      bins_.push_back(std::min(static_cast<std::size_t>(score * kBins), kBins - 1));
    }
  }

  Result<double> value(std::span<const std::uint32_t> repeats) const override {
    std::array<double, kBins> gap = {};
    double total = 0;
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      const double weight = rows_.weight(i, repeats);
      gap[bins_[i]] += weight * (rows_.scores[i] - rows_.labels[i]);
      total += weight;
    }
    if (total <= 0) return undefined("ece", "no row has a weight");
    double sum = 0;
    for (const double each : gap) sum += std::abs(each);
    return sum / total;
  }

 private:
  Rows rows_;
  std::vector<std::size_t> bins_;
};

double probability(const Rows& rows, std::size_t row, std::size_t k) {
  if (rows.task != records::Task::kBinary) return rows.scores[row * rows.outputs + k];
  return k == 1 ? rows.scores[row] : 1 - rows.scores[row];
}

double log_loss(const Rows& rows, std::size_t row) {
  constexpr double kLeast = std::numeric_limits<double>::epsilon();
  return -std::log(std::clamp(probability(rows, row, rows.label(row)), kLeast, 1 - kLeast));
}

double brier(const Rows& rows, std::size_t row) {
  if (rows.task == records::Task::kBinary) {
    const double miss = rows.labels[row] - rows.scores[row];
    return miss * miss;
  }
  double sum = 0;
  for (std::size_t k = 0; k < rows.outputs; ++k) {
    const double miss = probability(rows, row, k) - (rows.label(row) == k ? 1.0 : 0.0);
    sum += miss * miss;
  }
  return sum;
}

}  // namespace

std::unique_ptr<Measure> class_measure(std::string_view metric, Rows& rows) {
  if (metric == "logloss" || metric == "brier") {
    std::vector<double> losses(rows.size());
    for (std::size_t i = 0; i < losses.size(); ++i) {
      losses[i] = metric == "logloss" ? log_loss(rows, i) : brier(rows, i);
    }
    return mean_of(metric, std::move(rows), std::move(losses), Finish::kAsIs);
  }
  if (metric == "ece") return std::make_unique<CalibrationError>(std::move(rows));
  return std::make_unique<Decisions>(metric, std::move(rows));
}

}  // namespace kingpost::steps::measures
