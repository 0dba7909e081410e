// SPDX-License-Identifier: Apache-2.0
// Reading a check out of the file, its words and its conditions in SQL.
#include "steps/02_validate_data/checks.h"

#include <array>
#include <utility>

#include "base/clock.h"
#include "base/text.h"
#include "engines/sql/dialect.h"
#include "engines/sql/types.h"

namespace kingpost::steps::validate_data {
namespace {

using sql::identifier;
using sql::literal;

Scope scope_of(std::string_view kind) {
  static constexpr std::array<std::pair<std::string_view, Scope>, 15> kScopes = {{
      {"unique", Scope::kRowSet},
      {"relationships", Scope::kRowSet},
      {"increasing", Scope::kRowSet},
      {"mean", Scope::kNumber},
      {"median", Scope::kNumber},
      {"stdev", Scope::kNumber},
      {"sum", Scope::kNumber},
      {"freshness", Scope::kNumber},
      {"row_count", Scope::kNumber},
      {"row_count_equals", Scope::kNumber},
      {"distinct_count", Scope::kDistinct},
      {"type", Scope::kSchema},
      {"columns_exist", Scope::kSchema},
      {"column_order", Scope::kSchema},
      {"sql", Scope::kQuery},
  }};
  for (const auto& [word, scope] : kScopes) {
    if (word == kind) return scope;
  }
  return Scope::kRow;
}

Action action_of(const Node& node, std::string_view severity) {
  const std::string word = node.text_at("on_fail");
  if (word == "quarantine") return Action::kQuarantine;
  if (word == "drop") return Action::kDrop;
  if (word.empty()) return severity == "critical" ? Action::kFail : Action::kWarn;
  return word == "fail" ? Action::kFail : Action::kWarn;
}

std::string bound(const Check& check, std::string_view key) {
  return shown(check.node->text_at(key).empty() ? check.node->at(key).text
                                                : check.node->text_at(key));
}

// "between a and b", "at least a", "at most b", "above a"...
std::string range_words(const Check& check) {
  const Node& node = *check.node;
  const bool low = node.has("min");
  const bool high = node.has("max");
  const bool above = node.flag("strict_min");
  const bool below = node.flag("strict_max");
  if (node.has("equals")) return bound(check, "equals");
  if (low && high && !above && !below) {
    return format("between {} and {}", bound(check, "min"), bound(check, "max"));
  }
  std::vector<std::string> parts;
  if (low) parts.push_back(format("{} {}", above ? "above" : "at least", bound(check, "min")));
  if (high) parts.push_back(format("{} {}", below ? "below" : "at most", bound(check, "max")));
  return join(parts, " and ");
}

std::string arguments(const Check& check) {
  const Node& node = *check.node;
  std::vector<std::string> parts = check.columns;
  if (node.has("values")) {
    parts.push_back(format("[{}]", listed(node.texts("values"), 6)));
  } else if (node.has("pattern")) {
    parts.push_back(shown(node.text_at("pattern")));
  } else if (check.kind == "relationships") {
    parts.push_back(node.text_at("to"));
  } else if (check.kind == "type") {
    parts.push_back(node.text_at("type"));
  } else if (check.kind == "row_count_equals") {
    parts.push_back(node.text_at("table"));
  } else if (node.has("file")) {
    parts.push_back(shown(node.text_at("file")));
  } else if (node.has("query")) {
    parts.push_back(shown(replace_all(std::string(trim(node.text_at("query"))), "\n", " "), 40));
  } else if (node.flag("strictly")) {
    parts.emplace_back("strictly");
  } else if (check.kind == "freshness") {
    for (const std::string_view key : {"warn_after", "error_after"}) {
      if (node.has(key)) parts.push_back(format("{} {}", key, duration_text(node.integer(key))));
    }
  } else if (node.has("min") || node.has("max") || node.has("equals")) {
    parts.push_back(range_words(check));
  }
  return join(parts, ", ");
}

std::string with_where(const Check& check, const std::string& condition) {
  if (check.where.empty()) return condition;
  return format("({} AND {})", check.where, condition);
}

std::string value_list(const Check& check, std::string_view type) {
  std::vector<std::string> out;
  for (const Node& value : check.node->list("values")) out.push_back(value_sql(value, type));
  return join(out, ", ");
}

// The engine calls a function once for each entry of a column's dictionary, and IN for each row and
// each value.
std::string in_list(const Check& check, const std::string& column, std::string_view type) {
  const std::string values = value_list(check, type);
  if (type == "string" || records::is_integer(type)) {
    return format("list_contains([{}], {})", values, column);
  }
  return format("({} IN ({}))", column, values);
}

// NaN sorts above every number, so only an upper bound refuses it by itself.
std::string between_condition(const Check& check, const std::string& column,
                              std::string_view type) {
  const Node& node = *check.node;
  std::vector<std::string> parts;
  if (node.has("min")) {
    parts.push_back(format("{} {} {}", column, node.flag("strict_min") ? "<=" : "<",
                           value_sql(node.at("min"), type)));
  }
  if (node.has("max")) {
    parts.push_back(format("{} {} {}", column, node.flag("strict_max") ? ">=" : ">",
                           value_sql(node.at("max"), type)));
  } else if (starts_with(type, "float")) {
    parts.push_back(format("isnan({})", column));
  }
  return format("({})", join(parts, " OR "));
}

std::string length_condition(const Check& check, const std::string& column) {
  const Node& node = *check.node;
  std::vector<std::string> parts;
  if (node.has("min")) parts.push_back(format("length({}) < {}", column, node.integer("min")));
  if (node.has("max")) parts.push_back(format("length({}) > {}", column, node.integer("max")));
  return format("({})", join(parts, " OR "));
}

}  // namespace

std::string_view action_word(Action action) {
  switch (action) {
    case Action::kFail:
      return "fail";
    case Action::kWarn:
      return "warn";
    case Action::kQuarantine:
      return "quarantine";
    case Action::kDrop:
      return "drop";
  }
  return "";
}

Check read_check(const std::string& table, std::size_t number, const Node& node) {
  Check check;
  check.number = number;
  check.table = table;
  check.kind = node.text_at("check");
  check.scope = scope_of(check.kind);
  check.severity = node.text_at("severity");
  check.action = action_of(node, check.severity);
  check.mostly_given = node.has("mostly");
  if (check.mostly_given) check.mostly = node.number("mostly");
  if (node.has("where")) check.where = format("({}\n)", node.text_at("where"));
  check.name = node.text_at("name");
  check.columns = node.texts("columns");
  if (node.has("column")) check.columns.push_back(node.text_at("column"));
  check.node = &node;
  return check;
}

std::vector<Check> read_checks(const Node& section, const std::string& table) {
  std::vector<Check> out;
  for (const Entry& entry : section.entries) {
    if (entry.key != table) continue;
    for (const Node& node : entry.value.items) out.push_back(read_check(table, out.size(), node));
  }
  return out;
}

std::string label(const Check& check) {
  if (!check.name.empty()) return shown(check.name, 120);
  std::string out = format("{}({})", check.kind, arguments(check));
  if (!check.where.empty()) out += format(" where {}", shown(check.node->text_at("where")));
  return out;
}

std::string sentence(const Check& check) {
  const Node& node = *check.node;
  const std::string what = join(check.columns, ", ");
  if (check.kind == "not_null") return what + " is null";
  if (check.kind == "unique") return format("{} is not unique", what);
  if (check.kind == "in_set" || check.kind == "not_in_set") {
    return format("{} is {}one of {}", what, check.kind == "in_set" ? "not " : "",
                  listed(node.texts("values"), 6));
  }
  if (check.kind == "between") return format("{} is not {}", what, range_words(check));
  if (check.kind == "length") return format("the length of {} is not {}", what, range_words(check));
  if (check.kind == "matches" || check.kind == "not_matches") {
    return format("{} {} {}", what, check.kind == "matches" ? "does not match" : "matches",
                  shown(node.text_at("pattern")));
  }
  if (check.kind == "relationships") {
    return format("{} is not found in {}", what, node.text_at("to"));
  }
  if (check.kind == "increasing") return what + " is not increasing";
  return label(check);
}

std::string value_sql(const Node& value, std::string_view type) {
  if (type == "boolean") return value.value.boolean() ? "true" : "false";
  if (type == "float32" || type == "float64") {
    return format("CAST({} AS {})", literal(value.text), sql::engine_type(type));
  }
  if (records::is_numeric(type)) return value.text;
  const std::string text = value.value.is_string() ? value.value.text() : value.text;
  if (type == "string") return literal(text);
  return format("CAST({} AS {})", literal(text), sql::engine_type(type));
}

std::string failing_condition(const Check& check, const records::TableSchema& schema) {
  const records::Column* found = schema.find(check.columns.at(0));
  const std::string_view type = found != nullptr ? std::string_view(found->type) : "string";
  const std::string column = identifier(check.columns.at(0));
  const std::string& kind = check.kind;
  std::string condition;
  if (kind == "not_null") condition = column + " IS NULL";
  if (kind == "in_set") condition = "NOT " + in_list(check, column, type);
  if (kind == "not_in_set") condition = in_list(check, column, type);
  if (kind == "between") condition = between_condition(check, column, type);
  if (kind == "length") condition = length_condition(check, column);
  if (kind == "matches" || kind == "not_matches") {
    condition = format("{}regexp_matches({}, {})", kind == "matches" ? "NOT " : "", column,
                       literal(check.node->text_at("pattern")));
  }
  return with_where(check, condition);
}

std::string evaluated_condition(const Check& check) {
  if (check.kind == "not_null" || check.columns.empty()) return "true";
  std::vector<std::string> parts;
  for (const std::string& name : check.columns) parts.push_back(identifier(name) + " IS NOT NULL");
  return format("({})", join(parts, " OR "));
}

Reference reference_of(const Check& check) {
  const std::string to = check.node->text_at("to");
  const std::size_t dot = to.find('.');
  if (dot == std::string::npos || dot == 0 || dot + 1 == to.size()) return {};
  return {to.substr(0, dot), to.substr(dot + 1)};
}

Json bounds_of(const Check& check) {
  static constexpr std::array<std::string_view, 11> kKeys = {
      "min",     "max",  "strict_min", "strict_max", "equals",    "values",
      "pattern", "type", "to",         "table",      "warn_after"};
  Json out = Json::object();
  for (const std::string_view key : kKeys) {
    const Node* node = check.node->find(key);
    if (node == nullptr || (node->value.is_boolean() && node->implied)) continue;
    out.set(key, key == "warn_after" ? Json(duration_text(node->value.integer())) : node->json());
  }
  if (check.node->has("error_after")) {
    out.set("error_after", duration_text(check.node->integer("error_after")));
  }
  return out;
}

}  // namespace kingpost::steps::validate_data
