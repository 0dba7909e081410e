// SPDX-License-Identifier: Apache-2.0
// LIBLINEAR's primal solver (a trust region Newton method, no random numbers) on one class at a
// time.
#include <linear.h>

#include <algorithm>
#include <cmath>

#include "engines/linear/design.h"

namespace kingpost::linear {
namespace {

// LIBLINEAR penalises the intercept like a weight. A constant column of this value makes the
// penalty a ten-thousandth of what it would be.
constexpr double kConstant = 100;
// Its stopping rule compares with the first gradient; at this scores are right to 4 digits.
constexpr double kTolerance = 1e-6;

void drop_line(const char* /*line*/) {}

/// The spread rows in LIBLINEAR's form: nodes of all rows in a line, each row closed by index -1.
struct Nodes {
  std::vector<feature_node> cells;
  std::vector<feature_node*> rows;
};

Nodes spread_all(const Design& design, const Data& data) {
  Nodes out;
  std::vector<std::size_t> starts;
  std::vector<Cell> cells;
  for (std::int64_t i = 0; i < data.rows; ++i) {
    design.spread(records::row_of(data, i), cells);
    starts.push_back(out.cells.size());
    for (const Cell& cell : cells) out.cells.push_back({cell.column + 1, cell.value});
    out.cells.push_back({design.columns() + 1, kConstant});
    out.cells.push_back({-1, 0});
  }
  for (const std::size_t start : starts) out.rows.push_back(out.cells.data() + start);
  return out;
}

struct Fitted {
  std::vector<double> weights;
  double intercept = 0;
};

/// The class `wanted` against the rest.
Fitted fit_class(Nodes& nodes, const Data& data, std::int32_t columns, std::int32_t wanted,
                 double c) {
  std::vector<double> labels;
  for (std::int64_t i = 0; i < data.rows; ++i) {
    labels.push_back(data.labels[i] == static_cast<float>(wanted) ? 1 : -1);
  }
  Fitted out;
  out.weights.resize(static_cast<std::size_t>(columns));
  const auto with = static_cast<double>(std::count(labels.begin(), labels.end(), 1.0));
  const double without = static_cast<double>(data.rows) - with;
  if (with == 0 || without == 0) {
    // The optimum lies at infinity: the log-odds with half a row added to both sides instead.
    out.intercept = std::log((with + 0.5) / (without + 0.5));
    return out;
  }
  const problem rows{static_cast<int>(data.rows), columns + 1, labels.data(), nodes.rows.data(),
                     kConstant};
  parameter settings{};
  settings.solver_type = L2R_LR;
  settings.C = c;
  settings.eps = kTolerance;
  model* fitted = ::train(&rows, &settings);
  // With labels 1 and -1, LIBLINEAR's weights speak for 1.
  std::copy_n(fitted->w, out.weights.size(), out.weights.begin());
  out.intercept = fitted->w[columns] * kConstant;
  free_and_destroy_model(&fitted);
  return out;
}

Status check_labels(const Data& data, std::int32_t classes) {
  if (data.rows > INT32_MAX) return invalid("{} rows are more than LIBLINEAR takes", data.rows);
  for (std::int64_t i = 0; i < data.rows; ++i) {
    const float label = data.labels[i];
    if (label < 0 || label >= static_cast<float>(classes) || label != std::floor(label)) {
      return invalid("the label of row {} is {}, which is none of {} classes", i, label, classes);
    }
  }
  return {};
}

}  // namespace

Result<records::LinearModel> fit_logistic(const Data& data, std::int32_t classes, double c) {
  if (!(c > 0) || !std::isfinite(c)) {
    return fail(Code::kInvalidInput, "linear.setting_invalid", "c is {}, not above 0", c);
  }
  if (classes < 2) {
    return fail(Code::kInvalidInput, "linear.setting_invalid", "{} classes are less than two",
                classes);
  }
  if (data.weights != nullptr) {
    return fail(Code::kInvalidInput, "linear.weights_unsupported",
                "logistic regression takes no weights of rows")
        .hint("leave the candidate out, or train without `weight`");
  }
  TRY(const Design design, Design::fit(data));
  TRY_STATUS(check_labels(data, classes));
  set_print_string_function(drop_line);
  Nodes nodes = spread_all(design, data);
  const bool is_binary = classes == 2;
  std::vector<std::vector<double>> weights;
  std::vector<double> intercepts;
  for (std::int32_t wanted = is_binary ? 1 : 0; wanted < classes; ++wanted) {
    Fitted fitted = fit_class(nodes, data, design.columns(), wanted, c);
    weights.push_back(std::move(fitted.weights));
    intercepts.push_back(fitted.intercept);
  }
  records::LinearModel out = design.fold(weights, std::move(intercepts));
  out.link = is_binary ? records::Link::kSigmoid : records::Link::kOneVsRest;
  return out;
}

}  // namespace kingpost::linear
