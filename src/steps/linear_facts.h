// SPDX-License-Identifier: Apache-2.0
// A linear model as the JSON of a model's facts has it, and what explains it in a bundle.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "records/trees.h"

namespace kingpost::steps {

/// The file of a bundle with what each feature of a linear model adds on average.
inline constexpr std::string_view kLinearMeansFile = "native/linear_means.json";

/// The model of the key `linear` of model.NAME.json, with the link left at identity; nothing where
/// it is none or does not fit so many features.
std::optional<records::LinearModel> linear_of(const Json& linear, std::int64_t features);

/// {means: [outputs][features]} of LinearShap's, and back: nothing where it does not fit the model.
Json linear_means_json(const records::LinearModel& model, const std::vector<double>& means);
std::optional<std::vector<double>> linear_means_of(const Json& json,
                                                   const records::LinearModel& model);

}  // namespace kingpost::steps
