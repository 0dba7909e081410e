// SPDX-License-Identifier: Apache-2.0
// Failing rows: examples for the report, keys and values kept beside, rows taken out of the table.
#pragma once

#include <optional>
#include <vector>

#include "steps/02_validate_data/scan.h"

namespace kingpost::steps::validate_data {

/// Keeps the failing rows that a later query needs more than once. Requires: computed findings.
Status keep_row_sets(RunContext& context, const TableFacts& facts, std::vector<Finding>& findings);

/// Fills in the examples and answers the table "<name>.failures" when any check has failing rows.
Result<std::optional<records::Table>> collect_failures(RunContext& context, const TableFacts& facts,
                                                       std::vector<Finding>& findings);

/// The table without the rows that checks take out of it.
struct Removal {
  records::Table remaining;
  std::optional<records::Table> quarantined;
  std::int64_t dropped = 0;
};
Result<Removal> remove_rows(RunContext& context, const TableFacts& facts,
                            const std::vector<Finding>& findings);

/// Drops the temporary tables of the step.
Status drop_temporary(RunContext& context, const std::vector<Finding>& findings);

}  // namespace kingpost::steps::validate_data
