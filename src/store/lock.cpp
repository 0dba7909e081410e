// SPDX-License-Identifier: Apache-2.0
// The store's lock.
#include "store/lock.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/clock.h"
#include "base/files.h"
#include "base/text.h"

namespace kingpost::store {
namespace {

struct flock whole_file(short type) {
  struct flock lock{};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  return lock;
}

std::string lock_path(const std::string& folder) {
  return folder + "/lock";
}

std::string holder_text(const std::string& folder) {
  const auto text = read_file(lock_path(folder), 4096);
  // Empty for the instant between the holder's lock and its first write.
  if (!text || trim(*text).empty()) return "a process that has just begun";
  return std::string(trim(*text));
}

}  // namespace

Result<Lock> Lock::acquire(const std::string& folder, const std::string& command) {
  const std::string path = lock_path(folder);
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0) return file_error(errno, "open", path);
  Lock lock(file);
  struct flock request = whole_file(F_WRLCK);
  if (::fcntl(file, F_OFD_SETLK, &request) != 0) {
    if (errno != EAGAIN && errno != EACCES) return file_error(errno, "lock", path);
    return fail(Code::kConflict, "store.locked", "another kingpost is at work here: {}",
                holder_text(folder))
        .hint("wait until it has ended, or stop it with Ctrl-C or `kill` and its process number");
  }
  const std::string text = format("process {}, `{}`, since {}\n", ::getpid(), shown(command, 200),
                                  second_text(wall_clock()));
  if (::ftruncate(file, 0) != 0 ||
      ::pwrite(file, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
    return file_error(errno, "write", path);
  }
  return lock;
}

std::optional<std::string> Lock::holder(const std::string& folder) {
  const int file = ::open(lock_path(folder).c_str(), O_RDWR | O_CLOEXEC);
  if (file < 0) return std::nullopt;
  struct flock request = whole_file(F_WRLCK);
  const bool asked = ::fcntl(file, F_OFD_GETLK, &request) == 0;
  ::close(file);
  if (!asked || request.l_type == F_UNLCK) return std::nullopt;
  return holder_text(folder);
}

Lock::Lock(Lock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}

Lock& Lock::operator=(Lock&& other) noexcept {
  std::swap(file_, other.file_);
  return *this;
}

Lock::~Lock() {
  if (file_ >= 0) ::close(file_);
}

}  // namespace kingpost::store
