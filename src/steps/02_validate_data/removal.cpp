// SPDX-License-Identifier: Apache-2.0
// Taking failing rows out of a table: what stays, what is quarantined with its reasons, and how
// many rows are dropped. Rows in = rows out + quarantined + dropped.
#include <algorithm>

#include "base/text.h"
#include "engines/sql/dialect.h"
#include "steps/02_validate_data/caught.h"
#include "steps/02_validate_data/failures.h"

namespace kingpost::steps::validate_data {
namespace {

using sql::identifier;
using sql::literal;

constexpr std::string_view kMarks = "\"_validate_data_marks\"";

std::string reason(const Check& check) {
  if (check.name.empty()) return sentence(check);
  return format("{}: {}", shown(check.name, 120), sentence(check));
}

// One row per failing check and row: _row, _no, _reason, _keep.
Status mark_rows(RunContext& context, const TableFacts& facts,
                 const std::vector<const Finding*>& removing) {
  std::vector<std::string> branches;
  for (const Finding* each : removing) {
    const Source source = failing_source(context, facts, *each);
    branches.push_back(
        format("SELECT file_row_number AS \"_row\", {} AS \"_no\", {} AS \"_reason\", {} AS "
               "\"_keep\" FROM {} WHERE {}",
               each->check.number, literal(reason(each->check)),
               each->check.action == Action::kQuarantine, source.from, source.condition));
  }
  return context.sql.run(
      format("CREATE OR REPLACE TEMP TABLE {} AS {}", kMarks, join(branches, " UNION ALL ")));
}

// Conditions alone keep the scan's order; rows found by queries are left out by number, and sorted
// because a join may lose the order.
std::string remaining_query(const RunContext& context, const TableFacts& facts,
                            const std::vector<const Finding*>& removing) {
  const records::TableSchema& schema = facts.table->schema;
  const std::string columns = sql::identifiers(schema.names());
  const bool by_condition = std::all_of(removing.begin(), removing.end(),
                                        [](const Finding* each) { return each->row_set.empty(); });
  if (!by_condition) {
    return format(
        "SELECT {} FROM {} WHERE file_row_number NOT IN (SELECT \"_row\" FROM {}) ORDER BY "
        "file_row_number",
        columns, from_table(context, *facts.table, true), kMarks);
  }
  std::vector<std::string> parts;
  for (const Finding* each : removing) {
    parts.push_back(format("({}) IS NOT TRUE", failing_condition(each->check, schema)));
  }
  return format("SELECT {} FROM {} WHERE {}", columns, from_table(context, *facts.table),
                join(parts, " AND "));
}

Result<records::Table> write_quarantined(RunContext& context, const TableFacts& facts) {
  const records::TableSchema& schema = facts.table->schema;
  records::TableSchema out = schema;
  out.name = schema.name + ".quarantined";
  out.columns.push_back({"_reason", "string", {}, {}});
  out.columns.push_back({"_row", "int64", {}, {}});
  std::vector<std::string> columns;
  for (const std::string& name : schema.names()) {
    columns.push_back(format("{}.{}", identifier(schema.name), identifier(name)));
  }
  return write_table(
      context, out,
      format("SELECT {0}, \"_m\".\"_reason\", \"_m\".\"_row\" FROM {1} JOIN (SELECT \"_row\", "
             "string_agg(\"_reason\", '; ' ORDER BY \"_no\") AS \"_reason\" FROM {2} GROUP BY "
             "\"_row\" "
             "HAVING bool_or(\"_keep\")) AS \"_m\" ON file_row_number = \"_m\".\"_row\" ORDER BY "
             "\"_m\".\"_row\"",
             join(columns, ", "), from_table(context, *facts.table, true), kMarks));
}

}  // namespace

Result<Removal> remove_rows(RunContext& context, const TableFacts& facts,
                            const std::vector<Finding>& findings) {
  std::vector<const Finding*> removing;
  bool quarantines = false;
  for (const Finding& each : findings) {
    if (!each.check.of_rows() || !each.check.removes_rows() || each.unexpected == 0) continue;
    removing.push_back(&each);
    quarantines = quarantines || each.check.action == Action::kQuarantine;
  }
  Removal out;
  out.remaining = *facts.table;
  if (removing.empty()) return out;
  TRY_STATUS(mark_rows(context, facts, removing));
  TRY(out.remaining,
      write_table(context, facts.table->schema, remaining_query(context, facts, removing)));
  if (quarantines) {
    TRY(records::Table table, write_quarantined(context, facts));
    out.quarantined = std::move(table);
  }
  TRY(const auto rows, context.sql.query(format(
                           "SELECT count(*) AS n FROM (SELECT \"_row\" FROM {} GROUP BY \"_row\" "
                           "HAVING NOT bool_or(\"_keep\"))",
                           kMarks)));
  out.dropped = rows.integer(0, "n");
  TRY_STATUS(context.sql.run(format("DROP TABLE IF EXISTS {}", kMarks)));
  return out;
}

}  // namespace kingpost::steps::validate_data
