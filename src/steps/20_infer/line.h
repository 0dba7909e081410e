// SPDX-License-Identifier: Apache-2.0
// Work that any thread may do and one thread takes in order.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "base/result.h"

namespace kingpost::steps::infer {

/// Between `add` and `take` there are at most three jobs for each thread. All calls but those of
/// `work` come from the thread that made it.
template <typename In, typename Out>
class Line {
 public:
  using Work = std::function<Result<Out>(In&)>;
  using Take = std::function<Status(Out)>;

  Line(int threads, Work work, Take take)
      : most_(static_cast<std::size_t>(threads) * 3),
        work_(std::move(work)),
        take_(std::move(take)) {
    for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { run(); });
  }
  ~Line() {
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
    }
    changed_.notify_all();
    for (std::thread& each : threads_) each.join();
  }
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;

  /// Ends with the first error of a job or of `take`, in the order of the jobs.
  Status add(In in) {
    {
      const std::lock_guard lock(mutex_);
      jobs_.push_back(std::make_unique<Job>(Job{std::move(in), std::nullopt, false}));
    }
    changed_.notify_all();
    return hand_over(most_);
  }
  Status finish() { return hand_over(0); }

 private:
  struct Job {
    In in;
    std::optional<Result<Out>> out;
    bool taken = false;
  };

  // Until at most `left` jobs are there; those that are done go at once.
  Status hand_over(std::size_t left) {
    std::unique_lock lock(mutex_);
    while (!jobs_.empty()) {
      Job& front = *jobs_.front();
      if (!front.out) {
        if (jobs_.size() <= left) return {};
        changed_.wait(lock, [&] { return front.out.has_value(); });
      }
      const auto job = std::move(jobs_.front());
      jobs_.pop_front();
      lock.unlock();
      if (!*job->out) return std::move(job->out->error());
      TRY_STATUS(take_(std::move(job->out->value())));
      lock.lock();
    }
    return {};
  }

  Job* next() {
    for (const auto& job : jobs_) {
      if (!job->taken) return job.get();
    }
    return nullptr;
  }

  void run() {
    std::unique_lock lock(mutex_);
    while (true) {
      Job* job = nullptr;
      changed_.wait(lock, [&] { return stopped_ || (job = next()) != nullptr; });
      if (stopped_) return;
      job->taken = true;
      lock.unlock();
      auto out = work_(job->in);
      lock.lock();
      job->out.emplace(std::move(out));
      changed_.notify_all();
    }
  }

  std::size_t most_;
  Work work_;
  Take take_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::unique_ptr<Job>> jobs_;
  bool stopped_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace kingpost::steps::infer
