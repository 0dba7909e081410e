// SPDX-License-Identifier: Apache-2.0
// What comes in the columns of a served model: how many values were null, and how many were
// categories that training did not have. Written on every request by any number of threads.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/json.h"
#include "engines/onnx/session/session.h"
#include "records/inference.h"
#include "steps/19_serve/question.h"

namespace kingpost::steps::serve {

class ColumnCounts {
 public:
  /// `features`: the bundle's features.json, whose levels are the categories that are known; null
  /// for an ONNX file.
  ColumnCounts(const onnx::Session& session, const Json& features);

  /// Counts a question that was answered, and its answer: predictions that are null.
  void add(const Question& question, const records::InferResponse& answer);

  struct Row {
    std::string column;
    std::uint64_t nulls = 0;
    /// Nothing is known of the categories of a column that is used in expressions only.
    bool has_levels = false;
    std::uint64_t unseen = 0;
  };
  std::vector<Row> read() const;
  std::uint64_t null_predictions() const {
    return null_predictions_.load(std::memory_order_relaxed);
  }

 private:
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  using Levels = std::unordered_set<std::string, TextHash, std::equal_to<>>;
  struct Column {
    std::string name;
    Levels levels;
    std::atomic<std::uint64_t> nulls{0};
    std::atomic<std::uint64_t> unseen{0};
  };
  static void count(Column& column, const records::InferTensor& tensor);

  std::deque<Column> columns_;
  std::atomic<std::uint64_t> null_predictions_{0};
};

}  // namespace kingpost::steps::serve
