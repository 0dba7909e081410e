// SPDX-License-Identifier: Apache-2.0
// Step 6, as far as it is built: the columns that become features are read and checked, so that a
// feature which is not known at the moment of prediction is refused before anything runs.
#pragma once

#include "steps/step.h"

namespace kingpost::steps::extract_features {

const Field& spec();
void check(CheckContext& context);

}  // namespace kingpost::steps::extract_features
