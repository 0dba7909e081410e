// SPDX-License-Identifier: Apache-2.0
// What the clients of this folder share: threads with a loop each.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

namespace kingpost::http {

class ClientLoops {
 public:
  /// `threads` 0: as many as the machine has cores.
  explicit ClientLoops(int threads);
  ~ClientLoops();
  ClientLoops(const ClientLoops&) = delete;
  ClientLoops& operator=(const ClientLoops&) = delete;

  std::size_t size() const { return loops_.size(); }
  boost::asio::io_context& context(std::size_t loop) { return loops_[loop]->context; }
  /// One after the other, from any thread.
  std::size_t next() { return next_.fetch_add(1, std::memory_order_relaxed) % loops_.size(); }
  /// Calls it later by one of the threads; from any thread.
  void after(std::chrono::milliseconds delay, std::function<void()> what);
  /// Ends the threads: what waits in the loops is never done, and goes with them.
  void stop();

 private:
  struct Loop {
    boost::asio::io_context context{1};
    std::thread thread;
  };

  std::vector<std::unique_ptr<Loop>> loops_;
  std::atomic<std::size_t> next_{0};
};

}  // namespace kingpost::http
