// SPDX-License-Identifier: Apache-2.0
// Bootstrap intervals (Efron and Tibshirani 1993, percentile method), over single rows or over
// whole blocks of them, such as days, where rows of one block go together.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "steps/metrics.h"

namespace kingpost::steps {

struct Resampling {
  std::int32_t samples = 1000;
  std::int64_t seed = 13;
  double level = 0.95;
  /// 0: as many as the machine has. The answer does not depend on it.
  std::int32_t threads = 0;
  /// The block of each row, from 0 without gaps; empty for rows drawn one by one.
  std::span<const std::int32_t> blocks{};
};

struct Interval {
  double low = 0;
  double high = 0;
  /// The standard error: the deviation of the metric over the samples.
  double error = 0;
};

/// One interval per measure, over the same samples of `rows` rows; nothing where the metric is
/// undefined in more than half of them, or where there are fewer than two rows or blocks to draw.
std::vector<std::optional<Interval>> bootstrap(const std::vector<const Measure*>& measures,
                                               std::int64_t rows, const Resampling& resampling);

/// How often each row counts in sample number `sample`.
std::vector<std::uint32_t> resample(std::int64_t rows, const Resampling& resampling,
                                    std::int32_t sample);

}  // namespace kingpost::steps
