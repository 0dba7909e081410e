// SPDX-License-Identifier: Apache-2.0
// A folder of its own among the system's temporary files.
#include "base/scratch.h"

#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "base/files.h"

namespace kingpost {

Result<Scratch> Scratch::make(std::string_view word) {
  std::error_code missing;
  const auto folder = std::filesystem::temp_directory_path(missing);
  if (missing) return file_error(missing.value(), "use", folder.string());
  std::string pattern = format("{}/kingpost-{}-XXXXXX", folder.string(), word);
  if (::mkdtemp(pattern.data()) == nullptr) return file_error(errno, "make a folder", pattern);
  return Scratch(pattern);
}

Scratch::~Scratch() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

}  // namespace kingpost
