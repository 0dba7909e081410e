// SPDX-License-Identifier: Apache-2.0
// Functions of one row that expressions use most. The engine's catalogue says the same of them, but
// takes 20 ms for it.
#pragma once

#include <algorithm>
#include <array>
#include <string_view>

namespace kingpost::sql {

/// In the order of their bytes. Each gives the same answer for the same row, and none is an
/// aggregate.
inline constexpr std::array<std::string_view, 65> kPlainFunctions = {
    "abs",         "ceil",        "ceiling",  "concat",    "contains", "date_diff",  "date_part",
    "date_trunc",  "datediff",    "datepart", "datetrunc", "day",      "dayofmonth", "dayofweek",
    "dayofyear",   "ends_with",   "epoch",    "exp",       "floor",    "fmod",       "greatest",
    "hour",        "isfinite",    "isinf",    "isnan",     "isodow",   "isoyear",    "least",
    "length",      "ln",          "log",      "log10",     "log2",     "lower",      "ltrim",
    "microsecond", "millisecond", "minute",   "month",     "nullif",   "pow",        "power",
    "quarter",     "replace",     "right",    "round",     "rtrim",    "second",     "sign",
    "sqrt",        "starts_with", "strftime", "substring", "timezone", "to_days",    "to_hours",
    "to_minutes",  "to_seconds",  "trim",     "trunc",     "upper",    "week",       "weekday",
    "weekofyear",  "year"};

constexpr bool is_plain_function(std::string_view name) {
  return std::binary_search(kPlainFunctions.begin(), kPlainFunctions.end(), name);
}

}  // namespace kingpost::sql
