// SPDX-License-Identifier: Apache-2.0
// The ADBC session over DuckDB.
#include "engines/sql/session.h"

#include <arrow-adbc/adbc.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <mutex>

#include "base/files.h"
#include "base/library.h"
#include "base/text.h"
#include "engines/sql/arrow_batch.h"
#include "engines/sql/arrow_rows.h"
#include "engines/sql/dialect.h"

namespace kingpost::sql {
namespace {

// Owns the C structs whose release callbacks tell whether they are filled.
struct Fault {
  AdbcError error = ADBC_ERROR_INIT;
  Fault() = default;
  Fault(const Fault&) = delete;
  Fault& operator=(const Fault&) = delete;
  ~Fault() {
    if (error.release != nullptr) error.release(&error);
  }
  std::string text() const {
    return error.message != nullptr ? std::string(error.message) : std::string("no message");
  }
};

struct Stream {
  ArrowArrayStream stream{};
  Stream() = default;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() {
    if (stream.release != nullptr) stream.release(&stream);
  }
};

struct SchemaHolder {
  ArrowSchema schema{};
  SchemaHolder() = default;
  SchemaHolder(const SchemaHolder&) = delete;
  SchemaHolder& operator=(const SchemaHolder&) = delete;
  ~SchemaHolder() {
    if (schema.release != nullptr) schema.release(&schema);
  }
};

struct ArrayHolder {
  ArrowArray array{};
  ArrayHolder() = default;
  ArrayHolder(const ArrayHolder&) = delete;
  ArrayHolder& operator=(const ArrayHolder&) = delete;
  ~ArrayHolder() {
    if (array.release != nullptr) array.release(&array);
  }
};

struct StatementHolder {
  AdbcStatement statement{};
  StatementHolder() = default;
  StatementHolder(const StatementHolder&) = delete;
  StatementHolder& operator=(const StatementHolder&) = delete;
  ~StatementHolder() {
    Fault fault;
    if (statement.private_data != nullptr) AdbcStatementRelease(&statement, &fault.error);
  }
};

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

// The message and the position of a fault, out of DuckDB's JSON form when it came as such.
struct EngineMessage {
  std::string text;
  int position = 0;
};

EngineMessage read_message(const std::string& raw) {
  const std::size_t open = raw.find('{');
  if (open == std::string::npos) return {raw, 0};
  const auto json = parse_json(std::string_view(raw).substr(open));
  if (!json || !json->has("exception_message")) return {raw, 0};
  const auto position = parse_integer((*json)["position"].text()).value_or(0);
  return {(*json)["exception_message"].text(), static_cast<int>(position)};
}

/// The place's column is the position in the statement, where the engine told one.
Error engine_error(const std::string& raw) {
  if (contains(raw, "INTERRUPT") || contains(raw, "Interrupted!")) {
    return fail(Code::kCancelled, "run.cancelled", "stopped");
  }
  const EngineMessage message = read_message(raw);
  if (contains(raw, "No space left on device") || contains(raw, "max_temp_directory_size")) {
    return fail(Code::kExhausted, "disk.full", "the disk is full: {}", shown(message.text, 300))
        .hint("free some space on that file system, then run the command again");
  }
  if (contains(raw, "File too large")) {
    return fail(Code::kExhausted, "disk.full", "a file grew too large: {}",
                shown(message.text, 300))
        .hint("raise the limit on file sizes (ulimit -f), then run the command again");
  }
  if (contains(raw, "Out of Memory") || contains(raw, "OUT_OF_MEMORY")) {
    return fail(Code::kExhausted, "engine.out_of_memory", "{}", shown(message.text, 300))
        .hint("raise engine.memory in the pipeline file, or lower engine.threads");
  }
  Place place;
  place.column = message.position;
  return fail(Code::kInvalidInput, "engine.query_failed", "{}", message.text).at(place);
}

// The engine itself, and the connections to it that a cancel must reach.
class Engine {
 public:
  explicit Engine(std::string temp_folder) : temp_folder_(std::move(temp_folder)) {}
  ~Engine() {
    Fault fault;
    if (opened_) AdbcDatabaseRelease(&database_, &fault.error);
    // Only an empty one goes; what the engine spilled it has removed itself.
    if (!temp_folder_.empty()) ::rmdir(temp_folder_.c_str());
  }
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  Status open(const std::string& driver) {
    driver_ = driver;
    Fault fault;
    const auto option = [&](const char* key, const char* value) {
      return AdbcDatabaseSetOption(&database_, key, value, &fault.error) == ADBC_STATUS_OK;
    };
    opened_ = AdbcDatabaseNew(&database_, &fault.error) == ADBC_STATUS_OK;
    if (opened_ && option("driver", driver.c_str()) && option("entrypoint", "duckdb_adbc_init") &&
        option("path", ":memory:") &&
        AdbcDatabaseInit(&database_, &fault.error) == ADBC_STATUS_OK) {
      return {};
    }
    return unavailable(fault);
  }

