// SPDX-License-Identifier: Apache-2.0
// Types of texts.
#include "steps/01_ingest/convert.h"

#include "base/format.h"
#include "base/text.h"
#include "steps/conversion.h"

namespace kingpost::steps::ingest {
namespace {

std::string matches(const std::string& text, const std::string& pattern) {
  return format("regexp_full_match({}, '{}')", text, pattern);
}

std::string large_integer(const std::string& text) {
  return format("coalesce({} AND abs(TRY_CAST({} AS HUGEINT)) > 9007199254740992, false)",
                matches(text, " *[+-]?[0-9]+ *"), text);
}

}  // namespace

std::string_view widened(std::string_view type, const Misfit& misfit) {
  const bool exact = misfit.not_fractions == 0 && misfit.large_integers == 0;
  return type == "int64" && exact ? "float64" : "string";
}

std::string misfit_counts(const std::string& text, const std::string& faulty,
                          const std::string& prefix) {
  return format(
      "count_if({1}) AS {2}_m, count_if({1} AND (TRY_CAST({0} AS DOUBLE) IS NULL OR {3} OR "
      "regexp_matches({0}, '^ *[+-]?0[0-9]'))) AS {2}_s, count_if({4}) AS {2}_l",
      text, faulty, prefix, matches(text, " *[+-]?[0-9]+ *"), large_integer(text));
}

void Kinds::narrow(std::string_view value) {
  constexpr std::string_view kSpace = " \t\n\v\f\r";
  const std::string small = value.size() <= 5 ? lower(value) : std::string();
  boolean = boolean && (small == "true" || small == "false");
  integer = integer && value.find_first_not_of(" +-0123456789") == std::string_view::npos;
  const std::size_t first = value.find_first_not_of(kSpace);
  number = number && first != std::string_view::npos &&
           std::string_view("+-.0123456789iInN_").find(value[first]) != std::string_view::npos;
  time = time && value.size() >= 10 && value[4] == '-' && value[7] == '-';
}

std::string inference(const std::string& text, const std::string& prefix, const Kinds& kinds) {
  std::vector<std::string> counts = {format("count({}) AS {}_n", text, prefix)};
  const auto add = [&](std::string_view key, const std::string& condition) {
    counts.push_back(format("count_if({}) AS {}_{}", condition, prefix, key));
  };
  if (kinds.boolean) add("b", format("lower({}) IN ('true', 'false')", text));
  if (kinds.integer) {
    add("i", format("{} AND TRY_CAST({} AS BIGINT) IS NOT NULL",
                    matches(text, " *[+-]?(0|[1-9][0-9]*) *"), text));
  }
  if (kinds.number) {
    add("f", format("TRY_CAST({0} AS DOUBLE) IS NOT NULL AND NOT "
                    "regexp_matches({0}, '^ *[+-]?0[0-9]') AND NOT {1}",
                    text, large_integer(text)));
  }
  if (kinds.time) {
    add("d", conversion("date", text) + " IS NOT NULL");
    add("t", conversion("timestamp_utc", text) + " IS NOT NULL");
    add("z", matches(text, format("{}{}{}", kDatePattern, kClockPattern, kZonePattern)));
  }
  return join(counts, ", ");
}

std::string_view inferred_type(const Evidence& evidence) {
  const std::int64_t n = evidence.values;
  if (n == 0) return "string";
  if (evidence.booleans == n) return "boolean";
  if (evidence.integers == n) return "int64";
  if (evidence.numbers == n) return "float64";
  if (evidence.dates == n) return "date";
  if (evidence.timestamps == n && evidence.zoned == n) return "timestamp_utc";
  if (evidence.timestamps == n && evidence.zoned == 0) return "timestamp";
  return "string";
}

}  // namespace kingpost::steps::ingest
