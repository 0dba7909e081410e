// SPDX-License-Identifier: Apache-2.0
// What is known of a table before its rows are scanned: row groups, statistics, least and greatest
// values, NaN and infinities.
#include <cmath>

#include "base/text.h"
#include "engines/sql/dialect.h"
#include "steps/02_validate_data/scan.h"

namespace kingpost::steps::validate_data {
namespace {

using sql::identifier;

// One boolean among them would make the engine read the column, and with it all others; the least
// and greatest text would cost as much as all other numbers of the profile together.
bool has_order(std::string_view type) {
  return type != "string" && type != "boolean";
}

Status read_layout(RunContext& context, TableFacts& facts) {
  const std::string file = sql::literal(context.objects.path_of(facts.table->digest));
  TRY(const auto groups,
      context.sql.query(format("SELECT row_group_id, any_value(row_group_num_rows) AS n FROM "
                               "parquet_metadata({}) GROUP BY 1 ORDER BY 1",
                               file)));
  for (std::size_t r = 0; r < groups.size(); ++r) facts.groups.push_back(groups.integer(r, "n"));
  TRY(const auto columns,
      context.sql.query(
          format("SELECT path_in_schema AS name, count(stats_min_value) AS ranged, "
                 "count(stats_distinct_count) AS counted, max(stats_distinct_count) AS most, "
                 "count(stats_null_count) AS nulled, CAST(sum(stats_null_count) AS BIGINT) AS "
                 "nulls FROM parquet_metadata({}) GROUP BY 1",
                 file)));
  for (std::size_t r = 0; r < columns.size(); ++r) {
    for (ColumnFacts& each : facts.columns) {
      if (each.column->name != columns.text(r, "name")) continue;
      const auto all = static_cast<std::int64_t>(facts.groups.size());
      each.has_statistics = columns.integer(r, "ranged") == all && each.column->type != "time";
      each.distinct_in_all_groups = columns.integer(r, "counted") == all;
      if (columns.integer(r, "nulled") == all) each.nulls = columns.integer(r, "nulls");
      if (columns.integer(r, "counted") > 0) each.most_distinct = columns.integer(r, "most");
    }
  }
  return {};
}

// The engine answers min and max from the file's statistics alone when every one asked for has
// some.
Status read_ranges(RunContext& context, TableFacts& facts, bool with_statistics) {
  std::vector<std::string> items;
  for (std::size_t i = 0; i < facts.columns.size(); ++i) {
    const ColumnFacts& each = facts.columns[i];
    if (!has_order(each.column->type) || each.has_statistics != with_statistics) continue;
    const std::string name = identifier(each.column->name);
    // The driver hands no times over.
    const std::string_view type = each.column->type == "time" ? "::VARCHAR" : "";
    items.push_back(format("min({0}){1} AS l{2}, max({0}){1} AS m{2}", name, type, i));
  }
  if (items.empty()) return {};
  TRY(const auto rows, context.sql.query(format("SELECT {} FROM {}", join(items, ", "),
                                                from_table(context, *facts.table))));
  for (std::size_t i = 0; i < facts.columns.size(); ++i) {
    ColumnFacts& each = facts.columns[i];
    if (!has_order(each.column->type) || each.has_statistics != with_statistics) continue;
    each.least = rows.at(0, format("l{}", i));
    each.most = rows.at(0, format("m{}", i));
  }
  return {};
}

bool unbounded(const ColumnFacts& facts) {
  if (!starts_with(facts.column->type, "float") || facts.least.is_null()) return false;
  return !std::isfinite(facts.least.number()) || !std::isfinite(facts.most.number());
}

// Only columns that hold NaN (the greatest value in the engine's order) or an infinity.
Status read_unbounded(RunContext& context, TableFacts& facts) {
  std::vector<std::string> items;
  for (std::size_t i = 0; i < facts.columns.size(); ++i) {
    if (!unbounded(facts.columns[i])) continue;
    items.push_back(format(
        "min(CASE WHEN isfinite({0}) THEN {0} END) AS l{1}, max(CASE WHEN isfinite({0}) THEN {0} "
        "END) AS m{1}, CAST(count_if(isnan({0})) AS BIGINT) AS n{1}, CAST(count_if(isinf({0})) AS "
        "BIGINT) AS i{1}",
        identifier(facts.columns[i].column->name), i));
  }
  if (items.empty()) return {};
  TRY(const auto rows, context.sql.query(format("SELECT {} FROM {}", join(items, ", "),
                                                from_table(context, *facts.table))));
  for (std::size_t i = 0; i < facts.columns.size(); ++i) {
    ColumnFacts& each = facts.columns[i];
    if (!unbounded(each)) continue;
    each.least = rows.at(0, format("l{}", i));
    each.most = rows.at(0, format("m{}", i));
    each.nan = rows.integer(0, format("n{}", i));
    each.infinite = rows.integer(0, format("i{}", i));
  }
  return {};
}

}  // namespace

const ColumnFacts* TableFacts::find(std::string_view column) const {
  for (const ColumnFacts& each : columns) {
    if (each.column->name == column) return &each;
  }
  return nullptr;
}

Result<TableFacts> read_facts(RunContext& context, const records::Table& table) {
  TableFacts facts;
  facts.table = &table;
  for (const records::Column& column : table.schema.columns) {
    facts.columns.emplace_back().column = &column;
  }
  TRY_STATUS(read_layout(context, facts));
  TRY_STATUS(read_ranges(context, facts, true));
  TRY_STATUS(read_ranges(context, facts, false));
  TRY_STATUS(read_unbounded(context, facts));
  return facts;
}

}  // namespace kingpost::steps::validate_data
