// SPDX-License-Identifier: Apache-2.0
// Metrics: their names, which way is better, for which targets, and their values as scikit-learn
// defines them. Sums are compensated and in row order: equal rows give equal bits.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "records/features.h"

namespace kingpost::steps {

enum class Direction { kLess, kGreater };
/// "less" or "greater": which values are better.
std::string_view direction_word(Direction direction);

struct Metric {
  std::string_view name;
  Direction better = Direction::kLess;
  bool number = false;
  bool binary = false;
  bool multiclass = false;
  /// One sentence, without a full stop.
  std::string_view doc;

  bool suits(records::Task task) const;
  /// Whether `a` is better than `b`, which it is not when they are equal.
  bool prefers(double a, double b) const { return better == Direction::kLess ? a < b : a > b; }
};

/// In the order of the docs page.
const std::vector<Metric>& metrics();
/// The metric of that name, or nullptr.
const Metric* find_metric(std::string_view name);
std::vector<std::string> metric_names(records::Task task);
/// What a search optimises when the file names nothing: mae, logloss, logloss.
std::string_view default_metric(records::Task task);
/// A value of a metric for people: six significant digits.
std::string metric_text(double value);

/// Rows to be measured. Labels: numbers; 0 and 1; the index of the class. Scores, row-major
/// [rows, outputs]: the value; the probability of true; a probability per class.
struct ScoredRows {
  records::Task task = records::Task::kNumber;
  std::int64_t outputs = 1;
  std::span<const double> labels{};
  std::span<const double> scores{};
  /// Empty, or one weight per row, not negative.
  std::span<const double> weights{};
  /// A binary row counts as true from this probability on.
  double threshold = 0.5;
};

/// Fails with `metrics.unknown`, `metrics.unsuitable` (of another task), and `metrics.undefined`
/// saying why where there is no value: no rows, one class, a constant label, a score that is not
/// finite. Never answers NaN.
Result<double> measure(std::string_view metric, const ScoredRows& rows);

/// A metric over fixed rows, prepared (losses, order) so that it can be taken again and again with
/// each row counted a number of times, as the bootstrap does.
class Measure {
 public:
  /// `picked`: the rows to measure, ascending; empty for all. Fails as `measure` does, but for
  /// what only the values decide.
  static Result<std::unique_ptr<Measure>> prepare(std::string_view metric, const ScoredRows& rows,
                                                  std::span<const std::int64_t> picked = {});
  virtual ~Measure() = default;
  Measure(const Measure&) = delete;
  Measure& operator=(const Measure&) = delete;

  /// `repeats`: how often each row counts, by its number among all rows (not among the picked);
  /// empty for once each. Any number of threads may call it at once.
  virtual Result<double> value(std::span<const std::uint32_t> repeats = {}) const = 0;
  /// The value is the size of a number with a sign, and this gives that number.
  virtual bool is_size() const { return false; }
  virtual Result<double> with_sign(std::span<const std::uint32_t> repeats) const {
    return value(repeats);
  }

 protected:
  Measure() = default;
};

/// Neumaier's compensated sum (Z. angew. Math. Mech. 54, 1974).
class Sum {
 public:
  void add(double term) {
    const double next = sum_ + term;
    const bool larger = (sum_ < 0 ? -sum_ : sum_) >= (term < 0 ? -term : term);
    lost_ += larger ? (sum_ - next) + term : (term - next) + sum_;
    sum_ = next;
  }
  double value() const { return sum_ + lost_; }

 private:
  double sum_ = 0;
  double lost_ = 0;
};

}  // namespace kingpost::steps
