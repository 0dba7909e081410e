// SPDX-License-Identifier: Apache-2.0
// Queries of checks that look at several rows at once, at names and types, or at what the user
// asks.
#include "steps/02_validate_data/row_sets.h"

#include <algorithm>

#include "base/text.h"
#include "engines/sql/dialect.h"
#include "steps/02_validate_data/faults.h"

namespace kingpost::steps::validate_data {
namespace {

using sql::identifier;

std::string looked_at(const Check& check) {
  const std::string evaluated = evaluated_condition(check);
  return check.where.empty() ? evaluated : format("{} AND {}", check.where, evaluated);
}

// Tables from this size on: in a small one the wide array costs more than it saves.
constexpr std::int64_t kManyRows = 100'000;

// The groups with more than one row and how many it has. When the ranges of the columns are known
// to be narrow, the engine counts in an array with a place for each value, here of up to 2^21
// instead of its default 2^12, which takes a fraction of the time and memory of hashing.
Status keep_repeated(RunContext& context, const TableFacts& facts, const Check& check) {
  const std::string names = sql::identifiers(check.columns);
  const bool many = facts.table->rows >= kManyRows;
  if (many) TRY_STATUS(context.sql.run("SET perfect_ht_threshold=21"));
  auto done = context.sql.run(format(
      "CREATE OR REPLACE TEMP TABLE {0} AS SELECT {1}, count(*) AS \"_validate_data_n\" FROM {2} "
      "WHERE {3} GROUP BY {1} HAVING count(*) > 1",
      repeated_table(check), names, from_table(context, *facts.table), looked_at(check)));
  if (many) TRY_STATUS(context.sql.run("RESET perfect_ht_threshold"));
  return done;
}

// Nulls in some of the columns are equal to each other, as GROUP BY has it.
std::string repeated_rows(const RunContext& context, const TableFacts& facts, const Check& check) {
  std::vector<std::string> equal;
  for (const std::string& name : check.columns) {
    equal.push_back(format("\"_t\".{0} IS NOT DISTINCT FROM \"_d\".{0}", identifier(name)));
  }
  return format(
      "SELECT \"_t\".\"_row\" FROM (SELECT file_row_number AS \"_row\", {0} FROM {1} WHERE {2}) AS "
      "\"_t\" JOIN {3} AS \"_d\" ON {4}",
      sql::identifiers(check.columns), from_table(context, *facts.table, true), looked_at(check),
      repeated_table(check), join(equal, " AND "));
}

std::string orphan_rows(const RunContext& context, const TableFacts& facts, const Check& check) {
  const Reference reference = reference_of(check);
  const std::string column = identifier(check.columns[0]);
  return format(
      "SELECT \"_t\".\"_row\" FROM (SELECT file_row_number AS \"_row\", {0} AS \"_v\" FROM {1} "
      "WHERE "
      "{2}) AS \"_t\" ANTI JOIN (SELECT {3} AS \"_v\" FROM {4}) AS \"_p\" ON \"_t\".\"_v\" = "
      "\"_p\".\"_v\"",
      column, from_table(context, *facts.table, true), looked_at(check),
      identifier(reference.column), from_table(context, *context.input.find(reference.table)));
}

// A NaN fails and is skipped, so that the value after it is compared with the last real one.
std::string falling_rows(const RunContext& context, const TableFacts& facts, const Check& check) {
  const std::string column = identifier(check.columns[0]);
  const bool can_be_nan = starts_with(facts.table->schema.find(check.columns[0])->type, "float");
  const std::string real =
      can_be_nan ? format("CASE WHEN isnan({0}) THEN NULL ELSE {0} END", column) : column;
  return format(
      "SELECT \"_row\" FROM (SELECT file_row_number AS \"_row\", {0} AS \"_v\", lag({1} IGNORE "
      "NULLS) "
      "OVER (ORDER BY file_row_number) AS \"_before\" FROM {2} WHERE {3}) AS \"_t\" WHERE \"_v\" "
      "{4} "
      "\"_before\"{5}",
      column, real, from_table(context, *facts.table, true), looked_at(check),
      check.node->flag("strictly") ? "<=" : "<", can_be_nan ? " OR isnan(\"_v\")" : "");
}

void compare_schema(const records::TableSchema& schema, Finding& finding) {
  const Check& check = finding.check;
  const std::vector<std::string> present = schema.names();
  if (check.kind == "type") {
    finding.observed = schema.find(check.columns[0])->type;
    finding.wrong = finding.observed.text() != check.node->text_at("type");
    return;
  }
  Json lacking = Json::array();
  Json extra = Json::array();
  for (const std::string& name : check.columns) {
    if (schema.find(name) == nullptr) lacking.push(name);
  }
  for (const std::string& name : present) {
    const auto& wanted = check.columns;
    if (std::find(wanted.begin(), wanted.end(), name) == wanted.end()) extra.push(name);
  }
  if (check.kind == "column_order") {
    finding.wrong = present != check.columns;
    Json names = Json::array();
    for (const std::string& name : present) names.push(name);
    finding.observed = std::move(names);
    return;
  }
  const bool exactly = check.node->flag("exactly");
  finding.wrong = !lacking.items().empty() || (exactly && !extra.items().empty());
  finding.observed = Json::object().set("missing", std::move(lacking));
  if (exactly) finding.observed.set("extra", std::move(extra));
}

void compare_distinct(std::int64_t count, Finding& finding) {
  const Node& node = *finding.check.node;
  finding.observed = count;
  finding.wrong = (node.has("min") && count < node.integer("min")) ||
                  (node.has("max") && count > node.integer("max"));
}

Result<std::string> counting_query(const RunContext& context, const TableFacts& facts,
                                   const Check& check) {
  if (check.kind == "unique") {
    return format("SELECT CAST(coalesce(sum(\"_validate_data_n\"), 0) AS BIGINT) AS n FROM {}",
                  repeated_table(check));
  }
  if (check.scope == Scope::kDistinct) {
    return format("SELECT count(*) AS n FROM (SELECT DISTINCT {} FROM {} WHERE {})",
                  identifier(check.columns[0]), from_table(context, *facts.table),
                  looked_at(check));
  }
  if (check.scope == Scope::kRowSet) {
    return format("SELECT count(*) AS n FROM ({})", failing_rows(context, facts, check));
  }
  TRY(const std::string query, user_query(context, check));
  return format("{} SELECT count(*) AS n FROM (\n{}\n) AS \"_q\"", tables_in_reach(context), query);
}

Result<sql::Rows> count_failures(RunContext& context, const TableFacts& facts, const Check& check) {
  TRY(const std::string query, counting_query(context, facts, check));
  if (check.kind == "unique") TRY_STATUS(keep_repeated(context, facts, check));
  return context.sql.query(query);
}

}  // namespace

std::string repeated_table(const Check& check) {
  return identifier(format("_validate_data_repeated_{}", check.number));
}

std::string failing_rows(const RunContext& context, const TableFacts& facts, const Check& check) {
  if (check.kind == "unique") return repeated_rows(context, facts, check);
  if (check.kind == "relationships") return orphan_rows(context, facts, check);
  return falling_rows(context, facts, check);
}

Result<std::string> user_query(const RunContext& context, const Check& check) {
  return query_text(context.settings, check);
}

std::string tables_in_reach(const RunContext& context) {
  std::vector<std::string> parts;
  for (const records::Table& table : context.input.tables) {
    parts.push_back(format("{} AS NOT MATERIALIZED (SELECT * FROM {})", identifier(table.name),
                           sql::parquet(context.objects.path_of(table.digest))));
  }
  return "WITH " + join(parts, ", ");
}

Status compute_alone(RunContext& context, const TableFacts& facts, Finding& finding) {
  const Check& check = finding.check;
  if (check.scope == Scope::kSchema) {
    compare_schema(facts.table->schema, finding);
    return {};
  }
  if (check.scope == Scope::kRow || check.scope == Scope::kNumber) return {};
  if (!finding.not_computed.empty()) return {};
  const auto rows = count_failures(context, facts, check);
  if (!rows) {
    if (rows.error().id() != "engine.query_failed") return rows.error();
    finding.not_computed = shown(rows.error().what(), 200);
    return {};
  }
  const std::int64_t count = rows->integer(0, "n");
  if (check.scope == Scope::kDistinct) {
    compare_distinct(count, finding);
  } else if (check.scope == Scope::kRowSet) {
    finding.unexpected = count;
  } else {
    finding.observed = count;
    finding.unexpected = count;
    finding.wrong = count > 0;
  }
  return {};
}

}  // namespace kingpost::steps::validate_data
