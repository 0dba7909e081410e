// SPDX-License-Identifier: Apache-2.0
// Files and folders that get their names only when they are whole, and what killed processes left
// of such.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace kingpost {

/// No process of that number is there any more; a number that is none answers false.
bool is_gone(std::int64_t process);

/// Removes PATH.PROCESS.ENDING, and PATH.PROCESS.ENDING.NUMBER of some engines, files and folders,
/// of processes that are gone. What cannot be removed stays: it costs only room.
void remove_abandoned(const std::string& path, std::string_view ending);

/// All of the bytes to an open file. Fails as files do; `path` is for messages.
Status write_all(int number, std::string_view bytes, const std::string& path);

/// A file that is written beside its place. Removed when it is not kept.
class NewFile {
 public:
  explicit NewFile(std::string path);
  ~NewFile();
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  /// Where the bytes go until then.
  const std::string& temporary() const { return temporary_; }
  Status write(std::string_view bytes);
  /// Whether a file can be written there; leaves none.
  Status check();
  /// Syncs, and takes its place.
  Status keep();

 private:
  friend Status keep_both(NewFile& first, NewFile& second);

  std::string path_;
  std::string temporary_;
  int number_ = -1;
};

/// The turn of one process among those that put things into a folder which belong together. It
/// leaves no file, and the kernel ends it with the process. Where the file system has no such locks
/// everybody has his turn at once.
class FolderTurn {
 public:
  /// Waits for it. Fails with `file.folder_busy` where it does not come, or as files do.
  static Result<FolderTurn> take(const std::string& folder,
                                 std::chrono::milliseconds patience = std::chrono::minutes(1));
  FolderTurn(FolderTurn&& other) noexcept;
  FolderTurn& operator=(FolderTurn&&) = delete;
  FolderTurn(const FolderTurn&) = delete;
  FolderTurn& operator=(const FolderTurn&) = delete;
  ~FolderTurn();

 private:
  explicit FolderTurn(int file) : file_(file) {}
  int file_ = -1;
};

/// Two files of one folder that belong together: both are whole before either has its name, and
/// `first` has it an instant before `second`. Of several processes each leaves a pair of its own.
/// Fails as `FolderTurn::take` and `keep`.
Status keep_both(NewFile& first, NewFile& second);

}  // namespace kingpost
