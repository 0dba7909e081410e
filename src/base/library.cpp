// SPDX-License-Identifier: Apache-2.0
// Where libraries that are opened at run time are looked for.
#include "base/library.h"

#include <cstdlib>
#include <vector>

#include "base/files.h"

namespace kingpost {

std::string find_library(const std::string& file) {
  std::vector<std::string> folders;
  if (const char* named = std::getenv("KINGPOST_DRIVERS")) folders.emplace_back(named);
  folders.push_back(program_folder() + "/lib");
  folders.push_back(resolve_path(program_folder(), "../lib"));
  for (const std::string& folder : folders) {
    std::string path = folder + "/" + file;
    if (exists(path)) return path;
  }
  return {};
}

}  // namespace kingpost
