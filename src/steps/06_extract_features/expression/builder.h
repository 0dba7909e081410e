// SPDX-License-Identifier: Apache-2.0
// Emits the nodes that every function needs: presence, three-valued truth, conversion, comparison,
// choice. Refusals go to the faults with a caret under the token.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/node.h"
#include "engines/onnx/graph.h"
#include "engines/sql/session.h"
#include "steps/06_extract_features/expression/term.h"

namespace kingpost::steps::extract_features::expression {

using onnx::TensorType;
using onnx::Value;
using Terms = std::vector<Term>;
using MaybeTerm = std::optional<Term>;

/// A step function of a number: `leaves[i]` for values up to and including `ends[i]`, the last leaf
/// beyond. Ascending; one leaf more than ends. NaN gives an arbitrary leaf.
struct Steps {
  std::vector<double> ends;
  std::vector<double> leaves;
};

enum class Order { kEqual, kNotEqual, kLess, kLessOrEqual, kGreater, kGreaterOrEqual };

class Builder {
 public:
  Builder(sql::Session& engine, onnx::Graph& onto, const Node& node, Faults& faults)
      : session(engine), graph(onto), node_(node), faults_(faults) {}

  /// Adds `extract_features.expression_unsupported` and answers nothing.
  std::nullopt_t refuse(const Span& span, std::string what, std::string hint);

  // Constants and finished terms.
  Value number(double value) { return graph.constant(value); }
  /// NaN that a term takes where it is null.
  Value nan();
  Term constant(const Type& type, const Constant& value);
  /// A whole number of the type, with its bounds; null is NaN.
  Term whole(Kind kind, const Value& value, const Term& like, double least, double most);
  /// A term whose value is there when all `from` are. `makes_nan`: NaN may come of other values.
  Term strict(const Type& type, const Value& value, const Terms& from, bool makes_nan);
  Term boolean(const Value& truth, const Value& falsity);
  /// A boolean that is never null.
  Term sure(const Value& truth);

  // What is known of a term.
  Value present(const Term& term);
  Value falsity(const Term& term);
  static bool may_be_nan(const Term& term) { return term.nulls == Nulls::kMasked; }

  // Shorthand for nodes.
  Value op(std::string_view name, const Value& a, const Value& b);
  Value op(std::string_view name, const Value& a);
  Value test(std::string_view name, const Value& a, const Value& b);
  Value test(std::string_view name, const Value& a);
  Value where(const Value& condition, const Value& yes, const Value& no);
  Value floor_div(const Value& value, double by);
  /// a * by, without a node for 1.
  Value times(const Value& a, double by);
  Value plus(const Value& a, double by);
  Value step_function(const Value& value, const Steps& steps);
  /// The graph's answers may differ from the engine's in the last digits.
  void note_inexact();

  /// Null where a whole number is out of its type, or not exact in a float64.
  Term checked(Term term);
  /// Implicit and explicit conversion between types that `common` allows, and number to number.
  MaybeTerm convert(const Term& term, const Type& to);
  /// All in their common type, or a refusal that names the pair.
  std::optional<Terms> unify(const Terms& terms);
  /// The same for terms that are only compared.
  std::optional<Terms> unify_to_compare(const Terms& terms);
  static std::optional<Type> meet(const Term& a, const Term& b);

  MaybeTerm compare(Order order, const Term& a, const Term& b);
  Term is_null(const Term& term);
  /// IS NOT DISTINCT FROM.
  MaybeTerm same(const Term& a, const Term& b);
  Term both(const Term& a, const Term& b);
  Term either(const Term& a, const Term& b);
  Term negation(const Term& a);
  /// `yes` where the condition is true, else `no`; both of one type.
  Term choose(const Value& condition, const Term& yes, const Term& no);

  sql::Session& session;
  onnx::Graph& graph;

 private:
  MaybeTerm constant_as(const Term& term, const Type& to);
  Term rescaled(const Term& term, const Type& to);
  Value order_numbers(Order order, const Term& a, const Term& b);
  Term compare_booleans(Order order, const Term& a, const Term& b);
  Term compare_texts(Order order, const Term& a, const Term& b);

  const Node& node_;
  Faults& faults_;
};

}  // namespace kingpost::steps::extract_features::expression
