// SPDX-License-Identifier: Apache-2.0
// From the columns of the samples to those that are solved for, and back.
#pragma once

#include <cstdint>
#include <vector>

#include "engines/linear/linear.h"

namespace kingpost::linear {

/// Solving takes the cube of the columns in time: some seconds at this many.
inline constexpr std::int32_t kMostColumns = 4096;

/// A number of a spread row; what is 0 is left out.
struct Cell {
  std::int32_t column = 0;
  double value = 0;
};

class Design {
 public:
  /// Checks all values and labels' finiteness, and fits means and deviations.
  static Result<Design> fit(const Data& data);

  /// Spread columns, the intercept not counted.
  std::int32_t columns() const { return columns_; }
  /// Cells of a row, ascending by column.
  void spread(const float* row, std::vector<Cell>& out) const;
  /// The model on plain columns that gives the same scores as `weights` [outputs][columns()] on
  /// spread ones.
  records::LinearModel fold(const std::vector<std::vector<double>>& weights,
                            std::vector<double> intercepts) const;

 private:
  struct Column {
    bool is_category = false;
    /// Where it begins among the spread columns.
    std::int32_t first = 0;
    /// Spread columns: the codes from 0, or 1.
    std::int32_t width = 1;
    double mean = 0;
    /// 0 for a constant column, which gets no weight.
    double scale = 0;
  };
  static Result<Column> fit_number(const Data& data, std::int32_t column);
  static Result<Column> fit_category(const Data& data, std::int32_t column);

  std::vector<Column> plain_;
  std::int32_t columns_ = 0;
};

/// `linear.data_invalid`.
template <typename... Args>
Error invalid(FormatString<Args...> words, Args&&... args) {
  return fail(Code::kInvalidInput, "linear.data_invalid", "{}",
              format(words, std::forward<Args>(args)...));
}

}  // namespace kingpost::linear
