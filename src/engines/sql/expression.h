// SPDX-License-Identifier: Apache-2.0
// SQL scalar expressions of the pipeline file: read by the engine's own parser, checked against the
// columns in reach, and answered with what they use.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/node.h"
#include "engines/sql/session.h"
#include "records/schema.h"

namespace kingpost::sql {

struct Expression {
  std::string text;
  /// The type in the pipeline file's words; empty when only the names were checked.
  std::string type;
  /// Columns used, each once, in order of appearance.
  std::vector<std::string> columns;
  /// When the value is known: the latest of the columns used.
  records::Knowledge known_at;

  /// The expression in parentheses, safe to stand inside a larger statement.
  std::string sql() const { return "(" + text + "\n)"; }
};

/// How an expression is looked at. `kNames` leaves the types to a later step.
enum class Depth { kNames, kTypes };

/// Checks the expression in the scalar `node` against the columns of `scope`. Refused, with a caret
/// under the token and ids under `owner`: text that does not parse, aliases (`x - 2h` reads as
/// `(x - 2) AS h`), several items, FROM, aggregates, windows, subqueries, stars, parameters,
/// functions of the clock or of chance, and columns that do not exist.
std::optional<Expression> check_expression(Session& session, const Node& node,
                                           const records::TableSchema& scope,
                                           std::string_view owner, Faults& faults,
                                           Depth depth = Depth::kTypes);

/// The same for a condition: its type must be boolean.
std::optional<Expression> check_condition(Session& session, const Node& node,
                                          const records::TableSchema& scope, std::string_view owner,
                                          Faults& faults);

/// Defines a macro of this program for the session, as SQL: "(t) AS hour(t)". It must give the same
/// answer for the same row.
Status define_macro(Session& session, std::string_view name, std::string_view definition);

/// FROM item without rows that has the columns and types of `scope`.
std::string empty_table(const records::TableSchema& scope);

}  // namespace kingpost::sql
