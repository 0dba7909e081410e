// SPDX-License-Identifier: Apache-2.0
// The model's own raw scores go through link and calibration in double precision.
#include "steps/parity.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "engines/lightgbm/lightgbm.h"
#include "engines/lightgbm/model_text.h"
#include "steps/fitting.h"

namespace kingpost::steps {
namespace {

using records::Link;
using records::Task;

// [rows, outputs], before the link.
struct Native {
  std::vector<double> raw;
  /// Of a linear model the sum of its terms without their signs: float32 rounds each of them.
  std::vector<double> terms;
  /// After link and calibration.
  std::vector<double> answers;
  Link link = Link::kIdentity;
};

double sigmoid(double raw) {
  return 1 / (1 + std::exp(-raw));
}

Result<Native> of_trees(const TrainedModels& trained, const std::string& text,
                        const records::Tensor& rows, Parity& parity) {
  TRY(const auto booster, lightgbm::Booster::read(text));
  TRY(const records::TreeEnsemble trees, lightgbm::parse_model(text));
  const auto width = static_cast<std::int32_t>(trained.kept.size());
  const float* values = rows.floats().data();
  Native out;
  out.link = trees.link;
  TRY(out.raw, booster->raw_scores(values, parity.rows, width));
  TRY(const auto leaves, booster->leaves(values, parity.rows, width));
  for (std::size_t row = 0; row < static_cast<std::size_t>(parity.rows); ++row) {
    for (std::size_t t = 0; t < trees.trees.size(); ++t) {
      const records::Tree& tree = trees.trees[t];
      const std::size_t leaf = records::leaf_of(tree, values + row * trained.kept.size());
      const std::size_t own = leaf - (tree.nodes.size() - 1) / 2;
      const auto theirs = static_cast<std::size_t>(leaves[row * trees.trees.size() + t]);
      if (own != theirs) ++parity.other_leaves;
    }
  }
  return out;
}

Native of_linear(const records::LinearModel& linear, const records::Tensor& rows,
                 const Parity& parity) {
  Native out;
  out.link = linear.link;
  const auto width = static_cast<std::size_t>(rows.shape[1]);
  for (std::size_t row = 0; row < static_cast<std::size_t>(parity.rows); ++row) {
    const float* values = rows.floats().data() + row * width;
    const auto raw = records::raw_scores(linear, values);
    out.raw.insert(out.raw.end(), raw.begin(), raw.end());
    for (std::size_t o = 0; o < raw.size(); ++o) {
      double sum = std::abs(linear.intercepts[o]);
      for (std::size_t f = 0; f < width; ++f) {
        sum += std::abs(linear.weights[o][f] * static_cast<double>(values[f]));
      }
      out.terms.push_back(sum);
    }
  }
  return out;
}

std::size_t class_of(const TrainedModel& model, const double* scores, std::size_t outputs) {
  if (outputs == 1) return *scores >= model.threshold ? 1 : 0;
  return static_cast<std::size_t>(std::max_element(scores, scores + outputs) - scores);
}

// How far the decision is from the next one.
double margin_of(const TrainedModel& model, const double* scores, std::size_t outputs) {
  if (outputs == 1) return std::abs(*scores - model.threshold);
  std::vector<double> sorted(scores, scores + outputs);
  std::sort(sorted.rbegin(), sorted.rend());
  return sorted[0] - sorted[1];
}

void compare_values(const TrainedModels& trained, const TrainedModel& model, const Native& native,
                    const std::vector<double>& graph, double max_abs, Parity& parity) {
  const std::vector<double>& own = native.answers;
  for (std::size_t i = 0; i < own.size(); ++i) {
    double scale = std::max(1.0, std::abs(own[i]));
    if (!native.terms.empty()) scale = std::max(scale, native.terms[i]);
    const double difference = std::abs(own[i] - graph[i]) / scale;
    // A NaN is as far away as can be.
    if (std::isnan(difference)) parity.largest = INFINITY;
    parity.largest = std::max(parity.largest, difference);
  }
  if (trained.task() == Task::kNumber) return;
  const auto outputs = static_cast<std::size_t>(trained.outputs());
  for (std::size_t i = 0; i < own.size(); i += outputs) {
    if (class_of(model, &own[i], outputs) == class_of(model, &graph[i], outputs)) continue;
    if (margin_of(model, &own[i], outputs) > max_abs) ++parity.other_classes;
  }
}

double step_of(const Json& calibration, double raw) {
  const auto& thresholds = calibration["thresholds"].items();
  std::size_t at = 0;
  while (at < thresholds.size() && raw > thresholds[at].number()) ++at;
  return calibration["values"].items()[at].number();
}

// Probabilities of two classes as the model's own raw scores give them. A raw score that is nearer
// to a step than rounding goes may fall on either side of it.
void calibrate(const Json& calibration, const std::vector<double>& graph, double max_abs,
               Native& native) {
  const std::string& kind = calibration["kind"].text();
  for (std::size_t i = 0; i < native.raw.size(); ++i) {
    const double raw = native.raw[i];
    if (kind == "sigmoid") {
      native.answers[i] = sigmoid(calibration["a"].number() * raw + calibration["b"].number());
    } else if (kind == "isotonic") {
      const double rounding = max_abs * std::max(1.0, std::abs(raw));
      native.answers[i] = std::clamp(graph[i], step_of(calibration, raw - rounding),
                                     step_of(calibration, raw + rounding));
    }
  }
}

}  // namespace

std::string words_of(const Parity& parity) {
  if (parity.graph_only) return "the graph is the only form of this model";
  return format("{} rows: {} other leaves, {} other classes, largest difference {}",
                grouped(parity.rows), parity.other_leaves, parity.other_classes,
                metric_text(parity.largest));
}

Result<Parity> compare(const TrainedModels& trained, const TrainedModel& model,
                       const std::optional<std::string>& trees, const GraphAnswers& graph,
                       double max_abs) {
  Parity out;
  out.rows = graph.features.shape.front();
  Native native;
  const auto linear = linear_model(trained, model);
  if (trees) {
    TRY(native, of_trees(trained, *trees, graph.features, out));
  } else if (linear) {
    native = of_linear(*linear, graph.features, out);
  } else {
    out.graph_only = true;
    return out;
  }
  native.answers = linked(native.link, native.raw, outputs_of(trained.features.target));
  calibrate(model.facts["calibration"], graph.scores, max_abs, native);
  compare_values(trained, model, native, graph.scores, max_abs, out);
  return out;
}

}  // namespace kingpost::steps
