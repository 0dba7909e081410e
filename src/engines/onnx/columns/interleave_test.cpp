// SPDX-License-Identifier: Apache-2.0
// Columns as rows: of every width, with columns of one value for all rows anywhere.
#include "engines/onnx/columns/interleave.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace kingpost::onnx {
namespace {

template <typename T>
void expect_rows(std::size_t width, std::size_t rows, std::size_t constant) {
  std::vector<std::vector<T>> values(width);
  std::vector<Operand> columns;
  for (std::size_t c = 0; c < width; ++c) {
    const bool is_one = c == constant;
    for (std::size_t r = 0; r < (is_one ? 1 : rows); ++r) {
      values[c].push_back(static_cast<T>(c * 1000 + r));
    }
    columns.push_back({values[c].data(), is_one});
  }
  std::vector<T> out(rows * width + 1, T{77});
  interleave<T>(columns, rows, out.data());
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < width; ++c) {
      ASSERT_EQ(out[r * width + c], values[c][c == constant ? 0 : r])
          << width << " columns, " << rows << " rows, one value in " << constant;
    }
  }
  EXPECT_EQ(out.back(), T{77});
}

TEST(Interleave, PutsEachValueAtItsPlace) {
  constexpr std::size_t kNone = 99;
  for (const std::size_t width : {1U, 3U, 4U, 5U, 8U, 11U}) {
    for (const std::size_t rows : {1U, 4U, 7U, 16U, 20U, 35U}) {
      for (const std::size_t constant : {std::size_t{0}, std::size_t{1}, std::size_t{3}, kNone}) {
        expect_rows<float>(width, rows, constant);
        expect_rows<double>(width, rows, constant);
      }
    }
  }
}

}  // namespace
}  // namespace kingpost::onnx
