// SPDX-License-Identifier: Apache-2.0
// Lines written by a thread of their own, so that nobody waits for the disk: what does not fit into
// the queue is dropped and counted.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "base/result.h"

namespace kingpost {

class LineLog {
 public:
  /// `path`: a file that is appended to, or "-" for standard output. Fails as files do.
  static Result<std::unique_ptr<LineLog>> open(const std::string& path);
  /// Writes what waits.
  ~LineLog();
  LineLog(const LineLog&) = delete;
  LineLog& operator=(const LineLog&) = delete;

  /// From any thread; the line gets its end here.
  void add(std::string_view line);
  /// Lines that did not fit, or could not be written.
  std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  LineLog(int file, bool is_owned);
  void run();

  const int file_;
  const bool is_owned_;
  std::atomic<std::uint64_t> dropped_{0};
  std::mutex mutex_;
  std::condition_variable came_;
  std::string waiting_;
  bool stopped_ = false;
  std::thread writer_;
};

}  // namespace kingpost
