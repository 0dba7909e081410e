// SPDX-License-Identifier: Apache-2.0
#include "protocols/prometheus/exposition.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <limits>

namespace kingpost::prometheus_text {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

struct Exposition::State {
  MetricFamily family;
};

namespace {

ClientMetric labelled(const Labels& labels) {
  ClientMetric out;
  for (const auto& [name, value] : labels) out.label.push_back({name, value});
  return out;
}

MetricFamily begun(std::string_view name, std::string_view help, MetricType type) {
  MetricFamily out;
  out.name = name;
  out.help = help;
  out.type = type;
  return out;
}

}  // namespace

Exposition::Exposition() = default;
Exposition::~Exposition() = default;

void Exposition::counters(std::string_view name, std::string_view help) {
  families_.push_back({begun(name, help, MetricType::Counter)});
}

void Exposition::gauges(std::string_view name, std::string_view help) {
  families_.push_back({begun(name, help, MetricType::Gauge)});
}

void Exposition::histograms(std::string_view name, std::string_view help) {
  families_.push_back({begun(name, help, MetricType::Histogram)});
}

void Exposition::add(const Labels& labels, double value) {
  MetricFamily& family = families_.back().family;
  ClientMetric metric = labelled(labels);
  if (family.type == MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  family.metric.push_back(std::move(metric));
}

void Exposition::add(const Labels& labels, const Buckets& buckets) {
  ClientMetric metric = labelled(labels);
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < buckets.counts.size(); ++i) {
    count += buckets.counts[i];
    const double bound =
        i < buckets.bounds.size() ? buckets.bounds[i] : std::numeric_limits<double>::infinity();
    metric.histogram.bucket.push_back({count, bound});
  }
  metric.histogram.sample_count = count;
  metric.histogram.sample_sum = buckets.sum;
  families_.back().family.metric.push_back(std::move(metric));
}

std::string Exposition::text() const {
  std::vector<MetricFamily> all;
  for (const State& each : families_) {
    if (!each.family.metric.empty()) all.push_back(each.family);
  }
  return prometheus::TextSerializer().Serialize(all);
}

}  // namespace kingpost::prometheus_text
