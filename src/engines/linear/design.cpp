// SPDX-License-Identifier: Apache-2.0
// Checks every value, since a solver answers nonsense to NaN without a word.
#include "engines/linear/design.h"

#include <algorithm>
#include <cmath>

namespace kingpost::linear {
namespace {

// More codes than this would be identifiers.
constexpr float kMostCode = 1e6;

double weight_of(const Data& data, std::int64_t row) {
  return data.weights == nullptr ? 1.0 : static_cast<double>(data.weights[row]);
}

Status check_rows(const Data& data) {
  if (data.rows < 1 || data.columns < 1) return invalid("there are no rows or no columns");
  double sum = 0;
  for (std::int64_t row = 0; row < data.rows; ++row) {
    if (!std::isfinite(data.labels[row])) {
      return invalid("the label of row {} is {}", row, data.labels[row]);
    }
    const double weight = weight_of(data, row);
    if (!(weight >= 0) || !std::isfinite(weight)) {
      return invalid("the weight of row {} is {}", row, weight);
    }
    sum += weight;
  }
  if (!(sum > 0)) return invalid("all weights are 0");
  for (const std::int32_t column : data.categorical) {
    if (column < 0 || column >= data.columns) return invalid("there is no column {}", column);
  }
  return {};
}

}  // namespace

Result<Design::Column> Design::fit_number(const Data& data, std::int32_t column) {
  Column out;
  double weights = 0;
  double sum = 0;
  float least = 0;
  float most = 0;
  for (std::int64_t row = 0; row < data.rows; ++row) {
    const float value = records::row_of(data, row)[column];
    if (!std::isfinite(value)) {
      return invalid("{} holds {} in row {}, which a linear model cannot use",
                     records::column_words(data, column), value, row)
          .hint("let extract_features fill in what is missing");
    }
    const double weight = weight_of(data, row);
    if (weight <= 0) continue;
    least = weights > 0 ? std::min(least, value) : value;
    most = weights > 0 ? std::max(most, value) : value;
    weights += weight;
    sum += weight * static_cast<double>(value);
  }
  out.mean = sum / weights;
  if (least == most) return out;
  double squares = 0;
  for (std::int64_t row = 0; row < data.rows; ++row) {
    const double off = static_cast<double>(records::row_of(data, row)[column]) - out.mean;
    squares += weight_of(data, row) * off * off;
  }
  out.scale = std::sqrt(squares / weights);
  return out;
}

Result<Design::Column> Design::fit_category(const Data& data, std::int32_t column) {
  Column out;
  out.is_category = true;
  float most = 0;
  for (std::int64_t row = 0; row < data.rows; ++row) {
    const float code = records::row_of(data, row)[column];
    if (!(code >= 0) || code > kMostCode || code != std::floor(code)) {
      return invalid("{} is categorical and holds {} in row {}, which is no code",
                     records::column_words(data, column), code, row);
    }
    most = std::max(most, code);
  }
  out.width = static_cast<std::int32_t>(most) + 1;
  return out;
}

Result<Design> Design::fit(const Data& data) {
  TRY_STATUS(check_rows(data));
  Design out;
  for (std::int32_t i = 0; i < data.columns; ++i) {
    const bool is_category =
        std::find(data.categorical.begin(), data.categorical.end(), i) != data.categorical.end();
    TRY(Column column, is_category ? fit_category(data, i) : fit_number(data, i));
    column.first = out.columns_;
    out.columns_ += column.width;
    if (out.columns_ > kMostColumns) {
      return fail(Code::kInvalidInput, "linear.too_wide",
                  "the codes of the categories need more than {} columns; {} alone needs {}",
                  kMostColumns, records::column_words(data, i), column.width)
          .hint("group rare categories (min_count), or encode the column in another way");
    }
    out.plain_.push_back(column);
  }
  return out;
}

void Design::spread(const float* row, std::vector<Cell>& out) const {
  out.clear();
  for (std::size_t i = 0; i < plain_.size(); ++i) {
    const Column& column = plain_[i];
    if (column.is_category) {
      out.push_back({column.first + static_cast<std::int32_t>(row[i]), 1.0});
    } else if (column.scale > 0) {
      out.push_back({column.first, (static_cast<double>(row[i]) - column.mean) / column.scale});
    }
  }
}

records::LinearModel Design::fold(const std::vector<std::vector<double>>& weights,
                                  std::vector<double> intercepts) const {
  records::LinearModel out;
  out.features = static_cast<std::int32_t>(plain_.size());
  out.outputs = static_cast<std::int32_t>(weights.size());
  out.intercepts = std::move(intercepts);
  out.weights.assign(weights.size(), std::vector<double>(plain_.size()));
  for (std::size_t i = 0; i < plain_.size(); ++i) {
    const Column& column = plain_[i];
    records::LinearModel::CategoryWeights codes;
    codes.feature = static_cast<std::int32_t>(i);
    for (std::size_t o = 0; o < weights.size(); ++o) {
      const auto from = weights[o].begin() + column.first;
      if (column.is_category) {
        codes.weights.emplace_back(from, from + column.width);
      } else if (column.scale > 0) {
        out.weights[o][i] = *from / column.scale;
        out.intercepts[o] -= out.weights[o][i] * column.mean;
      }
    }
    if (column.is_category) out.categories.push_back(std::move(codes));
  }
  return out;
}

}  // namespace kingpost::linear
