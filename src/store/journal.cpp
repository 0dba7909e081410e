// SPDX-License-Identifier: Apache-2.0
// The journal over SOCI; its exceptions end in this file.
#include "store/journal.h"

#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>

#include "base/failpoint.h"

namespace kingpost::store {
namespace {

constexpr int kSchemaVersion = 1;

constexpr std::string_view kTables[] = {
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

constexpr std::string_view kExecutionColumns =
    "id, run, round, step, key, parts, state, manifest, started, ended, error";

Error journal_error(const std::exception& exception) {
  const std::string why = exception.what();
  if (why.find("full") != std::string::npos) {
    return fail(Code::kExhausted, "disk.full", "could not write the journal: {}", why)
        .hint("free some space on that file system, then run the command again");
  }
  return fail(Code::kUnavailable, "store.journal_failed", "the journal failed: {}", why)
      .hint("check that .kingpost/kingpost.db is readable and writable");
}

Execution execution_of(const soci::row& row) {
  Execution out;
  out.id = row.get<int>(0);
  out.run = row.get<long long>(1);
  out.round = row.get<int>(2);
  out.step = row.get<std::string>(3);
  out.key = row.get<std::string>(4);
  out.parts = row.get<std::string>(5);
  out.state = row.get<std::string>(6);
  out.manifest = row.get<std::string>(7);
  out.started = row.get<long long>(8);
  out.ended = row.get<long long>(9);
  out.error = row.get<std::string>(10);
  return out;
}

class SqliteJournal final : public Journal {
 public:
  Status connect(const std::string& folder) {
    return guarded([&] {
      sql_.open(soci::sqlite3, format("dbname={}/kingpost.db timeout=10 synchronous=FULL", folder));
      sql_ << "PRAGMA journal_mode=WAL";
      sql_ << "PRAGMA busy_timeout=10000";
      int version = 0;
      sql_ << "PRAGMA user_version", soci::into(version);
      version_ = version;
      if (version == 0) migrate();
    });
  }

  int version() const { return version_; }

  Result<std::int64_t> begin_run(const std::string& command, const std::string& file) override {
    long long id = 0;
    const long long now = wall_clock();
    TRY_STATUS(guarded([&] {
      soci::transaction transaction(sql_);
      // Only one process holds the lock, so a run that still counts as running has died.
      sql_ << "UPDATE runs SET state='interrupted', ended=:now WHERE state='running'",
          soci::use(now);
      sql_ << "UPDATE executions SET state='interrupted', ended=:now WHERE state='running'",
          soci::use(now);
      sql_ << "INSERT INTO runs (command, file, state, started, ended) VALUES (:c, :f, 'running', "
              ":s, 0)",
          soci::use(command), soci::use(file), soci::use(now);
      sql_.get_last_insert_id("runs", id);
      transaction.commit();
    }));
    return std::int64_t{id};
  }

  Status end_run(std::int64_t run, const std::string& state) override {
    const long long id = run;
    const long long now = wall_clock();
    return guarded([&] {
      sql_ << "UPDATE runs SET state=:s, ended=:e WHERE id=:i", soci::use(state), soci::use(now),
          soci::use(id);
    });
  }

  Result<std::int64_t> begin(const Execution& execution) override {
    long long id = 0;
    const long long now = wall_clock();
    const long long run = execution.run;
    TRY_STATUS(guarded([&] {
      soci::transaction transaction(sql_);
      sql_ << "INSERT INTO executions (run, round, step, key, parts, state, manifest, started, "
              "ended, error) VALUES (:r, :n, :s, :k, :p, 'running', '', :t, 0, '')",
          soci::use(run), soci::use(execution.round), soci::use(execution.step),
          soci::use(execution.key), soci::use(execution.parts), soci::use(now);
      sql_.get_last_insert_id("executions", id);
      transaction.commit();
    }));
    return std::int64_t{id};
  }

  Status finish(std::int64_t execution, const std::string& state, const std::string& manifest,
                const std::string& error) override {
    const long long id = execution;
    const long long now = wall_clock();
    return guarded([&] {
      soci::transaction transaction(sql_);
      sql_ << "UPDATE executions SET state=:s, manifest=:m, error=:e, ended=:t WHERE id=:i",
          soci::use(state), soci::use(manifest), soci::use(error), soci::use(now), soci::use(id);
      failpoint("journal_before_commit");
      transaction.commit();
      failpoint("journal_after_commit");
    });
  }

  Result<std::optional<Execution>> sealed(const std::string& step,
                                          const std::string& key) override {
    TRY(auto all, select(format("SELECT {} FROM executions WHERE step=:a AND key=:b AND "
                                "state='sealed' ORDER BY id DESC LIMIT 1",
                                kExecutionColumns),
                         &step, &key));
    if (all.empty()) return std::optional<Execution>();
    return std::optional<Execution>(all.front());
  }

  Result<std::optional<Execution>> last(const std::string& step, bool any) override {
    const std::string which = any ? "" : " AND state='sealed'";
    TRY(auto all, select(format("SELECT {} FROM executions WHERE step=:a{} ORDER BY id DESC LIMIT 1",
                                kExecutionColumns, which),
                         &step, nullptr));
    if (all.empty()) return std::optional<Execution>();
    return std::optional<Execution>(all.front());
  }

  Result<std::vector<Execution>> executions() override {
    return select(format("SELECT {} FROM executions ORDER BY id", kExecutionColumns), nullptr,
                  nullptr);
  }

  Result<std::vector<Run>> runs(int most) override {
    std::vector<Run> out;
    TRY_STATUS(guarded([&] {
      soci::rowset<soci::row> found =
          (sql_.prepare << "SELECT id, command, file, state, started, ended FROM runs ORDER BY id "
                           "DESC LIMIT :n",
           soci::use(most));
      for (const soci::row& row : found) {
        out.push_back({row.get<int>(0), row.get<std::string>(1), row.get<std::string>(2),
                       row.get<std::string>(3), row.get<long long>(4), row.get<long long>(5)});
      }
    }));
    return out;
  }

  Result<std::optional<std::string>> known_digest(const std::string& path,
                                                  const FileStamp& stamp) override {
    std::optional<std::string> out;
    const long long size = stamp.size;
    const long long mtime = stamp.mtime_ns;
    const long long inode = stamp.inode;
    TRY_STATUS(guarded([&] {
      std::string digest;
      sql_ << "SELECT digest FROM sources WHERE path=:p AND size=:s AND mtime_ns=:m AND inode=:i "
              "AND noted - mtime_ns / 1000 > 2000000",
          soci::into(digest), soci::use(path), soci::use(size), soci::use(mtime), soci::use(inode);
      if (sql_.got_data()) out = digest;
    }));
    return out;
  }

  Status note_digest(const std::string& path, const FileStamp& stamp,
                     const std::string& digest) override {
    const long long size = stamp.size;
    const long long mtime = stamp.mtime_ns;
    const long long inode = stamp.inode;
    const long long now = wall_clock();
    return guarded([&] {
      sql_ << "INSERT OR REPLACE INTO sources (path, size, mtime_ns, inode, digest, noted) VALUES "
              "(:p, :s, :m, :i, :d, :n)",
          soci::use(path), soci::use(size), soci::use(mtime), soci::use(inode), soci::use(digest),
          soci::use(now);
    });
  }

  Result<bool> check_passed(const std::string& key) override {
    int found = 0;
    TRY_STATUS(guarded([&] {
      sql_ << "SELECT count(*) FROM checks WHERE key=:k", soci::into(found), soci::use(key);
    }));
    return found > 0;
  }

  Status note_check(const std::string& key) override {
    const long long now = wall_clock();
    return guarded([&] {
      sql_ << "INSERT OR REPLACE INTO checks (key, passed) VALUES (:k, :n)", soci::use(key),
          soci::use(now);
    });
  }

 private:
  template <typename Work>
  Status guarded(const Work& work) {
    try {
      work();
      return {};
    } catch (const std::exception& exception) {
      return journal_error(exception);
    }
  }

  void migrate() {
    soci::transaction transaction(sql_);
    for (const std::string_view table : kTables) sql_ << std::string(table);
    sql_ << format("PRAGMA user_version={}", kSchemaVersion);
    transaction.commit();
    version_ = kSchemaVersion;
  }

  Result<std::vector<Execution>> select(const std::string& query, const std::string* a,
                                        const std::string* b) {
    std::vector<Execution> out;
    TRY_STATUS(guarded([&] {
      soci::row row;
      soci::statement statement(sql_);
      if (a != nullptr) statement.exchange(soci::use(*a));
      if (b != nullptr) statement.exchange(soci::use(*b));
      statement.exchange(soci::into(row));
      statement.alloc();
      statement.prepare(query);
      statement.define_and_bind();
      statement.execute();
      while (statement.fetch()) out.push_back(execution_of(row));
    }));
    return out;
  }

  soci::session sql_;
  int version_ = 0;
};

}  // namespace

Result<std::unique_ptr<Journal>> Journal::open(const std::string& folder) {
  auto journal = std::make_unique<SqliteJournal>();
  TRY_STATUS(journal->connect(folder));
  if (journal->version() > kSchemaVersion) {
    return fail(Code::kPrecondition, "store.newer",
                "the store was written by a later kingpost (schema {}, this one knows {})",
                journal->version(), kSchemaVersion)
        .hint("use that later version");
  }
  return std::unique_ptr<Journal>(std::move(journal));
}

}  // namespace kingpost::store
