// SPDX-License-Identifier: Apache-2.0
// Conversions, and whole numbers kept within their type.
#include <algorithm>
#include <cmath>

#include "engines/sql/dialect.h"
#include "engines/sql/types.h"
#include "steps/06_extract_features/expression/builder.h"
#include "steps/06_extract_features/expression/constants.h"

namespace kingpost::steps::extract_features::expression {

Term Builder::checked(Term term) {
  const double least = least_of(term.type);
  const double most = most_of(term.type);
  std::optional<Value> fine;
  if (!(term.most <= most)) fine = test("LessOrEqual", term.value, number(most));
  if (!(term.least >= least)) {
    const Value above = test("GreaterOrEqual", term.value, number(least));
    fine = fine ? test("And", *fine, above) : above;
  }
  if (fine) {
    term.value = where(*fine, term.value, nan());
    term.nulls = Nulls::kMarked;
  }
  term.least = std::max(term.least, least);
  term.most = std::min(term.most, most);
  return term;
}

// A decimal with another scale; it only ever grows.
Term Builder::rescaled(const Term& term, const Type& to) {
  const double by = std::pow(10.0, to.scale - as_decimal(term.type).scale);
  Term out = term;
  out.type = to;
  out.value = times(term.value, by);
  out.least = term.least * by;
  out.most = term.most * by;
  out.constant.reset();
  if (term.number() != nullptr) out.constant = *term.number() * by;
  return checked(out);
}

MaybeTerm Builder::constant_as(const Term& term, const Type& to) {
  if (term.is_null()) {
    Term out = constant(to, Constant{});
    out.span = term.span;
    return out;
  }
  if (term.text() != nullptr && is_time(to)) {
    auto out = evaluate(
        *this, format("CAST({} AS {})", sql::literal(*term.text()), sql::engine_type(word_of(to))));
    if (!out) return refuse(term.span, format("\"{}\" is no {}", *term.text(), word_of(to)), {});
    out->span = term.span;
    return out;
  }
  return std::nullopt;
}

MaybeTerm Builder::convert(const Term& term, const Type& to) {
  if (term.type == to) return term;
  if (term.is_null() || (term.text() != nullptr && is_time(to))) return constant_as(term, to);
  Term out = term;
  out.is_literal = false;
  out.type = to;
  if (is_time(term.type) && is_time(to)) {
    if (to.kind != Kind::kDate) return out;
    constexpr double kDay = 86400e6;
    out.value = times(floor_div(term.value, kDay), kDay);
    out.constant.reset();
    if (term.number() != nullptr) return constant(to, std::floor(*term.number() / kDay) * kDay);
    return out;
  }
  if (is_integer(term.type) && is_integer(to)) return checked(out);
  if ((is_integer(term.type) || term.type.kind == Kind::kDecimal) && to.kind == Kind::kDecimal) {
    return rescaled(term, to);
  }
  if (to.kind != Kind::kDouble || !is_number(term.type)) return std::nullopt;
  const double by = std::pow(10.0, term.type.kind == Kind::kDecimal ? term.type.scale : 0);
  if (term.number() != nullptr) return constant(to, *term.number() / by);
  if (term.signed_zero) {
    out.value = where(test("Equal", out.value, number(0)), number(0), out.value);
    out.signed_zero = false;
  }
  if (by != 1) out.value = op("Div", out.value, number(by));
  out.least /= by;
  out.most /= by;
  return out;
}

// An integer of the text takes the type of an integer that it meets, if it fits.
std::optional<Type> Builder::meet(const Term& a, const Term& b) {
  const auto fits = [](const Term& literal, const Type& type) {
    return literal.is_literal && is_integer(type) && literal.number() != nullptr &&
           *literal.number() >= least_of(type) && *literal.number() <= most_of(type);
  };
  if (fits(a, b.type) && !b.is_literal) return b.type;
  if (fits(b, a.type) && !a.is_literal) return a.type;
  if (a.text() != nullptr && is_time(b.type)) return b.type;
  if (b.text() != nullptr && is_time(a.type)) return a.type;
  return common(a.type, b.type);
}

std::optional<Terms> Builder::unify(const Terms& terms) {
  Term probe = terms.front();
  for (std::size_t i = 1; i < terms.size(); ++i) {
    const Term& each = terms[i];
    const auto type = meet(probe, each);
    if (!type && (probe.type.kind == Kind::kFloat || each.type.kind == Kind::kFloat)) {
      return refuse(each.span, "float32 is not computed with in a feature",
                    "write CAST(x AS DOUBLE), or give the column the type float64");
    }
    if (!type) {
      return refuse(each.span,
                    format("{} and {} do not mix", word_of(probe.type), word_of(each.type)),
                    "cast one of them, so that both are of one type");
    }
    if (each.type == *type && (probe.type != *type || probe.is_literal)) {
      probe = each;
    } else if (probe.type != *type) {
      probe.type = *type;
      probe.is_literal = false;
      probe.constant.reset();
    }
  }
  Terms out;
  for (const Term& each : terms) {
    auto converted = convert(each, probe.type);
    if (!converted) return std::nullopt;
    converted->span = each.span;
    out.push_back(*converted);
  }
  return out;
}

// Whole numbers and decimals are compared as float64. The nearest float64 of a decimal below 2^53
// steps of its scale is no further from it than any whole number is, so the order is the exact one,
// and a whole number needs no scale under which it might be too large.
std::optional<Terms> Builder::unify_to_compare(const Terms& terms) {
  bool whole = false;
  bool decimal = false;
  bool fine = true;
  for (const Term& each : terms) {
    whole = whole || is_integer(each.type);
    decimal = decimal || each.type.kind == Kind::kDecimal;
    fine = fine && !each.is_null() && (is_integer(each.type) || each.type.kind == Kind::kDecimal);
  }
  if (!fine || !whole || !decimal) return unify(terms);
  Terms out;
  for (const Term& each : terms) {
    auto converted = convert(each, Type{Kind::kDouble});
    if (!converted) return std::nullopt;
    converted->span = each.span;
    out.push_back(*converted);
  }
  return out;
}

}  // namespace kingpost::steps::extract_features::expression
