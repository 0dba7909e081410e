// SPDX-License-Identifier: Apache-2.0
// Step 19: a registered model behind the field's protocols. The work is done by kingpost-serve;
// here is what the pipeline file says of it.
#pragma once

#include "base/spec.h"

namespace kingpost::steps::serve {

const Field& spec();

}  // namespace kingpost::steps::serve
