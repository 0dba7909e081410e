// SPDX-License-Identifier: Apache-2.0
// Breadth first, as the loader goes: the first who asks for a name decides which file it is.
#include "engines/oci/closure.h"

#include <algorithm>
#include <deque>
#include <filesystem>

#include "base/files.h"
#include "base/text.h"
#include "engines/oci/elf.h"

namespace kingpost::oci {
namespace {

constexpr std::size_t kLargestConfiguration = 1U << 20U;
constexpr int kDeepestInclude = 8;
constexpr std::size_t kMostLibraries = 1000;

void add_once(std::vector<std::string>& out, std::string folder) {
  if (std::find(out.begin(), out.end(), folder) == out.end()) out.push_back(std::move(folder));
}

void read_configuration(const std::string& path, int depth, std::vector<std::string>& out) {
  const auto text = read_file(path, kLargestConfiguration);
  if (!text || depth > kDeepestInclude) return;
  for (const std::string& each : split(*text, '\n')) {
    const std::string line(trim(each.substr(0, each.find('#'))));
    if (starts_with(line, "include ")) {
      const std::string pattern(trim(line.substr(8)));
      for (const std::string& file : expand_glob(resolve_path(parent_of(path), pattern))) {
        read_configuration(file, depth + 1, out);
      }
    } else if (starts_with(line, "/")) {
      add_once(out, line);
    }
  }
}

std::string real_path(const std::string& path) {
  std::error_code fault;
  const auto real = std::filesystem::canonical(path, fault);
  return fault ? path : real.string();
}

// A library for another machine is passed over, as the loader does.
bool is_library(const std::string& path) {
  if (!exists(path) || is_folder(path)) return false;
  const auto bytes = read_file(path);
  return bytes && read_elf(*bytes, path);
}

class Walk {
 public:
  explicit Walk(const std::vector<std::string>& folders) : folders_(folders) {}

  Result<Closure> run(const std::vector<std::string>& files) {
    for (const std::string& file : files) waiting_.push_back(real_path(file));
    while (!waiting_.empty()) {
      const std::string file = waiting_.front();
      waiting_.pop_front();
      TRY_STATUS(visit(file));
    }
    // The loader is asked for by name, too; it lies where programs say.
    out_.libraries.erase(name_of(out_.interpreter));
    return std::move(out_);
  }

 private:
  Status visit(const std::string& file) {
    TRY(const std::string bytes, read_file(file));
    TRY(const Elf elf, read_elf(bytes, file));
    if (out_.interpreter.empty()) out_.interpreter = elf.interpreter;
    for (const std::string& name : elf.needed) {
      if (out_.libraries.count(name) != 0) continue;
      const std::string found = find(name, file, elf);
      if (found.empty() || out_.libraries.size() >= kMostLibraries) {
        return fail(Code::kNotFound, "containerize.library_missing",
                    "{} needs the library {}, which is nowhere on this machine", file,
                    shown(name, 120))
            .hint("install its package; `ldd` shows what else is missing");
      }
      out_.libraries[name] = real_path(found);
      waiting_.push_back(real_path(found));
    }
    return {};
  }

  std::string find(const std::string& name, const std::string& asker, const Elf& elf) const {
    if (name.find('/') != std::string::npos) return is_library(name) ? name : "";
    std::vector<std::string> folders;
    const auto& placed = elf.runpath.empty() ? elf.rpath : elf.runpath;
    for (const std::string& each : placed) {
      std::string folder = replace_all(each, "${ORIGIN}", parent_of(asker));
      folder = replace_all(folder, "$ORIGIN", parent_of(asker));
      // What is not absolute depends on where the program is started.
      if (starts_with(folder, "/")) folders.push_back(std::move(folder));
    }
    folders.insert(folders.end(), folders_.begin(), folders_.end());
    return find_in_folders(folders, name);
  }

  const std::vector<std::string>& folders_;
  std::deque<std::string> waiting_;
  Closure out_;
};

}  // namespace

std::vector<std::string> library_folders(const std::string& configuration) {
  std::vector<std::string> out;
  read_configuration(configuration, 0, out);
  for (const char* each : {"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64",
                           "/usr/lib64", "/lib", "/usr/lib"}) {
    add_once(out, each);
  }
  return out;
}

std::string find_in_folders(const std::vector<std::string>& folders, const std::string& name) {
  for (const std::string& folder : folders) {
    std::string path = folder + "/" + name;
    if (is_library(path)) return path;
  }
  return "";
}

Result<Closure> closure_of(const std::vector<std::string>& files,
                           const std::vector<std::string>& folders) {
  return Walk(folders).run(files);
}

}  // namespace kingpost::oci
