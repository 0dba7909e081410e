// SPDX-License-Identifier: Apache-2.0
// The way in: the engine checks the expression, the walk compiles it, and both must agree on the
// type.
#include "steps/06_extract_features/expression/compiler.h"

#include "base/text.h"
#include "engines/sql/dialect.h"
#include "engines/sql/expression.h"
#include "steps/06_extract_features/expression/walk.h"

namespace kingpost::steps::extract_features {
namespace {

using expression::Builder;
using expression::Kind;
using expression::MaybeTerm;
using expression::Nulls;
using expression::Term;
using expression::Type;
using onnx::TensorType;
using onnx::Value;

// A column as it enters: null is NaN or "", and nothing else is.
Term column_term(Builder& builder, const Type& type, const Value& input) {
  Term out;
  out.type = type;
  out.value = input;
  out.nulls = Nulls::kMarked;
  if (type.kind == Kind::kBoolean) {
    out.value = builder.test("Equal", input, builder.number(1));
    out.falsity = builder.test("Equal", input, builder.number(0));
  }
  if (expression::is_integer(type)) {
    out.least = expression::least_of(type);
    out.most = expression::most_of(type);
  }
  return out;
}

// A decimal enters as the nearest float64, which is not what the engine would compute with.
MaybeTerm column_in_expression(Builder& builder, const records::Column& column,
                               const Value& input) {
  if (column.type == "decimal" || column.type == "time") {
    return builder.refuse(
        {},
        format("a column of type {} cannot be computed with in a feature: {}", column.type,
               column.name),
        column.type == "decimal" ? "standardise it to float64" : "standardise it to minutes");
  }
  const auto type = expression::type_of_word(column.type);
  return type ? MaybeTerm(column_term(builder, *type, input)) : std::nullopt;
}

const records::Column* find_column(const records::TableSchema& columns, const std::string& name) {
  if (const auto* found = columns.find(name)) return found;
  for (const records::Column& each : columns.columns) {
    if (lower(each.name) == lower(name)) return &each;
  }
  return nullptr;
}

Compiled finished(Builder& builder, const Term& term) {
  Compiled out;
  out.type = expression::word_of(term.type);
  out.present = builder.present(term);
  out.value = term.value;
  if (term.type.kind == Kind::kBoolean) {
    const Value no = term.nulls == Nulls::kNever
                         ? builder.number(0)
                         : builder.where(term.falsity, builder.number(0), builder.nan());
    out.value = builder.where(term.value, builder.number(1), no);
  }
  if (term.type.kind == Kind::kDecimal || term.signed_zero) {
    const auto plain = builder.convert(term, Type{Kind::kDouble});
    if (plain) out.value = plain->value;
  }
  return out;
}

Result<Json> parse_tree(sql::Session& session, const std::string& text) {
  TRY(const auto rows, session.query(format("SELECT json_serialize_sql({}) AS tree",
                                            sql::literal("SELECT " + text + "\n"))));
  TRY(const Json json, parse_json(rows.text(0, "tree")));
  const auto& statements = json["statements"].items();
  if (statements.empty() || statements[0]["node"]["select_list"].items().empty()) {
    return fail(Code::kInternal, "engine.query_failed", "no parse tree for {}", shown(text));
  }
  return statements[0]["node"]["select_list"].items()[0];
}

}  // namespace

Status define_functions(sql::Session& session) {
  return sql::define_macro(session, "minute_of_day",
                           "(t) AS hour(t) * 60 + minute(t), (t, zone) AS hour(timezone(zone, t)) "
                           "* 60 + minute(timezone(zone, t))");
}

ExpressionCompiler::ExpressionCompiler(sql::Session& session, onnx::Graph& graph,
                                       const records::TableSchema& columns)
    : session_(session), graph_(graph), columns_(columns) {}

Value ExpressionCompiler::input(const records::Column& column) {
  const auto found = inputs_.find(column.name);
  if (found != inputs_.end()) return found->second;
  const auto type = column.type == "string" ? TensorType::kString : TensorType::kDouble;
  return inputs_.emplace(column.name, graph_.input(column.name, type)).first->second;
}

std::optional<Compiled> ExpressionCompiler::compile(const Node& node, Faults& faults) {
  if (const auto defined = define_functions(session_); !defined) {
    faults.add(Error(defined.error()));
    return std::nullopt;
  }
  const auto checked = sql::check_expression(session_, node, columns_, "extract_features", faults);
  if (!checked) return std::nullopt;
  const auto tree = parse_tree(session_, checked->text);
  if (!tree) {
    faults.add(Error(tree.error()));
    return std::nullopt;
  }
  if ((*tree)["class"].text() == "COLUMN_REF") return column(checked->columns.front());
  Builder builder(session_, graph_, node, faults);
  expression::Walk walk(builder, [&](const std::string& name) -> MaybeTerm {
    const records::Column* column = find_column(columns_, name);
    if (column == nullptr) return std::nullopt;
    return column_in_expression(builder, *column, input(*column));
  });
  auto term = walk.term(*tree);
  if (!term) return std::nullopt;
  // A null has the type that the engine gives it.
  const auto type = expression::type_of_word(checked->type);
  if (term->is_null() && type) term = builder.constant(*type, expression::Constant{});
  Compiled out = finished(builder, *term);
  if (out.type == checked->type || term->is_null()) {
    out.type = checked->type;
    return out;
  }
  builder.refuse({},
                 format("the engine reads this as {}, a feature as {}", checked->type, out.type),
                 "cast the parts, so that their types are plain");
  return std::nullopt;
}

Compiled ExpressionCompiler::column(const std::string& name) {
  const records::Column& column = *find_column(columns_, name);
  Compiled out;
  out.type = column.type;
  out.value = input(column);
  const Value missing =
      column.type == "string"
          ? graph_.node("Equal", {out.value, graph_.constant(std::string())}, TensorType::kBool)
          : graph_.node("IsNaN", {out.value}, TensorType::kBool);
  out.present = graph_.node("Not", {missing}, TensorType::kBool);
  return out;
}

std::optional<std::string> type_of_expression(sql::Session& session, const Node& expression,
                                              const records::TableSchema& columns, Faults& faults) {
  onnx::Graph scratch("type");
  const auto compiled = ExpressionCompiler(session, scratch, columns).compile(expression, faults);
  return compiled ? std::optional<std::string>(compiled->type) : std::nullopt;
}

}  // namespace kingpost::steps::extract_features
