// SPDX-License-Identifier: Apache-2.0
// The one scan of a table: counts of every check and the numbers of the profile in one SELECT.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "steps/02_validate_data/checks.h"
#include "steps/step.h"

namespace kingpost::steps::validate_data {

/// What the file itself tells of a column, and its least and greatest finite value.
struct ColumnFacts {
  const records::Column* column = nullptr;
  /// Every row group has statistics, so that min and max cost nothing.
  bool has_statistics = false;
  /// The largest number of different values in a row group, -1 when none tells.
  std::int64_t most_distinct = -1;
  bool distinct_in_all_groups = false;
  Json least;
  Json most;
  /// -1 when the file does not tell.
  std::int64_t nulls = -1;
  std::int64_t nan = 0;
  std::int64_t infinite = 0;
};

struct TableFacts {
  const records::Table* table = nullptr;
  /// Rows of each row group, in order.
  std::vector<std::int64_t> groups;
  std::vector<ColumnFacts> columns;

  const ColumnFacts* find(std::string_view column) const;
};

/// What came out of one check.
struct Finding {
  Check check;
  std::int64_t evaluated = 0;
  std::int64_t missing = 0;
  std::int64_t unexpected = 0;
  /// `unexpected` was found before the scan; the failing rows stand in the table of caught rows.
  bool counted = false;
  bool caught = false;
  /// The number or text that a check of a whole column or table looked at.
  Json observed;
  /// Why it could not be computed; empty when it could.
  std::string not_computed;
  /// For checks of no rows: the answer is no. For freshness: old enough for a warning.
  bool wrong = false;
  bool old = false;

  /// Failing rows in the file, from 0: a temporary table with the column _row, or empty.
  std::string row_set;
  Json examples = Json::array();
  std::int64_t kept = 0;

  /// Enough of the evaluated rows pass; no row evaluated passes.
  bool enough_pass() const;
  /// One of passed, failed, warned, quarantined, dropped, not_computed.
  std::string_view verdict() const;
  /// Ends the run.
  bool is_refusal() const;
};

Result<TableFacts> read_facts(RunContext& context, const records::Table& table);

/// Aggregates of one owner. When the scan as a whole fails because one of them cannot be computed,
/// each part is tried by itself and says why it cannot.
struct Part {
  /// One aggregate with its name each.
  std::vector<std::string> items;
  std::optional<Error> failure;
  /// Answered: one row with the items by their names.
  sql::Rows rows;
};

/// Answers all parts over `from` in one SELECT.
Status scan(RunContext& context, const std::string& from, std::vector<Part>& parts);

/// The aggregates of a check, with names that start with `prefix`.
Part part_of(const Finding& finding, const TableFacts& facts, const std::string& prefix);
/// Reads them back.
void read_part(RunContext& context, const Part& part, const TableFacts& facts,
               const std::string& prefix, Finding& finding);

}  // namespace kingpost::steps::validate_data
