// SPDX-License-Identifier: Apache-2.0
// The table as a whole: look-up, advice and docs.
#include "steps/06_extract_features/expression/functions/functions.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace kingpost::steps::extract_features::expression {
namespace {

// Read by the compiler itself; listed for the docs.
std::vector<Function> forms() {
  return {
      {"= <> < <= > >=", "a = b", "boolean", "null when a side is null",
       "numbers and times; text and booleans with = and <> only; NaN equals itself and is above "
       "all"},
      {"is_distinct_from", "a IS [NOT] DISTINCT FROM b", "boolean", "never null",
       "comparison that counts null as a value"},
      {"is_null", "x IS [NOT] NULL", "boolean", "never null", "whether a value is missing"},
      {"and or not", "a AND b, a OR b, NOT a", "boolean", "three-valued: FALSE AND NULL is FALSE",
       "logic"},
      {"case if", "CASE WHEN c THEN a ELSE b END, if(c, a, b)", "the wider type",
       "null without ELSE", "the first condition that is true"},
      {"coalesce ifnull", "coalesce(a, b, ...)", "the wider type", "null when all are null",
       "the first that is not null"},
      {"nullif", "nullif(a, b)", "the type of a", "null when a equals b", "a, or null"},
      {"in", "x IN (a, b, ...)", "boolean", "null when x is null, or not found beside a null",
       "one of several values"},
      {"between", "x BETWEEN a AND b", "boolean", "null as x >= a AND x <= b",
       "range, ends included"},
      {"cast try_cast", "CAST(x AS type), x::type", "the type",
       "null when x is null or does not fit",
       "between numbers, boolean and times; integer and boolean to text"},
  };
}

struct Advice {
  std::string_view names;
  std::string_view hint;
};
constexpr std::array<Advice, 8> kAdvice = {{
    {"left substring substr",
     "to compare it, use starts_with(s, 'x') or LIKE 'x%'; else make the "
     "column in standardise.add, which runs in SQL"},
    {"right",
     "to compare it, use ends_with(s, 'x'); else make the column in standardise.add, which "
     "runs in SQL"},
    {"replace regexp_replace regexp_extract string_split split_part lpad rpad reverse translate "
     "strip_accents printf format",
     "make the column in standardise (text: or add:), which runs in SQL"},
    {"ilike ~~* !~~* regexp_matches regexp_full_match ~~~ like_escape",
     "use LIKE with a constant pattern, on lower(s) if need be"},
    {"strftime strptime monthname dayname", "use month(t) or dayofweek(t) as a category"},
    {"sin cos tan", "use the feature type cyclic with a period"},
    {"epoch_ms epoch_us epoch_ns", "use epoch(t), which has the fraction"},
    {"random uuid now today current_date current_timestamp", "use a column, or '${now}'"},
}};

bool is_named(const Function& function, std::string_view name) {
  const auto names = split(function.names, ' ');
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string escaped(std::string_view text) {
  return replace_all(std::string(text), "|", "\\|");
}

}  // namespace

const std::vector<Family>& families() {
  static const std::vector<Family> list = {{"Operators", operator_functions()},
                                           {"Conditions and types", forms()},
                                           {"Numbers", number_functions()},
                                           {"Text", text_functions()},
                                           {"Times", time_functions()}};
  return list;
}

const Function* find_function(std::string_view name) {
  for (const Family& family : families()) {
    for (const Function& each : family.functions) {
      if (each.emit != nullptr && is_named(each, lower(name))) return &each;
    }
  }
  return nullptr;
}

std::string instead_of(const std::string& name) {
  for (const Advice& each : kAdvice) {
    const auto names = split(each.names, ' ');
    if (std::find(names.begin(), names.end(), lower(name)) != names.end()) {
      return std::string(each.hint);
    }
  }
  std::vector<std::string> names;
  for (const Family& family : families()) {
    for (const Function& each : family.functions) {
      for (const std::string& one : split(each.names, ' ')) names.push_back(one);
    }
  }
  return did_you_mean(name, names,
                      "make the column in standardise.add, which runs in SQL; docs/expressions.md "
                      "lists what a feature can compute");
}

std::string documentation() {
  std::string out;
  for (const Family& family : families()) {
    out +=
        format("## {}\n| write | gives | null | what |\n| --- | --- | --- | --- |\n", family.title);
    for (const Function& each : family.functions) {
      out += format("| `{}` | {} | {} | {} |\n", escaped(each.usage), each.answer, each.nulls,
                    escaped(each.doc));
    }
    out += '\n';
  }
  return out;
}

Span span_of(const Call& call, std::size_t argument) {
  const Span& span = call.args[argument].span;
  return span.at == Span::kNowhere ? call.span : span;
}

bool want_numbers(Builder& builder, const Call& call) {
  for (std::size_t i = 0; i < call.args.size(); ++i) {
    const Term& each = call.args[i];
    if (is_number(each.type) || each.is_null()) continue;
    std::string hint = "write a condition, or CAST(x AS INTEGER) for a boolean";
    if (each.type.kind == Kind::kFloat) hint = "write CAST(x AS DOUBLE)";
    if (each.type.kind == Kind::kText) hint = "give the column a number's type in ingest.types";
    builder.refuse(span_of(call, i),
                   format("{} wants a number but this is {}", call.name, word_of(each.type)), hint);
    return false;
  }
  return true;
}

std::optional<double> constant_number(Builder& builder, const Call& call, std::size_t argument) {
  const double* number = call.args[argument].number();
  if (number != nullptr) return *number;
  return builder.refuse(span_of(call, argument),
                        format("this argument of {} must be a constant number", call.name), {});
}

std::optional<std::string> constant_text(Builder& builder, const Call& call, std::size_t argument) {
  const std::string* text = call.args[argument].text();
  if (text != nullptr) return *text;
  return builder.refuse(span_of(call, argument),
                        format("this argument of {} must be a constant text", call.name), {});
}

}  // namespace kingpost::steps::extract_features::expression
