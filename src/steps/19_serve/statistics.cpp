// SPDX-License-Identifier: Apache-2.0
#include "steps/19_serve/statistics.h"

#include <algorithm>
#include <bit>

#include "base/clock.h"

namespace kingpost::steps::serve {

void Histogram::add(Nanos duration) {
  const std::int64_t micros = std::chrono::ceil<std::chrono::microseconds>(duration).count();
  const auto* const bound = std::lower_bound(kLatencyBounds.begin(), kLatencyBounds.end(), micros);
  const auto bucket = static_cast<std::size_t>(bound - kLatencyBounds.begin());
  buckets_[bucket].fetch_add(1, std::memory_order_relaxed);
  total_.add(duration);
}

std::vector<std::uint64_t> Histogram::buckets() const {
  std::vector<std::uint64_t> out;
  out.reserve(buckets_.size());
  for (const auto& each : buckets_) out.push_back(each.load(std::memory_order_relaxed));
  return out;
}

void ErrorCounts::add(std::string_view model, std::string_view id) {
  const std::lock_guard lock(mutex_);
  ++counts_[{std::string(model), std::string(id)}];
}

std::vector<ErrorCounts::Row> ErrorCounts::read() const {
  const std::lock_guard lock(mutex_);
  std::vector<Row> out;
  for (const auto& [key, count] : counts_) out.push_back({key.first, key.second, count});
  return out;
}

void Statistics::succeeded(Nanos whole, const Phases& phases) {
  whole_.add(whole);
  queue_.add(phases.queue);
  input_.add(phases.input);
  infer_.add(phases.infer);
  output_.add(phases.output);
}

void Statistics::failed(Nanos whole, Failure why) {
  fail_.add(whole);
  reasons_[static_cast<std::size_t>(why)].fetch_add(1, std::memory_order_relaxed);
}

void Statistics::executed(std::int64_t rows, const Phases& phases) {
  rows_.fetch_add(static_cast<std::uint64_t>(rows), std::memory_order_relaxed);
  executions_.fetch_add(1, std::memory_order_relaxed);
  last_ms_.store(static_cast<std::uint64_t>(wall_clock() / 1000), std::memory_order_relaxed);
  if (rows < 1) return;
  Batch& batch = batches_[place_of(rows)];
  batch.input.add(phases.input);
  batch.infer.add(phases.infer);
  batch.output.add(phases.output);
}

std::size_t Statistics::place_of(std::int64_t rows) {
  const auto count = static_cast<std::uint64_t>(rows);
  if (count <= kBatchSizes) return static_cast<std::size_t>(count - 1);
  const auto power = static_cast<std::size_t>(std::bit_width(count - 1));
  return kBatchSizes + power - std::bit_width(kBatchSizes);
}

std::int64_t Statistics::rows_at(std::size_t place) {
  if (place < kBatchSizes) return static_cast<std::int64_t>(place) + 1;
  return std::int64_t{1} << (place - kBatchSizes + std::bit_width(kBatchSizes));
}

std::vector<BatchCount> Statistics::batches() const {
  std::vector<BatchCount> out;
  for (std::size_t place = 0; place < batches_.size(); ++place) {
    const Batch& batch = batches_[place];
    const BatchCount count{rows_at(place), batch.input.read(), batch.infer.read(),
                           batch.output.read()};
    if (count.infer.count > 0) out.push_back(count);
  }
  return out;
}

}  // namespace kingpost::steps::serve
