// SPDX-License-Identifier: Apache-2.0
// Metrics of numbers, and means over rows in general.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include "steps/metrics_measure.h"

namespace kingpost::steps::measures {
namespace {

class Mean final : public Measure {
 public:
  Mean(std::string_view metric, Rows rows, std::vector<double> losses, Finish finish, bool absolute)
      : metric_(metric),
        rows_(std::move(rows)),
        losses_(std::move(losses)),
        finish_(finish),
        absolute_(absolute) {}

  Result<double> value(std::span<const std::uint32_t> repeats) const override {
    TRY(const double mean, with_sign(repeats));
    return absolute_ ? std::abs(mean) : mean;
  }
  bool is_size() const override { return absolute_; }
  Result<double> with_sign(std::span<const std::uint32_t> repeats) const override {
    Sum total;
    Sum weight;
    if (!repeats.empty() && rows_.weights.empty()) return quickly(repeats);
    for (std::size_t i = 0; i < losses_.size(); ++i) {
      const double each = rows_.weight(i, repeats);
      total.add(each * losses_[i]);
      weight.add(each);
    }
    return finished(total.value(), weight.value());
  }

 private:
  // For samples: four sums side by side, which the processor adds at once.
  Result<double> quickly(std::span<const std::uint32_t> repeats) const {
    std::array<double, 4> totals = {};
    std::array<std::uint64_t, 4> counts = {};
    for (std::size_t i = 0; i < losses_.size(); ++i) {
      const std::size_t row =
          rows_.numbers.empty() ? i : static_cast<std::size_t>(rows_.numbers[i]);
      totals[i % 4] += static_cast<double>(repeats[row]) * losses_[i];
      counts[i % 4] += repeats[row];
    }
    return finished((totals[0] + totals[1]) + (totals[2] + totals[3]),
                    static_cast<double>(counts[0] + counts[1] + counts[2] + counts[3]));
  }

  Result<double> finished(double total, double weight) const {
    if (weight <= 0) return undefined(metric_, "no row has a weight");
    const double mean = total / weight;
    if (!std::isfinite(mean)) return undefined(metric_, "the errors are too large for a float64");
    return finish_ == Finish::kRoot ? std::sqrt(mean) : mean;
  }

  std::string metric_;
  Rows rows_;
  std::vector<double> losses_;
  Finish finish_;
  bool absolute_;
};

class ExplainedShare final : public Measure {
 public:
  explicit ExplainedShare(Rows rows) : rows_(std::move(rows)) {}

  Result<double> value(std::span<const std::uint32_t> repeats) const override {
    Sum weight;
    Sum labels;
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      const double each = rows_.weight(i, repeats);
      weight.add(each);
      labels.add(each * rows_.labels[i]);
    }
    if (weight.value() <= 0) return undefined("r2", "no row has a weight");
    const double mean = labels.value() / weight.value();
    Sum spread;
    Sum error;
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      const double each = rows_.weight(i, repeats);
      const double off = rows_.labels[i] - mean;
      const double miss = rows_.labels[i] - rows_.scores[i];
      spread.add(each * off * off);
      error.add(each * miss * miss);
    }
    if (spread.value() <= 0) return undefined("r2", "all labels are the same");
    const double out = 1 - error.value() / spread.value();
    if (!std::isfinite(out)) return undefined("r2", "the errors are too large for a float64");
    return out;
  }

 private:
  Rows rows_;
};

// The averaged inverted distribution function (Hyndman and Fan 1996, definition 2): the median for
// equal weights.
class ErrorQuantile final : public Measure {
 public:
  ErrorQuantile(std::string_view metric, Rows rows, double share)
      : metric_(metric), rows_(std::move(rows)), share_(share), order_(rows_.size()) {
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      errors_.push_back(std::abs(rows_.labels[i] - rows_.scores[i]));
    }
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    std::stable_sort(order_.begin(), order_.end(),
                     [&](std::size_t a, std::size_t b) { return errors_[a] < errors_[b]; });
  }

  Result<double> value(std::span<const std::uint32_t> repeats) const override {
    double total = 0;
    for (const std::size_t row : order_) total += rows_.weight(row, repeats);
    if (total <= 0) return undefined(metric_, "no row has a weight");
    const double wanted = share_ * total;
    double below = 0;
    std::size_t at = 0;
    for (; at < order_.size(); ++at) {
      below += rows_.weight(order_[at], repeats);
      if (below >= wanted) break;
    }
    at = std::min(at, order_.size() - 1);
    const double here = errors_[order_[at]];
    if (below - wanted > std::numeric_limits<double>::epsilon()) return here;
    for (std::size_t next = at + 1; next < order_.size(); ++next) {
      if (rows_.weight(order_[next], repeats) > 0) return (here + errors_[order_[next]]) / 2;
    }
    return here;
  }

 private:
  std::string metric_;
  Rows rows_;
  double share_;
  std::vector<double> errors_;
  std::vector<std::size_t> order_;
};

std::vector<double> losses_of(const Rows& rows, double (*loss)(double label, double score)) {
  std::vector<double> out(rows.size());
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = loss(rows.labels[i], rows.scores[i]);
  return out;
}

double absolute(double label, double score) {
  return std::abs(label - score);
}
double squared(double label, double score) {
  return (label - score) * (label - score);
}
double excess(double label, double score) {
  return score - label;
}
double relative(double label, double score) {
  const double least = std::numeric_limits<double>::epsilon();
  return std::abs(score - label) / std::max(std::abs(label), least);
}

}  // namespace

std::unique_ptr<Measure> mean_of(std::string_view metric, Rows rows, std::vector<double> losses,
                                 Finish finish) {
  return std::make_unique<Mean>(metric, std::move(rows), std::move(losses), finish,
                                metric == "bias");
}

std::unique_ptr<Measure> number_measure(std::string_view metric, Rows& rows) {
  const auto mean = [&](double (*loss)(double, double), Finish finish = Finish::kAsIs) {
    std::vector<double> losses = losses_of(rows, loss);
    return mean_of(metric, std::move(rows), std::move(losses), finish);
  };
  if (metric == "mae") return mean(absolute);
  if (metric == "mse") return mean(squared);
  if (metric == "rmse") return mean(squared, Finish::kRoot);
  if (metric == "mape") return mean(relative);
  if (metric == "bias") return mean(excess);
  if (metric == "r2") return std::make_unique<ExplainedShare>(std::move(rows));
  if (metric == "median_abs_error") {
    return std::make_unique<ErrorQuantile>(metric, std::move(rows), 0.5);
  }
  if (metric == "p90_abs_error") {
    return std::make_unique<ErrorQuantile>(metric, std::move(rows), 0.9);
  }
  return nullptr;
}

}  // namespace kingpost::steps::measures
