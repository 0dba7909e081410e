// SPDX-License-Identifier: Apache-2.0
// Constants, computed by the engine.
#include "steps/06_extract_features/expression/constants.h"

#include <cmath>

#include "base/text.h"
#include "engines/sql/dialect.h"

namespace kingpost::steps::extract_features::expression {
namespace {

// A float64 of the tree as the cast of a text: written as SQL, 2.5e0 would come back as the decimal
// 2.5.
Json cast_of_text(double number) {
  Json type = Json::object();
  type.set("id", "VARCHAR").set("type_info", Json());
  Json value = Json::object();
  value.set("type", std::move(type)).set("is_null", false).set("value", Json(number).dump());
  Json child = Json::object();
  child.set("class", "CONSTANT").set("type", "VALUE_CONSTANT").set("alias", "");
  child.set("query_location", 0).set("value", std::move(value));
  Json to = Json::object();
  to.set("id", "DOUBLE").set("type_info", Json());
  Json out = Json::object();
  out.set("class", "CAST").set("type", "OPERATOR_CAST").set("alias", "");
  out.set("query_location", 0).set("child", std::move(child));
  out.set("cast_type", std::move(to)).set("try_cast", false);
  return out;
}

bool is_double(const Json& tree) {
  return tree["class"].text() == "CONSTANT" && tree["value"]["type"]["id"].text() == "DOUBLE" &&
         tree["value"]["value"].is_number();
}

// What json_deserialize_sql reads: the parser's "nowhere" does not survive our JSON, and no
// position matters here.
Json rewritten(const Json& tree) {
  if (tree.is_array()) {
    Json out = Json::array();
    for (const Json& each : tree.items()) out.push(rewritten(each));
    return out;
  }
  if (!tree.is_object()) return tree;
  if (is_double(tree)) return cast_of_text(tree["value"]["value"].number());
  Json out = Json::object();
  for (const auto& [key, child] : tree.entries()) {
    out.set(key, key == "query_location" ? Json(0) : rewritten(child));
  }
  return out;
}

// The text of the number times ten to the scale: "-1.25" with 2 is -125.
std::optional<double> scaled(std::string text, int scale) {
  const std::size_t point = text.find('.');
  if (scale > 0 && point == std::string::npos) return std::nullopt;
  if (point != std::string::npos) text.erase(point, 1);
  const auto number = parse_integer(text);
  if (!number || std::fabs(static_cast<double>(*number)) > kExactLimit) return std::nullopt;
  return static_cast<double>(*number);
}

// The SQL that turns a value `v` of the type into cells: `value`, and `months` of an interval.
std::string readable(const Type& type) {
  switch (type.kind) {
    case Kind::kDate:
    case Kind::kTimestamp:
    case Kind::kInstant:
      return "CASE WHEN isfinite(v) THEN epoch_us(v) END AS value, isfinite(v) AS fine";
    case Kind::kInterval:
      return "datepart('year', v) * 12 + datepart('month', v) AS months, epoch_us(v - "
             "to_months(CAST(datepart('year', v) * 12 + datepart('month', v) AS INTEGER))) AS "
             "value";
    case Kind::kDecimal:
      return "CAST(v AS VARCHAR) AS value";
    default:
      return "v AS value";
  }
}

std::optional<Constant> constant_of(const Type& type, const Json& value) {
  if (value.is_null()) return Constant{};
  if (type.kind == Kind::kBoolean) return Constant{value.boolean()};
  if (type.kind == Kind::kText) return Constant{value.text()};
  if (type.kind == Kind::kDecimal) {
    const auto number = scaled(value.text(), type.scale);
    return number ? std::optional<Constant>(*number) : std::nullopt;
  }
  const double number = value.number();
  const bool is_exact = type.kind == Kind::kDouble || std::fabs(number) <= kExactLimit;
  return is_exact ? std::optional<Constant>(number) : std::nullopt;
}

}  // namespace

MaybeTerm evaluate(Builder& builder, const std::string& sql) {
  const std::string from = format("FROM (SELECT ({}\n) AS v)", sql);
  const auto named = builder.session.query(format("SELECT typeof(v) AS type {}", from));
  if (!named || named->size() != 1) return std::nullopt;
  const auto type = type_of_engine(named->text(0, "type"));
  if (!type || type->kind == Kind::kFloat) return std::nullopt;
  const auto rows = builder.session.query(format("SELECT {} {}", readable(*type), from));
  if (!rows || rows->size() != 1) return std::nullopt;
  const Json& fine = rows->at(0, "fine");
  if (fine.is_boolean() && !fine.boolean()) return std::nullopt;
  const auto value = constant_of(*type, rows->at(0, "value"));
  if (!value) return std::nullopt;
  Term out = builder.constant(*type, *value);
  out.months = rows->at(0, "months").number();
  return out;
}

MaybeTerm evaluate(Builder& builder, const Json& tree) {
  const auto frame = builder.session.query("SELECT json_serialize_sql('SELECT 1') AS tree");
  if (!frame) return std::nullopt;
  auto json = parse_json(frame->text(0, "tree"));
  if (!json || (*json)["statements"].items().empty()) return std::nullopt;
  Json statement = rewritten((*json)["statements"].items()[0]);
  Json select = statement["node"];
  Json items = Json::array();
  items.push(rewritten(tree));
  select.set("select_list", std::move(items));
  statement.set("node", std::move(select));
  Json statements = Json::array();
  statements.push(std::move(statement));
  json->set("statements", std::move(statements));
  const auto text = builder.session.query(
      format("SELECT json_deserialize_sql({}) AS text", sql::literal(json->dump())));
  if (!text || text->text(0, "text").empty()) return std::nullopt;
  std::string query = text->text(0, "text");
  if (query.back() == ';') query.pop_back();
  return evaluate(builder, query);
}

MaybeTerm literal(Builder& builder, const Json& tree) {
  if (tree["class"].text() != "CONSTANT") return std::nullopt;
  const Json& cell = tree["value"];
  const std::string& name = cell["type"]["id"].text();
  if (cell["is_null"].boolean()) return builder.constant(Type{}, Constant{});
  if (name == "INTEGER" || name == "BIGINT") {
    const double number = cell["value"].number();
    if (std::fabs(number) > kExactLimit) return std::nullopt;
    Term out = builder.constant(Type{name == "INTEGER" ? Kind::kInt32 : Kind::kInt64}, number);
    out.is_literal = true;
    return out;
  }
  if (name == "DOUBLE" && cell["value"].is_number()) {
    return builder.constant(Type{Kind::kDouble}, cell["value"].number());
  }
  if (name == "VARCHAR") return builder.constant(Type{Kind::kText}, cell["value"].text());
  if (name == "BOOLEAN") return builder.constant(Type{Kind::kBoolean}, cell["value"].boolean());
  return std::nullopt;
}

}  // namespace kingpost::steps::extract_features::expression
