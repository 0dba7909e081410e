// SPDX-License-Identifier: Apache-2.0
// Columns and tables as every step sees them: names, types, keys and the time a value is known.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/json.h"

namespace kingpost::records {

/// The types of the pipeline file, in the order of the help page. `timestamp` has no zone;
/// `timestamp_utc` is an instant.
const std::vector<std::string_view>& type_words();
bool is_numeric(std::string_view type);
bool is_integer(std::string_view type);
bool is_temporal(std::string_view type);

/// "Known at the time in `column` plus `after`." A column may carry several, one per time column:
/// its value is known once all of them have passed.
struct KnownAt {
  std::string column;
  Micros after = 0;
  bool operator==(const KnownAt& other) const = default;
};
using Knowledge = std::vector<KnownAt>;

/// The later of both per time column.
Knowledge merge(const Knowledge& a, const Knowledge& b);
/// `time_hour + 24h`, several joined by "and".
std::string knowledge_text(const Knowledge& knowledge);

struct Column {
  std::string name;
  std::string type;
  Knowledge known_at;
  /// Where the value comes from, e.g. "flights.dep_delay", for reports.
  std::string origin;
  bool operator==(const Column& other) const = default;
};

struct TableSchema {
  std::string name;
  std::vector<Column> columns;
  std::vector<std::string> key;
  /// Declared to be valid at all times.
  bool is_static = false;

  const Column* find(std::string_view column) const;
  Column* find(std::string_view column);
  std::vector<std::string> names() const;
  bool operator==(const TableSchema& other) const = default;
};

/// The tables known at a point of the pipeline.
struct Catalog {
  std::vector<TableSchema> tables;

  const TableSchema* find(std::string_view table) const;
  TableSchema* find(std::string_view table);
  std::vector<std::string> names() const;
};

Json to_json(const TableSchema& schema);
TableSchema schema_from_json(const Json& json);

}  // namespace kingpost::records
