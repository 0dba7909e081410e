// SPDX-License-Identifier: Apache-2.0
// Rows of fields as JSON: KServe's version 1 (`instances`) and MLflow's scoring server
// (`dataframe_split`, `dataframe_records`, `instances`, `inputs`).
// https://mlflow.org/docs/latest/genai/serving, https://kserve.github.io/website, "V1 protocol".
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace kingpost::scoring {

/// What a row is made of: a named field of one or more values.
struct WantedField {
  std::string_view name;
  std::size_t width = 1;
};

struct Cell {
  enum class Kind : std::uint8_t {
    /// The row does not have the field.
    kMissing,
    kNull,
    kBoolean,
    kInteger,
    /// Whole and above what an int64 holds.
    kUnsigned,
    kNumber,
    kText,
    /// As it stood in a file without types: it may be a number all the same. Never empty.
    kLoose,
  };
  Kind kind = Kind::kMissing;
  union {
    bool boolean;
    std::int64_t integer;
    std::uint64_t big;
    double number;
  };
  /// Of kText and kLoose.
  std::string_view text;

  Cell() : integer(0) {}
};

/// Why a value of a row cannot be taken.
struct Fault {
  std::int64_t row = 0;
  std::string field;
  std::string why;
};

struct Rows {
  std::int64_t rows = 0;
  /// Row by row, the values of the wanted fields in their order.
  std::vector<Cell> cells;
  /// Fields that are not wanted, where they were met first.
  std::vector<Fault> unknown;
  /// Values that have another shape than the field.
  std::vector<Fault> faults;
};

/// Of one request, so that a body of short rows cannot take far more memory than it has bytes.
inline constexpr std::size_t kMostCells = 4'000'000;

/// Whether a request with so many cells can take those of another row.
inline bool has_room(std::size_t cells, std::size_t width) {
  return cells + width <= kMostCells;
}

/// `infer.too_many_values` (Code::kExhausted).
Error too_many_values();

/// How many faults are told of one request.
inline constexpr std::size_t kMostFaults = 100;

enum class Form {
  /// {"instances": [...]}, or the list alone.
  kInstances,
  /// One of MLflow's four.
  kMlflow,
};

class Reader {
 public:
  Reader();
  ~Reader();
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  /// A row is an object, or a list of values in the order of the fields. Texts lie in this reader
  /// until the next `read`. Keys on the outermost level that are not known are ignored. Fails with
  /// `infer.json_malformed`, `infer.rows_malformed` or `infer.too_many_values`.
  Result<Rows> read(std::string_view body, Form form, std::span<const WantedField> fields);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace kingpost::scoring
