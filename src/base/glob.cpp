// SPDX-License-Identifier: Apache-2.0
// Path patterns. Own walk, because the order must be that of the bytes and ** must be bounded.
#include <fnmatch.h>

#include <algorithm>

#include "base/files.h"
#include "base/text.h"

namespace kingpost {
namespace {

constexpr int kDeepest = 16;

struct Walk {
  std::vector<std::string> parts;
  std::vector<std::string> found;

  void visit(const std::string& folder, std::size_t part, int depth) {
    if (depth > kDeepest) return;
    const std::string& pattern = parts[part];
    const bool last = part + 1 == parts.size();
    const std::string prefix = folder.empty() ? "" : (folder == "/" ? "/" : folder + "/");
    const std::string listing = folder.empty() ? "." : folder;
    if (pattern == "**") {
      if (!last) visit(folder, part + 1, depth);
      for (const std::string& name : entries_of(listing)) {
        if (name[0] == '.') continue;
        if (is_folder(prefix + name)) {
          visit(prefix + name, part, depth + 1);
        } else if (last) {
          found.push_back(prefix + name);
        }
      }
      return;
    }
    for (const std::string& name : entries_of(listing)) {
      if (::fnmatch(pattern.c_str(), name.c_str(), FNM_PERIOD) != 0) continue;
      const std::string path = prefix + name;
      if (last && !is_folder(path)) found.push_back(path);
      if (!last && is_folder(path)) visit(path, part + 1, depth + 1);
    }
  }
};

}  // namespace

bool has_glob(std::string_view path) {
  return path.find_first_of("*?[") != std::string_view::npos;
}

std::vector<std::string> expand_glob(const std::string& pattern) {
  // A file that is called like the pattern is meant itself.
  if (exists(pattern)) return {pattern};
  if (!has_glob(pattern)) return {};
  // The folder in front of the first pattern is taken as it is: it may hold any character.
  const std::size_t first = pattern.find_first_of("*?[");
  const std::size_t slash = pattern.rfind('/', first);
  std::string folder;
  std::string rest = pattern;
  if (slash != std::string::npos) {
    folder = slash == 0 ? "/" : pattern.substr(0, slash);
    rest = pattern.substr(slash + 1);
  }
  Walk walk;
  walk.parts = split(rest, '/');
  walk.visit(folder, 0, 0);
  std::sort(walk.found.begin(), walk.found.end());
  walk.found.erase(std::unique(walk.found.begin(), walk.found.end()), walk.found.end());
  return walk.found;
}

}  // namespace kingpost
