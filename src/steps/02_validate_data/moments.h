// SPDX-License-Identifier: Apache-2.0
// Mean, sum and standard deviation that do not depend on the order of the rows, so not on the
// number of threads: values become whole numbers around a centre, and whole numbers add up exactly.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "engines/sql/session.h"

namespace kingpost::steps::validate_data {

/// How exactly squares are added up: not at all, with values of 31 bits (fast, enough when many
/// rows average out the rounding), or with values of 45 bits.
enum class Squares { kNone, kFast, kFine };

/// Names in SQL results start with `prefix`, so that many columns share one SELECT.
class Moments {
 public:
  /// `least` and `most` are the smallest and largest finite value of the column (null: it has
  /// none).
  Moments(std::string_view type, const Json& least, const Json& most, Squares squares);

  /// Aggregates over the SQL expression `value`, which may be null.
  std::vector<std::string> items(const std::string& value, const std::string& prefix) const;

  struct Answer {
    /// Finite values.
    std::int64_t count = 0;
    double sum = 0;
    double mean = 0;
    /// Of the sample (n - 1); needs two values, and squares.
    double stdev = 0;
  };
  Answer read(const sql::Rows& rows, const std::string& prefix) const;

 private:
  Squares squares_ = Squares::kNone;
  bool whole_ = false;
  bool narrow_ = false;
  std::int64_t whole_centre_ = 0;
  double centre_ = 0;
  // Values are scaled by 2 to this power.
  int power_ = 0;
};

}  // namespace kingpost::steps::validate_data
