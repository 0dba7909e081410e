// SPDX-License-Identifier: Apache-2.0
// The SQL of each rule.
#include "steps/03_clean/rules.h"

#include "base/text.h"
#include "engines/sql/dialect.h"
#include "engines/sql/values.h"

namespace kingpost::steps::clean {
namespace {

std::string expression(const Node& rule, std::string_view key) {
  // The line break ends a comment at the end of the expression.
  return "(" + rule.text_at(key) + "\n)";
}

std::string type_of(const sql::Rewrite& rewrite, const std::string& column) {
  const records::Column* found = rewrite.find(column);
  return found != nullptr ? found->type : std::string("string");
}

std::string value_of(const Node& node, const std::string& type) {
  if (node.is_null()) return "NULL";
  return sql::typed_literal(node.text, type).value_or("NULL");
}

void set_null(const Node& rule, sql::Rewrite& rewrite) {
  const std::string column = rule.text_at("column");
  const std::string name = sql::identifier(column);
  std::vector<std::string> conditions;
  if (rule.has("where")) conditions.push_back(expression(rule, "where"));
  std::vector<std::string> values;
  for (const Node& each : rule.list("values")) {
    values.push_back(value_of(each, type_of(rewrite, column)));
  }
  if (!values.empty()) conditions.push_back(format("{} IN ({})", name, join(values, ", ")));
  rewrite.assign(
      {{column, format("CASE WHEN {} THEN NULL ELSE {} END", join(conditions, " OR "), name)}});
}

void set(const Node& rule, sql::Rewrite& rewrite) {
  const std::string column = rule.text_at("column");
  std::string value = expression(rule, "expr");
  if (rule.has("where")) {
    value = format("CASE WHEN {} THEN {} ELSE {} END", expression(rule, "where"), value,
                   sql::identifier(column));
  }
  rewrite.assign({{column, value}});
}

void replace(const Node& rule, sql::Rewrite& rewrite) {
  const std::string column = rule.text_at("column");
  const std::string name = sql::identifier(column);
  const std::string type = type_of(rewrite, column);
  std::string value = "CASE";
  for (const Entry& entry : rule.map("values")) {
    value +=
        format(" WHEN {} = {} THEN {}", name, sql::typed_literal(entry.key, type).value_or("NULL"),
               value_of(entry.value, type));
  }
  rewrite.assign({{column, format("{} ELSE {} END", value, name)}});
}

void clip(const Node& rule, sql::Rewrite& rewrite) {
  const std::string column = rule.text_at("column");
  const std::string name = sql::identifier(column);
  const std::string type = type_of(rewrite, column);
  std::string value = "CASE";
  // The engine orders NaN above all numbers, so a maximum would catch it.
  if (starts_with(type, "float")) value += format(" WHEN isnan({0}) THEN {0}", name);
  for (const auto& [key, sign] : {std::pair("min", "<"), std::pair("max", ">")}) {
    if (!rule.has(key)) continue;
    const std::string bound = value_of(rule.at(key), type);
    value += format(" WHEN {} {} {} THEN {}", name, sign, bound, bound);
  }
  rewrite.assign({{column, format("{} ELSE {} END", value, name)}});
}

// The clock as a whole number hhmm, or null when it is none.
std::string clock_number(const std::string& name, const std::string& type) {
  if (type == "string") {
    return format(
        "CASE WHEN regexp_full_match({0}, '[0-9]{{1,4}}|[0-9]{{1,2}}:[0-9]{{2}}') "
        "THEN TRY_CAST(replace({0}, ':', '') AS INTEGER) END",
        name);
  }
  if (records::is_integer(type)) return format("TRY_CAST({} AS INTEGER)", name);
  return format("CASE WHEN {0} = floor({0}) THEN TRY_CAST({0} AS INTEGER) END", name);
}

void hhmm_to_minutes(const Node& rule, sql::Rewrite& rewrite) {
  std::vector<sql::Assignment> assignments;
  for (const std::string& column : rule.texts("columns")) {
    const std::string number = clock_number(sql::identifier(column), type_of(rewrite, column));
    assignments.push_back({.column = column,
                           .value = format("CASE WHEN {0} BETWEEN 0 AND 2400 AND {0} % 100 < 60 "
                                           "THEN {0} // 100 * 60 + {0} % 100 END",
                                           "(" + number + ")"),
                           .type = "int32",
                           .counts_all = true,
                           .counts_nulled = true});
  }
  rewrite.assign(assignments);
}

template <typename Value>
void each_column(const Node& rule, sql::Rewrite& rewrite, const Value& value) {
  std::vector<sql::Assignment> assignments;
  for (const std::string& column : rule.texts("columns")) {
    assignments.push_back({column, value(sql::identifier(column))});
  }
  rewrite.assign(assignments);
}

Status drop_duplicates(const Node& rule, const records::TableSchema& schema,
                       sql::Rewrite& rewrite) {
  const std::string by = rule.text_at("by");
  const std::vector<std::string> columns = by == "key"   ? schema.key
                                           : by == "row" ? schema.names()
                                                         : rule.texts("columns");
  return rewrite.drop_repeats(columns, rule.text_at("keep") == "last");
}

}  // namespace

std::string rule_name(const Node& rule) {
  std::string name = rule.text_at("rule");
  if (rule.has("column")) name += " " + rule.text_at("column");
  if (rule.has("columns")) name += " " + listed(rule.texts("columns"), 4);
  return name;
}

Status apply_rule(const Node& rule, const records::TableSchema& schema, sql::Rewrite& rewrite) {
  const std::string word = rule.text_at("rule");
  rewrite.begin_rule();
  if (word == "drop_duplicates") return drop_duplicates(rule, schema, rewrite);
  if (word == "drop_rows") {
    rewrite.drop_where(expression(rule, "where"));
  } else if (word == "set_null") {
    set_null(rule, rewrite);
  } else if (word == "set") {
    set(rule, rewrite);
  } else if (word == "fill_null") {
    const std::string column = rule.text_at("column");
    rewrite.assign({{column, format("coalesce({}, {})", sql::identifier(column),
                                    value_of(rule.at("value"), type_of(rewrite, column)))}});
  } else if (word == "replace") {
    replace(rule, rewrite);
  } else if (word == "clip") {
    clip(rule, rewrite);
  } else if (word == "hhmm_to_minutes") {
    hhmm_to_minutes(rule, rewrite);
  } else if (word == "trim") {
    each_column(rule, rewrite, [](const std::string& name) { return sql::trimmed(name); });
  } else {
    each_column(rule, rewrite,
                [](const std::string& name) { return format("nullif({}, '')", name); });
  }
  return {};
}

}  // namespace kingpost::steps::clean
