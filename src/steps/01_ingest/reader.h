// SPDX-License-Identifier: Apache-2.0
// Reading one source into its snapshot. Every row is accounted for: rows in = rows out + rejected
// (+ rows that sampling left out), counted on three independent ways.
#pragma once

#include "steps/01_ingest/source.h"

namespace kingpost::steps::ingest {

struct Snapshot {
  records::Table table;
  /// "<table>.rejected": _file, _line, _column, _value, _reason, _text; no table when none was.
  std::optional<records::Table> rejected;
  std::int64_t rows_in = 0;
  std::int64_t rejected_rows = 0;
  std::int64_t sampled_out = 0;
  std::vector<std::string> warnings;
};

/// Types of columns that were told from the data may widen in `source`.
Result<Snapshot> read_csv_source(RunContext& context, Source& source);
Result<Snapshot> read_ndjson_source(RunContext& context, Source& source);
Result<Snapshot> read_parquet_source(RunContext& context, Source& source);

/// SQL condition that keeps the sampled share of rows, by the md5 of the key columns (or of all).
std::string sample_condition(const Source& source);

/// The schema of "<table>.rejected".
records::TableSchema rejected_schema(const Source& source);

/// Asserts rows_in = out + rejected + sampled out; a difference is a fault of kingpost.
Status account(const Source& source, const Snapshot& snapshot);

}  // namespace kingpost::steps::ingest
