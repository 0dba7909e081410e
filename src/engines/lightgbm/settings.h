// SPDX-License-Identifier: Apache-2.0
// Settings in LightGBM's own form: `key=value` with spaces between.
#pragma once

#include <string>
#include <vector>

#include "engines/lightgbm/lightgbm.h"

namespace kingpost::lightgbm {

/// The settings that a TrainingSet is bound to.
std::string bin_key(const Settings& settings);
// Both require: check(settings).
std::string bin_parameters(const Settings& settings, const std::vector<std::int32_t>& categorical);
std::string training_parameters(const Settings& settings);

}  // namespace kingpost::lightgbm
