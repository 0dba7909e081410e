// SPDX-License-Identifier: Apache-2.0
// Points are exact; where there are more than can be drawn, evenly spread ones are kept.
#include "steps/12_evaluate/curves.h"

#include <algorithm>
#include <array>
#include <numeric>

namespace kingpost::steps::evaluate {
namespace {

using records::Task;

constexpr std::size_t kMostPoints = 200;
constexpr std::size_t kBins = 10;

std::vector<std::size_t> order_by(std::span<const double> values, bool falling) {
  std::vector<std::size_t> out(values.size());
  std::iota(out.begin(), out.end(), std::size_t{0});
  std::stable_sort(out.begin(), out.end(), [&](std::size_t a, std::size_t b) {
    return falling ? values[a] > values[b] : values[a] < values[b];
  });
  return out;
}

// First and last point always stay.
template <typename Point>
std::vector<Point> thinned(const std::vector<Point>& points) {
  if (points.size() <= kMostPoints) return points;
  std::vector<Point> out;
  for (std::size_t i = 0; i < kMostPoints; ++i) {
    out.push_back(points[i * (points.size() - 1) / (kMostPoints - 1)]);
  }
  return out;
}

Json pair_of(std::string_view x, double a, std::string_view y, double b) {
  return std::move(Json::object().set(x, a).set(y, b));
}

// Rows called true so far, of both kinds, at each distinct score from above.
struct Called {
  double right = 0;
  double wrong = 0;
  double score = 0;
};

std::vector<Called> called_of(const ScoredRows& rows) {
  const auto order = order_by(rows.scores, true);
  std::vector<Called> out;
  Called now;
  for (std::size_t i = 0; i < order.size(); ++i) {
    (rows.labels[order[i]] == 1 ? now.right : now.wrong) += 1;
    now.score = rows.scores[order[i]];
    if (i + 1 == order.size() || rows.scores[order[i + 1]] != now.score) out.push_back(now);
  }
  return out;
}

void add_ranking(const ScoredRows& rows, Json& out) {
  const auto all = called_of(rows);
  const double positives = all.back().right;
  const double negatives = all.back().wrong;
  if (positives == 0 || negatives == 0) return;
  Json roc = Json::array();
  roc.push(pair_of("false_positive_rate", 0, "true_positive_rate", 0));
  Json pr = Json::array();
  for (const Called& each : thinned(all)) {
    Json point = pair_of("false_positive_rate", each.wrong / negatives, "true_positive_rate",
                         each.right / positives);
    roc.push(std::move(point.set("threshold", each.score)));
    Json other = pair_of("recall", each.right / positives, "precision",
                         each.right / (each.right + each.wrong));
    pr.push(std::move(other.set("threshold", each.score)));
  }
  out.set("roc", std::move(roc)).set("pr", std::move(pr));
}

// Which share of the true rows is among the share of rows with the highest scores.
void add_gain(const ScoredRows& rows, Json& out) {
  const auto order = order_by(rows.scores, true);
  const double positives = std::accumulate(rows.labels.begin(), rows.labels.end(), 0.0);
  if (positives == 0) return;
  constexpr std::size_t kSteps = 20;
  Json gain = Json::array();
  double found = 0;
  std::size_t taken = 0;
  for (std::size_t step = 0; step <= kSteps; ++step) {
    for (; taken < order.size() * step / kSteps; ++taken) found += rows.labels[order[taken]];
    gain.push(pair_of("rows", static_cast<double>(step) / kSteps, "found", found / positives));
  }
  out.set("gain", std::move(gain));
}

struct Bin {
  double rows = 0;
  double said = 0;
  double was = 0;
};

Json bins_of(const std::array<Bin, kBins>& bins) {
  Json out = Json::array();
  for (std::size_t i = 0; i < kBins; ++i) {
    if (bins[i].rows == 0) continue;
    Json bin = Json::object();
    bin.set("from", static_cast<double>(i) / kBins).set("rows", bins[i].rows);
    bin.set("predicted", bins[i].said / bins[i].rows).set("share", bins[i].was / bins[i].rows);
    out.push(std::move(bin));
  }
  return out;
}

std::size_t decided(const ScoredRows& rows, std::size_t row) {
  if (rows.task == Task::kBinary) return rows.scores[row] >= rows.threshold ? 1 : 0;
  const auto outputs = static_cast<std::size_t>(rows.outputs);
  const double* first = rows.scores.data() + row * outputs;
  return static_cast<std::size_t>(std::max_element(first, first + outputs) - first);
}

void add_calibration(const ScoredRows& rows, Json& out) {
  std::array<Bin, kBins> bins = {};
  for (std::size_t row = 0; row < rows.labels.size(); ++row) {
    double said = rows.scores[row];
    double was = rows.labels[row];
    if (rows.task == Task::kMulticlass) {
      const std::size_t k = decided(rows, row);
      said = rows.scores[row * static_cast<std::size_t>(rows.outputs) + k];
      was = static_cast<std::size_t>(rows.labels[row]) == k ? 1 : 0;
    }
    Bin& bin = bins[std::min(static_cast<std::size_t>(said * kBins), kBins - 1)];
    bin.rows += 1;
    bin.said += said;
    bin.was += was;
  }
  out.set("calibration", bins_of(bins));
}

// [label][decision], with the classes' names.
void add_confusion(const ScoredRows& rows, const records::Target& target, Json& out) {
  std::vector<std::string> names = target.classes;
  if (names.empty()) names = {"false", "true"};
  std::vector<std::vector<std::int64_t>> cells(names.size(),
                                               std::vector<std::int64_t>(names.size()));
  for (std::size_t row = 0; row < rows.labels.size(); ++row) {
    ++cells[static_cast<std::size_t>(rows.labels[row])][decided(rows, row)];
  }
  Json classes = Json::array();
  Json lines = Json::array();
  for (std::size_t i = 0; i < names.size(); ++i) {
    classes.push(names[i]);
    Json line = Json::array();
    for (const std::int64_t cell : cells[i]) line.push(cell);
    lines.push(std::move(line));
  }
  out.set("confusion", Json::object().set("classes", classes).set("rows", lines));
}

void add_residuals(const ScoredRows& rows, Json& out) {
  std::vector<double> residuals;
  for (std::size_t row = 0; row < rows.labels.size(); ++row) {
    residuals.push_back(rows.scores[row] - rows.labels[row]);
  }
  std::sort(residuals.begin(), residuals.end());
  Json quantiles = Json::array();
  for (const double share : {0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0}) {
    const auto place = static_cast<std::size_t>(share * static_cast<double>(residuals.size() - 1));
    quantiles.push(pair_of("share", share, "residual", residuals[place]));
  }
  Sum sum;
  for (const double residual : residuals) sum.add(residual);
  Json all = Json::object();
  all.set("mean", sum.value() / static_cast<double>(residuals.size()));
  out.set("residuals", std::move(all.set("quantiles", std::move(quantiles))));
}

// Twenty groups of rows by rising prediction.
void add_predicted(const ScoredRows& rows, Json& out) {
  const auto order = order_by(rows.scores, false);
  constexpr std::size_t kGroups = 20;
  Json groups = Json::array();
  for (std::size_t group = 0; group < kGroups; ++group) {
    const std::size_t from = order.size() * group / kGroups;
    const std::size_t to = order.size() * (group + 1) / kGroups;
    if (from == to) continue;
    Sum said;
    Sum was;
    for (std::size_t i = from; i < to; ++i) {
      said.add(rows.scores[order[i]]);
      was.add(rows.labels[order[i]]);
    }
    const auto count = static_cast<double>(to - from);
    Json each = pair_of("predicted", said.value() / count, "actual", was.value() / count);
    groups.push(std::move(each.set("rows", static_cast<std::int64_t>(to - from))));
  }
  out.set("predicted_vs_actual", std::move(groups));
}

}  // namespace

Json curves(const ScoredRows& rows, const records::Target& target) {
  Json out = Json::object();
  if (rows.labels.empty()) return out;
  if (rows.task == Task::kNumber) {
    add_residuals(rows, out);
    add_predicted(rows, out);
    return out;
  }
  if (rows.task == Task::kBinary) {
    add_ranking(rows, out);
    add_gain(rows, out);
  }
  add_calibration(rows, out);
  add_confusion(rows, target, out);
  return out;
}

}  // namespace kingpost::steps::evaluate
