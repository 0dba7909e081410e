// SPDX-License-Identifier: Apache-2.0
// NaN and empty texts of the tables that are joined.
#include "steps/05_curate/no_value.h"

#include "base/text.h"
#include "engines/sql/dialect.h"

namespace kingpost::steps::curate {

Result<std::map<std::string, std::int64_t>> count_no_value(RunContext& context,
                                                           const records::Table& table,
                                                           const std::set<std::string>& columns) {
  std::map<std::string, std::int64_t> out;
  for (const records::Column& column : table.schema.columns) {
    if (columns.count(column.name) == 0) continue;
    const std::string name = sql::identifier(column.name);
    std::string where;
    if (column.type == "string") where = format("{} = ''", name);
    if (column.type == "float64" || column.type == "float32") where = format("isnan({})", name);
    if (where.empty()) continue;
    // One query each: for texts the least value of a row group mostly says that there is none.
    TRY(const auto rows, context.sql.query(format("SELECT count(*) AS n FROM {} WHERE {}",
                                                  from_table(context, table), where)));
    if (rows.integer(0, "n") > 0) out.emplace(column.name, rows.integer(0, "n"));
  }
  return out;
}

std::string null_for_no_value(const std::string& value, std::string_view type) {
  if (type == "string") return format("nullif({}, '')", value);
  return format("CASE WHEN NOT isnan({0}) THEN {0} END", value);
}

}  // namespace kingpost::steps::curate
