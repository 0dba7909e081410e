// SPDX-License-Identifier: Apache-2.0
// The matrix of a training set: its rows through the featurizer, as a NumPy file.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/large_vector.h"
#include "steps/06_extract_features/featurizer.h"
#include "steps/step.h"

namespace kingpost::steps::extract_features {

/// Labels (float64), sides (uint8: 0 train, 1 validation, 2 test) and, of a k-fold split, folds
/// (int32, -1 outside of train), gathered while the rows go by for a matrix.
class RowLabels {
 public:
  RowLabels(const records::Table& table, const records::Target& target);

  /// What to select of each row, beside what else is wanted of it.
  std::string items() const;
  /// The next rows.
  void take(const records::Batch& batch);
  /// Writes the files labels.npy, sides.npy and folds.npy, and adds them to `out`.
  Status write(RunContext& context, std::vector<Finished>& out) const;

 private:
  std::string label_;
  std::int64_t rows_;
  bool is_folded_;
  LargeVector<double> labels_;
  std::vector<std::uint8_t> sides_;
  std::vector<std::int32_t> folds_;
};

struct MatrixRequest {
  const Featurizer& featurizer;
  const std::vector<Fit>& fits;
  /// A condition: on the rows that it names, target encodings have their out-of-fold values.
  std::string fitted_on;
  std::string name;
  /// Gets every row; may be null.
  RowLabels* labels = nullptr;
};

/// Writes the matrix of all rows of `table`, which is not sealed yet.
Result<Finished> write_matrix(RunContext& context, const records::Table& table,
                              const MatrixRequest& request);

/// SQL for the label as a number: the value, 0 and 1, or the index of the class.
std::string label_sql(const records::Target& target);

}  // namespace kingpost::steps::extract_features
