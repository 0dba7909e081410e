// SPDX-License-Identifier: Apache-2.0
// What each rule demands of its columns and values, before any row is read.
#include <algorithm>
#include <array>
#include <set>

#include "base/clock.h"
#include "base/text.h"
#include "engines/sql/expression.h"
#include "engines/sql/values.h"
#include "steps/03_clean/rules.h"

namespace kingpost::steps::clean {
namespace {

// Whether every value of `from` is a value of `to`, as far as the engine's own casts go unasked.
bool fits(const std::string& from, const std::string& to) {
  if (from == to) return true;
  if (to == "float64") return records::is_numeric(from);
  if (to == "float32") return from == "int8" || from == "int16";
  if (to == "decimal") return records::is_integer(from);
  if (to == "timestamp") return from == "date";
  static constexpr std::array<std::string_view, 4> kWidths = {"int8", "int16", "int32", "int64"};
  const auto rank = [](const std::string& type) {
    return std::find(kWidths.begin(), kWidths.end(), type) - kWidths.begin();
  };
  return records::is_integer(from) && records::is_integer(to) && rank(from) < rank(to);
}

class RuleCheck {
 public:
  RuleCheck(sql::Session& session, const Node& rule, records::TableSchema& schema, Faults& faults)
      : session_(session), rule_(rule), schema_(schema), faults_(faults) {}

  void check() {
    const std::string word = rule_.text_at("rule");
    if (word == "drop_duplicates") return drop_duplicates();
    if (word == "drop_rows") return drop_rows();
    if (word == "set_null") return set_null();
    if (word == "set") return set();
    if (word == "fill_null") return fill_null();
    if (word == "replace") return replace();
    if (word == "clip") return clip();
    if (word == "hhmm_to_minutes") return hhmm_to_minutes();
    texts();
  }

 private:
  void fault(const Mark& mark, std::string_view id, std::string what, std::string hint = {}) {
    faults_.add(fault_at(mark, format("clean.{}", id), std::move(what), std::move(hint)));
  }

  records::Column* column(const Node& node) {
    records::Column* found = schema_.find(node.text);
    if (found == nullptr) {
      fault(node.mark, "column_missing",
            format("column \"{}\" does not exist in \"{}\"", shown(node.text), schema_.name),
            did_you_mean(node.text, schema_.names(),
                         format("columns: {}", listed(schema_.names(), 30))));
    }
    return found;
  }

  struct Named {
    const Node& node;
    records::Column& column;
  };

  // The existing columns of the list `columns`; repeated ones are a fault.
  std::vector<Named> columns() {
    std::vector<Named> out;
    std::set<std::string> seen;
    for (const Node& node : rule_.list("columns")) {
      records::Column* found = column(node);
      if (found == nullptr) continue;
      if (!seen.insert(found->name).second) {
        fault(node.mark, "column_repeated", format("column \"{}\" stands here twice", found->name),
              "name it once");
        continue;
      }
      out.push_back({node, *found});
    }
    return out;
  }

  // A constant that the column can hold.
  void value(const Mark& mark, const std::string& text, const records::Column& column) {
    if (sql::typed_literal(text, column.type)) return;
    fault(mark, "value_unsuitable",
          format("\"{}\" is no value of column \"{}\", which is {}", shown(text), column.name,
                 column.type),
          format("{} is wanted", sql::wanted_text(column.type)));
  }

  void wrong_type(const Mark& mark, const records::Column& column, std::string_view wanted,
                  std::string hint = {}) {
    fault(mark, "type_unsuitable",
          format("{} wants {} but \"{}\" is {}", rule_.text_at("rule"), wanted, column.name,
                 column.type),
          std::move(hint));
  }

  void drop_duplicates() {
    const std::string by = rule_.text_at("by");
    columns();
    if (by == "key" && schema_.key.empty()) {
      fault(rule_.mark, "key_missing", format("table \"{}\" has no key", schema_.name),
            "give it a key at ingest, or write by: row, or by: columns with columns: [...]");
    }
    if (by == "columns" && !rule_.has("columns")) {
      fault(rule_.mark, "columns_missing", "by: columns wants the columns to compare",
            "add columns: [...]");
    }
    if (by != "columns" && rule_.has("columns")) {
      fault(rule_.at("columns").mark, "columns_unused",
            format("columns have no meaning with by: {}", by), "write by: columns");
    }
  }

  std::optional<sql::Expression> condition() {
    return sql::check_condition(session_, rule_.at("where"), schema_, "clean", faults_);
  }

