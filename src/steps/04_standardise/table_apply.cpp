// SPDX-License-Identifier: Apache-2.0
// The SQL of the entries of one table, in the order in which they apply.
#include "base/text.h"
#include "engines/sql/dialect.h"
#include "engines/sql/types.h"
#include "engines/sql/values.h"
#include "steps/04_standardise/casts.h"
#include "steps/04_standardise/table_rules.h"
#include "steps/04_standardise/units.h"
#include "steps/04_standardise/zones.h"

namespace kingpost::steps::standardise {
namespace {

std::string text_sql(std::string value, const std::vector<std::string>& operations) {
  for (const std::string& operation : operations) {
    if (operation == "trim") {
      value = sql::trimmed(value);
    } else if (operation == "squash_spaces") {
      value = sql::squashed(value);
    } else if (operation == "nfc") {
      value = format("nfc_normalize({})", value);
    } else {
      value = format("{}({})", operation, value);
    }
  }
  return value;
}

class TableApply {
 public:
  TableApply(sql::Session& session, const Node& entry, const records::TableSchema& added,
             sql::Rewrite& rewrite)
      : session_(session), entry_(entry), added_(added), rewrite_(rewrite) {}

  Result<std::vector<RuleName>> apply() {
    rename();
    for (const Entry& each : entry_.map("text")) {
      begin("text", each);
      std::vector<std::string> operations;
      for (const Node& operation : each.value.items) operations.push_back(operation.text);
      rewrite_.assign({{each.key, text_sql(sql::identifier(each.key), operations)}});
    }
    for (const Entry& each : entry_.map("categories")) categories(each);
    for (const Entry& each : entry_.map("types")) types(each);
    for (const Entry& each : entry_.map("time_zone")) TRY_STATUS(time_zone(each));
    for (const Entry& each : entry_.map("units")) units(each);
    for (const Entry& each : entry_.map("add")) {
      begin("add", each);
      rewrite_.assign({{each.key, "(" + each.value.text + "\n)", added_.find(each.key)->type}});
    }
    if (!entry_.list("drop").empty()) rewrite_.remove(entry_.texts("drop"));
    return std::move(names_);
  }

 private:
  void begin(std::string_view word, const Entry& each) {
    rewrite_.begin_rule();
    names_.push_back({std::string(word), each.key, each.key_mark});
  }

  void rename() {
    std::vector<std::pair<std::string, std::string>> pairs;
    for (const Entry& each : entry_.map("rename")) pairs.emplace_back(each.key, each.value.text);
    if (!pairs.empty()) rewrite_.rename(pairs);
  }

  void categories(const Entry& each) {
    begin("categories", each);
    const std::string name = sql::identifier(each.key);
    const Node& node = each.value;
    std::vector<std::string> allowed = node.texts("allowed");
    std::string value = name;
    if (!node.map("map").empty()) {
      value = "CASE " + name;
      for (const Entry& pair : node.map("map")) {
        value += format(" WHEN {} THEN {}", sql::literal(pair.key), sql::literal(pair.value.text));
        if (!node.has("allowed")) allowed.push_back(pair.value.text);
      }
      value += format(" ELSE {} END", name);
    }
    const std::string other = node.text_at("other");
    if (other == "keep") return rewrite_.assign({{each.key, value}});
    const std::string strange = format("{} NOT IN ({})", value, sql::literals(allowed));
    if (other == "reject") {
      rewrite_.reject(each.key,
                      format("CASE WHEN {} THEN 'not among the allowed values' END", strange));
      return rewrite_.assign({{each.key, value}});
    }
    const std::string instead =
        other == "set_null" ? std::string("NULL") : sql::literal(node.text_at("other_value"));
    rewrite_.assign({{.column = each.key,
                      .value = format("CASE WHEN {} THEN {} ELSE {} END", strange, instead, value),
                      .flags = {{"other", format("coalesce({}, false)", strange)}}}});
  }

  void types(const Entry& each) {
    begin("types", each);
    const std::string from = rewrite_.find(each.key)->type;
    const std::string to = each.value.text;
    if (from == to) return;
    const auto cast = strict_cast(sql::identifier(each.key), from, to);
    if (!cast) return;
    if (!cast->reason.empty()) rewrite_.reject(each.key, cast->reason);
    rewrite_.assign({{.column = each.key, .value = cast->value, .type = to, .counts_all = true}});
  }

  Status time_zone(const Entry& each) {
    begin("time_zone", each);
    const std::string name = sql::identifier(each.key);
    const std::string ambiguous = each.value.text_at("ambiguous");
    const bool shifts = each.value.text_at("missing") == "shift";
    TRY(const auto range, rewrite_.time_range(each.key));
    TRY(const ZoneTable table, zone_table(session_, each.value.text_at("zone"),
                                          range ? range->first : 0, range ? range->second : 0));
    const Twice twice = ambiguous == "first"    ? Twice::kFirst
                        : ambiguous == "second" ? Twice::kSecond
                                                : Twice::kReject;
    const LocalToUtc sql = local_to_utc(name, table, twice);
    std::string reason;
    if (twice == Twice::kReject) {
      reason += format(" WHEN {} THEN 'occurs twice in {}'", sql.ambiguous, table.zone);
    }
    if (!shifts) reason += format(" WHEN {} THEN 'never occurs in {}'", sql.missing, table.zone);
    if (!reason.empty()) rewrite_.reject(each.key, "CASE" + reason + " END");
    rewrite_.assign({{.column = each.key,
                      .value = sql.value,
                      .type = "timestamp_utc",
                      .counts_all = true,
                      .flags = {{"ambiguous", sql.ambiguous}, {"missing", sql.missing}}}});
    return {};
  }

  void units(const Entry& each) {
    begin("units", each);
    const Unit* from = find_unit(each.value.text_at("from"));
    const Unit* to = find_unit(each.value.text_at("to"));
    const std::string value = format("CAST({} AS DOUBLE)", sql::identifier(each.key));
    if (from->name == to->name && rewrite_.find(each.key)->type == "float64") return;
    rewrite_.assign({{.column = each.key,
                      .value = convert_sql(value, *from, *to),
                      .type = "float64",
                      .counts_all = true}});
  }

  sql::Session& session_;
  const Node& entry_;
  const records::TableSchema& added_;
  sql::Rewrite& rewrite_;
  std::vector<RuleName> names_;
};

}  // namespace

Result<std::vector<RuleName>> apply_table(sql::Session& session, const Node& entry,
                                          const records::TableSchema& added,
                                          sql::Rewrite& rewrite) {
  return TableApply(session, entry, added, rewrite).apply();
}

std::vector<std::string> later_names(const Node& entry) {
  std::vector<std::string> names;
  for (const Entry& each : entry.map("rename")) names.push_back(each.value.text);
  for (const Entry& each : entry.map("add")) names.push_back(each.key);
  return names;
}

}  // namespace kingpost::steps::standardise
