// SPDX-License-Identifier: Apache-2.0
// The grammar. Functions that are equal only to 1e-6 stand at the root, where a difference cannot
// jump over the edge of a floor or a comparison.
#include "fuzz/expression_grammar.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "base/format.h"
#include "base/text.h"

namespace kingpost::fuzz {
namespace {

using namespace kinds;  // NOLINT(google-build-using-namespace): a table of them

constexpr double kDay = 86400e6;

struct Named {
  const char* name;
  const char* type;
  Kind kind;
};
constexpr std::array<Named, 15> kColumns = {{{"b", "boolean", B},
                                             {"c", "boolean", B},
                                             {"k", "int8", I},
                                             {"i", "int32", I},
                                             {"j", "int32", I},
                                             {"n", "int64", I},
                                             {"x", "float64", D},
                                             {"y", "float64", D},
                                             {"s", "string", S},
                                             {"u", "string", S},
                                             {"d", "date", A},
                                             {"t", "timestamp", T},
                                             {"t2", "timestamp", T},
                                             {"z", "timestamp_utc", Z},
                                             {"z2", "timestamp_utc", Z}}};

constexpr std::array<const char*, 6> kZones = {
    "America/New_York",    "Europe/Berlin", "Asia/Kolkata",
    "Australia/Lord_Howe", "UTC",           "Africa/Casablanca"};

std::string filled(const std::string& form, const std::vector<std::string>& args) {
  std::string out = form;
  for (std::size_t i = 0; i < args.size(); ++i) {
    out = replace_all(out, "{" + std::to_string(i) + "}", args[i]);
  }
  return out;
}

// A whole number that becomes a decimal of the scale of `other`, where that is one: beyond 2^53
// steps of that scale the graph has null.
std::string as_exact_decimal(const std::string& number, const std::string& other) {
  const std::string scale =
      format("power(10, TRY_CAST(regexp_extract(typeof({}), ',([0-9]+)', 1) AS INTEGER))", other);
  return format(
      "CASE WHEN typeof({}) LIKE 'DECIMAL%' AND abs(CAST({} AS DOUBLE)) * {} > 9007199254740992 "
      "THEN NULL ELSE {} END",
      other, number, scale, number);
}

}  // namespace

std::string Expression::text() const {
  std::vector<std::string> parts;
  for (const Expression& each : args) parts.push_back(each.text());
  return filled(form, parts);
}

std::string Expression::reference() const {
  std::vector<std::string> parts;
  for (const Expression& each : args) parts.push_back(each.reference());
  for (std::size_t i = 1; i < args.size(); ++i) {
    const Expression& before = args[i - 1];
    const bool mixed = kind == D && before.kind == D && args[i].kind == I;
    const std::string other = before.text();
    const bool may_be_decimal =
        other.find("1.25") != std::string::npos || other.find("0.5") != std::string::npos;
    if (mixed && may_be_decimal) {
      parts[i] = as_exact_decimal(parts[i], parts[i - 1]);
    }
  }
  const std::string plain = filled(form, parts);
  if (!may_fail) return plain;
  if (kind != Kind::kInteger) return "TRY(" + plain + ")";
  // Beyond 2^53 the product overflows, and the result is null as in the graph. A CASE keeps the
  // type of the expression.
  return format("CASE WHEN TRY(CAST({} AS BIGINT) * 1024 - 1) IS NOT NULL THEN TRY({}) END", plain,
                plain);
}

records::TableSchema Grammar::schema() const {
  records::TableSchema out;
  out.name = "rows";
  for (const Named& each : kColumns) {
    records::Column column;
    column.name = each.name;
    column.type = each.type;
    out.columns.push_back(column);
  }
  return out;
}

double Grammar::number(Kind kind) {
  const auto spread = [&](double size) {
    return (static_cast<double>(random_() >> 11) / 4503599627370496.0 - 1.0) * size;
  };
  if (kind == B) return static_cast<double>(below(2));
  if (kind == I) {
    constexpr std::array<double, 8> kEdges = {
        0, 1, -1, 2, 9007199254740991.0, -9007199254740991.0, 2147483647, -2147483648.0};
    const auto pick = below(4);
    if (pick == 0) return kEdges[below(kEdges.size())];
    return std::round(spread(pick == 1 ? 10 : pick == 2 ? 1e4 : 1e12)) + 0.0;
  }
  if (kind == D) {
    constexpr double kInf = std::numeric_limits<double>::infinity();
    constexpr std::array<double, 16> kEdges = {0,
                                               -0.0,
                                               1,
                                               -1,
                                               0.5,
                                               -0.5,
                                               1.5,
                                               2.5,
                                               kInf,
                                               -kInf,
                                               1e300,
                                               -1e300,
                                               5e-324,
                                               0.49999999999999994,
                                               9007199254740993.0,
                                               1e-300};
    const auto pick = below(4);
    if (pick == 0) return kEdges[below(kEdges.size())];
    if (pick == 1) return std::round(spread(20)) / 2;
    return spread(pick == 2 ? 3 : 1e6);
  }
  // DST instants of New York and Berlin, the start of 1970, leap days, centuries, year ends.
  constexpr std::array<double, 14> kTimes = {0,
                                             -1,
                                             1362898800e6,
                                             1362898800e6 - 1,
                                             1383458400e6,
                                             1383458400e6 - 1,
                                             951782400e6,
                                             951868799e6,
                                             -2203891200e6,
                                             4107542400e6,
                                             1388534399e6,
                                             1388534400e6,
                                             1364691600e6,
                                             1382835600e6};
  double micros = 0;
  const auto pick = below(4);
  if (pick == 0) {
    micros = kTimes[below(kTimes.size())] + static_cast<double>(below(3)) - 1;
  } else if (pick == 1) {
    micros = std::round(spread(4e15));
  } else {
    micros = std::round(spread(2e15)) + (pick == 2 ? 0 : 1e15);
  }
  return kind == A ? std::floor(micros / kDay) * kDay : micros;
}

std::string Grammar::text() {
  static const std::vector<std::string> words = {"a",
                                                 "A",
                                                 "abc",
                                                 "ABC",
                                                 "abc abc",
                                                 "b",
                                                 "\xC3\xA9t\xC3\xA9",
                                                 "\xC3\x89T\xC3\x89",
                                                 " x ",
                                                 "\xC2\xA0  a\t \xE3\x80\x80",
                                                 "   ",
                                                 "%",
                                                 "_",
                                                 "a%b",
                                                 "a_b",
                                                 "a\nb",
                                                 "\xE6\x97\xA5\xE6\x9C\xAC",
                                                 "O'Hare",
                                                 "true",
                                                 "1",
                                                 "-0",
                                                 "\xF0\x9F\xA4\xA6\xE2\x80\x8D",
                                                 "\xC4\xB0",
                                                 ".*",
                                                 "\\",
                                                 "\xCE\xA3\xCF\x83\xCF\x82",
                                                 "a.b",
                                                 "[x]",
                                                 "\xC7\x85"};
  const auto pick = below(12);
  if (pick == 0) return std::string(below(12), 'q');
  if (pick == 1) return words[below(words.size())] + words[below(words.size())];
  return words[below(words.size())];
}

records::Batch Grammar::rows(std::int64_t count) {
  records::Batch out;
  out.rows = count;
  for (const Named& each : kColumns) {
    records::BatchColumn column{.name = each.name, .is_text = each.kind == S};
    const bool is_small = std::string_view(each.type) == "int8";
    const bool is_int32 = std::string_view(each.type) == "int32";
    for (std::int64_t r = 0; r < count; ++r) {
      const bool is_null = below(8) == 0;
      if (each.kind == S) {
        column.texts.push_back(is_null ? std::string() : text());
        continue;
      }
      double value = number(each.kind);
      if (is_small) value = std::fmod(value, 128) + 0.0;
      if (is_int32 && std::fabs(value) > 2147483647) value = std::fmod(value, 2147483648.0) + 0.0;
      column.numbers.push_back(is_null ? std::numeric_limits<double>::quiet_NaN() : value);
    }
    out.columns.push_back(std::move(column));
  }
  return out;
}

std::string Grammar::constant(Kind kind) {
  static const std::vector<std::string> booleans = {"TRUE", "FALSE", "CAST(NULL AS BOOLEAN)"};
  static const std::vector<std::string> integers = {
      "0", "1", "(-1)", "2", "7", "(-3)", "100", "1000", "2147483647", "CAST(NULL AS INTEGER)"};
  static const std::vector<std::string> doubles = {
      "0.5", "1e0", "(-2.5e0)", "0e0", "1e300", "CAST('inf' AS DOUBLE)", "CAST('nan' AS DOUBLE)",
      "3e0", "1.25"};
  static const std::vector<std::string> texts = {"'a'",       "'abc'", "''", "'\xC3\xA9t\xC3\xA9'",
                                                 "'O''Hare'", "'%'"};
  const auto of = [&](const std::vector<std::string>& list) { return list[below(list.size())]; };
  switch (kind) {
    case B:
      return of(booleans);
    case I:
      return of(integers);
    case D:
      return of(doubles);
    case S:
      return of(texts);
    case A:
      return "DATE '2013-03-10'";
    case T:
      return "TIMESTAMP '2013-03-10 02:30:00'";
    default:
      return "TIMESTAMPTZ '2013-11-03 05:30:00+00'";
  }
}

Expression Grammar::leaf(Kind kind) {
  std::vector<std::string> names;
  for (const Named& each : kColumns) {
    if (each.kind == kind) names.emplace_back(each.name);
  }
  const bool is_constant = below(4) == 0;
  return {.kind = kind, .form = is_constant ? constant(kind) : names[below(names.size())]};
}

Expression Grammar::made(Kind kind, int depth) {
  if (depth <= 0 || below(6) == 0) return leaf(kind);
  const auto& list = rules(kind);
  const Rule& rule = list[below(list.size())];
  Expression out{.kind = kind, .form = rule.form, .may_fail = rule.may_fail};
  out.form = replace_all(out.form, "{zone}", kZones[below(kZones.size())]);
  for (const Kind each : rule.args) out.args.push_back(made(each, depth - 1));
  return out;
}

Expression Grammar::expression() {
  static const std::vector<Rule> inexact = {{"exp({0})", {D}},
                                            {"ln({0})", {D}, true},
                                            {"log10({0})", {D}, true},
                                            {"log2({0})", {D}, true},
                                            {"pow(abs({0}), {1})", {D, D}},
                                            {"exp({0}) + {1}", {D, I}},
                                            {"coalesce(ln({0}), {1})", {D, D}, false}};
  constexpr std::array<Kind, 7> kKinds = {B, I, D, S, A, T, Z};
  const int depth = 1 + static_cast<int>(below(4));
  if (below(16) != 0) return made(kKinds[below(kKinds.size())], depth);
  const Rule& rule = inexact[below(inexact.size() - 1)];
  Expression out{.kind = D, .form = rule.form, .may_fail = rule.may_fail};
  for (const Kind each : rule.args) out.args.push_back(made(each, 1));
  return out;
}

std::vector<Expression> Grammar::smaller(const Expression& expression) {
  std::vector<Expression> out;
  for (const Expression& each : expression.args) out.push_back(each);
  for (std::size_t i = 0; i < expression.args.size(); ++i) {
    std::vector<Expression> parts = smaller(expression.args[i]);
    if (!expression.args[i].args.empty()) {
      parts.push_back(leaf(expression.args[i].kind));
      parts.push_back(leaf(expression.args[i].kind));
    }
    for (const Expression& part : parts) {
      if (part.kind != expression.args[i].kind) continue;
      Expression next = expression;
      next.args[i] = part;
      out.push_back(std::move(next));
    }
  }
  return out;
}

}  // namespace kingpost::fuzz
