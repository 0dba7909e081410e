// SPDX-License-Identifier: Apache-2.0
// The table of strict conversions, as SQL.
#include "steps/04_standardise/casts.h"

#include "base/format.h"
#include "engines/sql/dialect.h"
#include "engines/sql/types.h"
#include "engines/sql/values.h"
#include "records/schema.h"

namespace kingpost::steps::standardise {
namespace {

using records::is_integer;

bool is_float(const std::string& type) {
  return type == "float32" || type == "float64";
}

// `text` where a value is there and `fine` is not true.
std::string unless(const std::string& name, const std::string& fine, const std::string& text) {
  return format("CASE WHEN {} IS NOT NULL AND ({}) IS NOT TRUE THEN {} END", name, fine, text);
}

std::string matches(const std::string& name, std::string_view pattern) {
  return format("regexp_full_match({}, {})", name, sql::literal(pattern));
}

std::string try_cast(const std::string& value, const std::string& to) {
  return format("TRY_CAST({} AS {})", value, sql::engine_type(to));
}

// White space is the most frequent fault of text, and invisible; so it is named.
std::string text_reason(const std::string& name, std::string_view otherwise) {
  return format(
      "CASE WHEN {} <> {} THEN 'has white space around it' WHEN {} = '' THEN 'is empty' ELSE {} "
      "END",
      name, sql::trimmed(name), name, otherwise);
}

Cast checked_text(const std::string& name, std::string_view pattern, const std::string& text,
                  const std::string& to, std::string_view fault) {
  const std::string value =
      try_cast(format("CASE WHEN {} THEN {} END", matches(name, pattern), text), to);
  return {value, unless(name, value + " IS NOT NULL", text_reason(name, sql::literal(fault)))};
}

Cast text_to_integer(const std::string& name, const std::string& to) {
  constexpr std::string_view kWhole = "[+-]?[0-9]+(\\.0*)?";
  const std::string value = try_cast(
      format("CASE WHEN {} THEN split_part({}, '.', 1) END", matches(name, kWhole), name), to);
  const std::string fault = format(
      "CASE WHEN {} THEN 'out of range of {}' WHEN {} THEN 'has a fraction' ELSE 'not a "
      "whole number' END",
      matches(name, kWhole), to, matches(name, "[+-]?[0-9]*\\.[0-9]+"));
  return {value, unless(name, value + " IS NOT NULL", text_reason(name, fault))};
}

Cast text_to_float(const std::string& name, const std::string& to) {
  constexpr std::string_view kInfinite = "(?i)[+-]?inf(inity)?";
  const std::string number =
      matches(name, "(?i)[+-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)(e[+-]?[0-9]+)?|[+-]?inf(inity)?|nan");
  const std::string value = try_cast(format("CASE WHEN {} THEN {} END", number, name), to);
  // A long whole number is an identifier more often than a measure: rounding would merge two.
  const std::string whole = format("TRY_CAST(split_part({}, '.', 1) AS HUGEINT)", name);
  const std::string rounded =
      format("({} AND ({} IS NULL OR {} IS DISTINCT FROM TRY_CAST({} AS HUGEINT)))",
             matches(name, "[+-]?[0-9]{8,}(\\.0*)?"), whole, whole, value);
  const std::string range =
      format("({} IS NULL OR isinf({}) AND NOT {})", value, value, matches(name, kInfinite));
  const std::string reason = format(
      "CASE WHEN {} IS NULL THEN NULL WHEN NOT {} THEN {} WHEN {} THEN 'out of range of {}' WHEN "
      "{} THEN 'loses digits as {}' END",
      name, number,
      text_reason(name, format("CASE WHEN {} THEN 'has a decimal comma' ELSE 'not a number' END",
                               matches(name, "[+-]?[0-9.]*,[0-9]+"))),
      range, to, rounded, to);
  return {value, reason};
}

Cast text_to_decimal(const std::string& name) {
  const std::string value =
      try_cast(format("CASE WHEN {} THEN {} END",
                      matches(name, "[+-]?([0-9]+(\\.[0-9]{0,9}0*)?|\\.[0-9]{1,9}0*)"), name),
               "decimal");
  const std::string fault = format(
      "CASE WHEN {} THEN 'out of range of decimal, which has 29 digits and 9 decimals' ELSE 'not "
      "a number' END",
      matches(name, "[+-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)"));
  return {value, unless(name, value + " IS NOT NULL", text_reason(name, fault))};
}

Cast text_to_instant(const std::string& name) {
  constexpr std::string_view kZone = "(Z|[+-](0[0-9]|1[0-5])(:?[0-5][0-9])?)";
  constexpr std::string_view kClock = "([01][0-9]|2[0-3]):[0-5][0-9]";
  const std::string seconds = format(
      "[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[ T]{}:[0-5][0-9](\\.[0-9]{{1,6}})?{}", kClock, kZone);
  const std::string minutes = format("[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[ T]{}{}", kClock, kZone);
  // The engine reads a zone only after seconds.
  const std::string value =
      try_cast(format("CASE WHEN {} THEN {} WHEN {} THEN {}[:16] || ':00' || {}[17:] END",
                      matches(name, seconds), name, matches(name, minutes), name, name),
               "timestamp_utc");
  const std::string fault = format(
      "CASE WHEN TRY_CAST({} AS TIMESTAMP) IS NOT NULL AND NOT regexp_matches({}, '{}$') THEN 'has "
      "no zone' ELSE 'not an ISO timestamp with a zone' END",
      name, name, kZone);
  return {value, unless(name, value + " IS NOT NULL", text_reason(name, fault))};
}

std::optional<Cast> from_text(const std::string& name, const std::string& to) {
  constexpr std::string_view kDate = "[0-9]{4}-[0-9]{2}-[0-9]{2}";
  constexpr std::string_view kTime = "([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\\.[0-9]{1,6})?)?";
  if (is_integer(to)) return text_to_integer(name, to);
  if (is_float(to)) return text_to_float(name, to);
  if (to == "decimal") return text_to_decimal(name);
  if (to == "timestamp_utc") return text_to_instant(name);
  if (to == "date") return checked_text(name, kDate, name, to, "not an ISO date");
  if (to == "time") return checked_text(name, kTime, name, to, "not an ISO time");
  if (to == "timestamp") {
    return checked_text(name, format("{}([ T]{})?", kDate, kTime), name, to,
                        "not an ISO timestamp without zone");
  }
  return checked_text(name, "(?i)true|false|0|1", name, to, "none of true, false, 0, 1");
}

std::optional<Cast> to_text(const std::string& name, const std::string& from) {
  const std::string text = format("CAST({} AS VARCHAR)", name);
  if (from == "decimal") {
    return Cast{format("CASE WHEN contains({0}, '.') THEN regexp_replace({0}, '\\.?0+$', '') ELSE "
                       "{0} END",
                       text),
                {}};
  }
  if (from == "timestamp") return Cast{format("replace({}, ' ', 'T')", text), {}};
  if (from == "timestamp_utc") {
    return Cast{format("replace(CAST(CAST({} AS TIMESTAMP) AS VARCHAR), ' ', 'T') || 'Z'", name),
                {}};
  }
  return Cast{text, {}};
}

// A number as a boolean.
Cast to_boolean(const std::string& name) {
  return {format("CASE WHEN {0} = 1 THEN true WHEN {0} = 0 THEN false END", name),
          unless(name, format("{} IN (0, 1)", name), "'neither 0 nor 1'")};
}

Cast integer_to(const std::string& name, const std::string& to) {
  const std::string value = try_cast(name, to);
  if (is_float(to)) {
    return {value, unless(name, format("TRY_CAST({} AS HUGEINT) = {}", value, name),
                          format("'loses digits as {}'", to))};
  }
  return {value, unless(name, value + " IS NOT NULL", format("'out of range of {}'", to))};
}

Cast float_to(const std::string& name, const std::string& from, const std::string& to) {
  const std::string value = try_cast(name, to);
  const std::string range = format("'out of range of {}'", to);
  if (to == "float64") return {value, {}};
  if (to == "float32") {
    return {
        value,
        unless(name, format("{} IS NOT NULL AND ({} = 0 OR {} <> 0)", value, name, value), range)};
  }
  const std::string odd = format(
      "WHEN isnan({0}) THEN 'nan is no {1}' WHEN isinf({0}) THEN 'infinity is no {1}'", name, to);
  if (to == "decimal") {
    return {value,
            format("CASE {} WHEN {} IS NOT NULL AND {} IS NULL THEN {} WHEN CAST({} AS {}) <> {} "
                   "THEN 'loses digits as decimal, which has 9 decimals' END",
                   odd, name, value, range, value, sql::engine_type(from), name)};
  }
  return {value, format("CASE {} WHEN {} <> trunc({}) THEN 'has a fraction' WHEN {} IS NOT NULL "
                        "AND {} IS NULL THEN {} END",
                        odd, name, name, name, value, range)};
}

Cast decimal_to(const std::string& name, const std::string& to) {
  const std::string value = try_cast(name, to);
  const std::string reason = is_float(to)
                                 ? format("'loses digits as {}'", to)
                                 : format(
                                       "CASE WHEN {0} <> trunc({0}) THEN 'has a fraction' ELSE "
                                       "'out of range of {1}' END",
                                       name, to);
  return {value, unless(name, format("TRY_CAST({} AS DECIMAL(38,9)) = {}", value, name), reason)};
}

std::optional<Cast> from_time(const std::string& name, const std::string& from,
                              const std::string& to) {
  if (from == "date" && to == "timestamp") return Cast{try_cast(name, to), {}};
  if (from == "timestamp_utc" && to == "timestamp") return Cast{try_cast(name, to), {}};
  if (to == "date" && from != "time") {
    const std::string naive = format("CAST({} AS TIMESTAMP)", name);
    const std::string day = format("CAST({} AS DATE)", naive);
    return Cast{
        day, unless(name, format("CAST({} AS TIMESTAMP) = {}", day, naive), "'has a time of day'")};
  }
  return std::nullopt;
}

}  // namespace

std::optional<Cast> strict_cast(const std::string& name, const std::string& from,
                                const std::string& to) {
  if (to == "string") return to_text(name, from);
  if (from == "string") return from_text(name, to);
  if (from == "boolean") {
    if (!records::is_numeric(to)) return std::nullopt;
    return Cast{try_cast(name, to), {}};
  }
  if (!records::is_numeric(from)) return from_time(name, from, to);
  if (to == "boolean") return to_boolean(name);
  if (!records::is_numeric(to)) return std::nullopt;
  if (is_integer(from)) return integer_to(name, to);
  if (from == "decimal") return decimal_to(name, to);
  return float_to(name, from, to);
}

std::string cast_hint(const std::string& from, const std::string& to) {
  if (to == "timestamp_utc" && (from == "timestamp" || from == "date")) {
    return "make it a timestamp, and name its zone under time_zone";
  }
  if (records::is_temporal(to) && records::is_numeric(from)) {
    return "say what the number counts, in an expression under add, e.g. make_timestamp(x)";
  }
  return "write an expression under add";
}

}  // namespace kingpost::steps::standardise
