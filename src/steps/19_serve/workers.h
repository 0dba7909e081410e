// SPDX-License-Identifier: Apache-2.0
// The threads that answer what is not answered at once, and what waits for them.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "steps/19_serve/batch.h"
#include "steps/19_serve/completion.h"

namespace kingpost::steps::serve {

struct WorkerOptions {
  int threads = 1;
  /// Rows of one model that may wait.
  std::int64_t queue_rows = 0;
  std::int64_t batch_rows = 1;
  Nanos batch_delay{0};
  /// Of requests that say none; zero: none.
  std::chrono::microseconds timeout{0};
};

class Workers {
 public:
  explicit Workers(const WorkerOptions& options);
  /// What waits ends with `serve.stopping`; what is being answered is waited for.
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  /// Takes its turn. Ends it at once with `serve.queue_full` where too many rows wait, unless none
  /// of its model do: what is longer than the queue must not wait for ever.
  void add(Asked asked, Completion& completion);
  bool has_backlog() const { return waiting_.load(std::memory_order_relaxed) > 0; }

 private:
  struct Waiting {
    Asked asked;
    Completion* completion = nullptr;
    std::optional<Clock::time_point> deadline;
  };

  void work();
  /// The first that waits and those that may join it; empty when it is time to stop.
  std::vector<Waiting> take();
  void take_joining(std::vector<Waiting>& batch);
  bool worth_waiting() const;
  Waiting pop(std::size_t at);
  /// Ends those of a batch that are not to be answered.
  template <typename Is>
  static void drop(std::vector<Waiting>& batch, Failure why, const Error& error, const Is& is);
  static void answer(std::vector<Waiting>& batch);

  WorkerOptions options_;
  std::mutex mutex_;
  std::condition_variable came_;
  std::deque<Waiting> queue_;
  std::map<const ServedModel*, std::int64_t> rows_;
  bool stopping_ = false;
  std::atomic<std::size_t> waiting_{0};
  std::vector<std::thread> threads_;
};

}  // namespace kingpost::steps::serve
