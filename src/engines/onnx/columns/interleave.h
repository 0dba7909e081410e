// SPDX-License-Identifier: Apache-2.0
// Columns as rows, for what leaves a program. Included only by this folder's sources.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>

#include "engines/onnx/columns/kernels.h"

namespace kingpost::onnx {

/// Rows [first, first + count) of a column, at every `width`-th place from `to` on.
template <typename T>
void put_column(const Operand& column, std::size_t first, std::size_t count, std::size_t width,
                T* to) {
  const T* const from = column.of<T>() + (column.is_one ? 0 : first);
  const std::size_t step = column.is_one ? 0 : 1;
  for (std::size_t row = 0; row < count; ++row) to[row * width] = from[row * step];
}

/// The same of the first columns at once, and how many; 0 where it is none: the values are no
/// float32, one of them is the same for all rows, the rows are no fours or the processor is of
/// another kind.
template <typename T>
std::size_t put_columns(std::span<const Operand>, std::size_t, std::size_t, std::size_t, T*) {
  return 0;
}
std::size_t put_columns(std::span<const Operand> columns, std::size_t first, std::size_t count,
                        std::size_t width, float* to);

/// Columns as rows: `into` [rows, columns]. A few rows at a time, so that what is written to stays
/// in the first cache.
template <typename T>
void interleave(std::span<const Operand> columns, std::size_t rows, T* into) {
  constexpr std::size_t kRows = 16;
  const std::size_t width = columns.size();
  for (std::size_t first = 0; first < rows; first += kRows, into += kRows * width) {
    const std::size_t count = std::min(kRows, rows - first);
    for (std::size_t column = 0; column < width;) {
      const auto rest = columns.subspan(column);
      std::size_t put = put_columns(rest, first, count, width, into + column);
      if (put == 0) {
        put_column(rest.front(), first, count, width, into + column);
        put = 1;
      }
      column += put;
    }
  }
}

}  // namespace kingpost::onnx
