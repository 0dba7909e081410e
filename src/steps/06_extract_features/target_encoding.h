// SPDX-License-Identifier: Apache-2.0
// Target encoding (Micci-Barreca 2001): a category stands for the mean of the target over its
// training rows, drawn towards the overall mean by as many rows as `smoothing` says. A training row
// itself sees the mean without the rows of its own inner fold, or it would see its own label.
#pragma once

#include "steps/06_extract_features/fit.h"

namespace kingpost::steps::extract_features {

/// Fills `encoded`, `held_out` and `codes` of the features that ask for a target encoding. One
/// output for numbers and two classes, else one per class.
Status encode_targets(sql::Session& session, const FitRows& rows, const records::Target& target,
                      const std::string& label, const std::vector<Treatment>& features,
                      std::vector<Fit>& fits);

std::size_t target_outputs(const records::Target& target);

}  // namespace kingpost::steps::extract_features
