// SPDX-License-Identifier: Apache-2.0
// Comparison, three-valued logic and choice. A boolean that can be null is a pair, "is true" and
// "is false": AND, OR and NOT then need no masks (Kleene's logic).
#include "steps/06_extract_features/expression/builder.h"

namespace kingpost::steps::extract_features::expression {
namespace {

Order opposite(Order order) {
  switch (order) {
    case Order::kEqual:
      return Order::kNotEqual;
    case Order::kNotEqual:
      return Order::kEqual;
    case Order::kLess:
      return Order::kGreaterOrEqual;
    case Order::kLessOrEqual:
      return Order::kGreater;
    case Order::kGreater:
      return Order::kLessOrEqual;
    default:
      return Order::kLess;
  }
}

std::string_view operator_of(Order order) {
  switch (order) {
    case Order::kLess:
      return "Less";
    case Order::kLessOrEqual:
      return "LessOrEqual";
    case Order::kGreater:
      return "Greater";
    case Order::kGreaterOrEqual:
      return "GreaterOrEqual";
    default:
      return "Equal";
  }
}

bool is_plain_number(const Term& term) {
  return term.number() != nullptr && term.nulls == Nulls::kNever;
}

}  // namespace

// Where NaN may be a value, the engine has it equal to itself and above everything else.
Value Builder::order_numbers(Order order, const Term& a, const Term& b) {
  if (order == Order::kNotEqual) return test("Not", order_numbers(Order::kEqual, a, b));
  Value plain = test(operator_of(order), a.value, b.value);
  if (!may_be_nan(a) && !may_be_nan(b)) return plain;
  const auto nan_of = [&](const Term& term) { return test("IsNaN", term.value); };
  switch (order) {
    case Order::kEqual:
      if (is_plain_number(a) || is_plain_number(b)) return plain;
      return test("Or", plain, test("And", nan_of(a), nan_of(b)));
    case Order::kGreater:
      if (is_plain_number(b)) return test("Or", plain, nan_of(a));
      return test("Or", plain, test("And", nan_of(a), test("Not", nan_of(b))));
    case Order::kGreaterOrEqual:
      return test("Or", plain, nan_of(a));
    case Order::kLess:
      return order_numbers(Order::kGreater, b, a);
    default:
      return order_numbers(Order::kGreaterOrEqual, b, a);
  }
}

Term Builder::compare_booleans(Order order, const Term& a, const Term& b) {
  const Value no_a = falsity(a);
  const Value no_b = falsity(b);
  const Value equal = test("Or", test("And", a.value, b.value), test("And", no_a, no_b));
  const Value other = test("Or", test("And", a.value, no_b), test("And", no_a, b.value));
  return order == Order::kEqual ? boolean(equal, other) : boolean(other, equal);
}

Term Builder::compare_texts(Order order, const Term& a, const Term& b) {
  const Value plain = test("Equal", a.value, b.value);
  if (a.nulls == Nulls::kNever && b.nulls == Nulls::kNever) {
    return sure(order == Order::kEqual ? plain : test("Not", plain));
  }
  const auto filled = [](const Term& term) { return term.text() && !term.text()->empty(); };
  Value there = a.nulls == Nulls::kNever ? present(b) : present(a);
  if (a.nulls != Nulls::kNever && b.nulls != Nulls::kNever) {
    there = test("And", there, present(b));
  }
  const Value equal = filled(a) || filled(b) ? plain : test("And", plain, there);
  const Value other = test("And", test("Not", plain), there);
  return order == Order::kEqual ? boolean(equal, other) : boolean(other, equal);
}

MaybeTerm Builder::compare(Order order, const Term& left, const Term& right) {
  const auto terms = unify_to_compare({left, right});
  if (!terms) return std::nullopt;
  const Term& a = terms->at(0);
  const Term& b = terms->at(1);
  if (a.is_null() || b.is_null()) return constant(Type{Kind::kBoolean}, Constant{});
  const bool by_equality = order == Order::kEqual || order == Order::kNotEqual;
  if (a.type.kind == Kind::kBoolean || a.type.kind == Kind::kText) {
    if (!by_equality) {
      return refuse(right.span, format("{} is compared with = and <> only", word_of(a.type)),
                    "write a condition over its values, e.g. x IN ('a', 'b')");
    }
    return a.type.kind == Kind::kText ? compare_texts(order, a, b) : compare_booleans(order, a, b);
  }
  const bool never = a.nulls == Nulls::kNever && b.nulls == Nulls::kNever;
  const Value raw = order_numbers(order, a, b);
  if (never) return sure(raw);
  if (!may_be_nan(a) && !may_be_nan(b)) {
    // A null is NaN, for which every comparison of ONNX is false.
    if (by_equality) {
      const Value equal = test("Equal", a.value, b.value);
      const Value above = test("Greater", a.value, b.value);
      const Value other = test("Or", above, test("Less", a.value, b.value));
      return order == Order::kEqual ? boolean(equal, other) : boolean(other, equal);
    }
    return boolean(raw, order_numbers(opposite(order), a, b));
  }
  Value there = present(a);
  if (a.nulls == Nulls::kNever) there = present(b);
  if (a.nulls != Nulls::kNever && b.nulls != Nulls::kNever) {
    there = test("And", there, present(b));
  }
  return boolean(test("And", raw, there), test("And", test("Not", raw), there));
}

Term Builder::is_null(const Term& term) {
  if (term.nulls == Nulls::kNever) return constant(Type{Kind::kBoolean}, false);
  if (term.is_null()) return constant(Type{Kind::kBoolean}, true);
  if (term.type.kind == Kind::kText && term.nulls == Nulls::kMarked) {
    return sure(test("Equal", term.value, graph.constant(std::string())));
  }
  const bool is_marked = term.nulls == Nulls::kMarked && term.type.kind != Kind::kBoolean;
  return sure(is_marked ? test("IsNaN", term.value) : test("Not", present(term)));
}

MaybeTerm Builder::same(const Term& left, const Term& right) {
  if (right.is_null()) return is_null(left);
  if (left.is_null()) return is_null(right);
  const auto equal = compare(Order::kEqual, left, right);
  if (!equal) return std::nullopt;
  if (left.nulls == Nulls::kNever || right.nulls == Nulls::kNever) return sure(equal->value);
  const Value none = test("And", is_null(left).value, is_null(right).value);
  return sure(test("Or", equal->value, none));
}

Term Builder::both(const Term& a, const Term& b) {
  const Value truth = test("And", a.value, b.value);
  if (a.nulls == Nulls::kNever && b.nulls == Nulls::kNever) return sure(truth);
  return boolean(truth, test("Or", falsity(a), falsity(b)));
}

Term Builder::either(const Term& a, const Term& b) {
  const Value truth = test("Or", a.value, b.value);
  if (a.nulls == Nulls::kNever && b.nulls == Nulls::kNever) return sure(truth);
  return boolean(truth, test("And", falsity(a), falsity(b)));
}

Term Builder::negation(const Term& a) {
  if (a.nulls == Nulls::kNever) return sure(test("Not", a.value));
  return boolean(a.falsity, a.value);
}

Term Builder::choose(const Value& condition, const Term& yes, const Term& no) {
  Term out;
  out.type = yes.type;
  out.least = std::min(yes.least, no.least);
  out.most = std::max(yes.most, no.most);
  out.signed_zero = yes.signed_zero || no.signed_zero;
  // Where broadcasts nothing that is [1,1] in all three inputs, but the condition has the rows.
  out.value = where(condition, yes.value, no.value);
  if (yes.nulls == Nulls::kNever && no.nulls == Nulls::kNever) return out;
  if (out.type.kind == Kind::kBoolean) {
    out.nulls = Nulls::kMarked;
    out.falsity = where(condition, falsity(yes), falsity(no));
    return out;
  }
  const bool is_text = out.type.kind == Kind::kText;
  // A text that is never null may still be empty, which would then read as null.
  const auto needs_mask = [&](const Term& term) {
    const bool filled = term.text() != nullptr && !term.text()->empty();
    return term.nulls == Nulls::kMasked || (is_text && term.nulls == Nulls::kNever && !filled);
  };
  out.nulls = Nulls::kMarked;
  if (!needs_mask(yes) && !needs_mask(no)) return out;
  out.nulls = Nulls::kMasked;
  out.mask = where(condition, present(yes), present(no));
  return out;
}

}  // namespace kingpost::steps::extract_features::expression
