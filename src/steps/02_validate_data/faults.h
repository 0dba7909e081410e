// SPDX-License-Identifier: Apache-2.0
// What can be wrong with a check before any data is read.
#pragma once

#include "steps/02_validate_data/checks.h"
#include "steps/step.h"

namespace kingpost::steps::validate_data {

/// Adds every fault of one check. `schema` is its table's.
void find_faults(CheckContext& context, const Check& check, const records::TableSchema& schema);

/// Adds the faults of the query of a sql check: it must parse as one query, name only tables of the
/// catalog, give the same answer at each run, and bind.
void find_query_faults(CheckContext& context, const Check& check);

/// The text of a sql check's query, from the file or from the pipeline file, without a closing
/// semicolon. Fails with `file.*`.
Result<std::string> query_text(const Settings& settings, const Check& check);

}  // namespace kingpost::steps::validate_data