  void drop_rows() { condition(); }

  void set_null() {
    records::Column* target = column(rule_.at("column"));
    if (rule_.has("where")) {
      const auto where = condition();
      if (where && target != nullptr) learn(*target, where->known_at);
    }
    if (!rule_.has("where") && !rule_.has("values")) {
      fault(rule_.mark, "nothing_asked", "set_null wants a condition or values",
            "add where: or values:");
    }
    for (const Node& each : rule_.list("values")) {
      if (each.is_null()) {
        fault(each.mark, "value_unsuitable", "null is null already", "leave it out");
      } else if (target != nullptr) {
        value(each.mark, each.text, *target);
      }
    }
  }

  void set() {
    records::Column* target = column(rule_.at("column"));
    const auto expr = sql::check_expression(session_, rule_.at("expr"), schema_, "clean", faults_);
    const auto where = rule_.has("where") ? condition() : std::optional<sql::Expression>();
    if (target == nullptr || !expr) return;
    if (!fits(expr->type, target->type)) {
      fault(rule_.at("expr").mark, "type_not_assignable",
            format("the expression is {} but column \"{}\" is {}", expr->type, target->name,
                   target->type),
            "cast it, or use set_null for null; standardise changes the type of a column");
    }
    learn(*target, expr->known_at);
    if (where) learn(*target, where->known_at);
  }

  // A value made from others is known no sooner than they are.
  static void learn(records::Column& target, const records::Knowledge& known_at) {
    target.known_at = records::merge(target.known_at, known_at);
  }

  void fill_null() {
    const records::Column* target = column(rule_.at("column"));
    const Node& constant = rule_.at("value");
    if (constant.is_null()) {
      fault(constant.mark, "value_unsuitable", "null cannot take the place of null",
            "write the constant");
    } else if (target != nullptr) {
      value(constant.mark, constant.text, *target);
    }
  }

  void replace() {
    const records::Column* target = column(rule_.at("column"));
    if (rule_.map("values").empty()) {
      fault(rule_.at("values").mark, "nothing_asked", "replace wants at least one value",
            "write values: {old: new}");
    }
    if (target == nullptr) return;
    for (const Entry& entry : rule_.map("values")) {
      value(entry.key_mark, entry.key, *target);
      if (!entry.value.is_null()) value(entry.value.mark, entry.value.text, *target);
    }
  }

  static std::optional<double> place_on_line(const Node& bound, const std::string& type) {
    if (records::is_numeric(type)) return parse_number(bound.text);
    const auto time = parse_timestamp(bound.text);
    return time ? std::optional(static_cast<double>(*time)) : std::nullopt;
  }

  void clip() {
    const records::Column* target = column(rule_.at("column"));
    if (!rule_.has("min") && !rule_.has("max")) {
      fault(rule_.mark, "nothing_asked", "clip wants min or max", "add min: or max:");
    }
    if (target == nullptr) return;
    if (!records::is_numeric(target->type) && !records::is_temporal(target->type)) {
      return wrong_type(rule_.at("column").mark, *target, "a number or a time");
    }
    for (const std::string_view key : {"min", "max"}) {
      if (rule_.has(key)) value(rule_.at(key).mark, rule_.at(key).text, *target);
    }
    const auto least = place_on_line(rule_.at("min"), target->type);
    const auto most = place_on_line(rule_.at("max"), target->type);
    if (least && most && *least > *most) {
      fault(rule_.at("min").mark, "range_empty",
            format("min {} is above max {}", rule_.at("min").text, rule_.at("max").text),
            "exchange them");
    }
  }

  void hhmm_to_minutes() {
    for (const auto& [node, column] : columns()) {
      if (column.type != "string" && !records::is_numeric(column.type)) {
        wrong_type(node.mark, column, "whole numbers or texts", "a clock such as 517 or \"05:17\"");
        continue;
      }
      column.type = "int32";
    }
  }

  void texts() {
    for (const auto& [node, column] : columns()) {
      if (column.type != "string") wrong_type(node.mark, column, "texts");
    }
  }

  sql::Session& session_;
  const Node& rule_;
  records::TableSchema& schema_;
  Faults& faults_;
};

}  // namespace

void check_rule(sql::Session& session, const Node& rule, records::TableSchema& schema,
                Faults& faults) {
  RuleCheck(session, rule, schema, faults).check();
}

}  // namespace kingpost::steps::clean
