// SPDX-License-Identifier: Apache-2.0
// What a step hands to the next: named tables and files, each an immutable object of the store.
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

/// Bytes that are no table: a graph, a matrix (.npy), fitted values as JSON.
struct File {
  std::string name;
  std::string digest;
  std::int64_t bytes = 0;
};

struct Dataset {
  std::vector<Table> tables;
  std::vector<File> files;

  const Table* find(std::string_view table) const;
  Table* find(std::string_view table);
  const File* find_file(std::string_view file) const;
  /// Replaces the table or file of that name or appends it.
  void put(Table table);
  void put(File file);
  /// All objects: `table "x"` or `file "x"`, digest and size.
  struct Part {
    std::string what;
    std::string digest;
    std::int64_t bytes = 0;
  };
  std::vector<Part> parts() const;
  std::vector<std::string> names() const;
  std::int64_t rows() const;
};

Json to_json(const Dataset& dataset);
Dataset dataset_from_json(const Json& json);

}  // namespace kingpost::records
