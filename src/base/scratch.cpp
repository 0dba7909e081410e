// SPDX-License-Identifier: Apache-2.0
// A folder of its own among the system's temporary files. A locked file in it says that its owner
// lives; what the kernel unlocks when a process is killed, the next process of that user removes.
#include "base/scratch.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "base/files.h"
#include "base/text.h"

namespace kingpost {
namespace {

constexpr std::string_view kAlive = "/alive";

// Locks it; -1 when it is not there or someone holds it.
int lock_of(const std::string& path, int flags) {
  const int file = ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
  if (file >= 0 && ::flock(file, LOCK_EX | LOCK_NB) != 0) {
    ::close(file);
    return -1;
  }
  return file;
}

bool is_own_folder(const std::string& path) {
  struct stat info{};
  return ::lstat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode) && info.st_uid == ::geteuid();
}

// What could not be removed costs only room.
void remove_abandoned(const std::string& folder, const std::string& prefix) {
  for (const std::string& name : entries_of(folder)) {
    const std::string path = resolve_path(folder, name);
    if (!starts_with(name, prefix) || !is_own_folder(path)) continue;
    const int file = lock_of(path + std::string(kAlive), 0);
    if (file < 0) continue;
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
    ::close(file);
  }
}

}  // namespace

Result<Scratch> Scratch::make(std::string_view word) {
  std::error_code missing;
  const std::string folder = std::filesystem::temp_directory_path(missing).string();
  if (missing) {
    const char* named = std::getenv("TMPDIR");
    return fail(Code::kUnavailable, "file.folder_missing",
                "there is no folder \"{}\" for temporary files", named == nullptr ? "/tmp" : named)
        .hint("let TMPDIR name a folder that is there");
  }
  const std::string prefix = format("kingpost-{}-", word);
  remove_abandoned(folder, prefix);
  std::string path = format("{}/{}XXXXXX", folder, prefix);
  if (::mkdtemp(path.data()) == nullptr) return file_error(errno, "make a folder", path);
  // Locked before it has the name that others look for.
  const std::string alive = path + std::string(kAlive);
  const int lock = lock_of(alive + ".new", O_CREAT | O_EXCL);
  Scratch out(path, lock);
  // Without it the folder is left alone, should it be abandoned.
  if (lock >= 0) TRY_STATUS(rename_file(alive + ".new", alive));
  return out;
}

Scratch::~Scratch() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  if (lock_ >= 0) ::close(lock_);
}

}  // namespace kingpost
