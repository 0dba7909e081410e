// SPDX-License-Identifier: Apache-2.0
// Text to typed values without loss, as SQL.
#include "steps/conversion.h"

#include "base/format.h"
#include "base/text.h"
#include "engines/sql/types.h"

namespace kingpost::steps {
namespace {

// The engine would round a tenth decimal away.
constexpr std::string_view kDecimal = " *[+-]?([0-9]+[.]?|[0-9]*[.][0-9]{1,9}0*) *";
constexpr std::string_view kInfinity = " *[+-]?([iI][nN][fF]([iI][nN][iI][tT][yY])?) *";

std::string matches(const std::string& text, const std::string& pattern) {
  return format("regexp_full_match({}, '{}')", text, pattern);
}

std::string guarded(const std::string& condition, const std::string& text, std::string_view type) {
  return format("CASE WHEN {} THEN TRY_CAST({} AS {}) END", condition, text, type);
}

}  // namespace

std::string conversion(std::string_view type, const std::string& text) {
  const std::string engine = sql::engine_type(type);
  if (type == "string") return text;
  if (starts_with(type, "int")) {
    // The engine would round 1.5 to 2: a value counts only when it is the same number as a double.
    return format(
        "CASE WHEN TRY_CAST({0} AS {1}) = TRY_CAST({0} AS DOUBLE) THEN "
        "TRY_CAST({0} AS {1}) END",
        text, engine);
  }
  if (type == "date") return guarded(matches(text, std::string(kDatePattern)), text, engine);
  if (type == "timestamp") {
    return guarded(matches(text, format("{}({})?", kDatePattern, kClockPattern)), text, engine);
  }
  if (type == "timestamp_utc") {
    return guarded(matches(text, format("{}({}{}?)?", kDatePattern, kClockPattern, kZonePattern)),
                   text, engine);
  }
  if (type == "decimal") return guarded(matches(text, std::string(kDecimal)), text, engine);
  if (type == "float32" || type == "float64") {
    // A number that is too large would become infinity.
    return format("CASE WHEN NOT isinf(TRY_CAST({0} AS {1})) OR {2} THEN TRY_CAST({0} AS {1}) END",
                  text, engine, matches(text, std::string(kInfinity)));
  }
  return format("TRY_CAST({} AS {})", text, engine);
}

}  // namespace kingpost::steps
