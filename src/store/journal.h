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
#include "store/registry.h"

namespace kingpost::store {

struct Execution {
  std::int64_t id = 0;
  std::int64_t run = 0;
  int round = 1;
  std::string step;
  std::string key;
  /// The parts the key was made of, as JSON, for `why`.
  std::string parts;
  /// running, sealed, failed, cancelled, interrupted (its process died), damaged (an object of it
  /// was found damaged or missing), collected (its objects were removed by gc).
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

/// A pipeline file of the folder was last sealed with this execution of a step at this time; good
/// to a day.
struct Use {
  std::string file;
  std::string step;
  std::int64_t execution = 0;
  Micros used = 0;
};

/// A version of the models was measured on a test set.
struct TestOpening {
  /// Which of the versions that were measured on this test set it is, from 1.
  std::int64_t number = 0;
  /// Whether it had been measured before.
  bool again = false;
};

class Journal {
 public:
  /// Opens or makes the database and brings its schema up to date in one transaction. Fails with
  /// `store.journal_failed`, `store.journal_damaged`, or `store.newer` when a later kingpost wrote
  /// it.
  static Result<std::unique_ptr<Journal>> open(const std::string& folder);
  virtual ~Journal() = default;
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  virtual Result<std::int64_t> begin_run(const std::string& command, const std::string& file) = 0;
  virtual Status end_run(std::int64_t run, const std::string& state) = 0;
  virtual Result<std::int64_t> begin(const Execution& execution) = 0;
  /// Sealing also notes the use by the run's file.
  virtual Status finish(std::int64_t execution, const std::string& state,
                        const std::string& manifest, const std::string& error) = 0;

  /// The newest sealed execution of a step with this key.
  virtual Result<std::optional<Execution>> sealed(const std::string& step,
                                                  const std::string& key) = 0;
  /// The sealed execution of a step that this file used last.
  virtual Result<std::optional<Execution>> last_sealed(const std::string& file,
                                                       const std::string& step) = 0;
  /// The file's newest execution of a step that left a manifest: sealed, or failed with a report.
  virtual Result<std::optional<Execution>> last_report(const std::string& file,
                                                       const std::string& step) = 0;
  virtual Result<std::vector<Execution>> executions() = 0;
  /// Notes that this file is sealed with this execution now; writes only when that is news.
  virtual Status note_use(const std::string& file, const Execution& execution) = 0;
  virtual Result<std::vector<Use>> uses() = 0;
  /// Gives executions a state in which nothing is sealed with them, and takes their manifests.
  virtual Status withdraw(const std::vector<std::int64_t>& executions,
                          const std::string& state) = 0;
  /// Reads the whole database. Fails with `store.journal_damaged`.
  virtual Status verify() = 0;
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

  /// Notes that the test set of a digest is opened for a version. The same version counts once.
  virtual Result<TestOpening> open_test(const std::string& test, const std::string& version) = 0;

  /// The registered models. It goes over the journal's own connection and ends with it.
  virtual Registry& registry() = 0;

 protected:
  Journal() = default;
};

}  // namespace kingpost::store
