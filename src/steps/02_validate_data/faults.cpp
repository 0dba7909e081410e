// SPDX-License-Identifier: Apache-2.0
// The faults of checks: columns, bounds, values and types that do not go together.
#include "steps/02_validate_data/faults.h"

#include <algorithm>
#include <cmath>

#include "base/text.h"
#include "engines/sql/dialect.h"
#include "engines/sql/expression.h"
#include "engines/sql/types.h"

namespace kingpost::steps::validate_data {
namespace {

constexpr std::string_view kOwner = "validate_data";

class Finder {
 public:
  Finder(CheckContext& context, const Check& check, const records::TableSchema& schema)
      : context_(context), check_(check), schema_(schema), node_(*check.node) {}

  void find() {
    columns();
    common();
    bounds();
    values();
    pattern();
    length();
    aggregates();
    relationships();
    other_table();
    if (check_.scope == Scope::kQuery) find_query_faults(context_, check_);
  }

 private:
  void fault(const Node& at, std::string_view id, std::string what, std::string hint = {}) {
    context_.faults.add(fault_at(at.mark, id, std::move(what), std::move(hint)));
  }

  const records::Column* column() const {
    return check_.columns.size() == 1 ? schema_.find(check_.columns[0]) : nullptr;
  }

  void missing_column(const Node& at, const std::string& name, const records::TableSchema& schema) {
    fault(at, "validate_data.column_missing",
          format("column \"{}\" does not exist in \"{}\"", shown(name), schema.name),
          did_you_mean(name, schema.names(), format("columns: {}", listed(schema.names(), 30))));
  }

  // columns_exist and column_order ask whether columns are there, so a missing one is their answer.
  void columns() {
    if (check_.scope == Scope::kSchema && check_.kind != "type") return;
    std::vector<std::string> seen;
    for (const Node& item : node_.list("columns")) {
      if (schema_.find(item.text) == nullptr) missing_column(item, item.text, schema_);
      if (std::find(seen.begin(), seen.end(), item.text) != seen.end()) {
        fault(item, "validate_data.column_twice",
              format("column \"{}\" stands twice", shown(item.text)), "name it once");
      }
      seen.push_back(item.text);
    }
    if (node_.has("column") && schema_.find(node_.text_at("column")) == nullptr) {
      missing_column(node_.at("column"), node_.text_at("column"), schema_);
    }
  }

  void common() {
    if (check_.removes_rows() && !check_.of_rows()) {
      fault(node_.at("on_fail"), "validate_data.no_rows",
            format("{} looks at the table as a whole, so there are no rows to {}", check_.kind,
                   action_word(check_.action)),
            "use on_fail: fail or on_fail: warn");
    }
    if (check_.mostly_given && !check_.of_rows()) {
      fault(node_.at("mostly"), "validate_data.no_rows",
            format("{} looks at the table as a whole, so there is no share of rows", check_.kind),
            "leave mostly out");
    }
    if (!node_.has("where")) return;
    if (check_.scope == Scope::kSchema || check_.scope == Scope::kQuery) {
      fault(node_.at("where"), "validate_data.no_rows",
            format("{} does not look at rows one by one", check_.kind),
            check_.kind == "sql" ? "put the condition into the query" : "leave where out");
      return;
    }
    sql::check_condition(context_.sql, node_.at("where"), schema_, kOwner, context_.faults);
  }

  bool wants_bounds() const {
    static const std::vector<std::string_view> kinds = {
        "between", "length", "mean", "median", "stdev", "sum", "distinct_count", "row_count"};
    return std::find(kinds.begin(), kinds.end(), check_.kind) != kinds.end();
  }

