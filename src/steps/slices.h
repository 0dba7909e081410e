// SPDX-License-Identifier: Apache-2.0
// Groups of rows that agree in some columns, in which a model is measured apart.
#pragma once

#include <string>
#include <vector>

#include "steps/trained_models.h"

namespace kingpost::steps {

struct Slice {
  std::vector<std::string> columns;
  /// "(missing)" for null; a number with more than 20 values goes by its quarters: "(1.5, 7]".
  std::vector<std::string> values;
  /// Places among the rows of the side, ascending.
  std::vector<std::int64_t> rows;

  /// `origin=EWR, month=3`.
  std::string words() const;
};

struct Slices {
  std::vector<Slice> slices;
  /// Of each list of columns the largest 200 are kept; so many were left out.
  std::int64_t left_out = 0;
};

/// Slices of one side by each list of columns of the training set, in the order of the lists, then
/// of the values.
Result<Slices> slices_of(const RunContext& context, Side side,
                         const std::vector<std::vector<std::string>>& columns);

/// The lists of a resolved key such as [[origin], [origin, month]].
std::vector<std::vector<std::string>> column_lists(const Node& lists);

}  // namespace kingpost::steps
