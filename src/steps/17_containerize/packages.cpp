// SPDX-License-Identifier: Apache-2.0
// info/NAME[:ARCHITECTURE].list holds the paths of a package, `status` its version.
#include "steps/17_containerize/packages.h"

#include <map>

#include "base/files.h"
#include "base/text.h"

namespace kingpost::steps::containerize {
namespace {

constexpr std::size_t kLargestList = 64U << 20U;
constexpr std::size_t kLargestStatus = 256U << 20U;

// Since /lib became a link to /usr/lib, a file has two names, and the list may have either.
std::set<std::string> with_both_names(const std::set<std::string>& files) {
  std::set<std::string> out = files;
  for (const std::string& each : files) {
    if (starts_with(each, "/usr/lib")) out.insert(each.substr(4));
    if (starts_with(each, "/lib")) out.insert("/usr" + each);
  }
  return out;
}

bool lists_any(const std::string& text, const std::set<std::string>& files) {
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t end = std::min(text.find('\n', from), text.size());
    if (files.count(text.substr(from, end - from)) != 0) return true;
    from = end + 1;
  }
  return false;
}

std::set<std::string> owners_of(const std::set<std::string>& files, const std::string& records) {
  constexpr std::string_view kEnding = ".list";
  std::set<std::string> out;
  for (const std::string& name : entries_of(records + "/info")) {
    if (name.size() <= kEnding.size() || !name.ends_with(kEnding)) continue;
    const auto text = read_file(format("{}/info/{}", records, name), kLargestList);
    if (!text || !lists_any(*text, files)) continue;
    const std::string package = name.substr(0, name.size() - kEnding.size());
    out.insert(package.substr(0, package.find(':')));
  }
  return out;
}

}  // namespace

std::vector<Package> packages_of(const std::set<std::string>& files, const std::string& records) {
  const auto owners = owners_of(with_both_names(files), records);
  std::map<std::string, std::string> versions;
  const auto status = read_file(records + "/status", kLargestStatus);
  std::string package;
  for (const std::string& line : split(status ? *status : "", '\n')) {
    if (starts_with(line, "Package: ")) package = trim(std::string_view(line).substr(9));
    if (starts_with(line, "Version: ") && owners.count(package) != 0) {
      versions.try_emplace(package, trim(std::string_view(line).substr(9)));
    }
  }
  std::vector<Package> out;
  for (const auto& [name, version] : versions) out.push_back({name, version});
  return out;
}

Json to_json(const std::vector<Package>& packages) {
  Json out = Json::array();
  for (const Package& each : packages) {
    out.push(Json::object().set("name", each.name).set("version", each.version));
  }
  return out;
}

}  // namespace kingpost::steps::containerize