  Status connect(AdbcConnection& connection) {
    Fault fault;
    if (AdbcConnectionNew(&connection, &fault.error) != ADBC_STATUS_OK ||
        AdbcConnectionInit(&connection, &database_, &fault.error) != ADBC_STATUS_OK) {
      return unavailable(fault);
    }
    const std::lock_guard lock(mutex_);
    connections_.push_back(&connection);
    return {};
  }

  void release(AdbcConnection& connection) {
    const std::lock_guard lock(mutex_);
    std::erase(connections_, &connection);
    Fault fault;
    if (connection.private_data != nullptr) AdbcConnectionRelease(&connection, &fault.error);
  }

  void cancel() {
    const std::lock_guard lock(mutex_);
    for (AdbcConnection* each : connections_) {
      Fault fault;
      AdbcConnectionCancel(each, &fault.error);
    }
  }

 private:
  Error unavailable(const Fault& fault) const {
    return fail(Code::kUnavailable, "engine.unavailable",
                "could not open the SQL engine \"{}\": {}", driver_, shown(fault.text(), 300))
        .hint("run `kingpost doctor`");
  }

  std::string temp_folder_;
  std::string driver_;
  AdbcDatabase database_{};
  bool opened_ = false;
  std::mutex mutex_;
  std::vector<AdbcConnection*> connections_;
};

// What each connection has for itself.
Status configure(Session& session) {
  for (const auto* setting :
       {"enable_progress_bar=false", "errors_as_json=true", "TimeZone='UTC'"}) {
    TRY_STATUS(session.run(format("SET {}", setting)));
  }
  return {};
}

class AdbcSession final : public Session {
 public:
  explicit AdbcSession(std::shared_ptr<Engine> engine) : engine_(std::move(engine)) {}
  ~AdbcSession() override { engine_->release(connection_); }
  AdbcSession(const AdbcSession&) = delete;
  AdbcSession& operator=(const AdbcSession&) = delete;

  /// `prepare` comes before all other statements.
  static Result<std::unique_ptr<Session>> open(const std::shared_ptr<Engine>& engine,
                                               const std::function<Status(Session&)>& prepare) {
    auto session = std::make_unique<AdbcSession>(engine);
    TRY_STATUS(engine->connect(session->connection_));
    TRY_STATUS(prepare(*session));
    TRY_STATUS(configure(*session));
    return std::unique_ptr<Session>(std::move(session));
  }

  Result<std::unique_ptr<Session>> beside() override {
    return open(engine_, [](Session&) { return Status(); });
  }

  Status run(const std::string& statement) override {
    Stream stream;
    TRY_STATUS(execute(statement, stream));
    return drain(stream, nullptr);
  }

  Result<Rows> query(const std::string& statement) override {
    Stream stream;
    TRY_STATUS(execute(statement, stream));
    Rows rows;
    TRY_STATUS(drain(stream, &rows));
    return rows;
  }

  Status stream(const std::string& statement,
                const std::function<Status(records::Batch&)>& take) override {
    Stream stream;
    TRY_STATUS(execute(statement, stream));
    records::Batch batch;
    const auto nothing = [](const ArrowSchema&) {};
    TRY_STATUS(each_array(stream, nothing, [&](const ArrowSchema& schema, const ArrowArray& array) {
      return add_and_take(schema, array, batch, take);
    }));
    if (batch.rows > 0) return take(batch);
    return {};
  }

  Status append(const std::string& table, const records::Batch& batch) override {
    StatementHolder holder;
    Fault fault;
    SchemaHolder schema;
    ArrayHolder array;
    view_batch(batch, schema.schema, array.array);
    const auto option = [&](const char* key, const char* value) {
      return AdbcStatementSetOption(&holder.statement, key, value, &fault.error) == ADBC_STATUS_OK;
    };
    std::int64_t affected = -1;
    const bool fine =
        AdbcStatementNew(&connection_, &holder.statement, &fault.error) == ADBC_STATUS_OK &&
        option(ADBC_INGEST_OPTION_TARGET_TABLE, table.c_str()) &&
        option(ADBC_INGEST_OPTION_TEMPORARY, ADBC_OPTION_VALUE_ENABLED) &&
        option(ADBC_INGEST_OPTION_MODE, ADBC_INGEST_OPTION_MODE_CREATE_APPEND) &&
        AdbcStatementBind(&holder.statement, &array.array, &schema.schema, &fault.error) ==
            ADBC_STATUS_OK &&
        AdbcStatementExecuteQuery(&holder.statement, nullptr, &affected, &fault.error) ==
            ADBC_STATUS_OK;
    if (!fine) return engine_error(fault.text());
    return {};
  }

