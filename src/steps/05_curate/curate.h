// SPDX-License-Identifier: Apache-2.0
// Step 5: the tables become one training set of curated rows: joins that know their time, a target,
// and a split that no key crosses.
#pragma once

#include "steps/step.h"

namespace kingpost::steps::curate {

inline constexpr int kVersion = 2;
/// The name of the table that leaves this step.
inline constexpr std::string_view kTraining = "training";
/// In the catalog only: the spine's columns that are not known when the prediction is made.
inline constexpr std::string_view kWithheld = "training.withheld";
/// Columns that this step adds.
inline constexpr std::string_view kSplitColumn = "_split";
inline constexpr std::string_view kFoldColumn = "_fold";

const Field& spec();
void check(CheckContext& context);
Result<Outcome> run(RunContext& context);

}  // namespace kingpost::steps::curate
