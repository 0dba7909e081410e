// SPDX-License-Identifier: Apache-2.0
// Named instants at which a test can end the process as a power cut would.
#include "base/failpoint.h"

#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <string>

#include "base/text.h"

namespace kingpost {
namespace {

struct Armed {
  std::string point;
  std::int64_t passing = 1;
  int signal = SIGKILL;
};

Armed read_environment() {
  Armed armed;
  const char* text = std::getenv("KINGPOST_KILL_AT");
  if (text == nullptr) {
    armed.signal = SIGSTOP;
    text = std::getenv("KINGPOST_STOP_AT");
  }
  if (text == nullptr) return armed;
  const auto parts = split(text, ':');
  armed.point = parts[0];
  if (parts.size() > 1) armed.passing = parse_integer(parts[1]).value_or(1);
  return armed;
}

}  // namespace

void failpoint(std::string_view point) {
  static const Armed armed = read_environment();
  if (armed.point.empty() || (armed.point != "*" && armed.point != point)) return;
  static std::atomic<std::int64_t> passed{0};
  if (++passed != armed.passing) return;
  const std::string line = "failpoint " + std::string(point) + "\n";
  (void)(::write(STDERR_FILENO, line.data(), line.size()) + 1);
  std::raise(armed.signal);
}

}  // namespace kingpost
