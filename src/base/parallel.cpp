// SPDX-License-Identifier: Apache-2.0
// The calling thread works too.
#include "base/parallel.h"

#include <algorithm>
#include <atomic>
#include <system_error>
#include <thread>
#include <vector>

namespace kingpost {

int threads_or_all(int threads) {
  if (threads > 0) return threads;
  return static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
}

void parallel(std::size_t count, int threads, const std::function<void(std::size_t)>& work) {
  std::atomic<std::size_t> next = 0;
  const auto take_turns = [&] {
    for (std::size_t i = next++; i < count; i = next++) work(i);
  };
  const auto workers = std::min(count, static_cast<std::size_t>(threads_or_all(threads)));
  std::vector<std::thread> helpers;
  // Where no more threads can be had, those that are there do all of it.
  const auto add_helper = [&] {
    try {
      helpers.emplace_back(take_turns);
      return true;
    } catch (const std::system_error&) {
      return false;
    }
  };
  for (std::size_t i = 1; i < workers && add_helper(); ++i) continue;
  take_turns();
  for (std::thread& helper : helpers) helper.join();
}

}  // namespace kingpost
