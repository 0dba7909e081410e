// SPDX-License-Identifier: Apache-2.0
// Parquet through the engine, in bounded memory: answers gather in a table until they are many,
// then go to a file of their own; at the end the files become one. Columns that pass through from a
// Parquet file are not carried along: the engine puts both files side by side.
#include <algorithm>

#include "base/files.h"
#include "base/text.h"
#include "engines/sql/dialect.h"
#include "engines/sql/types.h"
#include "records/schema.h"
#include "steps/20_infer/writers.h"

namespace kingpost::steps::infer {
namespace {

constexpr std::string_view kTable = "_kp_answers";
constexpr std::string_view kRejected = "_kp_rejected";
constexpr std::int64_t kAppend = 65'536;
constexpr std::int64_t kMostBytes = std::int64_t{64} << 20;

std::string place(std::size_t column) {
  return format("_kp_{}", column);
}

std::string engine_type_of(records::TensorType type) {
  switch (type) {
    case records::TensorType::kFloat:
      return "FLOAT";
    case records::TensorType::kDouble:
      return "DOUBLE";
    case records::TensorType::kInt64:
      return "BIGINT";
    case records::TensorType::kBool:
      return "BOOLEAN";
    case records::TensorType::kString:
      return "VARCHAR";
  }
  return "";
}

// A kept value in its own type again.
std::string kept_sql(const KeptColumn& column, const std::string& value) {
  const std::string engine = sql::engine_type(column.type);
  if (column.as_text) {
    const std::string text = format("nullif({}, '')", value);
    return column.type == "string" ? text : format("CAST({} AS {})", text, engine);
  }
  if (column.type == "timestamp_utc") return format("make_timestamptz(CAST({} AS BIGINT))", value);
  if (records::is_temporal(column.type)) {
    return format("CAST(make_timestamp(CAST({} AS BIGINT)) AS {})", value, engine);
  }
  return format("CAST({} AS {})", value, engine);
}

template <typename Values>
void append_column(const Values& values, const AnswerColumn& answer, std::int64_t rows,
                   records::BatchColumn& out) {
  for (std::size_t r = 0; r < static_cast<std::size_t>(rows); ++r) {
    const auto& value = values[r * answer.columns + answer.column];
    if constexpr (std::is_same_v<std::decay_t<decltype(value)>, std::string>) {
      out.texts.push_back(value);
    } else {
      out.numbers.push_back(static_cast<double>(value));
    }
  }
}

std::int64_t bytes_of_batch(const records::Batch& batch) {
  std::size_t bytes = 0;
  for (const records::BatchColumn& column : batch.columns) {
    bytes += column.numbers.size() * sizeof(double);
    for (const std::string& text : column.texts) bytes += text.size() + sizeof(std::int64_t);
  }
  return static_cast<std::int64_t>(bytes);
}

class ParquetSink final : public Sink {
 public:
  ParquetSink(const SinkRequest& request, std::unique_ptr<sql::Session> session)
      : request_(request), session_(std::move(session)), file_(request.path) {}
  ~ParquetSink() override {
    for (const std::string& each : chunks_) (void)remove_file(each).has_value();
  }
  ParquetSink(const ParquetSink&) = delete;
  ParquetSink& operator=(const ParquetSink&) = delete;

  Piece render(const Rows& rows, const std::vector<records::Tensor>& answers) const override {
    Piece out;
    out.rows = rows.batch.rows;
    out.batch.rows = out.rows;
    if (is_beside()) {
      records::BatchColumn& column = out.batch.columns.emplace_back();
      column.name = kRejected;
      column.numbers.assign(static_cast<std::size_t>(out.rows), 0);
      for (const Reject& each : rows.rejects) {
        column.numbers[static_cast<std::size_t>(each.row)] = 1;
      }
      out.rows -= static_cast<std::int64_t>(rows.rejects.size());
    } else {
      for (const records::BatchColumn& each : rows.kept) {
        out.batch.columns.push_back(each);
        out.batch.columns.back().name = place(out.batch.columns.size() - 1);
      }
    }
    for (const AnswerColumn& answer : request_.answers) {
      records::BatchColumn column;
      column.name = place(out.batch.columns.size());
      column.is_text = answer.type == records::TensorType::kString;
      std::visit([&](const auto& values) { append_column(values, answer, out.batch.rows, column); },
                 answers[answer.output].data);
      out.batch.columns.push_back(std::move(column));
    }
    return out;
  }

