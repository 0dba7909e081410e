// SPDX-License-Identifier: Apache-2.0
// The schema that leaves, entry by entry, and every fault that can be told without a row.
#include <algorithm>
#include <map>

#include "base/text.h"
#include "engines/sql/expression.h"
#include "steps/04_standardise/casts.h"
#include "steps/04_standardise/table_rules.h"
#include "steps/04_standardise/units.h"
#include "steps/04_standardise/zones.h"

namespace kingpost::steps::standardise {
namespace {

class TableCheck {
 public:
  TableCheck(sql::Session& session, const Node& entry, records::TableSchema& schema, Faults& faults)
      : session_(session), entry_(entry), schema_(schema), faults_(faults) {}

  // Everything up to `add`.
  void convert() {
    rename();
    for (const Entry& each : entry_.map("text")) text(each);
    for (const Entry& each : entry_.map("categories")) categories(each);
    for (const Entry& each : entry_.map("types")) types(each);
    for (const Entry& each : entry_.map("time_zone")) time_zone(each);
    for (const Entry& each : entry_.map("units")) units(each);
    for (const Entry& each : entry_.map("add")) add(each);
  }

  void drop() {
    std::vector<std::string> gone;
    for (const Node& node : entry_.list("drop")) {
      const records::Column* column = find(node.text, node.mark);
      if (column == nullptr) continue;
      if (is_key(column->name)) {
        fault(node.mark, "key_dropped",
              format("column \"{}\" is part of the key of \"{}\"", column->name, schema_.name),
              "keep it; curate chooses what a joined table gives");
        continue;
      }
      gone.push_back(column->name);
    }
    const auto is_gone = [&](const std::string& name) {
      return std::find(gone.begin(), gone.end(), name) != gone.end();
    };
    for (const records::Column& column : schema_.columns) {
      if (is_gone(column.name)) continue;
      for (const records::KnownAt& each : column.known_at) {
        if (is_gone(each.column)) known_at_fault(each.column, column.name);
      }
    }
    auto& columns = schema_.columns;
    columns.erase(std::remove_if(columns.begin(), columns.end(),
                                 [&](const records::Column& c) { return is_gone(c.name); }),
                  columns.end());
    if (columns.empty() && !gone.empty()) {
      fault(entry_.at("drop").mark, "no_columns_left",
            format("no column of \"{}\" would be left", schema_.name), "keep at least one");
    }
  }

 private:
  void fault(const Mark& mark, std::string_view id, std::string what, std::string hint = {}) {
    faults_.add(fault_at(mark, format("standardise.{}", id), std::move(what), std::move(hint)));
  }

  records::Column* find(const std::string& name, const Mark& mark) {
    records::Column* found = schema_.find(name);
    if (found != nullptr) return found;
    std::string hint =
        did_you_mean(name, schema_.names(), format("columns: {}", listed(schema_.names(), 30)));
    for (const Entry& each : entry_.map("rename")) {
      if (each.key == name) hint = format("it is called \"{}\" after rename", each.value.text);
    }
    fault(mark, "column_missing",
          format("column \"{}\" does not exist in \"{}\"", shown(name), schema_.name),
          std::move(hint));
    return nullptr;
  }

  bool is_key(const std::string& name) const {
    return std::find(schema_.key.begin(), schema_.key.end(), name) != schema_.key.end();
  }

  void known_at_fault(const std::string& time, const std::string& column) {
    for (const Node& node : entry_.list("drop")) {
      if (node.text != time) continue;
      fault(node.mark, "known_at_dropped",
            format("column \"{}\" says when \"{}\" is known", time, column),
            format("keep it, or drop \"{}\" as well", column));
      return;
    }
  }

  // SQL names do not tell capitals apart, so neither do collisions.
  const records::Column* taken(const std::string& name) const {
    for (const records::Column& column : schema_.columns) {
      if (lower(column.name) == lower(name)) return &column;
    }
    return nullptr;
  }

  void rename() {
    std::map<std::string, std::string> new_names;
    for (const Entry& each : entry_.map("rename")) {
      if (find_before(each)) new_names[each.key] = each.value.text;
    }
    std::map<std::string, std::string> seen;
    for (const records::Column& column : schema_.columns) {
      const auto moved = new_names.find(column.name);
      const std::string name = moved == new_names.end() ? column.name : moved->second;
      const auto [at, fresh] = seen.emplace(lower(name), column.name);
      if (!fresh) collision(moved != new_names.end() ? column.name : at->second, name);
    }
    const auto renamed = [&](std::string& name) {
      const auto found = new_names.find(name);
      if (found != new_names.end()) name = found->second;
    };
    for (records::Column& column : schema_.columns) {
      renamed(column.name);
      for (records::KnownAt& each : column.known_at) renamed(each.column);
    }
    for (std::string& name : schema_.key) renamed(name);
  }

  bool find_before(const Entry& each) {
    if (schema_.find(each.key) == nullptr) {
      fault(each.key_mark, "column_missing",
            format("column \"{}\" does not exist in \"{}\"", shown(each.key), schema_.name),
            did_you_mean(each.key, schema_.names(),
                         format("columns: {}", listed(schema_.names(), 30))));
      return false;
    }
    if (each.key == each.value.text) {
      fault(each.value.mark, "rename_to_itself",
            format("column \"{}\" already has that name", each.key), "leave the entry out");
      return false;
    }
    return true;
  }

  void collision(const std::string& old_name, const std::string& new_name) {
    for (const Entry& each : entry_.map("rename")) {
      if (each.key != old_name) continue;
      fault(each.value.mark, "name_taken",
            format("\"{}\" has a column \"{}\" already", schema_.name, new_name),
            "choose another name, or rename that one too");
    }
  }

