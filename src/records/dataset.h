// SPDX-License-Identifier: Apache-2.0
// What a step hands to the next: named tables, each an immutable object of the store.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "records/schema.h"

namespace kingpost::records {

struct Table {
  std::string name;
  /// sha256 of the Parquet file.
  std::string digest;
  std::int64_t rows = 0;
  std::int64_t bytes = 0;
  TableSchema schema;
};

struct Dataset {
  std::vector<Table> tables;

  const Table* find(std::string_view table) const;
  Table* find(std::string_view table);
  /// Replaces the table of that name or appends it.
  void put(Table table);
  std::vector<std::string> names() const;
  std::int64_t rows() const;
};

Json to_json(const Dataset& dataset);
Dataset dataset_from_json(const Json& json);

}  // namespace kingpost::records
