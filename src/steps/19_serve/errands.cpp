// SPDX-License-Identifier: Apache-2.0
#include "steps/19_serve/errands.h"

#include <utility>

namespace kingpost::steps::serve {

Errands::~Errands() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  came_.notify_all();
  thread_.join();
}

void Errands::add(std::function<void()> errand) {
  const std::lock_guard lock(mutex_);
  waiting_.push_back(std::move(errand));
  came_.notify_all();
}

void Errands::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    came_.wait(lock, [this] { return stopped_ || !waiting_.empty(); });
    if (stopped_) return;
    const auto errand = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    errand();
    lock.lock();
  }
}

}  // namespace kingpost::steps::serve
