// SPDX-License-Identifier: Apache-2.0
// The record of every run and every execution of a step, in SQLite (`kingpost.db`, WAL, FULL sync).
// An execution is (round, step); it is sealed in the same transaction that names its manifest.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/files.h"
#include "base/json.h"
#include "base/result.h"

namespace kingpost::store {

struct Execution {
  std::int64_t id = 0;
  std::int64_t run = 0;
  int round = 1;
  std::string step;
  std::string key;
  /// The parts the key was made of, as JSON, for `why`.
  std::string parts;
  /// running, sealed, failed.
  std::string state;
  /// Digest of the manifest object; empty unless sealed or failed with a report.
  std::string manifest;
  Micros started = 0;
  Micros ended = 0;
  std::string error;
};

struct Run {
  std::int64_t id = 0;
  std::string command;
  std::string file;
  std::string state;
  Micros started = 0;
  Micros ended = 0;
};

class Journal {
 public:
  /// Opens or makes the database and brings its schema up to date in one transaction. Fails with
  /// `store.journal_failed`, or `store.newer` when a later kingpost wrote it.
  static Result<std::unique_ptr<Journal>> open(const std::string& folder);
  virtual ~Journal() = default;
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  virtual Result<std::int64_t> begin_run(const std::string& command, const std::string& file) = 0;
  virtual Status end_run(std::int64_t run, const std::string& state) = 0;
  virtual Result<std::int64_t> begin(const Execution& execution) = 0;
  virtual Status finish(std::int64_t execution, const std::string& state,
                        const std::string& manifest, const std::string& error) = 0;

  /// The newest sealed execution of a step with this key.
  virtual Result<std::optional<Execution>> sealed(const std::string& step,
                                                  const std::string& key) = 0;
  /// The newest sealed execution of a step, or of any state when `any`.
  virtual Result<std::optional<Execution>> last(const std::string& step, bool any) = 0;
  virtual Result<std::vector<Execution>> executions() = 0;
  virtual Result<std::vector<Run>> runs(int most) = 0;

  /// The digest noted for a file of exactly this stamp, unless it was noted within two seconds of
  /// the file's own change (then a later write may have left the stamp as it is).
  virtual Result<std::optional<std::string>> known_digest(const std::string& path,
                                                          const FileStamp& stamp) = 0;
  virtual Status note_digest(const std::string& path, const FileStamp& stamp,
                             const std::string& digest) = 0;

  /// Whether a check of this key has passed before.
  virtual Result<bool> check_passed(const std::string& key) = 0;
  virtual Status note_check(const std::string& key) = 0;

 protected:
  Journal() = default;
};

}  // namespace kingpost::store
