// SPDX-License-Identifier: Apache-2.0
// Explicit conversions.
#include "steps/06_extract_features/expression/casts.h"

#include <cmath>

#include "steps/06_extract_features/expression/functions/functions.h"

namespace kingpost::steps::extract_features::expression {
namespace {

MaybeTerm no_cast(Builder& builder, const Term& term, const Type& to) {
  std::string hint = "make the column in standardise.add, which runs in SQL";
  if (term.type.kind == Kind::kText) hint = "give the column its type in ingest.types";
  if (to.kind == Kind::kFloat) hint = "cast to DOUBLE; features are float32 in the end anyway";
  return builder.refuse(
      term.span,
      format("a cast from {} to {} is not supported in a feature", word_of(term.type), word_of(to)),
      hint);
}

// Halves go to even, as the engine rounds a float64; what is out of range is null.
Term double_to_integer(Builder& builder, const Term& term, const Type& to) {
  Term out = builder.whole(to.kind, builder.op("Round", term.value), term, -HUGE_VAL, HUGE_VAL);
  out.signed_zero = true;
  return builder.checked(out);
}

// Halves of a decimal go away from zero.
Term decimal_to_integer(Builder& builder, const Term& term, const Type& to) {
  const double by = std::pow(10.0, term.type.scale);
  Value value = term.value;
  if (by != 1) {
    const Value half = builder.op("Add", builder.op("Abs", value), builder.number(by / 2));
    const Value size = builder.floor_div(half, by);
    const Value below = builder.test("Less", value, builder.number(0));
    value = builder.where(below, builder.op("Neg", size), size);
  }
  Term out = builder.whole(to.kind, value, term, term.least / by - 1, term.most / by + 1);
  out.signed_zero = true;
  return builder.checked(out);
}

Term boolean_to_number(Builder& builder, const Term& term, const Type& to) {
  const Value no = term.nulls == Nulls::kNever
                       ? builder.number(0)
                       : builder.where(builder.falsity(term), builder.number(0), builder.nan());
  Term out = builder.whole(to.kind, builder.where(term.value, builder.number(1), no), term, 0, 1);
  return out;
}

// Anything but zero is true, NaN too.
Term number_to_boolean(Builder& builder, const Term& term) {
  const Value zero = builder.test("Equal", term.value, builder.number(0));
  const Value other = builder.test("Not", zero);
  if (term.nulls == Nulls::kNever) return builder.sure(other);
  return builder.boolean(builder.test("And", other, builder.present(term)), zero);
}

}  // namespace

MaybeTerm cast_to(Builder& builder, const Term& term, const Type& to) {
  if (term.type == to || term.is_null()) return builder.convert(term, to);
  const Type& from = term.type;
  if (to.kind == Kind::kText) {
    const auto text = text_of(builder, term);
    return text ? text : no_cast(builder, term, to);
  }
  if (from.kind == Kind::kBoolean && (is_integer(to) || to.kind == Kind::kDouble)) {
    return boolean_to_number(builder, term, to);
  }
  if (to.kind == Kind::kBoolean && is_number(from)) return number_to_boolean(builder, term);
  if (from.kind == Kind::kFloat && to.kind == Kind::kDouble) {
    Term out = term;
    out.type = to;
    return out;
  }
  if (is_integer(to) && from.kind == Kind::kDouble) return double_to_integer(builder, term, to);
  if (is_integer(to) && from.kind == Kind::kDecimal) return decimal_to_integer(builder, term, to);
  const bool grows = to.kind != Kind::kDecimal ||
                     (from.kind != Kind::kDouble && to.scale >= as_decimal(from).scale);
  const bool both_numbers = is_number(from) && is_number(to) && grows;
  if (!both_numbers && !(is_time(from) && is_time(to))) return no_cast(builder, term, to);
  auto out = builder.convert(term, to);
  return out ? out : no_cast(builder, term, to);
}

}  // namespace kingpost::steps::extract_features::expression
