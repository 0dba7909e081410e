// SPDX-License-Identifier: Apache-2.0
#include "base/cores.h"

#include <algorithm>
#include <string>
#include <thread>

#include "base/files.h"
#include "base/text.h"

namespace kingpost {

std::size_t cores_of_quota(std::string_view text, std::size_t otherwise) {
  const auto parts = split(trim(text), ' ');
  if (parts.size() != 2) return otherwise;
  const auto quota = parse_integer(parts[0]);
  const auto period = parse_integer(parts[1]);
  if (!quota || !period || *quota < 0 || *period <= 0) return otherwise;
  return std::min(otherwise, static_cast<std::size_t>(*quota / *period));
}

std::size_t whole_cores() {
  std::size_t out = std::max(1U, std::thread::hardware_concurrency());
  const auto groups = read_file("/proc/self/cgroup", 65536);
  if (!groups) return out;
  for (const auto& line : split(*groups, '\n')) {
    if (!starts_with(line, "0::/")) continue;
    // A quota of a group above holds too.
    for (std::string path(line.substr(3)); !path.empty(); path.resize(path.rfind('/'))) {
      const auto quota = read_file(format("/sys/fs/cgroup{}/cpu.max", path), 256);
      if (quota) out = cores_of_quota(*quota, out);
    }
    const auto quota = read_file("/sys/fs/cgroup/cpu.max", 256);
    if (quota) out = cores_of_quota(*quota, out);
  }
  return out;
}

}  // namespace kingpost
