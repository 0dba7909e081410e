// SPDX-License-Identifier: Apache-2.0
// All loops run in the order of the sorted rows, so equal rows give equal numbers.
#include "steps/10_train/calibration.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/text.h"
#include "steps/metrics.h"

namespace kingpost::steps::train {
namespace {

double weight_of(const RawRows& rows, std::size_t row) {
  return rows.weights.empty() ? 1.0 : rows.weights[row];
}

std::vector<std::size_t> ascending(const RawRows& rows) {
  std::vector<std::size_t> out(rows.raw.size());
  std::iota(out.begin(), out.end(), std::size_t{0});
  std::stable_sort(out.begin(), out.end(),
                   [&](std::size_t a, std::size_t b) { return rows.raw[a] < rows.raw[b]; });
  return out;
}

struct Totals {
  double positive = 0;
  double negative = 0;
};

Totals totals_of(const RawRows& rows) {
  Sum positive;
  Sum negative;
  for (std::size_t i = 0; i < rows.labels.size(); ++i) {
    (rows.labels[i] > 0 ? positive : negative).add(weight_of(rows, i));
  }
  return {positive.value(), negative.value()};
}

/// A float32 value from which on rows of `above` count, and rows of `below` do not; the middle.
float between(double below, double above) {
  const auto middle = static_cast<float>(below + (above - below) / 2);
  return static_cast<double>(middle) > below ? middle : static_cast<float>(above);
}

/// The logistic regression of one variable, with targets drawn in by one row of each class.
class Platt {
 public:
  explicit Platt(const RawRows& rows) : rows_(rows) {
    const Totals totals = totals_of(rows);
    true_target_ = (totals.positive + 1) / (totals.positive + 2);
    false_target_ = 1 / (totals.negative + 2);
    b_ = std::log((totals.positive + 1) / (totals.negative + 1));
  }

  void solve() {
    double loss = loss_at(a_, b_);
    for (int turn = 0; turn < 100; ++turn) {
      const Slope slope = slope_here();
      if (std::abs(slope.a) < 1e-8 && std::abs(slope.b) < 1e-8) return;
      const double determinant = slope.aa * slope.bb - slope.ab * slope.ab;
      const double step_a = -(slope.bb * slope.a - slope.ab * slope.b) / determinant;
      const double step_b = -(slope.aa * slope.b - slope.ab * slope.a) / determinant;
      double length = 1;
      double next = loss_at(a_ + step_a, b_ + step_b);
      while (!(next < loss) && length > 1e-10) {
        length /= 2;
        next = loss_at(a_ + length * step_a, b_ + length * step_b);
      }
      if (!(next < loss)) return;
      a_ += length * step_a;
      b_ += length * step_b;
      loss = next;
    }
  }

  double a() const { return a_; }
  double b() const { return b_; }

 private:
  struct Slope {
    double a = 0;
    double b = 0;
    double aa = 0;
    double ab = 0;
    double bb = 0;
  };

  double target(std::size_t row) const {
    return rows_.labels[row] > 0 ? true_target_ : false_target_;
  }

  // log(1 + exp(z)) - target * z, without overflow.
  double loss_at(double a, double b) const {
    Sum sum;
    for (std::size_t i = 0; i < rows_.raw.size(); ++i) {
      const double z = a * rows_.raw[i] + b;
      const double log_part = std::max(z, 0.0) + std::log1p(std::exp(-std::abs(z)));
      sum.add(weight_of(rows_, i) * (log_part - target(i) * z));
    }
    return sum.value();
  }

  Slope slope_here() const {
    Sum sums[5];
    for (std::size_t i = 0; i < rows_.raw.size(); ++i) {
      const double x = rows_.raw[i];
      const double p = 1 / (1 + std::exp(-(a_ * x + b_)));
      const double off = weight_of(rows_, i) * (p - target(i));
      const double curve = weight_of(rows_, i) * p * (1 - p);
      sums[0].add(off * x);
      sums[1].add(off);
      sums[2].add(curve * x * x);
      sums[3].add(curve * x);
      sums[4].add(curve);
    }
    // Kept from being singular where all scores are equal.
    constexpr double kRidge = 1e-12;
    return {sums[0].value(), sums[1].value(), sums[2].value() + kRidge, sums[3].value(),
            sums[4].value() + kRidge};
  }

