// SPDX-License-Identifier: Apache-2.0
// Which labelled row trains, validates or tests.
#pragma once

#include <string>
#include <vector>

#include "base/node.h"
#include "records/schema.h"

namespace kingpost::steps::curate {

/// What the split of a section comes to, its defaults filled in: the kind, and the SQL that does
/// it.
struct Split {
  std::string kind;
  /// SELECT of `_kp_row`, `_split` (train, validation, test, or null for a row set apart) and
  /// `_fold` (null but for kfold) over the labelled rows of the table `kingpost_rows`.
  std::string query;
  /// The columns that the query reads.
  std::vector<std::string> columns;
};

/// `target` is the target's column; `time_type` that of a time split's column.
Split split_of(const Node& section, const std::string& target, const records::TableSchema& rows,
               const std::vector<std::string>& key);

}  // namespace kingpost::steps::curate
