// SPDX-License-Identifier: Apache-2.0
// What the readers of all formats share.
#include "steps/01_ingest/reader.h"

#include "base/text.h"
#include "engines/sql/dialect.h"

namespace kingpost::steps::ingest {

std::string sample_condition(const Source& source) {
  if (source.sample >= 1) return "true";
  std::vector<std::string> key = source.node->texts("key");
  if (key.empty()) {
    for (const PlannedColumn& column : source.columns) key.push_back(column.name);
  }
  std::vector<std::string> parts;
  for (const std::string& name : key) {
    parts.push_back(format("coalesce(CAST({} AS VARCHAR), chr(1))", sql::identifier(name)));
  }
  // 32 bits of the md5 against the share, so that a larger share holds every row of a smaller one.
  const auto limit = static_cast<std::int64_t>(source.sample * 4294967296.0);
  return format("CAST('0x' || substr(md5(concat_ws(chr(31), {})), 1, 8) AS BIGINT) < {}",
                join(parts, ", "), limit);
}

records::TableSchema rejected_schema(const Source& source) {
  records::TableSchema schema;
  schema.name = source.table + ".rejected";
  const std::pair<const char*, const char*> columns[] = {
      {"_file", "string"},  {"_line", "int64"},    {"_column", "string"},
      {"_value", "string"}, {"_reason", "string"}, {"_text", "string"}};
  for (const auto& [name, type] : columns) schema.columns.push_back({name, type, {}, "ingest"});
  return schema;
}

Status account(const Source& source, const Snapshot& snapshot) {
  return account_rows("ingest.rows_unaccounted", source.table, snapshot.rows_in,
                      snapshot.table.rows + snapshot.rejected_rows + snapshot.sampled_out);
}

}  // namespace kingpost::steps::ingest
