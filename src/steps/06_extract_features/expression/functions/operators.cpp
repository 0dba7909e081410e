// SPDX-License-Identifier: Apache-2.0
// + - * / // %: DuckDB's types and its answers for zero, overflow and infinity.
#include <algorithm>
#include <cmath>

#include "steps/06_extract_features/expression/functions/functions.h"

namespace kingpost::steps::extract_features::expression {
namespace {

constexpr int kWidest = 38;

bool is_finite_constant(const Term& term) {
  return term.number() != nullptr && std::isfinite(*term.number());
}

bool any_time(const Call& call) {
  return std::any_of(call.args.begin(), call.args.end(), [](const Term& term) {
    return is_time(term.type) || term.type.kind == Kind::kInterval;
  });
}

bool is_whole(const Type& type) {
  return is_integer(type) || type.kind == Kind::kDecimal;
}

// The whole number `value` of a strict operation; null where it does not fit its type.
Term fitted(Builder& builder, const Type& type, const Value& value, const Terms& from, double least,
            double most) {
  Term out = builder.strict(type, value, from, false);
  out.least = std::isnan(least) ? -HUGE_VAL : least;
  out.most = std::isnan(most) ? HUGE_VAL : most;
  return builder.checked(out);
}

MaybeTerm sum(Builder& builder, const Call& call, bool minus) {
  if (any_time(call)) return minus ? subtract_times(builder, call) : add_times(builder, call);
  if (!want_numbers(builder, call)) return std::nullopt;
  const auto terms = builder.unify(call.args);
  if (!terms) return std::nullopt;
  const Term& a = terms->at(0);
  const Term& b = terms->at(1);
  const Value value = builder.op(minus ? "Sub" : "Add", a.value, b.value);
  if (!is_whole(a.type)) {
    const bool is_safe = is_finite_constant(a) || is_finite_constant(b);
    return builder.strict(a.type, value, *terms, !is_safe);
  }
  Type type = a.type;
  if (type.kind == Kind::kDecimal) type.width = std::min(kWidest, type.width + 1);
  const double least = minus ? a.least - b.most : a.least + b.least;
  const double most = minus ? a.most - b.least : a.most + b.most;
  return fitted(builder, type, value, *terms, least, most);
}

MaybeTerm negated(Builder& builder, const Call& call) {
  const Term& a = call.args[0];
  if (!want_numbers(builder, call)) return std::nullopt;
  if (!is_whole(a.type)) {
    return builder.strict(a.type, builder.op("Neg", a.value), {a}, false);
  }
  const Value value = builder.op("Sub", builder.number(0), a.value);
  return fitted(builder, a.type, value, {a}, -a.most, -a.least);
}

MaybeTerm add(Builder& builder, const Call& call) {
  if (call.args.size() == 1) return call.args[0];
  return sum(builder, call, false);
}

MaybeTerm subtract(Builder& builder, const Call& call) {
  if (call.args.size() == 1) return negated(builder, call);
  return sum(builder, call, true);
}

// Decimals multiply as whole numbers; the scales add up.
MaybeTerm multiply_whole(Builder& builder, const Call& call, const Term& a, const Term& b,
                         Type type) {
  if (type.kind == Kind::kDecimal) {
    const Type x = as_decimal(a.type);
    const Type y = as_decimal(b.type);
    type = {Kind::kDecimal, std::min(kWidest, x.width + y.width), x.scale + y.scale};
    if (type.scale > kWidest) {
      return builder.refuse(call.span, "the product has too many decimals",
                            "cast one factor to DOUBLE");
    }
  }
  double least = HUGE_VAL;
  double most = -HUGE_VAL;
  for (const double x : {a.least, a.most}) {
    for (const double y : {b.least, b.most}) {
      least = std::min(least, x * y);
      most = std::max(most, x * y);
    }
  }
  Term out = fitted(builder, type, builder.op("Mul", a.value, b.value), {a, b}, least, most);
  out.signed_zero = a.signed_zero || b.signed_zero || a.least < 0 || b.least < 0;
  return out;
}

MaybeTerm multiply(Builder& builder, const Call& call) {
  if (any_time(call)) return multiply_interval(builder, call);
  if (!want_numbers(builder, call)) return std::nullopt;
  const auto type = Builder::meet(call.args[0], call.args[1]);
  if (type && is_whole(*type)) {
    Terms terms = call.args;
    for (Term& each : terms) {
      if (!each.is_null()) continue;
      each = *builder.convert(each, *type);
    }
    return multiply_whole(builder, call, terms[0], terms[1], *type);
  }
  const auto terms = builder.unify(call.args);
  if (!terms) return std::nullopt;
  const auto is_safe = [](const Term& t) { return is_finite_constant(t) && *t.number() != 0; };
  return builder.strict(terms->at(0).type,
                        builder.op("Mul", terms->at(0).value, terms->at(1).value), *terms,
                        !is_safe(terms->at(0)) && !is_safe(terms->at(1)));
}

MaybeTerm divide(Builder& builder, const Call& call) {
  if (any_time(call)) {
    return builder.refuse(call.span, "an interval is not divided in a feature",
                          "divide numbers: epoch(interval) / 60");
  }
  if (!want_numbers(builder, call)) return std::nullopt;
  const Type type{Kind::kDouble};
  const auto a = builder.convert(call.args[0], type);
  const auto b = builder.convert(call.args[1], type);
  if (!a || !b) return std::nullopt;
  const bool is_safe = is_finite_constant(*b) && *b->number() != 0;
  // The runtime makes 1 / b * c into c / b, which rounds otherwise.
  const bool is_reciprocal = a->number() != nullptr && *a->number() == 1;
  const Value value =
      is_reciprocal ? builder.op("Reciprocal", b->value) : builder.op("Div", a->value, b->value);
  return builder.strict(type, value, {*a, *b}, !is_safe);
}

Value remainder_of(Builder& builder, const Term& a, const Term& b) {
  return builder.graph.node("Mod", {a.value, b.value}, TensorType::kDouble,
                            {{"fmod", std::int64_t{1}}});
}

MaybeTerm integer_divide(Builder& builder, const Call& call) {
  if (!want_numbers(builder, call)) return std::nullopt;
  const auto terms = builder.unify(call.args);
  if (!terms) return std::nullopt;
  const Term& a = terms->at(0);
  const Term& b = terms->at(1);
  if (!is_integer(a.type)) {
    return builder.refuse(call.span, "// is for integers; with decimals it would not round",
                          "write floor(a / b)");
  }
  // The remainder by zero is NaN, which makes the quotient null.
  const Value whole = builder.op("Sub", a.value, remainder_of(builder, a, b));
  const double most = std::max(std::fabs(a.least), std::fabs(a.most));
  const bool may_be_zero = b.least <= 0 && b.most >= 0;
  Term out = builder.strict(a.type, builder.op("Div", whole, b.value), {a, b}, false);
  if (may_be_zero) out.nulls = Nulls::kMarked;
  out.least = -most;
  out.most = most;
  out.signed_zero = true;
  return builder.checked(out);
}

MaybeTerm modulo(Builder& builder, const Call& call) {
  if (!want_numbers(builder, call)) return std::nullopt;
  const auto terms = builder.unify(call.args);
  if (!terms) return std::nullopt;
  const Term& a = terms->at(0);
  const Term& b = terms->at(1);
  const Value value = remainder_of(builder, a, b);
  if (!is_whole(a.type)) {
    const bool is_safe = is_finite_constant(b) && *b.number() != 0 && !std::isinf(a.most);
    return builder.strict(a.type, value, *terms, !is_safe);
  }
  Term out = builder.strict(a.type, value, *terms, false);
  if (b.least <= 0 && b.most >= 0) out.nulls = Nulls::kMarked;
  const double most = std::max(std::fabs(b.least), std::fabs(b.most));
  out.least = a.least < 0 ? std::max(a.least, -most) : 0;
  out.most = a.most > 0 ? std::min(a.most, most) : 0;
  out.signed_zero = a.least < 0;
  return out;
}

}  // namespace

std::vector<Function> operator_functions() {
  constexpr std::string_view kAny = "null when an argument is null";
  constexpr std::string_view kZero = "null when an argument is null, or b is an integer 0";
  return {
      {"+ add", "a + b", "the wider type; a time", kAny,
       "sum; integer overflow is null; time + interval, date + days", 1, 2, add},
      {"- subtract", "a - b, -a", "the wider type; a time or interval", kAny,
       "difference; time - interval, date - days, time - time", 1, 2, subtract},
      {"* multiply", "a * b", "the wider type; an interval", kAny,
       "product; integer * interval of a fixed length", 2, 2, multiply},
      {"/", "a / b", "float64", kAny, "quotient; 7 / 2 is 3.5, 1 / 0 is infinity, 0 / 0 is NaN", 2,
       2, divide},
      {"//", "a // b", "integer", kZero, "quotient of integers without the rest; -7 // 2 is -3", 2,
       2, integer_divide},
      {"% mod", "a % b", "the wider type", kZero, "remainder with the sign of a; -7 % 3 is -1", 2,
       2, modulo},
  };
}

}  // namespace kingpost::steps::extract_features::expression
