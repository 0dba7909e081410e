// SPDX-License-Identifier: Apache-2.0
// The line of the access log that tells of one answer, whatever the protocol.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "base/line_log.h"

namespace kingpost::http {

struct AccessLine {
  std::string_view method{};
  std::string_view path{};
  int status = 0;
  /// The word for the status; empty where it goes without saying.
  std::string_view code{};
  std::uint64_t in = 0;
  std::uint64_t out = 0;
  std::chrono::nanoseconds taken{0};
};

/// Adds it with the time of now.
void note(LineLog& log, const AccessLine& line);

}  // namespace kingpost::http
