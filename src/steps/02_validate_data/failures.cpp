// SPDX-License-Identifier: Apache-2.0
// Examples and failing rows through one temporary table per input table, so that each failing check
// costs one more look at its own columns.
#include "steps/02_validate_data/failures.h"

#include <algorithm>

#include "base/text.h"
#include "engines/sql/dialect.h"
#include "engines/sql/types.h"
#include "steps/02_validate_data/caught.h"
#include "steps/02_validate_data/row_sets.h"

namespace kingpost::steps::validate_data {
namespace {

using sql::identifier;
using sql::literal;

constexpr std::string_view kFailures = "\"_validate_data_failures\"";

bool is_kept(const Finding& finding) {
  const std::string_view verdict = finding.verdict();
  return finding.unexpected > 0 && verdict != "passed" && verdict != "dropped" &&
         verdict != "not_computed";
}

// The columns of "<table>.failures" that stand for the key, beside their names in the table.
std::vector<records::Column> key_columns(const records::TableSchema& schema) {
  static const std::vector<std::string_view> taken = {"check", "column", "value", "_row"};
  std::vector<records::Column> out;
  for (const std::string& name : schema.key) {
    const records::Column* column = schema.find(name);
    if (column == nullptr) continue;
    out.push_back(*column);
    if (std::find(taken.begin(), taken.end(), name) != taken.end()) {
      out.back().name = "key_" + name;
    }
  }
  return out;
}

std::vector<std::string> key_names(const records::TableSchema& schema) {
  std::vector<std::string> out;
  for (const std::string& name : schema.key) {
    if (schema.find(name) != nullptr) out.push_back(name);
  }
  return out;
}

std::string value_text(const Check& check) {
  if (check.columns.size() == 1) {
    return format("CAST({} AS VARCHAR)", identifier(check.columns[0]));
  }
  std::vector<std::string> parts;
  for (const std::string& name : check.columns) {
    parts.push_back(format("coalesce(CAST({} AS VARCHAR), 'null')", identifier(name)));
  }
  return join(parts, " || ', ' || ");
}

// The first failing rows of one check: _no, _row, the key as _k0.., _check, _column, _value.
Result<std::string> branch(const RunContext& context, const TableFacts& facts,
                           const Finding& finding) {
  const Check& check = finding.check;
  const records::TableSchema& schema = facts.table->schema;
  const auto names = key_names(schema);
  std::string keys;
  const std::string words = format("{} AS \"_check\", {} AS \"_column\"", literal(label(check)),
                                   literal(join(check.columns, ", ")));
  if (check.scope == Scope::kQuery) {
    for (std::size_t k = 0; k < names.size(); ++k) {
      keys += format("CAST(NULL AS {}) AS \"_k{}\", ",
                     sql::engine_type(schema.find(names[k])->type), k);
    }
    TRY(const std::string query, user_query(context, check));
    return format(
        "(SELECT {} AS \"_no\", CAST(NULL AS BIGINT) AS \"_row\", {}{}, \"_value\" FROM ({} SELECT "
        "CAST(to_json(\"_q\") AS VARCHAR) AS \"_value\" FROM (\n{}\n) AS \"_q\") ORDER BY "
        "\"_value\" "
        "LIMIT {})",
        check.number, keys, words, tables_in_reach(context), query, kKeptRows);
  }
  for (std::size_t k = 0; k < names.size(); ++k) {
    keys += format("{} AS \"_k{}\", ", identifier(names[k]), k);
  }
  const Source source = failing_source(context, facts, finding);
  return format(
      "(SELECT {} AS \"_no\", file_row_number AS \"_row\", {}{}, {} AS \"_value\" FROM {} WHERE {} "
      "ORDER BY file_row_number LIMIT {})",
      check.number, keys, words, value_text(check), source.from, source.condition, kKeptRows);
}

Finding* find_number(std::vector<Finding>& findings, std::int64_t number) {
  for (Finding& each : findings) {
    if (static_cast<std::int64_t>(each.check.number) == number) return &each;
  }
  return nullptr;
}

// Equal values are one example with their count and the first row that has them; the rows of
// not_null have no value to tell them apart.
std::string example_query(const std::vector<Finding>& findings, const records::TableSchema& schema,
                          const std::vector<std::string>& keys) {
  std::vector<std::string> nulls = {"-1"};
  for (const Finding& each : findings) {
    if (each.check.kind == "not_null") nulls.push_back(format("{}", each.check.number));
  }
  std::string first;
  for (std::size_t k = 0; k < keys.size(); ++k) {
    // The driver hands no times over.
    const bool is_time = schema.find(keys[k])->type == "time";
    first += format("{1}arg_min_null(\"_k{0}\", \"_row\"){2} AS \"_k{0}\", ", k,
                    is_time ? "CAST(" : "", is_time ? " AS VARCHAR)" : "");
  }
  return format(
      "SELECT * FROM (SELECT \"_no\", \"_value\", {}count(*) AS \"_n\", min(\"_row\") AS "
      "\"_first\", "
      "row_number() OVER (PARTITION BY \"_no\" ORDER BY count(*) DESC, min(\"_row\"), \"_value\") "
      "AS "
      "\"_rank\" FROM {} GROUP BY \"_no\", \"_value\", CASE WHEN \"_no\" IN ({}) THEN \"_row\" "
      "END) "
      "WHERE \"_rank\" <= {} ORDER BY \"_no\", \"_rank\"",
      first, kFailures, join(nulls, ", "), kExamples);
}

constexpr std::size_t kLongestExample = 200;

Json readable(const Json& cell) {
  return cell.is_string() ? Json(shown(cell.text(), kLongestExample)) : cell;
}

Status read_examples(RunContext& context, const records::TableSchema& schema,
                     std::vector<Finding>& findings) {
  const auto names = key_names(schema);
  TRY(const auto counts,
      context.sql.query(format("SELECT \"_no\", count(*) AS n FROM {} GROUP BY 1", kFailures)));
  for (std::size_t r = 0; r < counts.size(); ++r) {
    Finding* finding = find_number(findings, counts.integer(r, "_no"));
    if (finding != nullptr) finding->kept = counts.integer(r, "n");
  }
  TRY(const auto rows, context.sql.query(example_query(findings, schema, names)));
  for (std::size_t r = 0; r < rows.size(); ++r) {
    Finding* finding = find_number(findings, rows.integer(r, "_no"));
    if (finding == nullptr) continue;
    Json example = Json::object();
    example.set("value", readable(rows.at(r, "_value"))).set("count", rows.integer(r, "_n"));
    if (!rows.at(r, "_first").is_null()) {
      example.set("row", rows.integer(r, "_first"));
      Json key = Json::object();
      for (std::size_t k = 0; k < names.size(); ++k) {
        key.set(names[k], readable(rows.at(r, format("_k{}", k))));
      }
      if (!names.empty()) example.set("key", std::move(key));
    }
    finding->examples.push(std::move(example));
  }
  return {};
}

Result<records::Table> write_failures(RunContext& context, const records::TableSchema& schema) {
  records::TableSchema out;
  out.name = schema.name + ".failures";
  out.columns.push_back({"check", "string", {}, {}});
  std::string keys;
  for (const records::Column& column : key_columns(schema)) {
    keys += format("\"_k{}\" AS {}, ", out.columns.size() - 1, identifier(column.name));
    out.columns.push_back(column);
  }
  out.columns.push_back({"_row", "int64", {}, {}});
  out.columns.push_back({"column", "string", {}, {}});
  out.columns.push_back({"value", "string", {}, {}});
  return write_table(
      context, out,
      format("SELECT \"_check\" AS \"check\", {}\"_row\", \"_column\" AS \"column\", "
             "\"_value\" AS \"value\" FROM {} ORDER BY \"_no\", \"_row\", \"_value\"",
             keys, kFailures));
}

}  // namespace

Status keep_row_sets(RunContext& context, const TableFacts& facts, std::vector<Finding>& findings) {
  for (Finding& finding : findings) {
    if (finding.check.scope != Scope::kRowSet || finding.unexpected == 0) continue;
    if (finding.verdict() == "passed") continue;
    finding.row_set = format("\"_validate_data_rows_{}\"", finding.check.number);
    TRY_STATUS(context.sql.run(format("CREATE OR REPLACE TEMP TABLE {} AS {}", finding.row_set,
                                      failing_rows(context, facts, finding.check))));
  }
  return {};
}

Result<std::optional<records::Table>> collect_failures(RunContext& context, const TableFacts& facts,
                                                       std::vector<Finding>& findings) {
  std::vector<std::string> branches;
  for (const Finding& finding : findings) {
    if (!is_kept(finding)) continue;
    TRY(std::string each, branch(context, facts, finding));
    branches.push_back(std::move(each));
  }
  if (branches.empty()) return std::optional<records::Table>();
  TRY_STATUS(context.sql.run(
      format("CREATE OR REPLACE TEMP TABLE {} AS {}", kFailures, join(branches, " UNION ALL "))));
  TRY_STATUS(read_examples(context, facts.table->schema, findings));
  TRY(records::Table table, write_failures(context, facts.table->schema));
  return std::optional<records::Table>(std::move(table));
}

Status drop_temporary(RunContext& context, const std::vector<Finding>& findings) {
  std::vector<std::string> names = {std::string(kFailures), caught_table()};
  for (const Finding& finding : findings) {
    if (finding.check.kind == "unique") names.push_back(repeated_table(finding.check));
    if (!finding.row_set.empty()) names.push_back(finding.row_set);
  }
  for (const std::string& name : names) {
    TRY_STATUS(context.sql.run("DROP TABLE IF EXISTS " + name));
  }
  return {};
}

}  // namespace kingpost::steps::validate_data
