// SPDX-License-Identifier: Apache-2.0
// The access log: a line for each answer, whatever the protocol.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <string_view>

#include "base/line_log.h"

namespace kingpost::http {

/// How an answer ended: well, by the caller's fault, by ours.
enum class AccessLevel : std::uint8_t { kInfo, kWarning, kError };

struct AccessLine {
  AccessLevel level = AccessLevel::kInfo;
  std::string_view method{};
  std::string_view path{};
  int status = 0;
  /// The word for the status; empty where it goes without saying.
  std::string_view code{};
  std::uint64_t in = 0;
  std::uint64_t out = 0;
  std::chrono::nanoseconds taken{0};
};

/// Of a status of HTTP.
AccessLevel access_level(int status);

/// May be used from any thread.
class AccessLog {
 public:
  /// Keeps every line. `lines` must outlive it.
  explicit AccessLog(LineLog& lines) : lines_(lines) {}

  /// Whether lines of the level are kept from now on.
  void keep(AccessLevel level, bool is_kept) { kept_[place(level)].store(is_kept); }
  bool keeps(AccessLevel level) const { return kept_[place(level)].load(); }

  /// Adds it with the time of now, where its level is kept.
  void note(const AccessLine& line);

 private:
  static std::size_t place(AccessLevel level) { return static_cast<std::size_t>(level); }

  LineLog& lines_;
  std::array<std::atomic<bool>, 3> kept_{true, true, true};
};

}  // namespace kingpost::http
