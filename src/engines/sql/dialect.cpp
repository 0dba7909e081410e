// SPDX-License-Identifier: Apache-2.0
// The words of SQL that differ between engines, in one place.
#include "engines/sql/dialect.h"

#include "base/format.h"
#include "base/text.h"

namespace kingpost::sql {

std::string identifier(std::string_view name) {
  return "\"" + replace_all(std::string(name), "\"", "\"\"") + "\"";
}

std::string identifiers(const std::vector<std::string>& names) {
  std::vector<std::string> out;
  for (const std::string& name : names) out.push_back(identifier(name));
  return join(out, ", ");
}

std::string literal(std::string_view text) {
  return "'" + replace_all(std::string(text), "'", "''") + "'";
}

std::string literals(const std::vector<std::string>& texts) {
  std::vector<std::string> out;
  for (const std::string& text : texts) out.push_back(literal(text));
  return join(out, ", ");
}

std::string path_literal(std::string_view path) {
  std::string out;
  for (const char c : path) {
    if (c == '*' || c == '?' || c == '[') {
      out += {'[', c, ']'};
    } else {
      out.push_back(c);
    }
  }
  return literal(out);
}

std::string path_literals(const std::vector<std::string>& paths) {
  std::vector<std::string> out;
  for (const std::string& path : paths) out.push_back(path_literal(path));
  return join(out, ", ");
}

namespace {

std::string faults_of(const CsvReader& reader) {
  if (!reader.types.empty()) return "ignore_errors=false";
  if (reader.rejects.empty()) return "ignore_errors=true";
  return format("store_rejects=true, rejects_limit=0, rejects_table={}, rejects_scan={}",
                literal(reader.rejects + "_errors"), literal(reader.rejects + "_scans"));
}

}  // namespace

std::string read_csv(const CsvReader& reader) {
  std::vector<std::string> columns;
  for (std::size_t i = 0; i < reader.columns.size(); ++i) {
    columns.push_back(format("{}: '{}'", literal(reader.columns[i]),
                             i < reader.types.size() ? reader.types[i] : "VARCHAR"));
  }
  return format(
      "read_csv([{}], columns={{{}}}, auto_detect=false, header=true, delim={}, quote={}, "
      "escape={}, nullstr=[{}], allow_quoted_nulls=false, null_padding=false, strict_mode=true, "
      "{})",
      path_literals(reader.paths), join(columns, ", "), literal(std::string(1, reader.delimiter)),
      literal(std::string(1, reader.quote)), literal(std::string(1, reader.quote)),
      literals(reader.nulls), faults_of(reader));
}

std::string read_lines(const std::vector<std::string>& paths) {
  return format(
      "read_csv([{}], columns={{'line': 'VARCHAR'}}, auto_detect=false, header=false, "
      "delim='\x01', quote='', escape='', strict_mode=false, max_line_size=33554432)",
      path_literals(paths));
}

std::string parquet(const std::string& path, bool numbered) {
  return format("read_parquet({}{})", path_literal(path), numbered ? ", file_row_number=true" : "");
}

// The writer looks for a dictionary in every column. By default it gives up at a fifth of a row
// group's rows, whose hash table outgrows the processor's cache; up to 8,192 values stay within it.
std::string write_parquet(const std::string& query, const std::string& path) {
  return format(
      "COPY ({}) TO {} (FORMAT parquet, COMPRESSION snappy, DICTIONARY_SIZE_LIMIT 8192, "
      "WRITE_BLOOM_FILTER false)",
      query, literal(path));
}

}  // namespace kingpost::sql
