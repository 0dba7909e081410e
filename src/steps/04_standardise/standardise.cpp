// SPDX-License-Identifier: Apache-2.0
// Step 4: one chain of conversions per table, counted, and written once when anything changed.
#include "steps/04_standardise/standardise.h"

#include <algorithm>

#include "base/text.h"
#include "engines/sql/dialect.h"
#include "engines/sql/rewrite.h"
#include "steps/04_standardise/table_rules.h"

namespace kingpost::steps::standardise {
namespace {

struct TableResult {
  Json report = Json::object();
  std::int64_t values = 0;
  std::int64_t rejected = 0;
};

std::string label(const std::string& table, const RuleName& rule) {
  return format("standardise {} {} {}", table, rule.word, rule.column);
}

void warn(const std::string& name, const sql::RuleTally& tally, std::vector<std::string>& out) {
  if (tally.values == 0 && tally.taken_out == 0) out.push_back(name + " changed nothing");
  if (tally.taken_out == 0) return;
  const Json& first = tally.examples.items().front();
  out.push_back(format("{} rejected {} {}, e.g. row {}: \"{}\" {}", name, grouped(tally.taken_out),
                       tally.taken_out == 1 ? "row" : "rows", first["row"].integer(),
                       cell_text(first["value"]), first["reason"].text()));
}

Json rule_report(const RuleName& rule, const sql::RuleTally& tally) {
  Json out = Json::object();
  out.set("rule", rule.word).set("column", rule.column).set("values", tally.values);
  out.set("rejected", tally.taken_out);
  for (const auto& [name, count] : tally.flags) out.set(name, count);
  return std::move(out.set("examples", tally.examples));
}

// Renamed and dropped columns are told from the section: no value changes.
void add_columns(const Node& entry, Json& report) {
  Json renamed = Json::object();
  for (const Entry& each : entry.map("rename")) renamed.set(each.key, each.value.text);
  Json dropped = Json::array();
  for (const std::string& name : entry.texts("drop")) dropped.push(name);
  report.set("renamed", std::move(renamed)).set("dropped", std::move(dropped));
}

Error failed(const std::optional<std::size_t>& number, const std::vector<RuleName>& rules,
             const std::string& table, Error error) {
  if (!number || *number >= rules.size() || error.id() != "engine.query_failed") return error;
  const RuleName& rule = rules[*number];
  return fail(Code::kInvalidInput, "standardise.expression_failed", "{}: {}", label(table, rule),
              shown(split(error.what(), '\n')[0], 200))
      .at(rule.mark.place())
      .hint("some row holds a value that the expression cannot take; try_cast gives null instead");
}

Status write_rejected(RunContext& context, const records::Table& table, const sql::Rewrite& rewrite,
                      std::int64_t rejected, Outcome& outcome) {
  TRY(records::Table aside, write_table(context, rewrite.rejected_schema(table.name + ".rejected"),
                                        rewrite.rejected_query()));
  if (aside.rows != rejected) {
    return fail(Code::kInternal, "standardise.rows_lost",
                "{} rows of \"{}\" were rejected but {} are kept aside", rejected, table.name,
                aside.rows);
  }
  outcome.beside.put(std::move(aside));
  return {};
}

// How many keys stand in more than one row.
Result<std::int64_t> repeated_keys(RunContext& context, const records::Table& table) {
  TRY(const auto rows,
      context.sql.query(
          format("SELECT count(*) AS n FROM (SELECT 1 FROM {} GROUP BY {} HAVING count(*) > 1)",
                 from_table(context, table), sql::identifiers(table.schema.key))));
  return rows.integer(0, "n");
}

// Upper case or a narrower category can make two keys equal; the joins of curate would then refuse
// the table, far from the cause.
Status warn_of_equal_keys(RunContext& context, const records::Table& before,
                          const records::Table& after, const std::vector<RuleName>& rules,
                          const sql::Tally& tally, std::vector<std::string>& out) {
  bool touched = false;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const auto& key = after.schema.key;
    touched = touched || (tally.rules[i].values > 0 &&
                          std::find(key.begin(), key.end(), rules[i].column) != key.end());
  }
  if (!touched) return {};
  TRY(const std::int64_t old_count, repeated_keys(context, before));
  TRY(const std::int64_t new_count, repeated_keys(context, after));
  if (new_count <= old_count) return {};
  out.push_back(format("standardise {} left {} {} in more than one row, {} before", after.name,
                       grouped(new_count), new_count == 1 ? "key" : "keys", grouped(old_count)));
  return {};
}

Result<TableResult> convert(RunContext& context, const records::Table& table, const Node& entry,
                            Outcome& outcome) {
  records::TableSchema schema = table.schema;
  Faults none;
  check_table(context.sql, entry, schema, none);
  sql::Rewrite rewrite(context.sql, table.schema, context.objects.path_of(table.digest),
                       later_names(entry));
  TRY(const auto rules,
      apply_table(context.sql, entry, added_columns(context.sql, entry, table.schema), rewrite));
  auto counted = rewrite.tally();
  if (!counted) {
    return failed(rewrite.failed_rule(), rules, table.name, std::move(counted).error());
  }
  const sql::Tally& tally = *counted;

  records::Table out = table;
  out.schema = schema;
  const bool rewritten = tally.touched() || rewrite.reshaped();
  if (rewritten) {
    TRY(out, write_table(context, schema, rewrite.kept_query()));
  }
  TableResult result;
  result.rejected = tally.rows - tally.kept;
  if (out.rows != tally.kept || tally.rows != table.rows) {
    return fail(Code::kInternal, "standardise.rows_lost",
                "\"{}\" has {} rows, {} were rejected, but {} leave", table.name, table.rows,
                result.rejected, out.rows);
  }
  if (result.rejected > 0) {
    TRY_STATUS(write_rejected(context, table, rewrite, result.rejected, outcome));
  }
  Json list = Json::array();
  for (std::size_t i = 0; i < rules.size(); ++i) {
    result.values += tally.rules[i].values;
    warn(label(table.name, rules[i]), tally.rules[i], outcome.warnings);
    list.push(rule_report(rules[i], tally.rules[i]));
  }
  TRY_STATUS(warn_of_equal_keys(context, table, out, rules, tally, outcome.warnings));
  result.report.set("name", table.name).set("rows_in", table.rows).set("rows_out", out.rows);
  result.report.set("rows_rejected", result.rejected).set("values_changed", result.values);
  result.report.set("rewritten", rewritten);
  add_columns(entry, result.report);
  result.report.set("rules", std::move(list));
  outcome.output.put(std::move(out));
  return result;
}

}  // namespace

