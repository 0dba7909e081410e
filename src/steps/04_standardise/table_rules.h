// SPDX-License-Identifier: Apache-2.0
// The entries of one table under `standardise`: what they demand, and what they do.
#pragma once

#include <string>
#include <vector>

#include "base/node.h"
#include "engines/sql/rewrite.h"
#include "engines/sql/session.h"
#include "records/schema.h"

namespace kingpost::steps::standardise {

/// Checks the entries of one table in the order in which they apply, adds all faults, and changes
/// the schema to what leaves.
void check_table(sql::Session& session, const Node& entry, records::TableSchema& schema,
                 Faults& faults);

/// One rule of the report: `units` of `temp`.
struct RuleName {
  std::string word;
  std::string column;
  Mark mark;
};

/// Adds the entries to the chain and answers the name of each rule. `added` gives the types of the
/// columns under `add`. Requires: check_table found no fault.
Result<std::vector<RuleName>> apply_table(sql::Session& session, const Node& entry,
                                          const records::TableSchema& added, sql::Rewrite& rewrite);

/// The columns under `add` with their types, for a schema that enters.
records::TableSchema added_columns(sql::Session& session, const Node& entry,
                                   records::TableSchema schema);

/// The names of columns that the entries make.
std::vector<std::string> later_names(const Node& entry);

}  // namespace kingpost::steps::standardise
