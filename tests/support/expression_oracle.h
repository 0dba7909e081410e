// SPDX-License-Identifier: Apache-2.0
// Holds a compiled expression against the SQL engine, row by row.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engines/onnx/graph.h"
#include "engines/sql/session.h"
#include "records/schema.h"
#include "records/tensor.h"

namespace kingpost::test {

class ExpressionOracle {
 public:
  enum class Verdict { kEqual, kDiffers, kRefused, kEngineFailed };
  struct Answer {
    Verdict verdict = Verdict::kEqual;
    /// The first row that differs with both answers, or the fault.
    std::string words{};
    /// Nodes of the pruned graph.
    std::size_t nodes = 0;
  };

  /// `rows` holds the columns of `schema` as they enter the graph. Aborts without an engine.
  ExpressionOracle(records::TableSchema schema, records::Batch rows);

  /// Compiles `text` and compares it with the engine's answer to `reference`, bit for bit, or to a
  /// relative 1e-6 where the graph's note says so; and one row alone with the same row of the
  /// batch.
  Answer compare(const std::string& text, const std::string& reference);
  Answer compare(const std::string& text) { return compare(text, text); }

  sql::Session& session() { return *session_; }
  const records::TableSchema& schema() const { return schema_; }

 private:
  struct Column {
    std::vector<double> numbers;
    std::vector<std::string> texts;
    std::vector<double> there;
  };
  Result<Column> expected(const std::string& reference, const std::string& type);
  Result<Column> actual(const onnx::Graph& graph, bool is_text, std::int64_t from,
                        std::int64_t rows);
  /// Empty where the cells agree.
  static std::string difference(const Column& a, std::size_t row_a, const Column& b,
                                std::size_t row_b, bool is_exact);

  std::unique_ptr<sql::Session> session_;
  records::TableSchema schema_;
  records::Batch rows_;
};

}  // namespace kingpost::test