  void bounds() {
    if (check_.kind == "freshness") return ages();
    if (!wants_bounds()) return;
    const Node* low = node_.find("min");
    const Node* high = node_.find("max");
    if (node_.has("equals") && (low != nullptr || high != nullptr)) {
      fault(node_.at("equals"), "validate_data.bounds", "equals stands beside min or max",
            "write either equals, or min and max");
    }
    if (low == nullptr && high == nullptr && !node_.has("equals")) {
      fault(node_, "validate_data.bounds", format("{} has neither min nor max", check_.kind),
            "write at least one of them");
    }
    for (const std::string_view end : {"min", "max"}) {
      const std::string strict = format("strict_{}", end);
      if (node_.flag(strict) && !node_.has(end)) {
        fault(node_.at(strict), "validate_data.bounds", format("{} without {}", strict, end),
              format("write {} too", end));
      }
    }
    bool fine = true;
    for (const Node* end : {low, high}) fine = fine && (end == nullptr || finite(*end));
    if (!fine) return;
    if (check_.kind == "between") return between();
    if (low != nullptr && high != nullptr && low->value.number() > high->value.number()) {
      reversed(*low, *high);
    }
  }

  bool finite(const Node& end) {
    if (!end.value.is_number() || std::isfinite(end.value.number())) return true;
    fault(end, "validate_data.bounds", format("{} is no bound", shown(end.text)),
          "leave the bound out when there is none");
    return false;
  }

  void reversed(const Node& low, const Node& high) {
    fault(low, "validate_data.bounds",
          format("min {} lies above max {}", shown(low.text), shown(high.text)), "swap the two");
  }

  void ages() {
    const bool warn = node_.has("warn_after");
    const bool error = node_.has("error_after");
    if (!warn && !error) {
      fault(node_, "validate_data.bounds", "freshness has neither warn_after nor error_after",
            "write at least one of them, e.g. error_after: 2d");
    }
    if (warn && error && node_.integer("warn_after") > node_.integer("error_after")) {
      fault(node_.at("warn_after"), "validate_data.bounds", "warn_after lies beyond error_after",
            "swap the two");
    }
    if (column() != nullptr && !records::is_temporal(column()->type)) {
      wrong_type(*column(), "a date or a timestamp");
    }
  }

  void wrong_type(const records::Column& column, std::string_view wanted) {
    fault(node_.has("column") ? node_.at("column") : node_, "validate_data.column_type",
          format("{} wants {} but \"{}\" is of type {}", check_.kind, wanted, column.name,
                 column.type),
          "give the column another type in ingest, or use another check");
  }

  void between() {
    const records::Column* at = column();
    if (at == nullptr) return;
    if (!records::is_numeric(at->type) && !records::is_temporal(at->type) && at->type != "time") {
      return wrong_type(*at, "a number, a date, a time or a timestamp");
    }
    bool fine = true;
    for (const std::string_view end : {"min", "max"}) {
      if (node_.has(end)) fine = value_fits(node_.at(end), *at, true) && fine;
    }
    if (!fine || !node_.has("min") || !node_.has("max")) return;
    const auto rows =
        context_.sql.query(format("SELECT {} > {} AS swapped", value_sql(node_.at("min"), at->type),
                                  value_sql(node_.at("max"), at->type)));
    if (rows && rows->at(0, "swapped").boolean()) reversed(node_.at("min"), node_.at("max"));
  }

  // `fractions`: a whole-number column may be compared with 0.5, but never equals it.
  bool value_fits(const Node& value, const records::Column& at, bool fractions) {
    const std::string type = at.type;
    bool fits = true;
    std::string hint;
    if (value.is_null()) {
      fault(value, "validate_data.value_type", "null is no value to compare with",
            "leave it out: nulls are ignored, and not_null refuses them");
      return false;
    }
    if (records::is_numeric(type)) {
      const double number = value.value.number();
      fits = value.value.is_number() && std::isfinite(number) &&
             (fractions || !records::is_integer(type) || number == std::floor(number));
      hint = "write a number without quotes";
    } else if (type == "boolean") {
      fits = value.value.is_boolean();
      hint = "write true or false";
    } else if (type == "string") {
      fits = value.value.is_string();
      hint = format("write it as text: \"{}\"", shown(value.text));
    } else {
      fits = value.value.is_string() && engine_reads(value, type);
      hint = type == "time" ? "write \"06:30:00\"" : "write 2013-01-31 or \"2013-01-31T06:00:00\"";
    }
    if (!fits) {
      fault(
          value, "validate_data.value_type",
          format("{} is no value of \"{}\", which is of type {}", shown(value.text), at.name, type),
          hint);
    }
    return fits;
  }