  Status take(Piece piece) override {
    if (gathered_.columns.empty()) {
      gathered_ = std::move(piece.batch);
    } else {
      add(piece.batch);
    }
    return gathered_.rows < kAppend ? Status() : append();
  }

  Status finish() override {
    TRY_STATUS(append());
    if (!is_made_) TRY_STATUS(make_table());
    std::string from(kTable);
    if (!chunks_.empty()) {
      if (bytes_ > 0) TRY_STATUS(write_chunk());
      from = format("read_parquet([{}])", sql::path_literals(chunks_));
    }
    if (is_beside()) {
      from = format("{} AS kept POSITIONAL JOIN {} AS answers WHERE answers.{} = 0",
                    sql::parquet(request_.beside), from, kRejected);
    } else {
      from += " AS answers";
    }
    TRY_STATUS(session_->run(
        sql::write_parquet(format("SELECT {} FROM {}", columns_sql(), from), file_.temporary())));
    return file_.keep();
  }

  Status start() { return file_.check(); }

 private:
  bool is_beside() const { return !request_.beside.empty(); }

  void add(records::Batch& more) {
    gathered_.rows += more.rows;
    for (std::size_t c = 0; c < more.columns.size(); ++c) {
      auto& to = gathered_.columns[c];
      auto& from = more.columns[c];
      to.numbers.insert(to.numbers.end(), from.numbers.begin(), from.numbers.end());
      to.texts.insert(to.texts.end(), std::make_move_iterator(from.texts.begin()),
                      std::make_move_iterator(from.texts.end()));
    }
  }

  Status append() {
    if (gathered_.rows == 0) return {};
    bytes_ += bytes_of_batch(gathered_);
    TRY_STATUS(session_->append(std::string(kTable), gathered_));
    gathered_ = {};
    is_made_ = true;
    return bytes_ < kMostBytes ? Status() : write_chunk();
  }

  Status write_chunk() {
    const std::string path = format("{}.{}", file_.temporary(), chunks_.size());
    chunks_.push_back(path);
    TRY_STATUS(session_->run(sql::write_parquet(format("SELECT * FROM {}", kTable), path)));
    bytes_ = 0;
    return session_->run(format("TRUNCATE {}", kTable));
  }

  // Without rows there is a table of the same columns all the same.
  Status make_table() {
    std::vector<std::string> columns;
    if (is_beside()) columns.push_back(format("{} DOUBLE", kRejected));
    const std::size_t kept = is_beside() ? 0 : request_.kept.size();
    for (std::size_t k = 0; k < kept; ++k) {
      columns.push_back(format("{} {}", place(k), request_.kept[k].as_text ? "VARCHAR" : "DOUBLE"));
    }
    for (const AnswerColumn& each : request_.answers) {
      const bool is_text = each.type == records::TensorType::kString;
      columns.push_back(format("{} {}", place(columns.size()), is_text ? "VARCHAR" : "DOUBLE"));
    }
    return session_->run(format("CREATE TEMPORARY TABLE {} ({})", kTable, join(columns, ", ")));
  }

  std::string columns_sql() const {
    std::vector<std::string> out;
    std::size_t at = is_beside() ? 1 : 0;
    for (const KeptColumn& each : request_.kept) {
      const std::string name = sql::identifier(each.name);
      out.push_back(is_beside() ? "kept." + name
                                : format("{} AS {}", kept_sql(each, place(at++)), name));
    }
    for (const AnswerColumn& each : request_.answers) {
      const std::string type = engine_type_of(each.type);
      std::string value = "answers." + place(at++);
      if (type == "VARCHAR") value = format("nullif({}, '')", value);
      if (type == "BOOLEAN") value = format("{} <> 0", value);
      out.push_back(format("CAST({} AS {}) AS {}", value, type, sql::identifier(each.name)));
    }
    return join(out, ", ");
  }

  SinkRequest request_;
  std::unique_ptr<sql::Session> session_;
  NewFile file_;
  records::Batch gathered_;
  std::int64_t bytes_ = 0;
  bool is_made_ = false;
  std::vector<std::string> chunks_;
};

}  // namespace

Result<std::unique_ptr<Sink>> open_parquet_sink(const SinkRequest& request) {
  TRY_STATUS(make_folders(request.engine.temp_folder));
  TRY(auto session, sql::Session::open(request.engine));
  auto sink = std::make_unique<ParquetSink>(request, std::move(session));
  TRY_STATUS(sink->start());
  return std::unique_ptr<Sink>(std::move(sink));
}

}  // namespace kingpost::steps::infer
