// SPDX-License-Identifier: Apache-2.0
// Single values of the pipeline file as typed SQL literals, and what counts as white space.
#include "engines/sql/values.h"

#include <algorithm>
#include <cstdint>
#include <limits>

#include "base/clock.h"
#include "base/text.h"
#include "engines/sql/dialect.h"
#include "engines/sql/types.h"
#include "records/schema.h"

namespace kingpost::sql {
namespace {

// DECIMAL(38,9) of types.cpp.
constexpr std::size_t kWholeDigits = 29;
constexpr std::size_t kFractionDigits = 9;

// The characters with the Unicode property White_Space, as UTF-8.
constexpr std::string_view kWhiteSpace =
    " \t\n\v\f\r\u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009"
    "\u200a\u2028\u2029\u202f\u205f\u3000";

std::int64_t largest(std::string_view type) {
  if (type == "int8") return std::numeric_limits<std::int8_t>::max();
  if (type == "int16") return std::numeric_limits<std::int16_t>::max();
  if (type == "int32") return std::numeric_limits<std::int32_t>::max();
  return std::numeric_limits<std::int64_t>::max();
}

bool all_digits(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool is_decimal(std::string_view text) {
  if (!text.empty() && text.front() == '-') text.remove_prefix(1);
  const std::size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  const std::string_view fraction =
      point == std::string_view::npos ? std::string_view{} : text.substr(point + 1);
  return !whole.empty() && whole.size() <= kWholeDigits && fraction.size() <= kFractionDigits &&
         all_digits(whole) && all_digits(fraction);
}

bool is_time(std::string_view text) {
  return (text.size() == 5 || text.size() == 8) &&
         parse_timestamp("2000-01-01T" + std::string(text)).has_value();
}

// The value in the form that the engine reads, or nothing.
std::optional<std::string> engine_text(std::string_view text, std::string_view type) {
  const auto same = [&](bool fine) {
    return fine ? std::optional<std::string>(text) : std::nullopt;
  };
  if (type == "string") return std::string(text);
  if (type == "boolean") return same(text == "true" || text == "false");
  if (type == "decimal") return same(is_decimal(text));
  if (type == "time") return same(is_time(text));
  if (records::is_integer(type)) {
    const auto number = parse_integer(text);
    const std::int64_t most = largest(type);
    return same(number && *number <= most && *number >= -most - 1);
  }
  if (records::is_numeric(type)) return same(parse_number(text).has_value());
  bool zoned = false;
  const auto time = parse_timestamp(text, &zoned);
  if (!time) return std::nullopt;
  if (type == "date") return same(text.size() == 10);
  std::string iso = timestamp_text(*time);
  if (type == "timestamp_utc") return iso;
  iso.pop_back();
  return zoned ? std::nullopt : std::optional<std::string>(iso);
}

}  // namespace

std::optional<std::string> typed_literal(std::string_view text, std::string_view type) {
  const auto value = engine_text(text, type);
  if (!value) return std::nullopt;
  return format("CAST({} AS {})", literal(*value), engine_type(type));
}

std::string wanted_text(std::string_view type) {
  if (records::is_integer(type)) {
    return format("a whole number from {} to {}", -largest(type) - 1, largest(type));
  }
  if (type == "boolean") return "true or false";
  if (type == "decimal") return "a number with at most 9 decimals";
  if (records::is_numeric(type)) return "a number";
  if (type == "date") return "a date such as 2013-10-01";
  if (type == "time") return "a time such as 07:30:00";
  if (type == "timestamp") return "a timestamp without zone such as 2013-10-01T07:30:00";
  if (type == "timestamp_utc") return "a timestamp such as 2013-10-01T07:30:00Z";
  return "a text";
}

std::string trimmed(const std::string& sql) {
  return format("trim({}, {})", sql, literal(kWhiteSpace));
}

std::string squashed(const std::string& sql) {
  return format("regexp_replace({}, {}, ' ', 'g')", sql, literal(format("[{}]+", kWhiteSpace)));
}

}  // namespace kingpost::sql
