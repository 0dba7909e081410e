// SPDX-License-Identifier: Apache-2.0
// A folder of its own among the system's temporary files, gone at the end.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace kingpost {

class Scratch {
 public:
  /// `word` stands in its name. Fails as files do.
  static Result<Scratch> make(std::string_view word);
  ~Scratch();
  Scratch(Scratch&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  Scratch& operator=(Scratch&&) = delete;
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  const std::string& path() const { return path_; }

 private:
  explicit Scratch(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace kingpost
