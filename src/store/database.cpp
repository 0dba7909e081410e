// SPDX-License-Identifier: Apache-2.0
// Schema and errors of the database.
#include "store/database.h"

#include "base/files.h"
#include "base/text.h"

namespace kingpost::store {
namespace {

constexpr std::int64_t kLeastRoom = 64 << 10;

// What makes an empty database one of version 1.
constexpr std::string_view kVersion1[] = {
    "CREATE TABLE runs (id INTEGER PRIMARY KEY AUTOINCREMENT, command TEXT NOT NULL, file TEXT NOT "
    "NULL, state TEXT NOT NULL, started BIGINT NOT NULL, ended BIGINT NOT NULL)",
    "CREATE TABLE executions (id INTEGER PRIMARY KEY AUTOINCREMENT, run BIGINT NOT NULL, round "
    "INTEGER NOT NULL, step TEXT NOT NULL, key TEXT NOT NULL, parts TEXT NOT NULL, state TEXT NOT "
    "NULL, manifest TEXT NOT NULL, started BIGINT NOT NULL, ended BIGINT NOT NULL, error TEXT NOT "
    "NULL)",
    "CREATE INDEX executions_by_key ON executions (step, key, state)",
    "CREATE TABLE sources (path TEXT PRIMARY KEY, size BIGINT NOT NULL, mtime_ns BIGINT NOT NULL, "
    "inode BIGINT NOT NULL, digest TEXT NOT NULL, noted BIGINT NOT NULL)",
    "CREATE TABLE checks (key TEXT PRIMARY KEY, passed BIGINT NOT NULL)",
};

constexpr std::string_view kVersion2[] = {
    "CREATE TABLE uses (file TEXT NOT NULL, step TEXT NOT NULL, execution BIGINT NOT NULL, used "
    "BIGINT NOT NULL, PRIMARY KEY (file, step, execution))",
    "INSERT INTO uses SELECT r.file, e.step, e.id, e.ended FROM executions e JOIN runs r ON "
    "r.id=e.run WHERE e.state='sealed'",
};

constexpr std::string_view kVersion3[] = {
    "CREATE TABLE test_openings (test TEXT NOT NULL, version TEXT NOT NULL, number BIGINT NOT "
    "NULL, "
    "opened BIGINT NOT NULL, PRIMARY KEY (test, version))",
};

constexpr std::string_view kVersion4[] = {
    "CREATE TABLE models (name TEXT PRIMARY KEY, created BIGINT NOT NULL)",
    "CREATE TABLE model_versions (model TEXT NOT NULL, version BIGINT NOT NULL, bundle TEXT NOT "
    "NULL, created BIGINT NOT NULL, file TEXT NOT NULL, run BIGINT NOT NULL, description TEXT NOT "
    "NULL, facts TEXT NOT NULL, PRIMARY KEY (model, version), UNIQUE (model, bundle))",
    "CREATE TABLE model_aliases (model TEXT NOT NULL, alias TEXT NOT NULL, version BIGINT NOT "
    "NULL, PRIMARY KEY (model, alias))",
    "CREATE TABLE model_tags (model TEXT NOT NULL, version BIGINT NOT NULL, key TEXT NOT NULL, "
    "value TEXT NOT NULL, PRIMARY KEY (model, version, key))",
    "CREATE TABLE model_history (id INTEGER PRIMARY KEY AUTOINCREMENT, model TEXT NOT NULL, "
    "version BIGINT NOT NULL, at BIGINT NOT NULL, what TEXT NOT NULL, detail TEXT NOT NULL, "
    "author TEXT NOT NULL)",
    "CREATE TRIGGER model_history_not_changed BEFORE UPDATE ON model_history BEGIN SELECT "
    "RAISE(ABORT, 'the history of models is append-only'); END",
    "CREATE TRIGGER model_history_not_removed BEFORE DELETE ON model_history BEGIN SELECT "
    "RAISE(ABORT, 'the history of models is append-only'); END",
};

}  // namespace

std::vector<std::string_view> schema_changes(int from) {
  std::vector<std::string_view> out;
  const auto add = [&](int version, const auto& statements) {
    if (from < version) out.insert(out.end(), std::begin(statements), std::end(statements));
  };
  add(1, kVersion1);
  add(2, kVersion2);
  add(3, kVersion3);
  add(4, kVersion4);
  return out;
}

Error journal_error(const std::string& path, const std::string& why) {
  const auto says = [&](std::string_view part) { return why.find(part) != std::string::npos; };
  // Where the file system has no room for its shared memory, SQLite tells of an I/O error.
  const bool io = says("disk I/O error") || says("unable to open");
  const std::int64_t room = io ? disk_free(parent_of(path)) : -1;
  if (says("is full") || (room >= 0 && room < kLeastRoom)) {
    return fail(Code::kExhausted, "disk.full", "could not write the journal: {}", why)
        .hint("free some space on that file system, then run the command again");
  }
  if (says("not a database") || says("malformed")) {
    return fail(Code::kCorrupt, "store.journal_damaged", "the journal \"{}\" is damaged: {}", path,
                why)
        .hint(format("move it away (mv {0} {0}.damaged; rm -f {0}-wal {0}-shm) and run again: the "
                     "objects stay, the steps are done anew",
                     path));
  }
  return fail(Code::kUnavailable, "store.journal_failed", "the journal \"{}\" failed: {}", path,
              why)
      .hint(
          "check that this user may read and write the file and its folder, and that the disk is "
          "well");
}

}  // namespace kingpost::store
