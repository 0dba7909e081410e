// SPDX-License-Identifier: Apache-2.0
// Columns and tables as every step sees them.
#include "records/schema.h"

#include <algorithm>

#include "base/format.h"
#include "base/text.h"

namespace kingpost::records {
namespace {

template <typename Items>
auto* find_named(Items& items, std::string_view name) {
  const auto found =
      std::find_if(items.begin(), items.end(), [&](const auto& each) { return each.name == name; });
  return found == items.end() ? nullptr : &*found;
}

template <typename Items>
std::vector<std::string> names_of(const Items& items) {
  std::vector<std::string> out;
  for (const auto& each : items) out.push_back(each.name);
  return out;
}

}  // namespace

const std::vector<std::string_view>& type_words() {
  static const std::vector<std::string_view> words = {
      "boolean", "int8",   "int16", "int32", "int64",     "float32",      "float64",
      "decimal", "string", "date",  "time",  "timestamp", "timestamp_utc"};
  return words;
}

bool is_integer(std::string_view type) {
  return starts_with(type, "int");
}

bool is_numeric(std::string_view type) {
  return is_integer(type) || starts_with(type, "float") || type == "decimal";
}

bool is_temporal(std::string_view type) {
  return type == "date" || starts_with(type, "timestamp");
}

Knowledge merge(const Knowledge& a, const Knowledge& b) {
  Knowledge out = a;
  for (const KnownAt& each : b) {
    const auto same = std::find_if(out.begin(), out.end(),
                                   [&](const KnownAt& k) { return k.column == each.column; });
    if (same == out.end()) {
      out.push_back(each);
    } else {
      same->after = std::max(same->after, each.after);
    }
  }
  return out;
}

std::string knowledge_text(const Knowledge& knowledge) {
  std::vector<std::string> parts;
  for (const KnownAt& each : knowledge) {
    const std::string sign = each.after < 0 ? "-" : "+";
    const Micros size = each.after < 0 ? -each.after : each.after;
    parts.push_back(size == 0 ? each.column
                              : format("{} {} {}", each.column, sign, duration_text(size)));
  }
  return join(parts, " and ");
}

const Column* TableSchema::find(std::string_view column) const {
  return find_named(columns, column);
}
Column* TableSchema::find(std::string_view column) {
  return find_named(columns, column);
}
std::vector<std::string> TableSchema::names() const {
  return names_of(columns);
}

const TableSchema* Catalog::find(std::string_view table) const {
  return find_named(tables, table);
}
TableSchema* Catalog::find(std::string_view table) {
  return find_named(tables, table);
}
std::vector<std::string> Catalog::names() const {
  return names_of(tables);
}

Json to_json(const TableSchema& schema) {
  Json columns = Json::array();
  for (const Column& column : schema.columns) {
    Json each = Json::object();
    each.set("name", column.name).set("type", column.type).set("origin", column.origin);
    if (!column.known_at.empty()) {
      Json known = Json::array();
      for (const KnownAt& at : column.known_at) {
        known.push(Json::object().set("column", at.column).set("after_us", at.after));
      }
      each.set("known_at", std::move(known));
    }
    columns.push(std::move(each));
  }
  Json key = Json::array();
  for (const std::string& name : schema.key) key.push(name);
  Json out = Json::object();
  out.set("name", schema.name).set("key", std::move(key)).set("static", schema.is_static);
  out.set("columns", std::move(columns));
  return out;
}

TableSchema schema_from_json(const Json& json) {
  TableSchema schema;
  schema.name = json["name"].text();
  schema.is_static = json["static"].boolean();
  for (const Json& name : json["key"].items()) schema.key.push_back(name.text());
  for (const Json& each : json["columns"].items()) {
    Column column{each["name"].text(), each["type"].text(), {}, each["origin"].text()};
    for (const Json& at : each["known_at"].items()) {
      column.known_at.push_back({at["column"].text(), at["after_us"].integer()});
    }
    schema.columns.push_back(std::move(column));
  }
  return schema;
}

}  // namespace kingpost::records
