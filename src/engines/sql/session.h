// SPDX-License-Identifier: Apache-2.0
// A connection to a SQL engine through the Arrow Database Connectivity API (ADBC 1.1). The driver
// is loaded at run time; DuckDB is the embedded default.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "records/tensor.h"

namespace kingpost::sql {

struct EngineConfig {
  /// A DuckDB size such as "4GB"; empty leaves the engine's default (80% of the memory).
  std::string memory;
  /// 0: as many as the machine has.
  int threads = 0;
  /// Where the engine may spill; required.
  std::string temp_folder;
};

/// A small result in memory. Cells: null, boolean, integer, double, or text; timestamps, dates and
/// decimals come as their ISO or decimal text.
struct Rows {
  std::vector<std::string> columns;
  std::vector<std::vector<Json>> rows;

  std::size_t size() const { return rows.size(); }
  /// Requires: the row exists. A missing column is a null.
  const Json& at(std::size_t row, std::string_view column) const;
  std::int64_t integer(std::size_t row, std::string_view column) const;
  const std::string& text(std::size_t row, std::string_view column) const;
};

class Session {
 public:
  /// Loads the driver and applies the settings every session must have: UTC, no extension is
  /// fetched or loaded by itself, insertion order kept. Fails with `engine.driver_missing` or
  /// `engine.unavailable`.
  static Result<std::unique_ptr<Session>> open(const EngineConfig& config);
  virtual ~Session() = default;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// Runs a statement and drops its rows. Errors: `engine.query_failed`, `engine.out_of_memory`,
  /// `disk.full`, `run.cancelled`; what() is the engine's own first sentence.
  virtual Status run(const std::string& statement) = 0;
  /// Runs a query and keeps its rows: for counts and samples, not for tables.
  virtual Result<Rows> query(const std::string& statement) = 0;
  /// Runs a query and hands its rows over in order, in batches of some thousand rows, as numbers
  /// and texts (records::BatchColumn). The room of the columns that `take` leaves in its batch is
  /// used for a later one. Ends with the error that `take` answers, if any. Beside the errors of
  /// `run`: `engine.number_inexact`, `engine.type_unsupported`.
  virtual Status stream(const std::string& statement,
                        const std::function<Status(records::Batch&)>& take) = 0;
  /// Appends a batch to the temporary table `table`, which is made when it is not there: numbers as
  /// DOUBLE with NaN as null, texts as VARCHAR.
  virtual Status append(const std::string& table, const records::Batch& batch) = 0;
  /// Another session of the same engine, with its settings, threads and memory: a statement of it
  /// runs beside one of this, on another thread. Temporary tables and macros are each session's
  /// own. Fails as `open` does.
  virtual Result<std::unique_ptr<Session>> beside() = 0;
  /// Ends the statements that are running, those of sessions beside this one too; from any thread.
  virtual void cancel() = 0;

 protected:
  Session() = default;
};

/// The path of the DuckDB library that `open` would load, or an empty text.
std::string driver_path();

}  // namespace kingpost::sql
