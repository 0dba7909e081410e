// SPDX-License-Identifier: Apache-2.0
// Files and folders that get their names only when they are whole, and what killed processes left
// of such.
#pragma once

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
  std::string path_;
  std::string temporary_;
  int number_ = -1;
};

}  // namespace kingpost
