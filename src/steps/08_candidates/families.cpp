// SPDX-License-Identifier: Apache-2.0
// Ranges of the default spaces: around what the libraries' own docs advise, narrowed where few rows
// could not carry large trees.
#include "steps/08_candidates/families.h"

#include <algorithm>

#include "base/text.h"
#include "engines/lightgbm/lightgbm.h"

namespace kingpost::steps::candidates {
namespace {

using records::Task;

constexpr std::int64_t kFewestForTrees = 40;
constexpr std::int64_t kFewestForLinear = 10;
constexpr std::int64_t kManyForLogistic = 50'000;
// What engines/linear solves; more codes than this would take too long.
constexpr std::size_t kMostCodes = 4000;

Json range(double from, double to, std::string_view scale) {
  return Json::object().set("from", from).set("to", to).set("scale", scale);
}

Json whole_range(std::int64_t from, std::int64_t to) {
  return Json::object().set("from", from).set("to", to).set("scale", "log").set("integer", true);
}

// LIBLINEAR's c is the inverse of a penalty.
std::string_view penalty_of(std::string_view family) {
  return family == "ridge" ? "alpha" : "c";
}

std::string value_text(const Json& value) {
  return value.is_string() ? value.text() : value.dump();
}

Objection of_trees(Task task, const std::string& parameter, const Json& value) {
  lightgbm::Settings settings;
  if (task == Task::kBinary) settings.objective = "binary";
  if (task == Task::kMulticlass) {
    settings.objective = "multiclass";
    settings.classes = 2;
  }
  settings.parameters[parameter] = value_text(value);
  Status status = lightgbm::check(settings);
  if (status) return {};
  const Error& error = status.error();
  return {error.what(), error.hint(), error.id() == "lightgbm.setting_unknown"};
}

}  // namespace

bool suits(std::string_view family, Task task) {
  if (family == "ridge") return task == Task::kNumber;
  if (family == "logistic") return task != Task::kNumber;
  return true;
}

Objection objection(std::string_view family, Task task, const std::string& parameter,
                    const Json& value) {
  if (family == "lightgbm") return of_trees(task, parameter, value);
  const std::string known(penalty_of(family));
  if (parameter != known) {
    return {format("{} has no parameter \"{}\"", family, shown(parameter)),
            format("known is: {}", known), true};
  }
  if (value.is_number() && value.number() > 0 && value.number() <= 1e12) return {};
  return {format("{} is {}, not above 0", known, shown(value_text(value))), "", false};
}

Json default_space(std::string_view family, std::int64_t rows) {
  Json out = Json::object();
  if (family == "ridge") out.set("alpha", range(0.01, 10000, "log"));
  if (family == "logistic") out.set("c", range(0.0001, 10, "log"));
  if (family != "lightgbm") return out;
  // A leaf wants twenty rows on average.
  const std::int64_t leaves = std::clamp<std::int64_t>(rows / 20, 8, 255);
  out.set("num_leaves", whole_range(std::min<std::int64_t>(15, leaves / 2), leaves));
  out.set("learning_rate", range(0.02, 0.2, "log"));
  out.set("min_data_in_leaf", whole_range(5, std::clamp<std::int64_t>(rows / 20, 10, 200)));
  out.set("feature_fraction", range(0.5, 1, "linear"));
  out.set("lambda_l2", range(0.001, 10, "log"));
  return out;
}

std::int64_t default_trials(std::string_view family, std::int64_t rows) {
  if (family == "constant") return 1;
  // Half a minute each on a quarter of a million rows, where the penalty hardly matters.
  if (family == "logistic" && rows > kManyForLogistic) return 1;
  // One parameter with a flat optimum.
  return family == "lightgbm" ? 0 : 5;
}

std::string why_not(std::string_view family, const Facts& facts) {
  if (family == "constant") return {};
  const std::int64_t fewest = family == "lightgbm" ? kFewestForTrees : kFewestForLinear;
  if (facts.rows < fewest) {
    return format("{} train rows are too few for {}, which wants {}", facts.rows, family, fewest);
  }
  if (family == "lightgbm") return {};
  if (family == "logistic" && facts.weighted) return "logistic takes no weights of rows";
  std::size_t codes = 0;
  for (const records::FeatureColumn& column : facts.columns) {
    if (column.may_miss) {
      return format("the column \"{}\" may be missing, which a linear model cannot take",
                    shown(column.name));
    }
    codes += column.categorical ? column.levels.size() : 1;
  }
  if (codes > kMostCodes) {
    return format("its columns and categories are {} together, and {} takes {}", codes, family,
                  kMostCodes);
  }
  return {};
}

}  // namespace kingpost::steps::candidates
