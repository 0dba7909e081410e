// SPDX-License-Identifier: Apache-2.0
// A folder of its own among the system's temporary files, gone at the end; that of a process that
// was killed goes when the next one asks for such a folder.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace kingpost {

class Scratch {
 public:
  /// `word` stands in its name; abandoned folders of this user with that word are removed first.
  /// Fails as files do.
  static Result<Scratch> make(std::string_view word);
  ~Scratch();
  Scratch(Scratch&& other) noexcept
      : path_(std::exchange(other.path_, {})), lock_(std::exchange(other.lock_, -1)) {}
  Scratch& operator=(Scratch&&) = delete;
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  const std::string& path() const { return path_; }

 private:
  Scratch(std::string path, int lock) : path_(std::move(path)), lock_(lock) {}
  std::string path_;
  int lock_ = -1;
};

}  // namespace kingpost
