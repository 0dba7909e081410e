// SPDX-License-Identifier: Apache-2.0
// Lines written by a thread of their own, so that nobody waits for the disk: what does not fit into
// the queue is dropped and counted.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/result.h"

namespace kingpost {

struct LineLogOptions {
  /// A file that has so many bytes gets the name PATH.1, and a new one is begun: also for standard
  /// output and error, where they go there. 0: never.
  std::int64_t rotate_bytes = 0;
  /// So many of those that have ended are kept, PATH.1 being the last of them. From 1 on.
  int keep = 3;
  /// Of files that are made.
  mode_t mode = 0640;
  /// Where lines were dropped a line says so, when there is room again.
  bool tells_dropped = false;
};

class LineLog {
 public:
  /// `path`: a file that is appended to, or "-" for standard output. Fails as files do.
  static Result<std::unique_ptr<LineLog>> open(const std::string& path,
                                               const LineLogOptions& options = {});
  /// Writes what waits.
  ~LineLog();
  LineLog(const LineLog&) = delete;
  LineLog& operator=(const LineLog&) = delete;

  /// From any thread; the line gets its end here.
  void add(std::string_view line);
  /// Lines that did not fit, or could not be written.
  std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  LineLog(int file, std::string path, const LineLogOptions& options);
  void run();
  void write(std::string_view lines);
  void rotate();
  bool take_place(const std::string& next) const;

  const int file_;
  /// Empty: the file is not its own.
  const std::string path_;
  const LineLogOptions options_;
  /// Of the writer's thread alone.
  std::int64_t size_ = 0;
  std::uint64_t told_ = 0;
  std::atomic<std::uint64_t> dropped_{0};
  std::mutex mutex_;
  std::condition_variable came_;
  std::string waiting_;
  bool stopped_ = false;
  std::thread writer_;
};

}  // namespace kingpost
