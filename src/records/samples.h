// SPDX-License-Identifier: Apache-2.0
// Labelled rows as a training library takes them. It points to memory that the caller owns.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace kingpost::records {

struct Samples {
  /// Row-major [rows, columns].
  const float* values = nullptr;
  std::int64_t rows = 0;
  std::int32_t columns = 0;
  /// [rows]: a number, 0 and 1, or the index of the class.
  const float* labels = nullptr;
  /// [rows], not negative, or null when all rows weigh the same.
  const float* weights = nullptr;
  /// Columns that hold whole codes of categories from 0, ascending.
  std::vector<std::int32_t> categorical{};
  /// Of the columns, for messages; may be empty.
  std::vector<std::string> names{};
};

inline const float* row_of(const Samples& samples, std::int64_t row) {
  return samples.values + row * samples.columns;
}

/// `column 3` or `column "age"`.
std::string column_words(const Samples& samples, std::int32_t column);

}  // namespace kingpost::records
