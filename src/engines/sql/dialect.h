// SPDX-License-Identifier: Apache-2.0
// The words of SQL that differ between engines, in one place.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kingpost::sql {

/// "name" with inner quotes doubled.
std::string identifier(std::string_view name);
std::string identifiers(const std::vector<std::string>& names);
/// 'text' with inner quotes doubled.
std::string literal(std::string_view text);
std::string literals(const std::vector<std::string>& texts);
/// The literal of a path that is meant as it is: the readers would take * ? [ for a pattern.
std::string path_literal(std::string_view path);
std::string path_literals(const std::vector<std::string>& paths);
/// FROM item for CSV files that all have these columns, every field as text. Records that are not
/// well formed are left out; with `rejects` they are listed in the temporary tables
/// `<rejects>_errors` and `<rejects>_scans`. With `types`, the engine's word for each column,
/// fields come as those, and the query fails where one does not convert or a record is not well
/// formed.
struct CsvReader {
  std::vector<std::string> paths{};
  std::vector<std::string> columns{};
  char delimiter = ',';
  char quote = '"';
  std::vector<std::string> nulls{};
  std::string rejects{};
  std::vector<std::string> types{};
};
std::string read_csv(const CsvReader& reader);
/// FROM item with the lines of text files as column `line`, blank ones as null.
std::string read_lines(const std::vector<std::string>& paths);
/// FROM item for a Parquet file; with `numbered` it has the column file_row_number (0-based).
std::string parquet(const std::string& path, bool numbered = false);
/// COPY of a query into a Parquet file, the same bytes for the same rows on any thread count.
std::string write_parquet(const std::string& query, const std::string& path);

}  // namespace kingpost::sql
