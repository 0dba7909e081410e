// SPDX-License-Identifier: Apache-2.0
#include "base/new_file.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <filesystem>
#include <thread>
#include <utility>

#include "base/failpoint.h"
#include "base/files.h"
#include "base/text.h"

namespace kingpost {

bool is_gone(std::int64_t process) {
  if (process <= 0 || process > INT_MAX) return false;
  return ::kill(static_cast<pid_t>(process), 0) != 0 && errno == ESRCH;
}

void remove_abandoned(const std::string& path, std::string_view ending) {
  const std::string folder = parent_of(path);
  const std::string prefix = name_of(path) + ".";
  for (const std::string& name : entries_of(folder)) {
    if (!starts_with(name, prefix)) continue;
    const auto parts = split(name.substr(prefix.size()), '.');
    if (parts.size() < 2 || parts.size() > 3 || parts[1] != ending) continue;
    std::error_code ignored;
    if (is_gone(parse_integer(parts[0]).value_or(0))) {
      std::filesystem::remove_all(resolve_path(folder, name), ignored);
    }
  }
}

Status write_all(int number, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t done = ::write(number, bytes.data(), bytes.size());
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return file_error(errno, "write", path);
    bytes.remove_prefix(static_cast<std::size_t>(done));
  }
  return {};
}

NewFile::NewFile(std::string path)
    : path_(std::move(path)), temporary_(format("{}.{}.part", path_, ::getpid())) {}

NewFile::~NewFile() {
  if (number_ >= 0) ::close(number_);
  ::unlink(temporary_.c_str());
}

Status NewFile::write(std::string_view bytes) {
  if (number_ < 0) {
    number_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (number_ < 0) return file_error(errno, "write", path_);
  }
  return write_all(number_, bytes, path_);
}

Status NewFile::check() {
  TRY_STATUS(check_place(path_));
  remove_abandoned(path_, "part");
  TRY_STATUS(write(""));
  ::close(number_);
  number_ = -1;
  return remove_file(temporary_);
}

Status NewFile::keep() {
  TRY_STATUS(sync_file(temporary_));
  TRY_STATUS(rename_file(temporary_, path_));
  return sync_folder(parent_of(path_));
}

Result<FolderTurn> FolderTurn::take(const std::string& folder, std::chrono::milliseconds patience) {
  constexpr std::chrono::milliseconds kLook{20};
  FolderTurn turn(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (turn.file_ < 0) return file_error(errno, "open", folder);
  const auto until = std::chrono::steady_clock::now() + patience;
  while (::flock(turn.file_, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) break;
    if (std::chrono::steady_clock::now() > until) {
      return fail(Code::kConflict, "file.folder_busy",
                  "another process does not come to an end of putting files into {}",
                  shown(folder, 200))
          .hint("let it go on, or end it, and repeat the command");
    }
    std::this_thread::sleep_for(kLook);
  }
  return turn;
}

FolderTurn::FolderTurn(FolderTurn&& other) noexcept : file_(std::exchange(other.file_, -1)) {}

FolderTurn::~FolderTurn() {
  if (file_ >= 0) ::close(file_);
}

Status keep_both(NewFile& first, NewFile& second) {
  TRY_STATUS(sync_file(first.temporary_));
  TRY_STATUS(sync_file(second.temporary_));
  const std::string folder = parent_of(first.path_);
  TRY(const FolderTurn turn, FolderTurn::take(folder));
  TRY_STATUS(check_place(second.path_));
  TRY_STATUS(rename_file(first.temporary_, first.path_));
  failpoint("half_of_both_kept");
  TRY_STATUS(rename_file(second.temporary_, second.path_));
  return sync_folder(folder);
}

}  // namespace kingpost
