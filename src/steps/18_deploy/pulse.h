// SPDX-License-Identifier: Apache-2.0
// Whether a process still answers, whoever else asks it or does not.
#pragma once

#include <atomic>
#include <memory>

#include "base/clock.h"
#include "engines/http/client.h"

namespace kingpost::steps::deploy {

/// Asks a kingpost-serve whether it is ready, a second after it was asked the last time. By one
/// thread only; times are of the monotonic clock.
class Pulse {
 public:
  /// Of another port everything is another: another process listens there.
  void beat(http::Client& client, int port, Micros now);
  /// When the last question was put that was answered; 0: none was.
  Micros answered() const { return state_->answered.load(); }
  /// So many questions in a row had no answer in time, or one that says that it is not ready.
  int unanswered() const { return state_->unanswered.load(); }

 private:
  /// An answer may come when this is gone.
  struct State {
    std::atomic<Micros> answered{0};
    std::atomic<Micros> ended{0};
    std::atomic<int> unanswered{0};
    std::atomic<bool> is_asking{false};
  };

  int port_ = 0;
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace kingpost::steps::deploy