  const RawRows& rows_;
  double true_target_ = 1;
  double false_target_ = 0;
  double a_ = 0;
  double b_ = 0;
};

struct Block {
  double first = 0;
  double last = 0;
  double positive = 0;
  double weight = 0;
  double value() const { return weight > 0 ? positive / weight : 0; }
};

std::vector<Block> pooled(const RawRows& rows) {
  std::vector<Block> out;
  for (const std::size_t row : ascending(rows)) {
    const double weight = weight_of(rows, row);
    if (weight <= 0) continue;
    Block block{rows.raw[row], rows.raw[row], rows.labels[row] > 0 ? weight : 0, weight};
    const auto joins = [&] {
      return !out.empty() &&
             (out.back().last == block.first || out.back().value() >= block.value());
    };
    while (joins()) {
      const Block& back = out.back();
      block = {back.first, block.last, back.positive + block.positive, back.weight + block.weight};
      out.pop_back();
    }
    out.push_back(block);
  }
  return out;
}

/// A balanced tree over blocks [from, to).
std::int32_t grow(const std::vector<Block>& blocks, double edge, std::size_t from, std::size_t to,
                  records::Tree& tree) {
  const auto at = static_cast<std::int32_t>(tree.nodes.size());
  tree.nodes.emplace_back();
  if (to - from == 1) {
    tree.nodes.back().value =
        static_cast<double>(static_cast<float>(std::clamp(blocks[from].value(), edge, 1 - edge)));
    return at;
  }
  const std::size_t middle = from + (to - from) / 2;
  // The graph goes left up to the threshold; `between` belongs to the right.
  const float right = between(blocks[middle - 1].last, blocks[middle].first);
  const float left = std::nextafter(right, -std::numeric_limits<float>::infinity());
  const std::int32_t below = grow(blocks, edge, from, middle, tree);
  const std::int32_t above = grow(blocks, edge, middle, to, tree);
  records::TreeNode& node = tree.nodes[static_cast<std::size_t>(at)];
  node.feature = 0;
  node.threshold = static_cast<double>(left);
  node.left = below;
  node.right = above;
  return at;
}

Calibration isotonic(const RawRows& rows) {
  const std::vector<Block> blocks = pooled(rows);
  const Totals totals = totals_of(rows);
  const double edge = 0.5 / (totals.positive + totals.negative + 1);
  Calibration out;
  out.kind = Calibrate::kIsotonic;
  out.steps.features = 1;
  out.steps.trees.emplace_back();
  grow(blocks, edge, 0, blocks.size(), out.steps.trees.front());
  return out;
}

// In the order of the scores.
void list_steps(const records::Tree& tree, std::int32_t at, Json& thresholds, Json& values) {
  const records::TreeNode& node = tree.nodes[static_cast<std::size_t>(at)];
  if (node.feature < 0) {
    values.push(node.value);
    return;
  }
  list_steps(tree, node.left, thresholds, values);
  thresholds.push(node.threshold);
  list_steps(tree, node.right, thresholds, values);
}

double quality(ThresholdBy by, double hits, double called, const Totals& totals) {
  const double wrong = called - hits;
  const double missed = totals.positive - hits;
  if (by == ThresholdBy::kF1) {
    const double all = 2 * hits + wrong + missed;
    return all > 0 ? 2 * hits / all : 0;
  }
  if (by == ThresholdBy::kAccuracy) return totals.negative - wrong + hits;
  // Times both totals, so that equal thresholds of unweighted rows compare as equal.
  return hits * totals.negative - wrong * totals.positive;
}

}  // namespace

Result<Calibration> calibrate(Calibrate kind, const RawRows& rows) {
  if (kind == Calibrate::kNone) return Calibration{};
  const Totals totals = totals_of(rows);
  if (!(totals.positive > 0) || !(totals.negative > 0)) {
    return fail(Code::kDataRejected, "train.calibration_failed",
                "{} validation rows of one class cannot calibrate", rows.labels.size())
        .hint("give validation more rows, or leave `calibrate` out");
  }
  if (kind == Calibrate::kIsotonic) return isotonic(rows);
  Platt platt(rows);
  platt.solve();
  Calibration out;
  out.kind = kind;
  out.a = static_cast<float>(platt.a());
  out.b = static_cast<float>(platt.b());
  return out;
}

Json to_json(const Calibration& calibration) {
  Json out = Json::object();
  if (calibration.kind == Calibrate::kNone) return out.set("kind", "none");
  if (calibration.kind == Calibrate::kSigmoid) {
    out.set("kind", "sigmoid").set("a", static_cast<double>(calibration.a));
    return out.set("b", static_cast<double>(calibration.b));
  }
  Json thresholds = Json::array();
  Json values = Json::array();
  list_steps(calibration.steps.trees.front(), 0, thresholds, values);
  out.set("kind", "isotonic").set("thresholds", std::move(thresholds));
  return out.set("values", std::move(values));
}

double best_threshold(ThresholdBy by, const RawRows& rows) {
  const std::vector<std::size_t> order = ascending(rows);
  const Totals totals = totals_of(rows);
  double best = -std::numeric_limits<double>::infinity();
  double threshold = 0.5;
  double hits = 0;
  double called = 0;
  for (std::size_t i = order.size(); i-- > 0;) {
    const std::size_t row = order[i];
    called += weight_of(rows, row);
    if (rows.labels[row] > 0) hits += weight_of(rows, row);
    const bool is_edge = i == 0 || rows.raw[order[i - 1]] < rows.raw[row];
    if (!is_edge) continue;
    const double below = i == 0 ? 0.0 : rows.raw[order[i - 1]];
    const auto here = static_cast<double>(between(below, rows.raw[row]));
    const double now = quality(by, hits, called, totals);
    const bool is_nearer = std::abs(here - 0.5) < std::abs(threshold - 0.5);
    if (now > best || (now == best && is_nearer)) {
      best = now;
      threshold = here;
    }
  }
  return threshold;
}

}  // namespace kingpost::steps::train
