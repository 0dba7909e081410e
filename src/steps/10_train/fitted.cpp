// SPDX-License-Identifier: Apache-2.0
// One function per family. A constant is a tree without a split, so it takes NaN as every tree
// does.
#include "steps/10_train/fitted.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/digest.h"
#include "base/text.h"
#include "engines/lightgbm/model_text.h"
#include "engines/linear/linear.h"
#include "steps/fitting.h"

namespace kingpost::steps::train {
namespace {

using records::LinearModel;
using records::Link;
using records::Task;
using records::TreeEnsemble;

constexpr std::int64_t kFewValues = 20'000;

double weight_of(const LabelledRows& rows, std::size_t row) {
  return rows.weights.empty() ? 1.0 : rows.weights[row];
}

double mean(const LabelledRows& rows) {
  Sum sum;
  Sum weights;
  for (std::size_t i = 0; i < rows.labels.size(); ++i) {
    sum.add(rows.labels[i] * weight_of(rows, i));
    weights.add(weight_of(rows, i));
  }
  return weights.value() > 0 ? sum.value() / weights.value() : 0;
}

// The lower one where two are in the middle: a value that a row has.
double median(const LabelledRows& rows) {
  std::vector<std::size_t> order(rows.labels.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return rows.labels[a] < rows.labels[b]; });
  Sum all;
  for (const std::size_t row : order) all.add(weight_of(rows, row));
  Sum passed;
  for (const std::size_t row : order) {
    passed.add(weight_of(rows, row));
    if (passed.value() * 2 >= all.value()) return rows.labels[row];
  }
  return 0;
}

// Of each class; never 0, whose logarithm has no end.
std::vector<double> shares(const LabelledRows& rows, std::size_t classes) {
  std::vector<double> out(classes, 0);
  double all = 0;
  for (std::size_t i = 0; i < rows.labels.size(); ++i) {
    out[static_cast<std::size_t>(rows.labels[i])] += weight_of(rows, i);
    all += weight_of(rows, i);
  }
  for (double& each : out) each = std::max(all > 0 ? each / all : 0, 1e-9);
  return out;
}

TreeEnsemble constant_of(std::int32_t features, const std::vector<double>& values, Link link) {
  TreeEnsemble out;
  out.features = features;
  out.outputs = static_cast<std::int32_t>(values.size());
  out.link = link;
  for (const double value : values) {
    records::TreeNode leaf;
    leaf.value = value;
    out.trees.push_back({{leaf}});
  }
  return out;
}

bool wants_median(std::string_view metric) {
  const auto& settings = boosting_settings({.name = "", .task = Task::kNumber}, metric);
  return settings.objective != "regression";
}

Json doubles(const std::vector<double>& values) {
  Json out = Json::array();
  for (const double each : values) out.push(each);
  return out;
}

Json rows_json(const std::vector<std::vector<double>>& rows) {
  Json out = Json::array();
  for (const auto& each : rows) out.push(doubles(each));
  return out;
}

std::string parameter_text(const Json& value) {
  return value.is_string() ? value.text() : value.dump();
}

// Beside the parameters' own values, what the models of a family go by when a trial names none.
double parameter(const Json& parameters, std::string_view name) {
  return parameters.has(name) ? parameters[name].number() : 1.0;
}

}  // namespace

Link Fitted::link() const {
  return std::visit([](const auto& each) { return each.link; }, model);
}

std::int32_t Fitted::outputs() const {
  return std::visit([](const auto& each) { return each.outputs; }, model);
}

Result<RawScores> RawScores::of(const Fitted& fitted, std::int64_t rows, int threads) {
  RawScores out(fitted, threads);
  const auto* trees = std::get_if<TreeEnsemble>(&fitted.model);
  if (trees != nullptr && TreeScores::are_worth_it(*trees, rows)) {
    TRY(out.trees_, TreeScores::of(*trees));
  }
  return out;
}

Result<std::vector<double>> RawScores::of_rows(const LabelledRows& rows) const {
  const Fitted& fitted = *fitted_;
  if (trees_) return trees_->scores(rows, threads_);
  if (fitted.booster != nullptr) {
    return fitted.booster->raw_scores(rows.values.data(), rows.rows(), rows.columns);
  }
  std::vector<double> out;
  for (std::int64_t row = 0; row < rows.rows(); ++row) {
    const float* values = rows.values.data() + row * rows.columns;
    const std::vector<double> raw = std::visit(
        [&](const auto& each) { return records::raw_scores(each, values); }, fitted.model);
    out.insert(out.end(), raw.begin(), raw.end());
  }
  return out;
}

std::vector<double> means(const std::vector<double>& scores, std::int32_t outputs) {
  std::vector<Sum> sums(static_cast<std::size_t>(outputs));
  for (std::size_t i = 0; i < scores.size(); ++i) sums[i % sums.size()].add(scores[i]);
  const auto rows = std::ssize(scores) / std::ssize(sums);
  std::vector<double> out;
  for (const Sum& sum : sums) out.push_back(sum.value() / static_cast<double>(rows));
  return out;
}

