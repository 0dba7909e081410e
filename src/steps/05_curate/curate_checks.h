// SPDX-License-Identifier: Apache-2.0
// The checks of the curated rows, labelled or not.
#pragma once

#include "steps/step.h"

namespace kingpost::steps::curate {

/// Looks at the table `kingpost_rows`. Adds each check's verdict to the report, a warning for one
/// that may fail, and the step's verdict `curate.check_failed` for those that may not.
Status run_curate_checks(RunContext& context, const Node& section, std::int64_t rows,
                         Outcome& outcome);

}  // namespace kingpost::steps::curate
