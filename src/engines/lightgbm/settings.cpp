// SPDX-License-Identifier: Apache-2.0
// The settings that training takes, their ranges, and what is not offered: nothing that would make
// training depend on threads or time, or its trees mean something else.
#include "engines/lightgbm/settings.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/text.h"

namespace kingpost::lightgbm {
namespace {

struct Objective {
  std::string_view name;
  std::string_view metric;
};
constexpr std::array kObjectives = {
    Objective{"regression", "l2"},         Objective{"regression_l1", "l1"},
    Objective{"huber", "huber"},           Objective{"fair", "fair"},
    Objective{"quantile", "quantile"},     Objective{"mape", "mape"},
    Objective{"binary", "binary_logloss"}, Objective{"multiclass", "multi_logloss"}};

enum class Fits { kNumber, kBinary, kMulticlass };
struct Metric {
  std::string_view name;
  Fits fits;
  bool more_is_better = false;
};
constexpr std::array kMetrics = {
    Metric{"l1", Fits::kNumber},
    Metric{"l2", Fits::kNumber},
    Metric{"rmse", Fits::kNumber},
    Metric{"mape", Fits::kNumber},
    Metric{"huber", Fits::kNumber},
    Metric{"fair", Fits::kNumber},
    Metric{"quantile", Fits::kNumber},
    Metric{"auc", Fits::kBinary, true},
    Metric{"average_precision", Fits::kBinary, true},
    Metric{"binary_logloss", Fits::kBinary},
    Metric{"binary_error", Fits::kBinary},
    Metric{"multi_logloss", Fits::kMulticlass},
    Metric{"multi_error", Fits::kMulticlass},
    Metric{"auc_mu", Fits::kMulticlass, true},
};

struct Parameter {
  std::string_view name;
  double least = 0;
  double most = 0;
  bool is_whole = false;
  bool is_of_bins = false;
};
constexpr double kMany = 1e9;
constexpr double kTiny = 1e-12;
// Ranges as LightGBM checks them, so that no value makes it print and stop.
constexpr std::array kParameters = {
    Parameter{"alpha", kTiny, kMany},
    Parameter{"bagging_fraction", kTiny, 1},
    Parameter{"bagging_freq", 0, kMany, true},
    Parameter{"cat_l2", 0, kMany},
    Parameter{"cat_smooth", 0, kMany},
    Parameter{"extra_trees", 0, 1, true},
    Parameter{"fair_c", kTiny, kMany},
    Parameter{"feature_fraction", kTiny, 1},
    Parameter{"feature_fraction_bynode", kTiny, 1},
    Parameter{"lambda_l1", 0, kMany},
    Parameter{"lambda_l2", 0, kMany},
    Parameter{"learning_rate", kTiny, kMany},
    Parameter{"max_bin", 2, 65535, true, true},
    Parameter{"max_cat_threshold", 1, kMany, true},
    Parameter{"max_cat_to_onehot", 1, kMany, true},
    Parameter{"max_delta_step", 0, kMany},
    Parameter{"max_depth", -1, kMany, true},
    Parameter{"min_data_in_bin", 1, kMany, true, true},
    Parameter{"min_data_in_leaf", 0, kMany, true},
    Parameter{"min_data_per_group", 1, kMany, true},
    Parameter{"min_gain_to_split", 0, kMany},
    Parameter{"min_sum_hessian_in_leaf", 0, kMany},
    Parameter{"neg_bagging_fraction", kTiny, 1},
    Parameter{"num_leaves", 2, 131072, true},
    Parameter{"path_smooth", 0, kMany},
    Parameter{"pos_bagging_fraction", kTiny, 1},
    Parameter{"scale_pos_weight", kTiny, kMany},
};

template <typename Table>
const typename Table::value_type* find(const Table& table, std::string_view name) {
  const auto found =
      std::find_if(table.begin(), table.end(), [&](const auto& each) { return each.name == name; });
  return found == table.end() ? nullptr : &*found;
}

template <typename Table>
std::vector<std::string> names_of(const Table& table) {
  std::vector<std::string> out;
  for (const auto& each : table) out.emplace_back(each.name);
  return out;
}

Error unknown(std::string_view what, std::string_view name, const std::vector<std::string>& known) {
  return fail(Code::kInvalidInput, "lightgbm.setting_unknown",
              "LightGBM's {} \"{}\" is not offered", what, shown(name))
      .hint(did_you_mean(name, known, "known are " + listed(known, known.size())));
}

template <typename... Args>
Error invalid(FormatString<Args...> words, Args&&... args) {
  return fail(Code::kInvalidInput, "lightgbm.setting_invalid", "{}",
              format(words, std::forward<Args>(args)...));
}

Status check_parameter(std::string_view name, std::string_view text) {
  const Parameter* row = find(kParameters, name);
  if (row == nullptr) return unknown("parameter", name, parameter_names());
  const auto value = parse_number(text);
  if (!value || !(*value >= row->least && *value <= row->most) ||
      (row->is_whole && *value != std::floor(*value))) {
    return invalid("{} is \"{}\", which is no {}number from {} to {}", name, shown(text),
                   row->is_whole ? "whole " : "", row->least, row->most);
  }
  return {};
}

Fits task_of(const Settings& settings) {
  if (settings.objective == "binary") return Fits::kBinary;
  return settings.objective == "multiclass" ? Fits::kMulticlass : Fits::kNumber;
}

void append(std::string& text, std::string_view name, std::string_view value) {
  if (!text.empty()) text += ' ';
  text += format("{}={}", name, value);
}

std::string common_parameters(const Settings& settings) {
  std::string out = "verbosity=-1 deterministic=true force_col_wise=true feature_pre_filter=false";
  append(out, "num_threads", std::to_string(settings.threads));
  append(out, "objective", settings.objective);
  if (task_of(settings) == Fits::kMulticlass) {
    append(out, "num_class", std::to_string(settings.classes));
  }
  return out;
}

// LightGBM takes 32 bits; both halves count.
std::int64_t folded(std::int64_t seed) {
  constexpr std::uint64_t kPositive = 0x7fffffff;
  const auto bits = static_cast<std::uint64_t>(seed);
  return static_cast<std::int64_t>((bits ^ bits >> 31U ^ bits >> 62U) & kPositive);
}

}  // namespace

std::vector<std::string> objectives() {
  return names_of(kObjectives);
}

std::vector<std::string> metrics() {
  return names_of(kMetrics);
}

std::vector<std::string> parameter_names() {
  return names_of(kParameters);
}

bool more_is_better(std::string_view metric) {
  const Metric* row = find(kMetrics, metric);
  return row != nullptr && row->more_is_better;
}

std::string metric_of(const Settings& settings) {
  if (!settings.metric.empty()) return settings.metric;
  const Objective* row = find(kObjectives, settings.objective);
  return row == nullptr ? std::string() : std::string(row->metric);
}

Json canonical(const Settings& settings) {
  Json parameters = Json::object();
  for (const auto& [name, value] : settings.parameters) parameters.set(name, value);
  Json out = Json::object();
  out.set("objective", settings.objective).set("classes", std::int64_t{settings.classes});
  out.set("parameters", std::move(parameters)).set("rounds", std::int64_t{settings.rounds});
  out.set("early_stopping", std::int64_t{settings.early_stopping});
  out.set("metric", metric_of(settings)).set("seed", settings.seed);
  return out;
}

Status check(const Settings& settings) {
  if (find(kObjectives, settings.objective) == nullptr) {
    return unknown("objective", settings.objective, objectives());
  }
  const Metric* metric = find(kMetrics, metric_of(settings));
  if (metric == nullptr) return unknown("metric", settings.metric, metrics());
  if (metric->fits != task_of(settings)) {
    return invalid("the metric {} does not fit the objective {}", metric->name, settings.objective);
  }
  if (task_of(settings) == Fits::kMulticlass && settings.classes < 2) {
    return invalid("multiclass wants two classes or more, not {}", settings.classes);
  }
  if (settings.rounds < 1)
    return invalid("rounds is {}, and at least 1 is wanted", settings.rounds);
  if (settings.early_stopping < 0 || settings.threads < 0 || settings.train_metric_every < 0) {
    return invalid("early_stopping, threads and train_metric_every are not below 0");
  }
  for (const auto& [name, text] : settings.parameters) TRY_STATUS(check_parameter(name, text));
  return {};
}

std::string bin_key(const Settings& settings) {
  // Labels are checked for the task, not for how its errors are weighed.
  const Fits task = task_of(settings);
  std::string out = task == Fits::kNumber ? "task=number" : "task=" + settings.objective;
  if (task == Fits::kMulticlass) append(out, "classes", std::to_string(settings.classes));
  for (const auto& [name, value] : settings.parameters) {
    if (find(kParameters, name)->is_of_bins) append(out, name, value);
  }
  return out;
}

std::string bin_parameters(const Settings& settings, const std::vector<std::int32_t>& categorical) {
  std::string out = common_parameters(settings);
  std::vector<std::string> columns;
  for (const std::int32_t each : categorical) columns.push_back(std::to_string(each));
  if (!columns.empty()) append(out, "categorical_feature", join(columns, ","));
  for (const auto& [name, value] : settings.parameters) {
    if (find(kParameters, name)->is_of_bins) append(out, name, value);
  }
  return out;
}

std::string training_parameters(const Settings& settings) {
  std::string out = common_parameters(settings);
  append(out, "metric", metric_of(settings));
  append(out, "seed", std::to_string(folded(settings.seed)));
  const auto& given = settings.parameters;
  const bool draws_rows = given.contains("bagging_fraction") ||
                          given.contains("pos_bagging_fraction") ||
                          given.contains("neg_bagging_fraction");
  if (draws_rows && !given.contains("bagging_freq")) append(out, "bagging_freq", "1");
  for (const auto& [name, value] : given) append(out, name, value);
  return out;
}

}  // namespace kingpost::lightgbm