  void cancel() override { engine_->cancel(); }

 private:
  Status execute(const std::string& text, Stream& stream) {
    StatementHolder holder;
    Fault fault;
    std::int64_t affected = -1;
    if (AdbcStatementNew(&connection_, &holder.statement, &fault.error) != ADBC_STATUS_OK ||
        AdbcStatementSetSqlQuery(&holder.statement, text.c_str(), &fault.error) != ADBC_STATUS_OK ||
        AdbcStatementExecuteQuery(&holder.statement, &stream.stream, &affected, &fault.error) !=
            ADBC_STATUS_OK) {
      return engine_error(fault.text());
    }
    return {};
  }

  static Error stream_error(ArrowArrayStream& stream) {
    const char* why = stream.get_last_error(&stream);
    return engine_error(why != nullptr ? why : "the engine broke off without a message");
  }

  template <typename Begin, typename Visit>
  static Status each_array(Stream& holder, const Begin& begin, const Visit& visit) {
    ArrowArrayStream& stream = holder.stream;
    if (stream.release == nullptr) return {};
    SchemaHolder schema;
    if (stream.get_schema(&stream, &schema.schema) != 0) return stream_error(stream);
    begin(schema.schema);
    while (true) {
      ArrayHolder batch;
      if (stream.get_next(&stream, &batch.array) != 0) return stream_error(stream);
      if (batch.array.release == nullptr) return {};
      TRY_STATUS(visit(schema.schema, batch.array));
    }
  }

  static Status drain(Stream& holder, Rows* rows) {
    const auto name = [&](const ArrowSchema& schema) {
      for (std::int64_t c = 0; rows != nullptr && c < schema.n_children; ++c) {
        rows->columns.emplace_back(schema.children[c]->name);
      }
    };
    return each_array(holder, name, [&](const ArrowSchema& schema, const ArrowArray& array) {
      return rows == nullptr ? Status() : append_rows(schema, array, *rows);
    });
  }

  static Status add_and_take(const ArrowSchema& schema, const ArrowArray& array,
                             records::Batch& batch,
                             const std::function<Status(records::Batch&)>& take) {
    constexpr std::int64_t kEnough = 16'384;
    TRY_STATUS(append_batch(schema, array, batch));
    if (batch.rows < kEnough) return {};
    TRY_STATUS(take(batch));
    batch.rows = 0;
    return {};
  }

  std::shared_ptr<Engine> engine_;
  AdbcConnection connection_{};
};

// With a single thread the engine writes Parquet through another operator, which cuts row groups
// elsewhere; from two threads on, the bytes are the same for any number of them.
constexpr int kLeastThreads = 2;

Status configure_engine(Session& session, const EngineConfig& config) {
  std::vector<std::string> settings = {
      "autoinstall_known_extensions=false", "autoload_known_extensions=false",
      "allow_community_extensions=false", "preserve_insertion_order=true",
      "temp_directory=" + literal(config.temp_folder)};
  if (!config.memory.empty()) settings.push_back("memory_limit=" + literal(config.memory));
  if (config.threads > 0) {
    settings.push_back(format("threads={}", std::max(config.threads, kLeastThreads)));
  }
  for (const std::string& setting : settings) TRY_STATUS(session.run("SET " + setting));
  if (config.threads > 0) return {};
  TRY(const auto rows, session.query("SELECT current_setting('threads') AS threads"));
  if (rows.integer(0, "threads") >= kLeastThreads) return {};
  return session.run(format("SET threads={}", kLeastThreads));
}

}  // namespace

const Json& Rows::at(std::size_t row, std::string_view column) const {
  static const Json null;
  for (std::size_t c = 0; c < columns.size(); ++c) {
    if (columns[c] == column) return rows[row][c];
  }
  return null;
}

std::int64_t Rows::integer(std::size_t row, std::string_view column) const {
  return at(row, column).integer();
}

const std::string& Rows::text(std::size_t row, std::string_view column) const {
  return at(row, column).text();
}

std::string driver_path() {
  return find_library("libduckdb.so");
}

Result<std::unique_ptr<Session>> Session::open(const EngineConfig& config) {
  const std::string driver = driver_path();
  if (driver.empty()) {
    return fail(Code::kUnavailable, "engine.driver_missing", "libduckdb.so was not found")
        .hint("keep the folder `lib` beside the program, or name its folder in KINGPOST_DRIVERS");
  }
  const auto engine = std::make_shared<Engine>(config.temp_folder);
  TRY_STATUS(engine->open(driver));
  return AdbcSession::open(engine,
                           [&](Session& session) { return configure_engine(session, config); });
}

}  // namespace kingpost::sql
