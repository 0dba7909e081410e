// SPDX-License-Identifier: Apache-2.0
// The journal over SOCI; its exceptions end in this file.
#include "store/journal.h"

#include <fcntl.h>
#include <soci/soci.h>
#include <soci/sqlite3/soci-sqlite3.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "base/failpoint.h"
#include "store/database.h"

namespace kingpost::store {
namespace {

constexpr Micros kDay = 86'400'000'000;

constexpr std::string_view kExecutionColumns =
    "id, run, round, step, key, parts, state, manifest, started, ended, error";

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

std::optional<Execution> first_of(const std::vector<Execution>& all) {
  return all.empty() ? std::nullopt : std::optional<Execution>(all.front());
}

class SqliteJournal final : public Journal {
 public:
  Status connect(const std::string& folder) {
    path_ = folder + "/kingpost.db";
    return guarded([&] {
      open_database(folder);
      // Before all else: as words of the connection text SOCI would set them the other way round,
      // and fail while another process writes.
      sql_ << "PRAGMA busy_timeout=10000";
      sql_ << "PRAGMA synchronous=FULL";
      read_version();
      if (version_ > kSchemaVersion) return;
      use_write_ahead_log();
      if (version_ < kSchemaVersion) migrate();
      registry_ = make_registry(sql_, path_);
    });
  }

  int version() const { return version_; }

  Registry& registry() override { return *registry_; }

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
      if (state == "sealed") {
        sql_
            << "INSERT OR REPLACE INTO uses SELECT r.file, e.step, e.id, e.ended FROM executions e "
               "JOIN runs r ON r.id=e.run WHERE e.id=:i",
            soci::use(id);
      }
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
    return first_of(all);
  }

  Result<std::optional<Execution>> last_sealed(const std::string& file,
                                               const std::string& step) override {
    TRY(auto all, select(format("SELECT {} FROM executions WHERE state='sealed' AND id=(SELECT "
                                "execution FROM uses WHERE file=:a AND step=:b ORDER BY used DESC, "
                                "execution DESC LIMIT 1)",
                                kExecutionColumns),
                         &file, &step));
    return first_of(all);
  }

  Result<std::optional<Execution>> last_report(const std::string& file,
                                               const std::string& step) override {
    TRY(auto all, select(format("SELECT {} FROM executions WHERE manifest<>'' AND (run IN (SELECT "
                                "id FROM runs WHERE file=:a) OR id IN (SELECT execution FROM uses "
                                "WHERE file=:a)) AND step=:b ORDER BY id DESC LIMIT 1",
                                kExecutionColumns),
                         &file, &step));
    return first_of(all);
  }

  Status note_use(const std::string& file, const Execution& execution) override {
    const long long id = execution.id;
    const long long now = wall_clock();
    return guarded([&] {
      long long last = 0;
      long long used = 0;
      sql_ << "SELECT execution, used FROM uses WHERE file=:f AND step=:s ORDER BY used DESC, "
              "execution DESC LIMIT 1",
          soci::into(last), soci::into(used), soci::use(file), soci::use(execution.step);
      if (sql_.got_data() && last == id && now - used < kDay) return;
      sql_ << "INSERT OR REPLACE INTO uses (file, step, execution, used) VALUES (:f, :s, :e, :u)",
          soci::use(file), soci::use(execution.step), soci::use(id), soci::use(now);
    });
  }

  Result<std::vector<Use>> uses() override {
    std::vector<Use> out;
    TRY_STATUS(guarded([&] {
      soci::rowset<soci::row> found =
          (sql_.prepare << "SELECT file, step, execution, used FROM uses ORDER BY file, step, used "
                           "DESC, execution DESC");
      for (const soci::row& row : found) {
        out.push_back({row.get<std::string>(0), row.get<std::string>(1), row.get<long long>(2),
                       row.get<long long>(3)});
      }
    }));
    return out;
  }

  Status withdraw(const std::vector<std::int64_t>& executions, const std::string& state) override {
    return guarded([&] {
      soci::transaction transaction(sql_);
      for (const long long id : executions) {
        sql_ << "UPDATE executions SET state=:s, manifest='' WHERE id=:i", soci::use(state),
            soci::use(id);
      }
      failpoint("journal_before_commit");
      transaction.commit();
      failpoint("journal_after_commit");
    });
  }

  Status verify() override {
    std::string answer;
    TRY_STATUS(guarded([&] { sql_ << "PRAGMA integrity_check(1)", soci::into(answer); }));
    if (answer == "ok") return {};
    return journal_error(path_, "malformed: " + answer);
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

  Result<TestOpening> open_test(const std::string& test, const std::string& version) override {
    TestOpening out;
    const long long now = wall_clock();
    TRY_STATUS(guarded([&] {
      soci::transaction transaction(sql_);
      long long number = 0;
      sql_ << "SELECT number FROM test_openings WHERE test=:t AND version=:v", soci::into(number),
          soci::use(test), soci::use(version);
      out.again = sql_.got_data();
      if (!out.again) {
        sql_ << "SELECT count(*) + 1 FROM test_openings WHERE test=:t", soci::into(number),
            soci::use(test);
        sql_ << "INSERT INTO test_openings (test, version, number, opened) VALUES (:t, :v, :n, :o)",
            soci::use(test), soci::use(version), soci::use(number), soci::use(now);
      }
      out.number = number;
      transaction.commit();
    }));
    return out;
  }

 private:
  template <typename Work>
  Status guarded(const Work& work) {
    return store::guarded(path_, work);
  }

  // A folder's name may hold spaces, so it is quoted; a quote itself cannot be written in SOCI's
  // connection text, so such a folder is named by its handle.
  void open_database(const std::string& folder) {
    const bool quoted = path_.find('"') != std::string::npos;
    const int handle = quoted ? ::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    const std::string path = quoted ? format("/proc/self/fd/{}/kingpost.db", handle) : path_;
    try {
      sql_.open(soci::sqlite3, format("dbname=\"{}\"", path));
    } catch (...) {
      if (handle >= 0) ::close(handle);
      throw;
    }
    if (handle >= 0) ::close(handle);
  }

  // SQLite does not wait by itself when another process turns the log on at the same time.
  void use_write_ahead_log() {
    constexpr int kAttempts = 500;
    for (int attempt = 1;; ++attempt) {
      try {
        sql_ << "PRAGMA journal_mode=WAL";
        return;
      } catch (const std::exception& exception) {
        const std::string why = exception.what();
        if (attempt == kAttempts || why.find("locked") == std::string::npos) throw;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }

  void read_version() { sql_ << "PRAGMA user_version", soci::into(version_); }

  // Two processes may open a new store at once: the version counts once the write lock is held.
  void migrate() {
    sql_ << "BEGIN IMMEDIATE";
    try {
      read_version();
      for (const std::string_view statement : schema_changes(version_)) {
        sql_ << std::string(statement);
      }
      if (version_ < kSchemaVersion) sql_ << format("PRAGMA user_version={}", kSchemaVersion);
      failpoint("journal_before_commit");
      sql_ << "COMMIT";
      failpoint("journal_after_commit");
    } catch (...) {
      roll_back(sql_);
      throw;
    }
    read_version();
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
  std::string path_;
  int version_ = 0;
  std::unique_ptr<Registry> registry_;
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
