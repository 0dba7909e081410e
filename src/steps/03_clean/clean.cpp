// SPDX-License-Identifier: Apache-2.0
// Step 3: one chain of rules per table, counted, and written once when anything changed.
#include "steps/03_clean/clean.h"

#include "base/text.h"
#include "engines/sql/rewrite.h"
#include "steps/03_clean/rules.h"

namespace kingpost::steps::clean {
namespace {

// What the rules of one table did, for the report and the summary.
struct TableResult {
  Json report = Json::object();
  std::int64_t values = 0;
  std::int64_t dropped = 0;
};

std::string label(const std::string& table, std::size_t number, const Node& rule) {
  return format("clean {} rule {} ({})", table, number + 1, rule_name(rule));
}

void warn(const std::string& name, const sql::RuleTally& tally, std::vector<std::string>& out) {
  if (tally.values == 0 && tally.taken_out == 0) out.push_back(name + " touched nothing");
  if (tally.nulled == 0) return;
  const Json& first = tally.nulled_examples.items().front();
  out.push_back(format("{} made {} {} null that {} no time of day, e.g. \"{}\" in row {}", name,
                       grouped(tally.nulled), tally.nulled == 1 ? "value" : "values",
                       tally.nulled == 1 ? "is" : "are", cell_text(first["before"]),
                       first["row"].integer()));
}

Json rule_report(std::size_t number, const Node& rule, const sql::RuleTally& tally) {
  Json out = Json::object();
  out.set("number", number + 1).set("rule", rule.text_at("rule"));
  Json columns = Json::array();
  if (rule.has("column")) columns.push(rule.text_at("column"));
  for (const std::string& column : rule.texts("columns")) columns.push(column);
  out.set("columns", std::move(columns)).set("rows", tally.rows).set("values", tally.values);
  if (rule.text_at("rule") == "hhmm_to_minutes") {
    out.set("invalid", tally.nulled).set("invalid_examples", tally.nulled_examples);
  }
  return std::move(out.set("examples", tally.examples));
}

// Names the rule whose expression the engine could not compute.
Error failed(const sql::Rewrite& rewrite, const Node& rules, const std::string& table,
             Error error) {
  const auto number = rewrite.failed_rule();
  if (!number || error.id() != "engine.query_failed") return error;
  const Node& rule = rules.items[*number];
  return fail(Code::kInvalidInput, "clean.expression_failed", "{}: {}", label(table, *number, rule),
              shown(split(error.what(), '\n')[0], 200))
      .at(rule.mark.place())
      .hint("some row holds a value that the expression cannot take; try_cast gives null instead");
}

Status write_dropped(RunContext& context, const records::Table& table, const Node& rules,
                     const sql::Rewrite& rewrite, std::int64_t dropped, Outcome& outcome) {
  std::vector<std::string> words;
  for (const Node& rule : rules.items) {
    words.push_back(format("{} {}", words.size() + 1, rule_name(rule)));
  }
  TRY(records::Table aside, write_table(context, rewrite.dropped_schema(table.name + ".dropped"),
                                        rewrite.dropped_query(words)));
  if (aside.rows != dropped) {
    return fail(Code::kInternal, "clean.rows_lost",
                "{} rows of \"{}\" were dropped but {} are kept aside", dropped, table.name,
                aside.rows);
  }
  outcome.beside.put(std::move(aside));
  return {};
}

Result<TableResult> clean_table(RunContext& context, const records::Table& table, const Node& rules,
                                Outcome& outcome) {
  sql::Rewrite rewrite(context.sql, table.schema, context.objects.path_of(table.digest));
  records::TableSchema schema = table.schema;
  Faults none;
  for (const Node& rule : rules.items) {
    if (auto done = apply_rule(rule, schema, rewrite); !done) {
      return failed(rewrite, rules, table.name, std::move(done).error());
    }
    check_rule(context.sql, rule, schema, none);
  }
  auto counted = rewrite.tally();
  if (!counted) return failed(rewrite, rules, table.name, std::move(counted).error());
  const sql::Tally& tally = *counted;

  records::Table out = table;
  out.schema = schema;
  const bool rewritten = tally.touched() || rewrite.reshaped();
  if (rewritten) {
    TRY(out, write_table(context, schema, rewrite.kept_query()));
  }
  TableResult result;
  result.dropped = tally.rows - tally.kept;
  if (out.rows != tally.kept || tally.rows != table.rows) {
    return fail(Code::kInternal, "clean.rows_lost",
                "\"{}\" has {} rows, {} were dropped, but {} leave", table.name, table.rows,
                result.dropped, out.rows);
  }
  if (result.dropped > 0) {
    TRY_STATUS(write_dropped(context, table, rules, rewrite, result.dropped, outcome));
  }
  Json list = Json::array();
  for (std::size_t i = 0; i < tally.rules.size(); ++i) {
    result.values += tally.rules[i].values;
    warn(label(table.name, i, rules.items[i]), tally.rules[i], outcome.warnings);
    list.push(rule_report(i, rules.items[i], tally.rules[i]));
  }
  result.report.set("name", table.name).set("rows_in", table.rows).set("rows_out", out.rows);
  result.report.set("rows_dropped", result.dropped).set("values_changed", result.values);
  result.report.set("rewritten", rewritten).set("rules", std::move(list));
  outcome.output.put(std::move(out));
  return result;
}

}  // namespace

void check(CheckContext& context) {
  for (const Entry& entry : context.section.entries) {
    records::TableSchema* schema = context.catalog.find(entry.key);
    if (schema == nullptr) {
      context.faults.add(
          fault_at(entry.key_mark, "clean.table_missing",
                   format("there is no table \"{}\"", shown(entry.key)),
                   did_you_mean(entry.key, context.catalog.names(),
                                format("tables: {}", listed(context.catalog.names(), 30)))));
      continue;
    }
    for (const Node& rule : entry.value.items) {
      check_rule(context.sql, rule, *schema, context.faults);
    }
  }
}

Result<Outcome> run(RunContext& context) {
  Outcome outcome;
  Json tables = Json::array();
  std::int64_t values = 0;
  std::int64_t dropped = 0;
  for (const records::Table& table : context.input.tables) {
    const Node* rules = context.section.find(table.name);
    if (rules == nullptr || rules->items.empty()) {
      outcome.output.put(table);
      continue;
    }
    auto result = clean_table(context, table, *rules, outcome);
    if (!result) return std::move(result).error().within(format("clean {}", table.name));
    values += result->values;
    dropped += result->dropped;
    tables.push(std::move(result->report));
  }
  outcome.report.set("tables", std::move(tables));
  outcome.counts = {
      {"rows", outcome.output.rows()}, {"values changed", values}, {"rows dropped", dropped}};
  return outcome;
}

}  // namespace kingpost::steps::clean
