// SPDX-License-Identifier: Apache-2.0
// A check as the file states it: what it looks at, how it is called, and the SQL that finds the
// rows that fail it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/node.h"
#include "records/schema.h"

namespace kingpost::steps::validate_data {

/// How many examples a report carries per check, and how many failing rows are kept beside.
inline constexpr int kExamples = 10;
inline constexpr int kKeptRows = 10'000;

/// What a check looks at, which decides how it is computed.
enum class Scope {
  kRow,       // each row by itself: a condition in the one scan
  kRowSet,    // rows among others: a query of its own that finds failing rows
  kNumber,    // one number of a column or table: an aggregate in the one scan
  kDistinct,  // as kNumber, but a query of its own
  kSchema,    // names and types
  kQuery,     // the user's own query
};

enum class Action { kFail, kWarn, kQuarantine, kDrop };

struct Check {
  /// The place in the table's list, from 0.
  std::size_t number = 0;
  std::string table;
  std::string kind;
  Scope scope = Scope::kRow;
  std::string severity;
  Action action = Action::kFail;
  double mostly = 1;
  bool mostly_given = false;
  /// In parentheses, or empty.
  std::string where;
  std::string name;
  std::vector<std::string> columns;
  const Node* node = nullptr;

  /// Looks at rows, so that rows can be named, kept apart or dropped.
  bool of_rows() const { return scope == Scope::kRow || scope == Scope::kRowSet; }
  bool removes_rows() const { return action == Action::kQuarantine || action == Action::kDrop; }
};

std::string_view action_word(Action action);

/// Requires: a resolved element of the list of `table`.
Check read_check(const std::string& table, std::size_t number, const Node& node);
std::vector<Check> read_checks(const Node& section, const std::string& table);

/// `unique(time_hour, carrier, flight)`, `between(arr_delay, -120 to 1500)`, or the check's name.
std::string label(const Check& check);
/// What is wrong with a failing row or table, in words: `arr_delay is not between -120 and 1500`.
std::string sentence(const Check& check);

/// The value as a literal to compare with a column of that type.
std::string value_sql(const Node& value, std::string_view type);

/// SQL that holds for the rows that fail (null counts as "does not"), `where` included. Requires:
/// scope kRow.
std::string failing_condition(const Check& check, const records::TableSchema& schema);

/// SQL that holds for the rows that the check evaluates, `where` left aside.
std::string evaluated_condition(const Check& check);

/// `table` and `column` of a relationships check's `to`; both empty when it is not of that form.
struct Reference {
  std::string table;
  std::string column;
};
Reference reference_of(const Check& check);

/// The bounds of the file as JSON, e.g. {"min": -120, "max": 1500}, for the report.
Json bounds_of(const Check& check);

}  // namespace kingpost::steps::validate_data
