// SPDX-License-Identifier: Apache-2.0
// Counting and keeping failing rows in one pass: the conditions of all checks of rows become
// columns of a temporary table that holds the rows for which any of them is true.
#pragma once

#include <string>
#include <vector>

#include "steps/02_validate_data/scan.h"

namespace kingpost::steps::validate_data {

/// Fills in `unexpected` and `counted` of checks of single rows, and `caught` where the rows were
/// kept. Leaves them to the scan when a condition cannot be computed, or when so many rows fail
/// that keeping them all would cost more than looking again for the first ones of each check.
Status catch_rows(RunContext& context, const TableFacts& facts, std::vector<Finding>& findings);

/// FROM item and condition of the failing rows of a check. Its columns are file_row_number, the
/// key and the columns of the check. Requires: finding.of_rows() and its row set is kept, if any.
struct Source {
  std::string from;
  std::string condition;
};
Source failing_source(const RunContext& context, const TableFacts& facts, const Finding& finding);

/// The name of the temporary table.
std::string caught_table();

}  // namespace kingpost::steps::validate_data
