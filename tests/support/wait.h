// SPDX-License-Identifier: Apache-2.0
// For what another thread or process will do soon: looked for again and again, so that a quick
// machine waits for little and a slow one long enough.
#pragma once

#include <chrono>
#include <thread>

namespace kingpost::test {

/// Whether it came true.
template <typename Holds>
bool within_a_minute(const Holds& holds) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!holds()) {
    if (std::chrono::steady_clock::now() >= until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
}

}  // namespace kingpost::test
