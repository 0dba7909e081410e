// SPDX-License-Identifier: Apache-2.0
// Whether a loop should look for its next event again and again instead of sleeping until it comes:
// to be woken takes a core longer than to answer a small request.
#pragma once

#include <algorithm>
#include <chrono>

namespace kingpost::http {

class BusyPoll {
 public:
  using Clock = std::chrono::steady_clock;

  /// `most`: how long is looked at a stretch; 0 is never.
  explicit BusyPoll(std::chrono::microseconds most) : most_(most) {}

  /// Whether to look now, and not to sleep.
  bool is_on() const { return is_on_; }

  /// After a sleep something was done, and that ended at `now`. On where the time from the end of
  /// the last event says that the next one may come while looking, unless that went wrong lately.
  void woke(Clock::time_point now) {
    // With what it takes to wake this thread and the client.
    is_on_ = now - last_ < 3 * most_;
    last_ = now;
    has_missed_ = false;
    if (is_on_ && left_out_ > 0) {
      --left_out_;
      is_on_ = false;
    }
  }

  /// A look that ended at `now` found something, which is done, or nothing.
  void looked(bool found, Clock::time_point now) {
    if (found) {
      // What was found at once is the rest of the last event.
      if (has_missed_) to_leave_out_ = 1;
      has_missed_ = false;
      last_ = now;
      return;
    }
    has_missed_ = true;
    if (now - last_ < most_) return;
    is_on_ = false;
    left_out_ = to_leave_out_;
    to_leave_out_ = std::min(to_leave_out_ * 2, kMostLeftOut);
  }

 private:
  static constexpr unsigned kMostLeftOut = 256;

  std::chrono::microseconds most_;
  Clock::time_point last_{};
  bool is_on_ = false;
  /// The last look found nothing.
  bool has_missed_ = false;
  /// Times that are let go by, now and after the next stretch in vain: each twice as many as
  /// before, so that a client of whom it is never known costs little.
  unsigned left_out_ = 0;
  unsigned to_leave_out_ = 1;
};

}  // namespace kingpost::http
