// SPDX-License-Identifier: Apache-2.0
// Checks that need a query of their own, and the failing rows of any check as a query.
#pragma once

#include <string>
#include <vector>

#include "steps/02_validate_data/scan.h"

namespace kingpost::steps::validate_data {

/// Computes a check that is not part of the one scan (unique, relationships, increasing,
/// distinct_count, those of names and types, sql). What the engine cannot compute becomes the
/// finding's reason; only errors of the machine are answered.
Status compute_alone(RunContext& context, const TableFacts& facts, Finding& finding);

/// A query of the column _row: the failing rows by their place in the file, from 0. Requires: scope
/// kRowSet, and of `unique` that compute_alone was called.
std::string failing_rows(const RunContext& context, const TableFacts& facts, const Check& check);

/// The temporary table in which compute_alone keeps the repeated groups of a `unique` check.
std::string repeated_table(const Check& check);

/// The query of a sql check over the tables that enter the step.
Result<std::string> user_query(const RunContext& context, const Check& check);

/// `WITH flights AS (...), ...`: the tables in reach of the user's query.
std::string tables_in_reach(const RunContext& context);

}  // namespace kingpost::steps::validate_data