void check(CheckContext& context) {
  for (const Entry& entry : context.section.entries) {
    records::TableSchema* schema = context.catalog.find(entry.key);
    if (schema == nullptr) {
      context.faults.add(
          fault_at(entry.key_mark, "standardise.table_missing",
                   format("there is no table \"{}\"", shown(entry.key)),
                   did_you_mean(entry.key, context.catalog.names(),
                                format("tables: {}", listed(context.catalog.names(), 30)))));
      continue;
    }
    check_table(context.sql, entry.value, *schema, context.faults);
  }
}

Result<Outcome> run(RunContext& context) {
  Outcome outcome;
  Json tables = Json::array();
  std::int64_t values = 0;
  std::int64_t rejected = 0;
  for (const records::Table& table : context.input.tables) {
    const Node* entry = context.section.find(table.name);
    if (entry == nullptr || entry->entries.empty()) {
      outcome.output.put(table);
      continue;
    }
    auto result = convert(context, table, *entry, outcome);
    if (!result) return std::move(result).error().within(format("standardise {}", table.name));
    values += result->values;
    rejected += result->rejected;
    tables.push(std::move(result->report));
  }
  outcome.report.set("tables", std::move(tables));
  outcome.counts = {
      {"rows", outcome.output.rows()}, {"values changed", values}, {"rows rejected", rejected}};
  return outcome;
}

}  // namespace kingpost::steps::standardise
