// SPDX-License-Identifier: Apache-2.0
// Metrics of the order in which probabilities put the rows.
#include <algorithm>
#include <numeric>

#include "steps/metrics_measure.h"

namespace kingpost::steps::measures {
namespace {

// Rows by falling score; rows of equal score count at once.
class Ranking {
 public:
  /// One against the rest: rows of class `positive`, by the score in `column`.
  Ranking(const Rows& rows, std::size_t positive, std::size_t column) : order_(rows.size()) {
    const auto score = [&](std::size_t row) { return rows.scores[row * rows.outputs + column]; };
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    std::stable_sort(order_.begin(), order_.end(),
                     [&](std::size_t a, std::size_t b) { return score(a) > score(b); });
    for (std::size_t i = 0; i < order_.size(); ++i) {
      positive_.push_back(rows.label(order_[i]) == positive ? 1 : 0);
      const bool last = i + 1 == order_.size() || score(order_[i + 1]) != score(order_[i]);
      last_.push_back(last ? 1 : 0);
    }
  }

  /// Calls take(positives, negatives), the weights of the rows of each score.
  template <typename Take>
  void groups(const Rows& rows, std::span<const std::uint32_t> repeats, const Take& take) const {
    double positives = 0;
    double negatives = 0;
    for (std::size_t i = 0; i < order_.size(); ++i) {
      (positive_[i] != 0 ? positives : negatives) += rows.weight(order_[i], repeats);
      if (last_[i] == 0) continue;
      take(positives, negatives);
      positives = 0;
      negatives = 0;
    }
  }

 private:
  std::vector<std::size_t> order_;
  std::vector<std::uint8_t> positive_;
  std::vector<std::uint8_t> last_;
};

Result<double> area_under_roc(std::string_view metric, const Ranking& ranking, const Rows& rows,
                              std::span<const std::uint32_t> repeats) {
  Sum area;
  Sum positives;
  Sum negatives;
  ranking.groups(rows, repeats, [&](double p, double n) {
    area.add(n * (positives.value() + p / 2));
    positives.add(p);
    negatives.add(n);
  });
  if (positives.value() <= 0 || negatives.value() <= 0) {
    return undefined(metric, "a class has no rows");
  }
  return area.value() / (positives.value() * negatives.value());
}

class RocArea final : public Measure {
 public:
  RocArea(std::string_view metric, Rows rows) : metric_(metric), rows_(std::move(rows)) {
    if (rows_.task == records::Task::kBinary) {
      rankings_.emplace_back(rows_, 1, 0);
      return;
    }
    for (std::size_t k = 0; k < rows_.outputs; ++k) rankings_.emplace_back(rows_, k, k);
  }

  Result<double> value(std::span<const std::uint32_t> repeats) const override {
    Sum sum;
    for (const Ranking& ranking : rankings_) {
      TRY(const double area, area_under_roc(metric_, ranking, rows_, repeats));
      sum.add(area);
    }
    return sum.value() / static_cast<double>(rankings_.size());
  }

 private:
  std::string metric_;
  Rows rows_;
  std::vector<Ranking> rankings_;
};

class AveragePrecision final : public Measure {
 public:
  explicit AveragePrecision(Rows rows) : rows_(std::move(rows)), ranking_(rows_, 1, 0) {}

  Result<double> value(std::span<const std::uint32_t> repeats) const override {
    Sum area;
    Sum positives;
    Sum called;
    ranking_.groups(rows_, repeats, [&](double p, double n) {
      positives.add(p);
      called.add(p + n);
      if (called.value() > 0) area.add(p * (positives.value() / called.value()));
    });
    if (positives.value() <= 0) return undefined("pr_auc", "no row is true");
    return area.value() / positives.value();
  }

 private:
  Rows rows_;
  Ranking ranking_;
};

}  // namespace

std::unique_ptr<Measure> ranking_measure(std::string_view metric, Rows& rows) {
  if (metric == "auc" || metric == "auc_ovr") {
    return std::make_unique<RocArea>(metric, std::move(rows));
  }
  if (metric == "pr_auc") return std::make_unique<AveragePrecision>(std::move(rows));
  return nullptr;
}

}  // namespace kingpost::steps::measures
