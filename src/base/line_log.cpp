// SPDX-License-Identifier: Apache-2.0
#include "base/line_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/files.h"
#include "base/new_file.h"

namespace kingpost {
namespace {

constexpr std::size_t kMostWaiting = std::size_t{4} << 20;

}  // namespace

LineLog::LineLog(int file, bool is_owned) : file_(file), is_owned_(is_owned) {
  writer_ = std::thread([this] { run(); });
}

Result<std::unique_ptr<LineLog>> LineLog::open(const std::string& path) {
  if (path == "-") return std::unique_ptr<LineLog>(new LineLog(STDOUT_FILENO, false));
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
  if (file < 0) return file_error(errno, "write", path);
  return std::unique_ptr<LineLog>(new LineLog(file, true));
}

LineLog::~LineLog() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  came_.notify_all();
  writer_.join();
  if (is_owned_) ::close(file_);
}

void LineLog::add(std::string_view line) {
  const std::lock_guard lock(mutex_);
  if (waiting_.size() + line.size() >= kMostWaiting) {
    dropped_.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  const bool is_first = waiting_.empty();
  waiting_.append(line);
  waiting_ += '\n';
  if (is_first) came_.notify_one();
}

void LineLog::run() {
  std::string taken;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      came_.wait(lock, [this] { return stopped_ || !waiting_.empty(); });
      if (waiting_.empty()) return;
      taken.swap(waiting_);
    }
    if (!write_all(file_, taken, "the log")) {
      dropped_.fetch_add(static_cast<std::uint64_t>(std::count(taken.begin(), taken.end(), '\n')),
                         std::memory_order_relaxed);
    }
    taken.clear();
  }
}

}  // namespace kingpost
