// SPDX-License-Identifier: Apache-2.0
// Types and the type two of them meet in.
#include "steps/06_extract_features/expression/types.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/text.h"
#include "engines/sql/types.h"

namespace kingpost::steps::extract_features::expression {
namespace {

struct Word {
  std::string_view word;
  Kind kind;
};
constexpr std::array<Word, 11> kWords = {{{"boolean", Kind::kBoolean},
                                          {"int8", Kind::kInt8},
                                          {"int16", Kind::kInt16},
                                          {"int32", Kind::kInt32},
                                          {"int64", Kind::kInt64},
                                          {"float32", Kind::kFloat},
                                          {"float64", Kind::kDouble},
                                          {"string", Kind::kText},
                                          {"date", Kind::kDate},
                                          {"timestamp", Kind::kTimestamp},
                                          {"timestamp_utc", Kind::kInstant}}};

constexpr int kWidest = 38;

}  // namespace

bool is_integer(const Type& type) {
  return type.kind >= Kind::kInt8 && type.kind <= Kind::kInt64;
}

bool is_number(const Type& type) {
  return is_integer(type) || type.kind == Kind::kDecimal || type.kind == Kind::kDouble;
}

bool is_time(const Type& type) {
  return type.kind == Kind::kDate || type.kind == Kind::kTimestamp || type.kind == Kind::kInstant;
}

std::optional<Type> type_of_word(std::string_view word) {
  if (word == "decimal") return Type{Kind::kDecimal, kWidest, 9};
  for (const Word& each : kWords) {
    if (each.word == word) return Type{each.kind};
  }
  return std::nullopt;
}

std::string word_of(const Type& type) {
  if (type.kind == Kind::kDecimal) return "decimal";
  if (type.kind == Kind::kInterval) return "interval";
  for (const Word& each : kWords) {
    if (each.kind == type.kind) return std::string(each.word);
  }
  return "null";
}

std::optional<Type> type_of_engine(std::string_view spelling) {
  if (spelling == "INTERVAL") return Type{Kind::kInterval};
  if (spelling == "\"NULL\"" || spelling == "NULL") return Type{};
  if (starts_with(spelling, "DECIMAL(")) {
    const auto parts = split(spelling.substr(8, spelling.size() - 9), ',');
    if (parts.size() != 2) return std::nullopt;
    const auto width = parse_integer(parts[0]);
    const auto scale = parse_integer(parts[1]);
    if (!width || !scale) return std::nullopt;
    return Type{Kind::kDecimal, static_cast<int>(*width), static_cast<int>(*scale)};
  }
  for (const Word& each : kWords) {
    if (sql::engine_type(each.word) == spelling) return Type{each.kind};
  }
  return std::nullopt;
}

double most_of(const Type& type) {
  switch (type.kind) {
    case Kind::kInt8:
      return 127;
    case Kind::kInt16:
      return 32767;
    case Kind::kInt32:
      return 2147483647;
    case Kind::kDecimal:
      return std::min(kExactLimit, std::pow(10.0, type.width) - 1);
    default:
      return kExactLimit;
  }
}

double least_of(const Type& type) {
  const bool is_small = is_integer(type) && type.kind != Kind::kInt64;
  return is_small ? -most_of(type) - 1 : -most_of(type);
}

Type as_decimal(const Type& type) {
  switch (type.kind) {
    case Kind::kInt8:
      return {Kind::kDecimal, 3, 0};
    case Kind::kInt16:
      return {Kind::kDecimal, 5, 0};
    case Kind::kInt32:
      return {Kind::kDecimal, 10, 0};
    case Kind::kInt64:
      return {Kind::kDecimal, 19, 0};
    default:
      return type;
  }
}

std::optional<Type> common(const Type& a, const Type& b) {
  if (a == b || b.kind == Kind::kNull) return a;
  if (a.kind == Kind::kNull) return b;
  if (is_time(a) && is_time(b)) return a.kind > b.kind ? a : b;
  if (!is_number(a) || !is_number(b)) return std::nullopt;
  if (a.kind == Kind::kDouble || b.kind == Kind::kDouble) return Type{Kind::kDouble};
  if (a.kind != Kind::kDecimal && b.kind != Kind::kDecimal) return a.kind > b.kind ? a : b;
  const Type x = as_decimal(a);
  const Type y = as_decimal(b);
  const int scale = std::max(x.scale, y.scale);
  const int whole = std::max(x.width - x.scale, y.width - y.scale);
  return Type{Kind::kDecimal, std::min(kWidest, whole + scale), scale};
}

}  // namespace kingpost::steps::extract_features::expression
