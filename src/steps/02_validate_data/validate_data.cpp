// SPDX-License-Identifier: Apache-2.0
// The recipe: for each table read what its file tells, scan it once, ask what the scan could not
// answer, keep failing rows, take out those that are to leave; then judge all tables together.
#include "steps/02_validate_data/validate_data.h"

#include "base/digest.h"
#include "base/text.h"
#include "steps/02_validate_data/caught.h"
#include "steps/02_validate_data/failures.h"
#include "steps/02_validate_data/faults.h"
#include "steps/02_validate_data/profile.h"
#include "steps/02_validate_data/report.h"
#include "steps/02_validate_data/row_sets.h"
#include "steps/02_validate_data/scan.h"

namespace kingpost::steps::validate_data {
namespace {

void refuse_column(CheckContext& context, const Mark& mark, const records::TableSchema& schema,
                   std::string_view name) {
  if (schema.find(name) == nullptr) return;
  context.faults.add(
      fault_at(mark, "validate_data.column_reserved",
               format("table \"{}\" has a column \"{}\", a name that this step gives itself",
                      schema.name, name),
               "rename the column in ingest"));
}

// Columns that the step adds to the rows of a quarantine.
void reserved_columns(CheckContext& context, const Entry& entry,
                      const records::TableSchema& schema) {
  for (const Check& each : read_checks(context.section, entry.key)) {
    if (each.action != Action::kQuarantine) continue;
    refuse_column(context, entry.key_mark, schema, "_row");
    refuse_column(context, entry.key_mark, schema, "_reason");
    return;
  }
}

struct TableResult {
  std::vector<Finding> findings;
  Json profile;
  Json sample;
  std::optional<records::Table> failures;
  Removal removal;
};

// The scan answers the profile as part 0 and check i as part i + 1.
Status compute(RunContext& context, const TableFacts& facts, TableResult& out) {
  TRY_STATUS(catch_rows(context, facts, out.findings));
  const auto prefix = [](std::size_t i) { return format("c{}_", i); };
  std::vector<Part> parts = {profile_part(facts)};
  for (std::size_t i = 0; i < out.findings.size(); ++i) {
    parts.push_back(part_of(out.findings[i], facts, prefix(i)));
  }
  TRY_STATUS(scan(context, from_table(context, *facts.table), parts));
  for (std::size_t i = 0; i < out.findings.size(); ++i) {
    read_part(context, parts[i + 1], facts, prefix(i), out.findings[i]);
    TRY_STATUS(compute_alone(context, facts, out.findings[i]));
  }
  TRY(out.profile, read_profile(context, facts, parts[0]));
  out.sample = sample_words(facts);
  return {};
}

Result<TableResult> validate(RunContext& context, const records::Table& table) {
  TableResult out;
  for (Check& check : read_checks(context.section, table.name)) {
    out.findings.emplace_back().check = std::move(check);
  }
  TRY(const TableFacts facts, read_facts(context, table));
  TRY_STATUS(compute(context, facts, out));
  TRY_STATUS(keep_row_sets(context, facts, out.findings));
  TRY(out.failures, collect_failures(context, facts, out.findings));
  TRY(out.removal, remove_rows(context, facts, out.findings));
  TRY_STATUS(drop_temporary(context, out.findings));
  return out;
}

Json table_json(const TableResult& result, const records::Table& table) {
  Json checks = Json::array();
  for (const Finding& each : result.findings) checks.push(finding_json(each));
  Json out = Json::object();
  out.set("rows", table.rows).set("rows_out", result.removal.remaining.rows);
  out.set("quarantined",
          result.removal.quarantined ? result.removal.quarantined->rows : std::int64_t{0});
  out.set("dropped", result.removal.dropped);
  out.set("sample", result.sample);
  out.set("profile", result.profile).set("checks", std::move(checks));
  return out;
}

struct Totals {
  std::int64_t failed = 0;
  std::int64_t warned = 0;
  std::int64_t quarantined = 0;
  std::int64_t dropped = 0;
};

// An `info` is for the report alone.
void warn(const std::vector<Finding>& findings, Totals& totals, Outcome& outcome) {
  for (const Finding& each : findings) {
    if (each.is_refusal()) {
      ++totals.failed;
    } else if (each.verdict() == "warned" || each.verdict() == "not_computed") {
      ++totals.warned;
      if (each.check.severity != "info") outcome.warnings.push_back(finding_line(each));
    }
  }
}

}  // namespace

void check(CheckContext& context) {
  // The engine's own name for the number of a row.
  for (const records::TableSchema& each : context.catalog.tables) {
    refuse_column(context, context.section.mark, each, "file_row_number");
  }
  for (const Entry& entry : context.section.entries) {
    const records::TableSchema* schema = context.catalog.find(entry.key);
    if (schema == nullptr) {
      const auto names = context.catalog.names();
      context.faults.add(
          fault_at(entry.key_mark, "validate_data.table_missing",
                   format("table \"{}\" does not exist", shown(entry.key)),
                   did_you_mean(entry.key, names, format("tables: {}", listed(names, 30)))));
      continue;
    }
    reserved_columns(context, entry, *schema);
    for (std::size_t i = 0; i < entry.value.items.size(); ++i) {
      const Check each = read_check(entry.key, i, entry.value.items[i]);
      if (!each.kind.empty()) find_faults(context, each, *schema);
    }
  }
}

Result<Outcome> run(RunContext& context) {
  Outcome outcome;
  Totals totals;
  Json tables = Json::object();
  std::vector<Finding> all;
  for (const records::Table& table : context.input.tables) {
    TRY(TableResult result, validate(context, table));
    tables.set(table.name, table_json(result, table));
    totals.quarantined += result.removal.quarantined ? result.removal.quarantined->rows : 0;
    totals.dropped += result.removal.dropped;
    outcome.output.put(std::move(result.removal.remaining));
    if (result.removal.quarantined) outcome.beside.put(std::move(*result.removal.quarantined));
    if (result.failures) outcome.beside.put(std::move(*result.failures));
    warn(result.findings, totals, outcome);
    for (Finding& each : result.findings) all.push_back(std::move(each));
  }
  outcome.report.set("tables", std::move(tables));
  outcome.counts = {{"checks", static_cast<std::int64_t>(all.size())},
                    {"failed", totals.failed},
                    {"warned", totals.warned},
                    {"quarantined rows", totals.quarantined},
                    {"dropped rows", totals.dropped}};
  outcome.verdict = verdict_of(all);
  return outcome;
}

Result<Json> key_parts(KeyContext& context) {
  Json out = Json::object();
  for (const Entry& entry : context.section.entries) {
    for (const Check& each : read_checks(context.section, entry.key)) {
      if (each.kind == "freshness") out.set("now", context.settings.now_of_key());
      if (each.kind != "sql" || !each.node->has("file")) continue;
      TRY(const std::string text, query_text(context.settings, each));
      out.set(each.node->text_at("file"), sha256_of(text));
    }
  }
  return out;
}

}  // namespace kingpost::steps::validate_data
