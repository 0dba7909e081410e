// SPDX-License-Identifier: Apache-2.0
// Metrics in the text form that Prometheus scrapes.
// https://prometheus.io/docs/instrumenting/exposition_formats, version 0.0.4.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kingpost::prometheus_text {

using Labels = std::vector<std::pair<std::string, std::string>>;

/// Upper bounds and how many observations lie at or below each but above the one before.
struct Buckets {
  std::vector<double> bounds;
  /// One more than `bounds`: the last is of those beyond.
  std::vector<std::uint64_t> counts;
  double sum = 0;
};

/// Families in the order in which they are begun; labels may hold any text.
class Exposition {
 public:
  Exposition();
  ~Exposition();
  Exposition(const Exposition&) = delete;
  Exposition& operator=(const Exposition&) = delete;

  /// Begins a family; what is added next belongs to it.
  void counters(std::string_view name, std::string_view help);
  void gauges(std::string_view name, std::string_view help);
  void histograms(std::string_view name, std::string_view help);

  void add(const Labels& labels, double value);
  void add(const Labels& labels, const Buckets& buckets);

  /// Families without a sample are left out.
  std::string text() const;

 private:
  struct State;
  std::vector<State> families_;
};

/// What `text` is, as a Content-Type.
inline constexpr std::string_view kExpositionType = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace kingpost::prometheus_text
