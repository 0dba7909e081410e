// SPDX-License-Identifier: Apache-2.0
// Step 6: features of curated rows, as one ONNX graph that is fitted on training rows only, and the
// matrix that this graph makes of the training set.
#pragma once

#include "steps/step.h"

namespace kingpost::steps::extract_features {

inline constexpr int kVersion = 3;

const Field& spec();
void check(CheckContext& context);
Result<Json> key_parts(KeyContext& context);
Result<Outcome> run(RunContext& context);

}  // namespace kingpost::steps::extract_features
