// SPDX-License-Identifier: Apache-2.0
// The matrix of a training set.
#include "steps/06_extract_features/matrices.h"

#include <cmath>

#include "base/text.h"
#include "engines/onnx/runtime.h"
#include "engines/sql/dialect.h"
#include "steps/scoring.h"

namespace kingpost::steps::extract_features {
namespace {

constexpr const char* kFittedOn = "_kp_fitted_on";

// The columns that the graph reads, and whether the row was fitted on.
OrderedRows rows_of(const RunContext& context, const records::Table& table,
                    const records::FeatureSet& set, const std::string& fitted_on) {
  std::vector<std::string> items;
  for (const records::Column& column : set.inputs) items.push_back(sql::identifier(column.name));
  items.push_back(format("CAST(coalesce({}, false) AS DOUBLE) AS {}", fitted_on, kFittedOn));
  return {join(items, ", "), from_table(context, table, true)};
}

// Puts the out-of-fold values into the rows of a piece of the matrix.
class HeldOutValues {
 public:
  HeldOutValues(const Featurizer& featurizer, const std::vector<Fit>& fits)
      : held_out_(featurizer.held_out), columns_(featurizer.set.columns.size()), fits_(fits) {}

  void put(const Scored& scored, std::vector<float>& values) {
    const auto& fitted = scored.batch.find(kFittedOn)->numbers;
    for (std::size_t r = 0; r < fitted.size(); ++r) {
      if (fitted[r] == 0) continue;
      const int fold = inner_fold(scored.first + static_cast<std::int64_t>(r));
      for (const HeldOut& each : held_out_) {
        const CategoryFit& fit = fits_[each.feature].category;
        const auto code = static_cast<std::size_t>(fit.codes[next_]);
        const auto& encoded = fit.held_out[static_cast<std::size_t>(fold)][code];
        for (std::size_t o = 0; o < encoded.size(); ++o) {
          values[r * columns_ + each.first + o] = static_cast<float>(encoded[o]);
        }
      }
      ++next_;
    }
  }

 private:
  const std::vector<HeldOut>& held_out_;
  std::size_t columns_;
  const std::vector<Fit>& fits_;
  // Codes are kept in the order of the fitted rows.
  std::size_t next_ = 0;
};

Status write_array(RunContext& context, records::Dataset& out, const std::string& name,
                   NpyType type, const void* values, std::int64_t count) {
  const std::string path = context.objects.temp_path(".npy");
  TRY(auto writer, NpyWriter::create(path, type, {count}));
  TRY_STATUS(writer->write(0, values, count));
  TRY_STATUS(writer->finish());
  TRY(records::File file, seal_file(context, name, path));
  out.put(std::move(file));
  return {};
}

}  // namespace

std::string label_sql(const records::Target& target) {
  const std::string column = sql::identifier(target.name);
  if (target.task != records::Task::kMulticlass) return format("CAST({} AS DOUBLE)", column);
  return format("CAST(list_position([{}], {}) - 1 AS DOUBLE)", sql::literals(target.classes),
                column);
}

Result<records::File> write_matrix(RunContext& context, const records::Table& table,
                                   const Featurizer& featurizer, const std::vector<Fit>& fits,
                                   const std::string& fitted_on, const std::string& name) {
  TRY(const auto model, onnx::Model::load(featurizer.graph.bytes()));
  const auto columns = static_cast<std::int64_t>(featurizer.set.columns.size());
  const std::string path = context.objects.temp_path(".npy");
  TRY(auto writer, NpyWriter::create(path, NpyType::kFloat32, {table.rows, columns}));
  HeldOutValues held_out(featurizer, fits);
  std::int64_t written = 0;
  const OrderedRows rows = rows_of(context, table, featurizer.set, fitted_on);
  const auto source = [&](const TakeBatch& take) {
    return stream_in_order(context.sql, rows, take);
  };
  const auto write = [&](const Scored& scored) -> Status {
    written += scored.batch.rows;
    const std::int64_t first = scored.first * columns;
    const std::int64_t count = scored.batch.rows * columns;
    const std::vector<float>& made = scored.outputs[0].floats();
    if (featurizer.held_out.empty()) return writer->write(first, made.data(), count);
    std::vector<float> values = made;
    held_out.put(scored, values);
    return writer->write(first, values.data(), count);
  };
  TRY_STATUS(score_rows(source, *model, context.settings.engine.threads, write));
  TRY_STATUS(account_rows("extract_features.rows_unaccounted", table.name, table.rows, written));
  TRY_STATUS(writer->finish());
  return seal_file(context, name, path);
}

Status write_rows(RunContext& context, const records::Table& table, const records::Target& target,
                  records::Dataset& out) {
  const bool folded = table.schema.find("_fold") != nullptr;
  std::vector<double> labels;
  std::vector<std::uint8_t> sides;
  std::vector<std::int32_t> folds;
  const OrderedRows rows{
      format("{} AS label, CAST(CASE _split WHEN 'train' THEN 0 WHEN 'validation' THEN 1 ELSE 2 "
             "END AS DOUBLE) AS side, CAST({} AS DOUBLE) AS fold",
             label_sql(target), folded ? "coalesce(_fold, -1)" : "-1"),
      from_table(context, table, true)};
  TRY_STATUS(stream_in_order(context.sql, rows, [&](records::Batch& batch) {
    for (std::size_t r = 0; r < static_cast<std::size_t>(batch.rows); ++r) {
      labels.push_back(batch.columns[0].numbers[r]);
      sides.push_back(static_cast<std::uint8_t>(batch.columns[1].numbers[r]));
      folds.push_back(static_cast<std::int32_t>(batch.columns[2].numbers[r]));
    }
    return Status();
  }));
  TRY_STATUS(write_array(context, out, "labels.npy", NpyType::kFloat64, labels.data(), table.rows));
  TRY_STATUS(write_array(context, out, "sides.npy", NpyType::kUint8, sides.data(), table.rows));
  if (!folded) return {};
  return write_array(context, out, "folds.npy", NpyType::kInt32, folds.data(), table.rows);
}

}  // namespace kingpost::steps::extract_features
