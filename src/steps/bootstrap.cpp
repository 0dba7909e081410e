// SPDX-License-Identifier: Apache-2.0
// Each sample is drawn by its own number, so threads may take them in any order.
#include "steps/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/parallel.h"
#include "base/random.h"

namespace kingpost::steps {
namespace {

std::int64_t units_of(std::int64_t rows, const Resampling& resampling) {
  if (resampling.blocks.empty()) return rows;
  return *std::max_element(resampling.blocks.begin(), resampling.blocks.end()) + 1;
}

// Linear between the order statistics.
double quantile(const std::vector<double>& sorted, double share) {
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

std::optional<Interval> interval_of(std::vector<double> values, const Resampling& resampling) {
  const std::size_t drawn = values.size();
  values.erase(std::remove_if(values.begin(), values.end(), [](double v) { return std::isnan(v); }),
               values.end());
  if (values.size() < 2 || values.size() * 2 < drawn) return std::nullopt;
  Sum sum;
  for (const double value : values) sum.add(value);
  const double mean = sum.value() / static_cast<double>(values.size());
  Sum spread;
  for (const double value : values) spread.add((value - mean) * (value - mean));
  std::sort(values.begin(), values.end());
  const double tail = (1 - resampling.level) / 2;
  return Interval{quantile(values, tail), quantile(values, 1 - tail),
                  std::sqrt(spread.value() / static_cast<double>(values.size() - 1))};
}

// Samples are drawn with their signs: sizes alone would never come near 0, even where the number
// may well be 0.
Interval sizes_of(const Interval& range) {
  const double low = std::abs(range.low);
  const double high = std::abs(range.high);
  const bool has_zero = range.low <= 0 && range.high >= 0;
  return {has_zero ? 0 : std::min(low, high), std::max(low, high), range.error};
}

}  // namespace

std::vector<std::uint32_t> resample(std::int64_t rows, const Resampling& resampling,
                                    std::int32_t sample) {
  const auto units = static_cast<std::uint32_t>(units_of(rows, resampling));
  Random random(resampling.seed, sample);
  std::vector<std::uint32_t> drawn(units, 0);
  for (std::uint32_t i = 0; i < units; ++i) ++drawn[random.below(units)];
  if (resampling.blocks.empty()) return drawn;
  std::vector<std::uint32_t> repeats(static_cast<std::size_t>(rows));
  for (std::size_t row = 0; row < repeats.size(); ++row) {
    repeats[row] = drawn[static_cast<std::size_t>(resampling.blocks[row])];
  }
  return repeats;
}

std::vector<std::optional<Interval>> bootstrap(const std::vector<const Measure*>& measures,
                                               std::int64_t rows, const Resampling& resampling) {
  std::vector<std::optional<Interval>> out(measures.size());
  if (rows < 2 || units_of(rows, resampling) < 2) return out;
  const auto samples = static_cast<std::size_t>(resampling.samples);
  std::vector<std::vector<double>> values(measures.size(), std::vector<double>(samples));
  parallel(samples, resampling.threads, [&](std::size_t sample) {
    const auto repeats = resample(rows, resampling, static_cast<std::int32_t>(sample));
    for (std::size_t i = 0; i < measures.size(); ++i) {
      const auto value = measures[i]->with_sign(repeats);
      values[i][sample] = value ? *value : std::numeric_limits<double>::quiet_NaN();
    }
  });
  for (std::size_t i = 0; i < measures.size(); ++i) {
    out[i] = interval_of(std::move(values[i]), resampling);
    if (out[i] && measures[i]->is_size()) *out[i] = sizes_of(*out[i]);
  }
  return out;
}

}  // namespace kingpost::steps
