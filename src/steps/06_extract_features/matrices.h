// SPDX-License-Identifier: Apache-2.0
// The matrix of a training set: its rows through the featurizer, as a NumPy file.
#pragma once

#include <string>

#include "steps/06_extract_features/featurizer.h"
#include "steps/step.h"

namespace kingpost::steps::extract_features {

/// Writes the matrix of all rows of `table` as the file `name`. On the rows that `fitted_on` (a
/// condition) names, target encodings have their out-of-fold values.
Result<records::File> write_matrix(RunContext& context, const records::Table& table,
                                   const Featurizer& featurizer, const std::vector<Fit>& fits,
                                   const std::string& fitted_on, const std::string& name);

/// Labels (float64), sides (uint8: 0 train, 1 validation, 2 test) and, of a k-fold split, folds
/// (int32, -1 outside of train), as the files labels.npy, sides.npy and folds.npy.
Status write_rows(RunContext& context, const records::Table& table, const records::Target& target,
                  records::Dataset& out);

/// SQL for the label as a number: the value, 0 and 1, or the index of the class.
std::string label_sql(const records::Target& target);

}  // namespace kingpost::steps::extract_features
