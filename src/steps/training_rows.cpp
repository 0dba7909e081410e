// SPDX-License-Identifier: Apache-2.0
// The matrices stay mapped; only what is asked for is copied.
#include "steps/training_rows.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "engines/sql/dialect.h"
#include "steps/ordered_rows.h"

namespace kingpost::steps {

records::Samples LabelledRows::samples() const {
  records::Samples out;
  out.values = values.data();
  out.rows = rows();
  out.columns = columns;
  out.labels = labels_single.data();
  out.weights = weights_single.empty() ? nullptr : weights_single.data();
  out.categorical = categorical;
  out.names = names;
  return out;
}

Result<Matrices::Part> Matrices::open_part(const RunContext& context, const std::string& infix) {
  TRY(const Json json, json_of(context, format("features{}.json", infix)));
  TRY(Npy matrix, array_of(context, format("matrix{}.npy", infix)));
  return Part{records::features_from_json(json["features"]), json["fits"], std::move(matrix)};
}

Result<Matrices> Matrices::open(const RunContext& context, const std::string& weight) {
  Matrices out;
  TRY(out.all_, open_part(context, ""));
  TRY(out.labels_, array_of(context, "labels.npy"));
  TRY(out.sides_, array_of(context, "sides.npy"));
  if (context.input.find_file("folds.npy") != nullptr) {
    TRY(out.fold_of_, array_of(context, "folds.npy"));
    for (std::int32_t fold = 0;; ++fold) {
      const std::string infix = format(".fold_{}", fold);
      if (context.input.find_file(format("matrix{}.npy", infix)) == nullptr) break;
      TRY(Part part, open_part(context, infix));
      out.folded_.push_back(std::move(part));
    }
  }
  if (!weight.empty()) TRY_STATUS(out.read_weights(context, weight));
  return out;
}

Status Matrices::read_weights(const RunContext& context, const std::string& weight) {
  const OrderedRows rows{format("CAST({} AS DOUBLE) AS w", sql::identifier(weight)),
                         from_table(context, *context.input.find("training"), true)};
  return stream_in_order(context.sql, rows, [&](records::Batch& batch) {
    for (const double each : batch.columns[0].numbers) {
      if (!(each >= 0) || !std::isfinite(each)) {
        const bool missing = std::isnan(each);
        return Status(fail(Code::kDataRejected, "train.weight_invalid",
                           "the weight \"{}\" of row {} is {}", shown(weight), weights_.size(),
                           missing ? std::string("missing") : format("{}", each))
                          .hint("give every row a weight of 0 or more in standardise"));
      }
      weights_.push_back(each);
    }
    return Status();
  });
}

std::vector<std::int64_t> Matrices::of_side(std::uint8_t side) const {
  std::vector<std::int64_t> out;
  for (std::int64_t row = 0; row < sides_->rows(); ++row) {
    if (sides_->bytes()[row] == side) out.push_back(row);
  }
  return out;
}

std::vector<std::int64_t> Matrices::fitted(std::int32_t fold) const {
  std::vector<std::int64_t> out = train();
  if (fold == kNoFold) return out;
  out.erase(std::remove_if(out.begin(), out.end(),
                           [&](std::int64_t row) { return fold_of_->integers()[row] == fold; }),
            out.end());
  return out;
}

std::vector<std::int64_t> Matrices::held(std::int32_t fold) const {
  std::vector<std::int64_t> out = train();
  out.erase(std::remove_if(out.begin(), out.end(),
                           [&](std::int64_t row) { return fold_of_->integers()[row] != fold; }),
            out.end());
  return out;
}

LabelledRows Matrices::rows(std::int32_t fold, std::vector<std::int64_t> numbers,
                            const std::vector<std::int64_t>& columns) const {
  const Part& from = part(fold);
  LabelledRows out;
  out.columns = static_cast<std::int32_t>(columns.size());
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const auto& column = from.features.columns[static_cast<std::size_t>(columns[i])];
    if (column.categorical) out.categorical.push_back(static_cast<std::int32_t>(i));
    out.names.push_back(column.name);
  }
  out.values.resize(numbers.size() * columns.size());
  out.labels.reserve(numbers.size());
  out.labels_single.reserve(numbers.size());
  float* to = out.values.data();
  for (const std::int64_t number : numbers) {
    const float* row = from.matrix.floats() + number * from.matrix.columns();
    for (const std::int64_t column : columns) *to++ = row[column];
    out.labels.push_back(labels_->doubles()[number]);
    out.labels_single.push_back(static_cast<float>(out.labels.back()));
    if (weights_.empty()) continue;
    out.weights.push_back(weights_[static_cast<std::size_t>(number)]);
    out.weights_single.push_back(static_cast<float>(out.weights.back()));
  }
  out.numbers = std::move(numbers);
  return out;
}

std::vector<float> Matrices::column(std::int32_t fold, const std::vector<std::int64_t>& numbers,
                                    std::int64_t column) const {
  const Npy& matrix = part(fold).matrix;
  std::vector<float> out;
  out.reserve(numbers.size());
  for (const std::int64_t number : numbers) {
    out.push_back(matrix.floats()[number * matrix.columns() + column]);
  }
  return out;
}

}  // namespace kingpost::steps