Work work_of(const Fitted& fitted) {
  Work out;
  if (const auto* trees = std::get_if<TreeEnsemble>(&fitted.model)) {
    for (const records::Tree& tree : trees->trees) out.nodes += std::ssize(tree.nodes);
    out.leaves_visited = std::ssize(trees->trees);
    return out;
  }
  const auto& linear = std::get<LinearModel>(fitted.model);
  for (const auto& each : linear.weights) out.nodes += std::ssize(each);
  for (const auto& category : linear.categories) {
    for (const auto& each : category.weights) out.nodes += std::ssize(each);
  }
  return out;
}

Json to_json(const LinearModel& model) {
  Json categories = Json::array();
  for (const auto& each : model.categories) {
    categories.push(Json::object()
                        .set("feature", std::int64_t{each.feature})
                        .set("weights", rows_json(each.weights)));
  }
  Json out = Json::object();
  out.set("intercepts", doubles(model.intercepts)).set("weights", rows_json(model.weights));
  return out.set("categories", std::move(categories));
}

Fitter::Fitter(const Options& options, const records::Target& target)
    : options_(options), target_(target) {}

Result<Fitted> Fitter::fit(const FitRequest& request, const std::string& place,
                           const LabelledRows& train, const LabelledRows* validation,
                           const Observe& observe) {
  if (request.family == "lightgbm") return fit_trees(request, place, train, validation, observe);
  if (request.family == "constant") return fit_constant(train);
  return fit_linear(request, train);
}

Fitted Fitter::fit_constant(const LabelledRows& train) const {
  Fitted out;
  if (target_.task == Task::kNumber) {
    const double value = wants_median(options_.metric) ? median(train) : mean(train);
    out.model = constant_of(train.columns, {value}, Link::kIdentity);
  } else if (target_.task == Task::kBinary) {
    const std::vector<double> of = shares(train, 2);
    out.model = constant_of(train.columns, {std::log(of[1] / of[0])}, Link::kSigmoid);
  } else {
    std::vector<double> logs;
    for (const double share : shares(train, target_.classes.size()))
      logs.push_back(std::log(share));
    out.model = constant_of(train.columns, logs, Link::kSoftmax);
  }
  Json values = Json::array();
  for (const auto& tree : std::get<TreeEnsemble>(out.model).trees) {
    values.push(tree.nodes.front().value);
  }
  out.digest = sha256_of("constant " + values.canonical());
  return out;
}

Result<Fitted> Fitter::fit_linear(const FitRequest& request, const LabelledRows& train) const {
  Fitted out;
  if (request.family == "ridge") {
    TRY(out.model, linear::fit_ridge(train.samples(), parameter(request.parameters, "alpha")));
  } else {
    const std::int32_t classes = target_.task == Task::kBinary ? 2 : outputs_of(target_);
    TRY(out.model,
        linear::fit_logistic(train.samples(), classes, parameter(request.parameters, "c")));
  }
  out.digest =
      sha256_of(request.family + " " + to_json(std::get<LinearModel>(out.model)).canonical());
  return out;
}

Result<Fitted> Fitter::fit_trees(const FitRequest& request, const std::string& place,
                                 const LabelledRows& train, const LabelledRows* validation,
                                 const Observe& observe) {
  lightgbm::Settings settings = boosting_settings(target_, options_.metric);
  for (const auto& [name, value] : request.parameters.entries()) {
    settings.parameters[name] = parameter_text(value);
  }
  settings.rounds = request.rounds;
  settings.early_stopping = validation != nullptr ? request.early_stopping : 0;
  settings.seed = request.seed;
  // On few values threads cost more than they bring; the trees are the same.
  settings.threads = std::ssize(train.values) < kFewValues ? 1 : options_.threads;
  std::string made_with;
  for (const char* name : {"max_bin", "min_data_in_bin"}) {
    if (request.parameters.has(name)) made_with += parameter_text(request.parameters[name]);
    made_with += ' ';
  }
  Bins& bins = sets_[place];
  if (bins.set == nullptr || bins.made_with != made_with) {
    std::optional<records::Samples> held;
    if (validation != nullptr) held = validation->samples();
    TRY(bins.set, lightgbm::TrainingSet::bin(train.samples(), held ? &*held : nullptr, settings));
    bins.made_with = made_with;
  }
  TRY(auto booster, lightgbm::Booster::train(*bins.set, settings, observe));
  Fitted out;
  TRY(out.model, lightgbm::parse_model(booster->text()));
  out.rounds = booster->rounds();
  Json parameters = lightgbm::canonical(settings);
  out.digest = lightgbm::model_digest(booster->text(), parameters);
  out.booster = std::move(booster);
  return out;
}

}  // namespace kingpost::steps::train
