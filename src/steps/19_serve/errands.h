// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace kingpost::steps::serve {

/// One thread for what takes long, one thing after the other.
class Errands {
 public:
  Errands() : thread_([this] { run(); }) {}
  /// Ends what is being done; what waits is not begun.
  ~Errands();
  Errands(const Errands&) = delete;
  Errands& operator=(const Errands&) = delete;

  void add(std::function<void()> errand);

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable came_;
  std::deque<std::function<void()>> waiting_;
  bool stopped_ = false;
  std::thread thread_;
};

}  // namespace kingpost::steps::serve
