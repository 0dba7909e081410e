// SPDX-License-Identifier: Apache-2.0
// Functions of numbers.
#include <algorithm>
#include <cmath>

#include "steps/06_extract_features/expression/functions/functions.h"

namespace kingpost::steps::extract_features::expression {
namespace {

const Type kDouble{Kind::kDouble};

bool is_decimal(const Term& term) {
  return term.type.kind == Kind::kDecimal;
}

MaybeTerm as_double(Builder& builder, const Call& call, std::size_t argument) {
  if (!want_numbers(builder, call)) return std::nullopt;
  return builder.convert(call.args[argument], kDouble);
}

MaybeTerm absolute(Builder& builder, const Call& call) {
  if (!want_numbers(builder, call)) return std::nullopt;
  const Term& a = call.args[0];
  Term out = builder.strict(a.type, builder.op("Abs", a.value), {a}, false);
  if (!is_integer(a.type) && !is_decimal(a)) return out;
  out.least = 0;
  out.most = std::max(std::fabs(a.least), std::fabs(a.most));
  return builder.checked(out);
}

// A decimal cut to a whole number: the scaled value divided by ten to the scale.
Term whole_decimal(Builder& builder, const Term& a, const Value& value) {
  Term out = builder.strict({Kind::kDecimal, a.type.width, 0}, value, {a}, false);
  const double by = std::pow(10.0, a.type.scale);
  out.least = std::floor(a.least / by);
  out.most = std::ceil(a.most / by);
  out.signed_zero = true;
  return out;
}

MaybeTerm to_side(Builder& builder, const Call& call, std::string_view op) {
  if (!want_numbers(builder, call)) return std::nullopt;
  const Term& a = call.args[0];
  if (is_integer(a.type)) return builder.convert(a, kDouble);
  if (is_decimal(a)) {
    const Value by = builder.number(std::pow(10.0, a.type.scale));
    return whole_decimal(builder, a, builder.op(op, builder.op("Div", a.value, by)));
  }
  return builder.strict(a.type, builder.op(op, a.value), {a}, false);
}

MaybeTerm floor_of(Builder& builder, const Call& call) {
  return to_side(builder, call, "Floor");
}
MaybeTerm ceil_of(Builder& builder, const Call& call) {
  return to_side(builder, call, "Ceil");
}

// ONNX rounds halves to even, SQL away from zero. x - Round(x) is exact, so a half is seen as one.
Value rounded(Builder& builder, const Value& x) {
  const Value even = builder.op("Round", x);
  const Value rest = builder.op("Sub", x, even);
  const Value is_half = builder.test("Equal", builder.op("Abs", rest), builder.number(0.5));
  const Value is_towards_zero =
      builder.test("Greater", builder.op("Mul", rest, x), builder.number(0));
  const Value away = builder.op("Add", even, builder.op("Add", rest, rest));
  return builder.where(builder.test("And", is_half, is_towards_zero), away, even);
}

Term round_decimal(Builder& builder, const Term& a) {
  const double by = std::pow(10.0, a.type.scale);
  if (by == 1) return whole_decimal(builder, a, a.value);
  const Value half = builder.op("Add", builder.op("Abs", a.value), builder.number(by / 2));
  const Value size = builder.floor_div(half, by);
  const Value below = builder.test("Less", a.value, builder.number(0));
  const Value value = builder.where(below, builder.op("Neg", size), size);
  return whole_decimal(builder, a, value);
}

MaybeTerm round_to(Builder& builder, const Call& call) {
  const auto digits = constant_number(builder, call, 1);
  if (!digits) return std::nullopt;
  const Term& a = call.args[0];
  constexpr double kMostDigits = 15;
  if (*digits < 0 || *digits > kMostDigits || is_decimal(a)) {
    return builder.refuse(span_of(call, 1), "round takes 0 to 15 digits of a float64 here",
                          is_decimal(a) ? "cast the number to DOUBLE first"
                                        : "write round(x / 100) * 100 for round(x, -2)");
  }
  if (is_integer(a.type)) return a;
  const Value by = builder.number(std::pow(10.0, *digits));
  const Value value = builder.op("Div", rounded(builder, builder.op("Mul", a.value, by)), by);
  // Too large to be multiplied: it has no digits behind the point anyway.
  const Value out = builder.where(builder.test("IsInf", value), a.value, value);
  return builder.strict(kDouble, out, {a}, false);
}

MaybeTerm round_of(Builder& builder, const Call& call) {
  if (!want_numbers(builder, call)) return std::nullopt;
  if (call.args.size() == 2) return round_to(builder, call);
  const Term& a = call.args[0];
  if (is_integer(a.type)) return a;
  if (is_decimal(a)) return round_decimal(builder, a);
  return builder.strict(kDouble, rounded(builder, a.value), {a}, false);
}

MaybeTerm trunc_of(Builder& builder, const Call& call) {
  if (!want_numbers(builder, call)) return std::nullopt;
  const Term& a = call.args[0];
  if (is_integer(a.type)) return a;
  if (is_decimal(a)) {
    return builder.refuse(span_of(call, 0), "trunc of a decimal is not supported in a feature",
                          "cast the number to DOUBLE first");
  }
  const Value below = builder.test("Less", a.value, builder.number(0));
  const Value value =
      builder.where(below, builder.op("Ceil", a.value), builder.op("Floor", a.value));
  return builder.strict(kDouble, value, {a}, false);
}

MaybeTerm sign_of(Builder& builder, const Call& call) {
  if (!want_numbers(builder, call)) return std::nullopt;
  const Term& a = call.args[0];
  Value value = builder.op("Sign", a.value);
  if (Builder::may_be_nan(a)) {
    // The engine's sign of NaN is 0.
    value = builder.where(builder.test("IsNaN", a.value), builder.number(0), value);
    value = builder.where(builder.present(a), value, builder.nan());
  }
  return builder.whole(Kind::kInt8, value, a, -1, 1);
}

// Null below (or at) the end of the domain, where the engine stops with an error.
Term within_domain(Builder& builder, const Term& a, const Value& value, const Value& outside) {
  Term out = builder.strict(kDouble, builder.where(outside, builder.nan(), value), {a}, false);
  if (out.nulls == Nulls::kMasked) {
    out.mask = builder.test("And", out.mask, builder.test("Not", outside));
  } else {
    out.nulls = Nulls::kMarked;
  }
  return out;
}

MaybeTerm sqrt_of(Builder& builder, const Call& call) {
  const auto a = as_double(builder, call, 0);
  if (!a) return std::nullopt;
  const Value outside = builder.test("Less", a->value, builder.number(0));
  return within_domain(builder, *a, builder.op("Sqrt", a->value), outside);
}

MaybeTerm logarithm(Builder& builder, const Call& call, double factor) {
  const auto a = as_double(builder, call, 0);
  if (!a) return std::nullopt;
  builder.note_inexact();
  const Value outside = builder.test("LessOrEqual", a->value, builder.number(0));
  const Value value = builder.times(builder.op("Log", a->value), factor);
  return within_domain(builder, *a, value, outside);
}

MaybeTerm ln_of(Builder& builder, const Call& call) {
  return logarithm(builder, call, 1);
}
MaybeTerm log10_of(Builder& builder, const Call& call) {
  return logarithm(builder, call, 1 / std::log(10.0));
}
MaybeTerm log2_of(Builder& builder, const Call& call) {
  return logarithm(builder, call, 1 / std::log(2.0));
}

MaybeTerm exp_of(Builder& builder, const Call& call) {
  const auto a = as_double(builder, call, 0);
  if (!a) return std::nullopt;
  builder.note_inexact();
  return builder.strict(kDouble, builder.op("Exp", a->value), {*a}, false);
}

MaybeTerm power_of(Builder& builder, const Call& call) {
  const auto a = as_double(builder, call, 0);
  const auto b = a ? builder.convert(call.args[1], kDouble) : std::nullopt;
  if (!a || !b) return std::nullopt;
  builder.note_inexact();
  // pow(NaN, 0) and pow(1, NaN) are 1, so null must be put back.
  Term out = builder.strict(kDouble, builder.op("Pow", a->value, b->value), {*a, *b}, true);
  const bool may_be_null = a->nulls != Nulls::kNever || b->nulls != Nulls::kNever;
  if (may_be_null) out.value = builder.where(out.mask, out.value, builder.nan());
  return out;
}

// Nulls are passed over; of equal values the first stays, as 0 and -0 tell.
MaybeTerm extreme(Builder& builder, const Call& call, Order better) {
  const auto terms = builder.unify(call.args);
  if (!terms) return std::nullopt;
  const Type& type = terms->front().type;
  if (!is_number(type) && !is_time(type)) {
    return builder.refuse(
        span_of(call, 0),
        format("{} of {} is not supported in a feature", call.name, word_of(type)),
        "numbers, dates and timestamps can be taken");
  }
  Term best = terms->front();
  for (std::size_t i = 1; i < terms->size(); ++i) {
    const Term& each = terms->at(i);
    if (each.is_null()) continue;
    const auto wins = builder.compare(better, each, best);
    if (!wins) return std::nullopt;
    Value takes = wins->value;
    if (best.nulls != Nulls::kNever) {
      takes = builder.test("Or", takes, builder.is_null(best).value);
      if (each.nulls != Nulls::kNever) takes = builder.test("And", takes, builder.present(each));
    }
    const bool never = best.nulls == Nulls::kNever || each.nulls == Nulls::kNever;
    const bool may_be_nan = Builder::may_be_nan(best) || Builder::may_be_nan(each);
    best = builder.choose(takes, each, best);
    if (never && !may_be_nan) best.nulls = Nulls::kNever;
  }
  return best;
}

MaybeTerm greatest_of(Builder& builder, const Call& call) {
  return extreme(builder, call, Order::kGreater);
}
MaybeTerm least_of_all(Builder& builder, const Call& call) {
  return extreme(builder, call, Order::kLess);
}

}  // namespace

std::vector<Function> number_functions() {
  constexpr std::string_view kAny = "null when x is null";
  constexpr std::string_view kLog = "null when x is null, 0 or negative; equal to 1e-6";
  constexpr std::size_t kMany = 100;
  return {
      {"abs", "abs(x)", "the type of x", kAny, "size without sign", 1, 1, absolute},
      {"floor", "floor(x)", "float64; of a decimal a decimal", kAny, "whole number at or below", 1,
       1, floor_of},
      {"ceil ceiling", "ceil(x)", "float64; of a decimal a decimal", kAny,
       "whole number at or above", 1, 1, ceil_of},
      {"round", "round(x), round(x, n)", "the type of x", kAny,
       "rounded, halves away from zero; n is a constant of 0 to 15", 1, 2, round_of},
      {"trunc", "trunc(x)", "the type of x", kAny, "digits behind the point cut off", 1, 1,
       trunc_of},
      {"sign", "sign(x)", "int8", kAny, "-1, 0 or 1", 1, 1, sign_of},
      {"sqrt", "sqrt(x)", "float64", "null when x is null or negative", "square root", 1, 1,
       sqrt_of},
      {"pow power ** ^", "pow(a, b), a ** b", "float64",
       "null when an argument is null; equal to 1e-6", "a to the b", 2, 2, power_of},
      {"exp", "exp(x)", "float64", "null when x is null; equal to 1e-6", "e to the x", 1, 1,
       exp_of},
      {"ln", "ln(x)", "float64", kLog, "natural logarithm", 1, 1, ln_of},
      {"log log10", "log10(x)", "float64", kLog, "logarithm to the base 10", 1, 1, log10_of},
      {"log2", "log2(x)", "float64", kLog, "logarithm to the base 2", 1, 1, log2_of},
      {"greatest", "greatest(a, b, ...)", "the wider type", "null when all are null",
       "largest of numbers or times; NaN is above all", 1, kMany, greatest_of},
      {"least", "least(a, b, ...)", "the wider type", "null when all are null",
       "smallest of numbers or times", 1, kMany, least_of_all},
  };
}

}  // namespace kingpost::steps::extract_features::expression
