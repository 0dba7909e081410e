// SPDX-License-Identifier: Apache-2.0
// The matrix of a training set.
#include "steps/06_extract_features/matrices.h"

#include <algorithm>
#include <iterator>
#include <memory>

#include "base/text.h"
#include "engines/onnx/runtime.h"
#include "engines/sql/dialect.h"
#include "steps/scoring.h"

namespace kingpost::steps::extract_features {
namespace {

constexpr const char* kFittedOn = "_kp_fitted_on";
constexpr const char* kLabel = "_kp_label";
constexpr const char* kSide = "_kp_side";
constexpr const char* kFold = "_kp_fold";

// The columns that the graph reads and, where it matters, whether the row was fitted on.
OrderedRows rows_of(const RunContext& context, const records::Table& table,
                    const MatrixRequest& request) {
  std::vector<std::string> items;
  for (const records::Column& column : request.featurizer.set.inputs)
    items.push_back(sql::identifier(column.name));
  if (!request.featurizer.held_out.empty()) {
    items.push_back(
        format("CAST(coalesce({}, false) AS DOUBLE) AS {}", request.fitted_on, kFittedOn));
  }
  if (request.labels != nullptr) items.push_back(request.labels->items());
  return {join(items, ", "), from_table(context, table, true)};
}

// Puts the out-of-fold values into the rows of a piece of the matrix.
class HeldOutValues {
 public:
  HeldOutValues(const Featurizer& featurizer, const std::vector<Fit>& fits)
      : held_out_(featurizer.held_out), columns_(featurizer.set.columns.size()), fits_(fits) {}

  bool none() const { return held_out_.empty(); }

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

// Pieces of the matrix as they come.
class MatrixFile {
 public:
  MatrixFile(std::string path, const records::Table& table, HeldOutValues& held_out,
             RowLabels* labels)
      : path_(std::move(path)), table_(table), held_out_(held_out), labels_(labels) {}

  Status open(std::int64_t columns) {
    columns_ = columns;
    TRY(writer_, NpyWriter::create(path_, NpyType::kFloat32, {table_.rows, columns}));
    return {};
  }

  Status put(const Scored& scored) {
    rows_ += scored.batch.rows;
    if (labels_ != nullptr) labels_->take(scored.batch);
    const std::int64_t first = scored.first * columns_;
    const std::int64_t count = scored.batch.rows * columns_;
    const std::vector<float>& made = scored.outputs[0].floats();
    if (held_out_.none()) return writer_->write(first, made.data(), count);
    std::vector<float> values = made;
    held_out_.put(scored, values);
    return writer_->write(first, values.data(), count);
  }

  Result<Finished> finish(const std::string& name) {
    TRY_STATUS(account_rows("extract_features.rows_unaccounted", table_.name, table_.rows, rows_));
    TRY_STATUS(writer_->finish());
    return Finished{name, path_, writer_->digest()};
  }

 private:
  std::string path_;
  const records::Table& table_;
  HeldOutValues& held_out_;
  RowLabels* labels_;
  std::unique_ptr<NpyWriter> writer_;
  std::int64_t columns_ = 0;
  std::int64_t rows_ = 0;
};

Status write_array(RunContext& context, std::vector<Finished>& out, const std::string& name,
                   NpyType type, const void* values, std::int64_t count) {
  const std::string path = context.objects.temp_path(".npy");
  TRY(auto writer, NpyWriter::create(path, type, {count}));
  TRY_STATUS(writer->write(0, values, count));
  TRY_STATUS(writer->finish());
  out.push_back({name, path, writer->digest()});
  return {};
}

}  // namespace

std::string label_sql(const records::Target& target) {
  const std::string column = sql::identifier(target.name);
  if (target.task != records::Task::kMulticlass) return format("CAST({} AS DOUBLE)", column);
  return format("CAST(list_position([{}], {}) - 1 AS DOUBLE)", sql::literals(target.classes),
                column);
}

Result<Finished> write_matrix(RunContext& context, const records::Table& table,
                              const MatrixRequest& request) {
  const Featurizer& featurizer = request.featurizer;
  TRY(const auto model, onnx::Model::load(featurizer.graph.bytes(), onnx::kFeatureRowsAtOnce,
                                          onnx::Engine::kOwnColumns));
  HeldOutValues held_out(featurizer, request.fits);
  MatrixFile file(context.objects.temp_path(".npy"), table, held_out, request.labels);
  TRY_STATUS(file.open(static_cast<std::int64_t>(featurizer.set.columns.size())));
  const OrderedRows rows = rows_of(context, table, request);
  const auto source = [&](const TakeBatch& take) {
    return stream_in_order(context.sql, rows, take);
  };
  TRY_STATUS(score_rows(source, *model, context.settings.engine.threads,
                        [&](const Scored& scored) { return file.put(scored); }));
  return file.finish(request.name);
}

RowLabels::RowLabels(const records::Table& table, const records::Target& target)
    : label_(label_sql(target)),
      rows_(table.rows),
      is_folded_(table.schema.find("_fold") != nullptr) {
  const auto rows = static_cast<std::size_t>(rows_);
  labels_.reserve(rows);
  sides_.reserve(rows);
  if (is_folded_) folds_.reserve(rows);
}

std::string RowLabels::items() const {
  std::string out = format(
      "{} AS {}, CAST(CASE _split WHEN 'train' THEN 0 WHEN 'validation' THEN 1 ELSE 2 END AS "
      "DOUBLE) AS {}",
      label_, kLabel, kSide);
  if (is_folded_) out += format(", CAST(coalesce(_fold, -1) AS DOUBLE) AS {}", kFold);
  return out;
}

void RowLabels::take(const records::Batch& batch) {
  const auto& labels = batch.find(kLabel)->numbers;
  labels_.insert(labels_.end(), labels.begin(), labels.end());
  const auto& sides = batch.find(kSide)->numbers;
  std::transform(sides.begin(), sides.end(), std::back_inserter(sides_),
                 [](double side) { return static_cast<std::uint8_t>(side); });
  if (!is_folded_) return;
  const auto& folds = batch.find(kFold)->numbers;
  std::transform(folds.begin(), folds.end(), std::back_inserter(folds_),
                 [](double fold) { return static_cast<std::int32_t>(fold); });
}

Status RowLabels::write(RunContext& context, std::vector<Finished>& out) const {
  TRY_STATUS(write_array(context, out, "labels.npy", NpyType::kFloat64, labels_.data(), rows_));
  TRY_STATUS(write_array(context, out, "sides.npy", NpyType::kUint8, sides_.data(), rows_));
  if (!is_folded_) return {};
  return write_array(context, out, "folds.npy", NpyType::kInt32, folds_.data(), rows_);
}

}  // namespace kingpost::steps::extract_features
