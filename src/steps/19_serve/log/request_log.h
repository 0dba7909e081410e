// SPDX-License-Identifier: Apache-2.0
// What was asked and what was answered, row by row, in Parquet files that are begun anew when they
// are large or old: for monitoring, and for labels that come later. It never slows or fails a
// request: what cannot be kept is dropped and counted.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "base/clock.h"
#include "base/result.h"
#include "engines/onnx/session/session.h"
#include "records/inference.h"
#include "steps/19_serve/question.h"

namespace kingpost::steps::serve {

class ServedModel;

struct LogOptions {
  /// Empty: nothing is logged.
  std::string folder;
  /// Of the requests, from 0 to 1, whole requests with all of their rows.
  double share = 1;
  std::int64_t rotate_bytes = std::int64_t{64} << 20;
  Micros rotate_after = 600'000'000;
  /// What waits to be written may hold so much.
  std::size_t queue_bytes = std::size_t{64} << 20;
};

class RequestLog {
 public:
  /// Fails as make_folders does.
  static Result<std::unique_ptr<RequestLog>> open(const LogOptions& options);
  /// Writes what waits, and ends the files.
  ~RequestLog();
  RequestLog(const RequestLog&) = delete;
  RequestLog& operator=(const RequestLog&) = delete;

  /// An id for the next request; empty where this one is not to be logged. From any thread.
  std::string next_id();
  /// Keeps a copy of an answered question. From any thread; takes microseconds, never more.
  void add(const ServedModel& model, std::string_view id, const Question& question,
           const records::InferResponse& answer, std::int64_t latency_us);
  /// A label that came later, as a line of JSON. Fails with `serve.log_full` where too much waits.
  Status add_label(std::string line);

  std::uint64_t rows() const { return rows_.load(std::memory_order_relaxed); }
  std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  struct Entry;
  class File;

  explicit RequestLog(const LogOptions& options);
  bool put(std::unique_ptr<Entry> entry);
  void run();
  void write(const Entry& entry);
  void write_label(const std::string& line);
  void rotate(bool all);
  void end(std::unique_ptr<File> file);
  /// Counts its rows as dropped.
  void lose(std::unique_ptr<File> file, const Error& error);
  void complain(const Error& error);

  const LogOptions options_;
  const std::string run_;
  std::atomic<std::uint64_t> number_{0};
  std::atomic<std::uint64_t> rows_{0};
  std::atomic<std::uint64_t> dropped_{0};
  std::mutex mutex_;
  std::condition_variable came_;
  std::deque<std::unique_ptr<Entry>> waiting_;
  std::size_t waiting_bytes_ = 0;
  bool stopped_ = false;
  /// Only looked at by the writer's thread: by model and version.
  std::map<std::string, std::unique_ptr<File>> files_;
  std::uint64_t files_begun_ = 0;
  int labels_ = -1;
  bool has_complained_ = false;
  std::thread writer_;
};

}  // namespace kingpost::steps::serve
