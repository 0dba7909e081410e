// SPDX-License-Identifier: Apache-2.0
// What a first look at a table tells: null tokens, keys, times, kinds of columns.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "engines/sql/session.h"
#include "records/dataset.h"

namespace kingpost::lifecycle {

struct ColumnFacts {
  std::string name;
  std::string type;
  std::int64_t nulls = 0;
  std::int64_t distinct = 0;
  std::string least;
  std::string most;
};

struct TableFacts {
  std::string name;
  std::string path;
  std::int64_t rows = 0;
  std::vector<ColumnFacts> columns;
  /// The smallest set of columns found that names each row; empty when none was found.
  std::vector<std::string> key;

  const ColumnFacts* find(std::string_view column) const;
};

/// Texts such as NA or null that stand among numbers or times of a column of texts, or fill a
/// column of texts that has other values too; without the empty text.
Result<std::vector<std::string>> null_tokens(sql::Session& session, const std::string& from,
                                             const records::TableSchema& schema);

/// Counts of every column, and a key of one to three columns.
Result<TableFacts> look_at_table(sql::Session& session, const std::string& from,
                                 const records::Table& table);

}  // namespace kingpost::lifecycle
