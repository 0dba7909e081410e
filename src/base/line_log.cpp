// SPDX-License-Identifier: Apache-2.0
#include "base/line_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "base/files.h"
#include "base/format.h"
#include "base/new_file.h"

namespace kingpost {
namespace {

constexpr std::size_t kMostWaiting = std::size_t{4} << 20;

struct stat told_of(int file) {
  struct stat out{};
  // What cannot be told of is no file that anything else goes to.
  if (::fstat(file, &out) != 0) out = {};
  return out;
}

// One that was left there is not gone on with.
int open_anew(const std::string& path, mode_t mode) {
  ::unlink(path.c_str());
  return ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, mode);
}

int open_at_end(const std::string& path, mode_t mode) {
  return ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, mode);
}

}  // namespace

LineLog::LineLog(int file, std::string path, const LineLogOptions& options)
    : file_(file), path_(std::move(path)), options_(options), size_(told_of(file).st_size) {
  writer_ = std::thread([this] { run(); });
}

Result<std::unique_ptr<LineLog>> LineLog::open(const std::string& path,
                                               const LineLogOptions& options) {
  if (path == "-") return std::unique_ptr<LineLog>(new LineLog(STDOUT_FILENO, {}, options));
  const int file = open_at_end(path, options.mode);
  if (file < 0) return file_error(errno, "write", path);
  return std::unique_ptr<LineLog>(new LineLog(file, path, options));
}

LineLog::~LineLog() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  came_.notify_all();
  writer_.join();
  if (!path_.empty()) ::close(file_);
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
    write(taken);
    taken.clear();
    if (options_.rotate_bytes > 0 && size_ >= options_.rotate_bytes && !path_.empty()) rotate();
  }
}

void LineLog::write(std::string_view lines) {
  if (!write_all(file_, lines, "the log")) {
    dropped_.fetch_add(static_cast<std::uint64_t>(std::count(lines.begin(), lines.end(), '\n')),
                       std::memory_order_relaxed);
    return;
  }
  size_ += static_cast<std::int64_t>(lines.size());
  const std::uint64_t all = dropped();
  if (!options_.tells_dropped || all == told_) return;
  const std::string line = format("{} lines of this log are lost\n", all - told_);
  if (!write_all(file_, line, "the log")) return;
  size_ += static_cast<std::int64_t>(line.size());
  told_ = all;
}

// Where that does not work, the lines go on where they went.
void LineLog::rotate() {
  size_ = 0;
  // Before anything is moved: there may be no room, or no number for one more file.
  const std::string fresh = path_ + ".new";
  const int next = open_anew(fresh, options_.mode);
  if (next < 0) return;
  if (take_place(fresh)) {
    const auto old = told_of(file_);
    for (const int each : {STDOUT_FILENO, STDERR_FILENO}) {
      const auto its = told_of(each);
      if (its.st_ino == old.st_ino && its.st_dev == old.st_dev) ::dup2(next, each);
    }
    ::dup3(next, file_, O_CLOEXEC);
  } else {
    ::unlink(fresh.c_str());
  }
  ::close(next);
}

bool LineLog::take_place(const std::string& next) const {
  const auto place = [this](int number) { return format("{}.{}", path_, number); };
  // The last of them goes with its name.
  for (int i = options_.keep; i > 1; --i) {
    ::rename(place(i - 1).c_str(), place(i).c_str());
  }
  // Somebody may have removed it.
  if (::rename(path_.c_str(), place(1).c_str()) != 0 && errno != ENOENT) return false;
  if (::rename(next.c_str(), path_.c_str()) == 0) return true;
  ::rename(place(1).c_str(), path_.c_str());
  return false;
}

}  // namespace kingpost
