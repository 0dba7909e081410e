// SPDX-License-Identifier: Apache-2.0
// The engine's types as the expression compiler tells them apart, and which type two of them meet
// in. The rules are DuckDB's: they decide when an integer overflows and when a decimal stays exact.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace kingpost::steps::extract_features::expression {

enum class Kind {
  kNull,
  kBoolean,
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kDecimal,
  kFloat,
  kDouble,
  kText,
  kDate,
  kTimestamp,
  kInstant,
  kInterval,
};

struct Type {
  Kind kind = Kind::kNull;
  /// Of a decimal: digits in all, and behind the point.
  int width = 0;
  int scale = 0;
  bool operator==(const Type& other) const = default;
};

bool is_integer(const Type& type);
/// Integers, decimals and float64. float32 is none: its arithmetic is another.
bool is_number(const Type& type);
/// date, timestamp, timestamp_utc.
bool is_time(const Type& type);

/// A type word of the pipeline file.
std::optional<Type> type_of_word(std::string_view word);
std::string word_of(const Type& type);
/// The engine's spelling: "BIGINT", "DECIMAL(3,1)".
std::optional<Type> type_of_engine(std::string_view spelling);

/// Whole numbers are exact up to here in a float64.
constexpr double kExactLimit = 9007199254740991.0;
/// The largest and smallest value of an integer or (scaled) decimal type that a float64 holds
/// exactly.
double most_of(const Type& type);
double least_of(const Type& type);

/// An integer type as the decimal it becomes beside a decimal.
Type as_decimal(const Type& type);
/// The type that values of both can be compared in; nothing when they do not mix.
std::optional<Type> common(const Type& a, const Type& b);

}  // namespace kingpost::steps::extract_features::expression
