// SPDX-License-Identifier: Apache-2.0
// The section `train` as values, with the defaults of a file that has none.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/node.h"
#include "steps/metrics.h"

namespace kingpost::steps::train {

enum class Calibrate { kNone, kSigmoid, kIsotonic };
enum class ThresholdBy { kFixed, kF1, kAccuracy, kYouden };

struct Options {
  std::string metric;
  std::int64_t trials = 20;
  std::int64_t seed = 13;
  std::int32_t rounds = 1000;
  std::int32_t early_stopping = 50;
  std::string weight;
  std::int32_t threads = 0;
  /// Bytes; 0 is no limit.
  std::int64_t memory = 0;
  bool refit = false;
  Calibrate calibrate = Calibrate::kNone;
  ThresholdBy threshold_by = ThresholdBy::kFixed;
  double threshold = 0.5;
};
/// `section` may be null. An empty metric becomes that of the task.
Options options_of(const Node& section, records::Task task);

/// "2GB", "500 MiB"; nothing for a text that is no amount.
std::optional<std::int64_t> bytes_of_amount(std::string_view text);

}  // namespace kingpost::steps::train
