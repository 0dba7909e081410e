// SPDX-License-Identifier: Apache-2.0
// What a source is before it is read: its files, their form, their columns and types. `check` and
// `run` look with the same eyes: at the header and the first MiB.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/node.h"
#include "engines/sql/session.h"
#include "steps/01_ingest/csv_scan.h"
#include "steps/step.h"

namespace kingpost::steps::ingest {

enum class Format { kCsv, kParquet, kNdjson };
std::string_view format_word(Format format);

struct PlannedColumn {
  std::string name;
  std::string type;
  /// Named under `types`; the type of another column was told from the data and may widen.
  bool declared = false;
};

struct Source {
  std::string table;
  const Node* node = nullptr;
  Format format = Format::kCsv;
  /// Absolute paths in byte order, and the same as the user wrote them.
  std::vector<std::string> files;
  std::vector<std::string> names;
  CsvForm form;
  std::vector<std::string> nulls;
  std::vector<PlannedColumn> columns;
  /// The share of rows to take; 1 takes all.
  double sample = 1;

  const PlannedColumn* find(std::string_view column) const;
};

/// Expands the path of a source. Fails with `ingest.source_missing` where nothing matches, or when
/// an environment variable of the path is not set.
Result<std::vector<std::string>> source_files(const Node& node, const Settings& settings);

/// The form of one of its files: as `format` says, or by the end of the name.
Format format_of(const Node& node, const std::string& path);
/// Between the fields of a CSV file where `delimiter` does not say: a tab for .tsv, else a comma.
char usual_delimiter(const std::string& path);

/// Looks at a source; every fault is added, and nothing is answered when it cannot be read at all.
std::optional<Source> look_at(const std::string& table, const Node& node, const Settings& settings,
                              sql::Session& session, Faults& faults);

/// The schema of the table that ingest makes of a source.
records::TableSchema schema_of(const Source& source);

}  // namespace kingpost::steps::ingest
