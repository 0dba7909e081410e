// SPDX-License-Identifier: Apache-2.0
// The forms of the grammar.
#include "steps/06_extract_features/expression/walk.h"

#include <algorithm>

#include "base/text.h"
#include "steps/06_extract_features/expression/casts.h"
#include "steps/06_extract_features/expression/constants.h"

namespace kingpost::steps::extract_features::expression {
namespace {

// The engine parses "SELECT " and the expression.
constexpr std::int64_t kSelect = 7;

Span span_in(const Json& tree) {
  Span span;
  const Json& at = tree["query_location"];
  if (at.is_integer() && at.integer() >= kSelect) {
    span.at = static_cast<std::size_t>(at.integer() - kSelect);
  }
  const std::string& name = tree["function_name"].text();
  if (!name.empty() && !tree["is_operator"].boolean()) span.width = name.size();
  if (!tree["column_names"].items().empty()) {
    span.width = tree["column_names"].items().back().text().size();
  }
  return span;
}

bool has_column(const Json& tree) {
  if (tree["class"].text() == "COLUMN_REF") return true;
  const auto any = [](const Json& child) { return has_column(child); };
  if (tree.is_array()) return std::any_of(tree.items().begin(), tree.items().end(), any);
  if (!tree.is_object()) return false;
  return std::any_of(tree.entries().begin(), tree.entries().end(),
                     [](const auto& entry) { return has_column(entry.second); });
}

std::optional<Order> order_of(const std::string& type) {
  if (type == "COMPARE_EQUAL") return Order::kEqual;
  if (type == "COMPARE_NOTEQUAL") return Order::kNotEqual;
  if (type == "COMPARE_LESSTHAN") return Order::kLess;
  if (type == "COMPARE_LESSTHANOREQUALTO") return Order::kLessOrEqual;
  if (type == "COMPARE_GREATERTHAN") return Order::kGreater;
  if (type == "COMPARE_GREATERTHANOREQUALTO") return Order::kGreaterOrEqual;
  return std::nullopt;
}

}  // namespace

MaybeTerm Walk::term(const Json& tree) {
  auto out = has_column(tree) ? made(tree) : constant(tree);
  if (out) out->span = span_in(tree);
  return out;
}

MaybeTerm Walk::constant(const Json& tree) {
  if (auto out = literal(builder_, tree)) return out;
  if (auto out = evaluate(builder_, tree)) return out;
  return builder_.refuse(span_in(tree), "the engine cannot compute this constant for a feature",
                         "write a number, text, date, timestamp or interval");
}

MaybeTerm Walk::made(const Json& tree) {
  const std::string& kind = tree["class"].text();
  if (kind == "COLUMN_REF") return column_(tree["column_names"].items().back().text());
  if (kind == "FUNCTION") return function(tree);
  if (kind == "OPERATOR") return operation(tree);
  if (kind == "COMPARISON") return comparison(tree);
  if (kind == "CONJUNCTION") return conjunction(tree);
  if (kind == "BETWEEN") return between(tree);
  if (kind == "CASE") return choice(tree);
  if (kind == "CAST") return cast(tree);
  return builder_.refuse(span_in(tree), format("{} is not supported in a feature", lower(kind)),
                         "make the column in standardise.add, which runs in SQL");
}

std::optional<Terms> Walk::terms(const Json& list) {
  Terms out;
  bool fine = true;
  for (const Json& each : list.items()) {
    auto one = term(each);
    if (one) out.push_back(*one);
    fine = fine && one.has_value();
  }
  return fine ? std::optional<Terms>(out) : std::nullopt;
}

MaybeTerm Walk::function(const Json& tree) {
  Call call;
  call.name = tree["function_name"].text();
  call.span = span_in(tree);
  const bool is_nullif = lower(call.name) == "nullif";
  const Function* found = find_function(call.name);
  if (found == nullptr && !is_nullif) {
    return builder_.refuse(call.span, format("{} is not supported in a feature", call.name),
                           instead_of(call.name));
  }
  auto args = terms(tree["children"]);
  if (!args) return std::nullopt;
  if (is_nullif) return nullif(*args);
  call.args = std::move(*args);
  if (call.args.size() < found->least || call.args.size() > found->most) {
    return builder_.refuse(
        call.span,
        format("{} is not supported with {} arguments in a feature", call.name, call.args.size()),
        format("write {}", found->usage));
  }
  return found->emit(builder_, call);
}

MaybeTerm Walk::operation(const Json& tree) {
  const std::string& type = tree["type"].text();
  const auto args = terms(tree["children"]);
  if (!args) return std::nullopt;
  if (type == "OPERATOR_IS_NULL") return builder_.is_null(args->front());
  if (type == "OPERATOR_IS_NOT_NULL") return builder_.negation(builder_.is_null(args->front()));
  if (type == "OPERATOR_COALESCE") return coalesce(*args);
  if (type == "COMPARE_IN" || type == "COMPARE_NOT_IN") {
    return membership(*args, type == "COMPARE_NOT_IN");
  }
  if (type == "OPERATOR_NOT") {
    const auto flag = condition(tree["children"].items().front());
    return flag ? MaybeTerm(builder_.negation(*flag)) : std::nullopt;
  }
  return builder_.refuse(span_in(tree), format("{} is not supported in a feature", lower(type)),
                         instead_of(type));
}

MaybeTerm Walk::comparison(const Json& tree) {
  const auto left = term(tree["left"]);
  const auto right = term(tree["right"]);
  if (!left || !right) return std::nullopt;
  const std::string& type = tree["type"].text();
  for (const Term& each : {*left, *right}) {
    if (each.months == 0) continue;
    return builder_.refuse(each.span, "an interval of months has no fixed length",
                           "compare with days: interval '30 days'");
  }
  if (const auto order = order_of(type)) return builder_.compare(*order, *left, *right);
  const auto same = builder_.same(*left, *right);
  if (!same) return std::nullopt;
  return type == "COMPARE_DISTINCT_FROM" ? builder_.negation(*same) : same;
}

MaybeTerm Walk::condition(const Json& tree) {
  auto out = term(tree);
  if (!out) return std::nullopt;
  if (out->is_null()) out = builder_.constant(Type{Kind::kBoolean}, Constant{});
  if (out->type.kind == Kind::kBoolean) return out;
  return builder_.refuse(out->span,
                         format("a condition is wanted but this is {}", word_of(out->type)),
                         "compare it, e.g. x > 0");
}

MaybeTerm Walk::conjunction(const Json& tree) {
  const bool is_and = tree["type"].text() == "CONJUNCTION_AND";
  MaybeTerm out;
  bool fine = true;
  for (const Json& each : tree["children"].items()) {
    const auto next = condition(each);
    fine = fine && next.has_value();
    if (!fine) continue;
    if (!out) {
      out = next;
    } else {
      out = is_and ? builder_.both(*out, *next) : builder_.either(*out, *next);
    }
  }
  return fine ? out : std::nullopt;
}

MaybeTerm Walk::between(const Json& tree) {
  const auto input = term(tree["input"]);
  const auto lowest = term(tree["lower"]);
  const auto highest = term(tree["upper"]);
  if (!input || !lowest || !highest) return std::nullopt;
  const auto all = builder_.unify_to_compare({*input, *lowest, *highest});
  if (!all) return std::nullopt;
  const auto above = builder_.compare(Order::kGreaterOrEqual, all->at(0), all->at(1));
  const auto below = builder_.compare(Order::kLessOrEqual, all->at(0), all->at(2));
  if (!above || !below) return std::nullopt;
  return builder_.both(*above, *below);
}

// Branches are chosen from the last to the first.
MaybeTerm Walk::choice(const Json& tree) {
  Terms conditions;
  Terms values;
  bool fine = true;
  for (const Json& each : tree["case_checks"].items()) {
    const auto when = condition(each["when_expr"]);
    const auto then = term(each["then_expr"]);
    fine = fine && when && then;
    if (!fine) continue;
    conditions.push_back(*when);
    values.push_back(*then);
  }
  const auto otherwise = term(tree["else_expr"]);
  if (!fine || !otherwise) return std::nullopt;
  values.push_back(*otherwise);
  const auto all = builder_.unify(values);
  if (!all) return std::nullopt;
  Term out = all->back();
  for (std::size_t i = conditions.size(); i-- > 0;) {
    out = builder_.choose(conditions[i].value, all->at(i), out);
  }
  return out;
}

MaybeTerm Walk::coalesce(const Terms& args) {
  const auto all = builder_.unify(args);
  if (!all) return std::nullopt;
  Term out = all->back();
  for (std::size_t i = all->size() - 1; i-- > 0;) {
    const Term& each = all->at(i);
    if (each.is_null()) continue;
    if (each.nulls == Nulls::kNever) {
      out = each;
      continue;
    }
    // Never null as a whole, when what is last never is; but what was here may be NaN.
    const bool never = out.nulls == Nulls::kNever && each.nulls == Nulls::kMarked;
    out = builder_.choose(builder_.present(each), each, out);
    if (never) out.nulls = Nulls::kNever;
  }
  return out;
}

MaybeTerm Walk::nullif(const Terms& args) {
  const Term& a = args.front();
  const auto equal = builder_.compare(Order::kEqual, a, args.back());
  if (!equal) return std::nullopt;
  const auto none = builder_.convert(builder_.constant(Type{}, Constant{}), a.type);
  Term out = builder_.choose(equal->value, *none, a);
  out.is_literal = false;
  return out;
}

MaybeTerm Walk::membership(const Terms& args, bool negated) {
  const auto all = builder_.unify_to_compare(args);
  if (!all) return std::nullopt;
  MaybeTerm out;
  for (std::size_t i = 1; i < all->size(); ++i) {
    const auto equal = builder_.compare(Order::kEqual, all->front(), all->at(i));
    if (!equal) return std::nullopt;
    out = out ? builder_.either(*out, *equal) : *equal;
  }
  if (!out) return std::nullopt;
  return negated ? builder_.negation(*out) : *out;
}

MaybeTerm Walk::cast(const Json& tree) {
  const auto child = term(tree["child"]);
  if (!child) return std::nullopt;
  const Json& named = tree["cast_type"];
  std::string spelling = named["id"].text();
  if (spelling == "DECIMAL") {
    spelling = format("DECIMAL({},{})", named["type_info"]["width"].integer(),
                      named["type_info"]["scale"].integer());
  }
  const auto type = type_of_engine(spelling);
  if (!type) {
    return builder_.refuse(span_in(tree),
                           format("a cast to {} is not supported in a feature", spelling),
                           "cast to BOOLEAN, INTEGER, BIGINT, DOUBLE, VARCHAR, DATE or TIMESTAMP");
  }
  return cast_to(builder_, *child, *type);
}

}  // namespace kingpost::steps::extract_features::expression
