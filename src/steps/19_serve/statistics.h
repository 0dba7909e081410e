// SPDX-License-Identifier: Apache-2.0
// What a served model has done since it was first loaded. Written on every request by any number of
// threads, so all of it is atomic counters; a reader sees each as of some moment, not all as of
// one.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kingpost::steps::serve {

using Clock = std::chrono::steady_clock;
using Nanos = std::chrono::nanoseconds;

/// Upper bounds of the latency histograms, in microseconds; beyond the last is one more bucket.
inline constexpr std::array<std::int64_t, 17> kLatencyBounds = {
    25,     50,     100,     250,     500,     1'000,     2'500,     5'000,     10'000,
    25'000, 50'000, 100'000, 250'000, 500'000, 1'000'000, 2'500'000, 10'000'000};

struct DurationCount {
  std::uint64_t count = 0;
  std::uint64_t ns = 0;
};

/// Durations of one phase.
class Durations {
 public:
  void add(Nanos duration) {
    count_.fetch_add(1, std::memory_order_relaxed);
    ns_.fetch_add(static_cast<std::uint64_t>(duration.count()), std::memory_order_relaxed);
  }
  DurationCount read() const {
    return {count_.load(std::memory_order_relaxed), ns_.load(std::memory_order_relaxed)};
  }

 private:
  std::atomic<std::uint64_t> count_{0};
  std::atomic<std::uint64_t> ns_{0};
};

/// Durations by size, for Prometheus.
class Histogram {
 public:
  void add(Nanos duration);
  /// Of each bucket, not added up; one more than kLatencyBounds.
  std::vector<std::uint64_t> buckets() const;
  DurationCount total() const { return total_.read(); }

 private:
  std::array<std::atomic<std::uint64_t>, kLatencyBounds.size() + 1> buckets_{};
  Durations total_;
};

/// Why a request failed: the reasons of Triton's metrics.
enum class Failure : std::uint8_t { kRejected, kCanceled, kBackend, kOther };
inline constexpr std::size_t kFailures = 4;

/// How long the phases of one request or batch took.
struct Phases {
  Nanos queue{0};
  Nanos input{0};
  Nanos infer{0};
  Nanos output{0};
};

struct BatchCount {
  std::int64_t rows = 0;
  DurationCount input;
  DurationCount infer;
  DurationCount output;
};

/// How often each error came, by its id; errors are rare, so a lock is no matter.
class ErrorCounts {
 public:
  /// `model` empty: before it was known which.
  void add(std::string_view model, std::string_view id);
  struct Row {
    std::string model;
    std::string id;
    std::uint64_t count = 0;
  };
  std::vector<Row> read() const;

 private:
  mutable std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, std::uint64_t> counts_;
};

class Statistics {
 public:
  /// A request was answered.
  void succeeded(Nanos whole, const Phases& phases);
  void failed(Nanos whole, Failure why);
  /// The model ran once over so many rows, for one request or several.
  void executed(std::int64_t rows, const Phases& phases);
  /// A request waits (+1) or does not any more (-1).
  void pending(std::int64_t change) { pending_.fetch_add(change, std::memory_order_relaxed); }

  const Histogram& whole() const { return whole_; }
  DurationCount failures() const { return fail_.read(); }
  std::uint64_t failures(Failure why) const {
    return reasons_[static_cast<std::size_t>(why)].load(std::memory_order_relaxed);
  }
  const Histogram& queue() const { return queue_; }
  const Histogram& input() const { return input_; }
  const Histogram& infer() const { return infer_; }
  const Histogram& output() const { return output_; }
  std::uint64_t rows() const { return rows_.load(std::memory_order_relaxed); }
  std::uint64_t executions() const { return executions_.load(std::memory_order_relaxed); }
  std::int64_t pending() const { return pending_.load(std::memory_order_relaxed); }
  /// Milliseconds since 1970 of the last run of the model; 0: none.
  std::uint64_t last_ms() const { return last_ms_.load(std::memory_order_relaxed); }
  /// By number of rows, those that happened. Batches of more than kBatchSizes rows count as the
  /// next power of two.
  std::vector<BatchCount> batches() const;

  static constexpr std::size_t kBatchSizes = 128;

 private:
  struct Batch {
    Durations input;
    Durations infer;
    Durations output;
  };
  static std::size_t place_of(std::int64_t rows);
  static std::int64_t rows_at(std::size_t place);

  Histogram whole_;
  Durations fail_;
  std::array<std::atomic<std::uint64_t>, kFailures> reasons_{};
  Histogram queue_;
  Histogram input_;
  Histogram infer_;
  Histogram output_;
  std::atomic<std::uint64_t> rows_{0};
  std::atomic<std::uint64_t> executions_{0};
  std::atomic<std::int64_t> pending_{0};
  std::atomic<std::uint64_t> last_ms_{0};
  /// 1 to kBatchSizes, then 2^8 to 2^62.
  std::array<Batch, kBatchSizes + 56> batches_;
};

}  // namespace kingpost::steps::serve