  void wanted(const Entry& each, const records::Column& column, std::string_view what,
              std::string hint = {}) {
    fault(each.key_mark, "type_unsuitable",
          format("{} is wanted but column \"{}\" is {}", what, column.name, column.type),
          std::move(hint));
  }

  void text(const Entry& each) {
    const records::Column* column = find(each.key, each.key_mark);
    if (column != nullptr && column->type != "string") wanted(each, *column, "a text");
  }

  void categories(const Entry& each) {
    const records::Column* column = find(each.key, each.key_mark);
    if (column != nullptr && column->type != "string") {
      wanted(each, *column, "a text", "read the column as string at ingest");
    }
    const Node& node = each.value;
    const std::string other = node.text_at("other");
    if (other == "keep" && node.has("allowed")) {
      fault(node.at("allowed").mark, "allowed_unused", "allowed has no effect with other: keep",
            "write other: set_null, reject or value");
    }
    if (node.map("map").empty() && !node.has("allowed")) {
      fault(each.key_mark, "nothing_asked", "categories want map or allowed",
            "write map: {old: new}, or allowed: [...]");
    }
    if ((other == "value") != node.has("other_value")) {
      fault(node.has("other_value") ? node.at("other_value").mark : node.at("other").mark,
            "other_value_unmatched", "other_value and other: value want each other",
            "write other: value with other_value: rest");
    }
    const auto allowed = node.texts("allowed");
    for (const Entry& pair : node.map("map")) {
      if (!node.has("allowed") ||
          std::find(allowed.begin(), allowed.end(), pair.value.text) != allowed.end()) {
        continue;
      }
      fault(pair.value.mark, "category_not_allowed",
            format("\"{}\" is not among the allowed values", shown(pair.value.text)),
            did_you_mean(pair.value.text, allowed, "add it to allowed"));
    }
  }

  bool dates_knowledge(const std::string& name) const {
    for (const records::Column& column : schema_.columns) {
      for (const records::KnownAt& each : column.known_at) {
        if (each.column == name) return true;
      }
    }
    return false;
  }

  void types(const Entry& each) {
    records::Column* column = find(each.key, each.key_mark);
    if (column == nullptr || each.value.text.empty()) return;
    const std::string to = each.value.text;
    if (column->type != to && !strict_cast("\"x\"", column->type, to)) {
      return fault(each.value.mark, "cast_impossible",
                   format("column \"{}\" is {}, and no {} is a {}", column->name, column->type,
                          column->type, to),
                   cast_hint(column->type, to));
    }
    if (!records::is_temporal(to) && dates_knowledge(column->name)) {
      return fault(
          each.value.mark, "known_at_untimed",
          format("column \"{}\" says when others are known, so it must stay a time", column->name),
          "add a column of that type instead");
    }
    column->type = to;
  }

  void time_zone(const Entry& each) {
    records::Column* column = find(each.key, each.key_mark);
    if (column != nullptr && column->type != "timestamp") {
      wanted(each, *column, "a timestamp",
             column->type == "timestamp_utc"
                 ? "it is an instant already"
                 : "read it as one under types, which come before time_zone");
    } else if (column != nullptr) {
      column->type = "timestamp_utc";
    }
    const auto names = zone_names(session_);
    const std::string zone = each.value.text_at("zone");
    if (!names) return faults_.add(names.error());
    if (zone.empty() || std::find(names->begin(), names->end(), zone) != names->end()) return;
    fault(each.value.at("zone").mark, "zone_unknown",
          format("no zone is called \"{}\"", shown(zone)),
          did_you_mean(zone, *names, "a name of the IANA list is wanted, e.g. America/New_York"));
  }

  const Unit* unit(const Node& node) {
    const Unit* found = find_unit(node.text);
    if (found == nullptr && !node.text.empty()) {
      fault(node.mark, "unit_unknown", format("no unit is called \"{}\"", shown(node.text)),
            did_you_mean(node.text, unit_names(), format("units: {}", listed(unit_names(), 100))));
    }
    return found;
  }

  void units(const Entry& each) {
    records::Column* column = find(each.key, each.key_mark);
    if (column != nullptr && !records::is_numeric(column->type)) {
      wanted(each, *column, "a number");
    }
    const Unit* from = unit(each.value.at("from"));
    const Unit* to = unit(each.value.at("to"));
    if (from != nullptr && to != nullptr && from->dimension != to->dimension) {
      fault(
          each.value.at("to").mark, "units_differ",
          format("{} is a {} but {} is a {}", from->name, from->dimension, to->name, to->dimension),
          format("units of {}: {}", from->dimension, listed(unit_names(from->dimension), 40)));
    }
    if (column != nullptr) column->type = "float64";
  }

  void add(const Entry& each) {
    const auto expression =
        sql::check_expression(session_, each.value, schema_, "standardise", faults_);
    if (const records::Column* same = taken(each.key)) {
      return fault(each.key_mark, "name_taken",
                   format("\"{}\" has a column \"{}\" already", schema_.name, same->name),
                   "choose another name; clean's rule set changes a column");
    }
    if (!expression) return;
    schema_.columns.push_back({each.key, expression->type, expression->known_at,
                               format("{}: {}", schema_.name, expression->text)});
  }

  sql::Session& session_;
  const Node& entry_;
  records::TableSchema& schema_;
  Faults& faults_;
};

}  // namespace

void check_table(sql::Session& session, const Node& entry, records::TableSchema& schema,
                 Faults& faults) {
  TableCheck check(session, entry, schema, faults);
  check.convert();
  check.drop();
}

records::TableSchema added_columns(sql::Session& session, const Node& entry,
                                   records::TableSchema schema) {
  Faults none;
  TableCheck(session, entry, schema, none).convert();
  return schema;
}

}  // namespace kingpost::steps::standardise
