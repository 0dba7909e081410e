// SPDX-License-Identifier: Apache-2.0
// Parquet: typed already; declared types are converted where that loses nothing.
#include "base/text.h"
#include "engines/sql/dialect.h"
#include "engines/sql/types.h"
#include "steps/01_ingest/reader.h"

namespace kingpost::steps::ingest {
namespace {

constexpr std::string_view kPlace = "\"_kp_file\", \"_kp_row\"";

class ParquetReading {
 public:
  ParquetReading(RunContext& context, Source& source) : context_(context), source_(source) {}

  Result<Snapshot> read() {
    Snapshot snapshot;
    TRY(const auto counted,
        context_.sql.query(format("SELECT CAST(sum(num_rows) AS BIGINT) AS n FROM "
                                  "parquet_file_metadata([{}])",
                                  sql::path_literals(source_.files))));
    snapshot.rows_in = counted.integer(0, "n");
    std::vector<std::string> parts;
    for (std::size_t i = 0; i < source_.files.size(); ++i) {
      parts.push_back(format(
          "SELECT {} AS \"_kp_file\", file_row_number AS \"_kp_row\", {} FROM {}", i,
          sql::identifiers(schema_of(source_).names()), sql::parquet(source_.files[i], true)));
    }
    rows_ = format("({}) AS r", join(parts, " UNION ALL "));
    std::vector<std::string> columns;
    std::vector<std::string> faults = {"false"};
    for (const PlannedColumn& column : source_.columns) {
      columns.push_back(format("{} AS {}", converted(column), sql::identifier(column.name)));
      faults.push_back(faulty(column));
    }
    const std::string bad = join(faults, " OR ");
    const std::string sampled = sample_condition(source_);
    TRY(snapshot.table, write_table(context_, schema_of(source_),
                                    format("SELECT {} FROM {} WHERE NOT ({}) AND {} ORDER BY {}",
                                           join(columns, ", "), rows_, bad, sampled, kPlace)));
    TRY(const auto out, context_.sql.query(format("SELECT count(*) AS n FROM {} WHERE NOT ({}) AND "
                                                  "NOT ({})",
                                                  rows_, bad, sampled)));
    snapshot.sampled_out = out.integer(0, "n");
    TRY_STATUS(write_rejected(snapshot, bad));
    TRY_STATUS(account(source_, snapshot));
    return snapshot;
  }

 private:
  static std::string converted(const PlannedColumn& column) {
    return format("TRY_CAST({} AS {})", sql::identifier(column.name),
                  sql::engine_type(column.type));
  }

  // Lossless: the converted value, converted back, is the value.
  static std::string faulty(const PlannedColumn& column) {
    if (!column.declared) return "false";
    const std::string name = sql::identifier(column.name);
    return format(
        "({0} IS NOT NULL AND ({1} IS NULL OR (CAST({1} AS VARCHAR) <> CAST({0} AS "
        "VARCHAR) AND TRY_CAST({1} AS DOUBLE) IS DISTINCT FROM TRY_CAST({0} AS DOUBLE))))",
        name, converted(column));
  }

  Status write_rejected(Snapshot& snapshot, const std::string& bad) {
    std::string column = "CASE WHEN false THEN ''";
    std::string value = "CASE WHEN false THEN ''";
    std::string reason = "CASE WHEN false THEN ''";
    for (const PlannedColumn& each : source_.columns) {
      if (!each.declared) continue;
      column += format(" WHEN {} THEN {}", faulty(each), sql::literal(each.name));
      value +=
          format(" WHEN {} THEN CAST({} AS VARCHAR)", faulty(each), sql::identifier(each.name));
      reason += format(" WHEN {} THEN {} || CAST({} AS VARCHAR) || {}", faulty(each),
                       sql::literal(each.name + ": \""), sql::identifier(each.name),
                       sql::literal(format("\" is not {}", each.type)));
    }
    std::string file = "CASE \"_kp_file\"";
    for (std::size_t i = 0; i < source_.names.size(); ++i) {
      file += format(" WHEN {} THEN {}", i, sql::literal(source_.names[i]));
    }
    const std::string query = format(
        "SELECT {} END AS \"_file\", \"_kp_row\" + 1 AS \"_line\", {} END AS \"_column\", {} END "
        "AS "
        "\"_value\", {} END AS \"_reason\", CAST(NULL AS VARCHAR) AS \"_text\" FROM {} WHERE {} "
        "ORDER BY {}",
        file, column, value, reason, rows_, bad, kPlace);
    TRY(records::Table table, write_table(context_, rejected_schema(source_), query));
    snapshot.rejected_rows = table.rows;
    if (table.rows > 0) snapshot.rejected = std::move(table);
    return {};
  }

  RunContext& context_;
  Source& source_;
  std::string rows_;
};

}  // namespace

Result<Snapshot> read_parquet_source(RunContext& context, Source& source) {
  return ParquetReading(context, source).read();
}

}  // namespace kingpost::steps::ingest