  bool engine_reads(const Node& value, const std::string& type) {
    if (type != "time" && !parse_timestamp(value.value.text())) return false;
    const auto rows =
        context_.sql.query(format("SELECT TRY_CAST({} AS {}) IS NOT NULL AS fits",
                                  sql::literal(value.value.text()), sql::engine_type(type)));
    return rows && rows->at(0, "fits").boolean();
  }

  void values() {
    if (column() == nullptr) return;
    for (const Node& value : node_.list("values")) value_fits(value, *column(), false);
  }

  void pattern() {
    if (!node_.has("pattern")) return;
    const auto tried = context_.sql.query(
        format("SELECT regexp_matches('', {}) AS found", sql::literal(node_.text_at("pattern"))));
    if (!tried) {
      fault(node_.at("pattern"), "validate_data.pattern",
            format("not a regular expression: {}", shown(tried.error().what(), 160)),
            "the syntax is RE2's: no look-around, no back-references");
    }
    if (column() != nullptr && column()->type != "string") wrong_type(*column(), "a text");
  }

  void length() {
    if (check_.kind == "length" && column() != nullptr && column()->type != "string") {
      wrong_type(*column(), "a text");
    }
  }

  void aggregates() {
    if (check_.scope != Scope::kNumber || check_.kind == "freshness" || column() == nullptr) return;
    if (!records::is_numeric(column()->type)) wrong_type(*column(), "a number");
  }

  void relationships() {
    if (check_.kind == "increasing" && column() != nullptr && column()->type == "boolean") {
      wrong_type(*column(), "values that have an order");
    }
    if (check_.kind != "relationships") return;
    const Node& to = node_.at("to");
    const Reference reference = reference_of(check_);
    if (reference.table.empty()) {
      return fault(to, "validate_data.reference",
                   format("\"{}\" is not of the form table.column", shown(to.text)),
                   "e.g. to: airports.faa");
    }
    const records::TableSchema* other = context_.catalog.find(reference.table);
    if (other == nullptr) return missing_table(to, reference.table);
    const records::Column* target = other->find(reference.column);
    if (target == nullptr) return missing_column(to, reference.column, *other);
    if (column() == nullptr || comparable(column()->type, target->type)) return;
    fault(to, "validate_data.column_type",
          format("\"{}\" is of type {} and {} of type {}; they cannot be compared", column()->name,
                 column()->type, to.text, target->type),
          "give both columns one type in ingest");
  }

  static bool comparable(std::string_view a, std::string_view b) {
    if (a == b) return true;
    if (records::is_numeric(a) && records::is_numeric(b)) return true;
    return records::is_temporal(a) && records::is_temporal(b);
  }

  void missing_table(const Node& at, const std::string& name) {
    fault(at, "validate_data.table_missing", format("table \"{}\" does not exist", shown(name)),
          did_you_mean(name, context_.catalog.names(),
                       format("tables: {}", listed(context_.catalog.names(), 30))));
  }

  void other_table() {
    if (check_.kind != "row_count_equals") return;
    const std::string name = node_.text_at("table");
    if (context_.catalog.find(name) == nullptr) missing_table(node_.at("table"), name);
  }

  CheckContext& context_;
  const Check& check_;
  const records::TableSchema& schema_;
  const Node& node_;
};

}  // namespace

void find_faults(CheckContext& context, const Check& check, const records::TableSchema& schema) {
  Finder(context, check, schema).find();
}

}  // namespace kingpost::steps::validate_data
