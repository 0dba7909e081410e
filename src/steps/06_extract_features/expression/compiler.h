// SPDX-License-Identifier: Apache-2.0
// SQL scalar expressions of a feature, compiled onto an ONNX graph. DuckDB's parser reads them and
// docs/expressions.md lists what they may say; the graph answers as DuckDB would, value by value.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/node.h"
#include "engines/onnx/graph.h"
#include "engines/sql/session.h"
#include "records/schema.h"

namespace kingpost::steps::extract_features {

struct Compiled {
  /// [rows, 1]: kDouble of numbers, booleans (0, 1) and times (microseconds), kString of text. A
  /// null is NaN or "". An expression without a column has one row.
  onnx::Value value;
  /// kBool [rows, 1]: not null. It differs from `value` only where NaN or "" is a value. One row
  /// where nothing can be null.
  onnx::Value present;
  /// A type word of the pipeline file.
  std::string type;
};

/// Creates the macros of features that the engine does not have (minute_of_day), so that the same
/// text means the same in SQL. May be called again.
Status define_functions(sql::Session& session);

/// The type of an expression over these columns, or nothing, and faults as `compile`.
std::optional<std::string> type_of_expression(sql::Session& session, const Node& expression,
                                              const records::TableSchema& columns, Faults& faults);

class ExpressionCompiler {
 public:
  /// All must outlive the compiler. Nodes that no output needs are left for Graph::prune.
  ExpressionCompiler(sql::Session& session, onnx::Graph& graph,
                     const records::TableSchema& columns);

  /// Nothing, and faults under `extract_features`, when the engine refuses the expression or the
  /// graph cannot compute it. Where the engine would stop at a value (overflow, a cast that does
  /// not fit, the root of a negative number) the graph gives null. Functions that ONNX Runtime does
  /// not compute exactly put the note `exactness` = `1e-6` on the graph.
  std::optional<Compiled> compile(const Node& expression, Faults& faults);

  /// A plain column, as a graph input of its name that is made once. Requires: it exists.
  Compiled column(const std::string& name);

 private:
  onnx::Value input(const records::Column& column);

  sql::Session& session_;
  onnx::Graph& graph_;
  const records::TableSchema& columns_;
  std::map<std::string, onnx::Value> inputs_;
};

}  // namespace kingpost::steps::extract_features
