// SPDX-License-Identifier: Apache-2.0
// Which bytes of which source files the rows came from, as the journal knows it.
#pragma once

#include "steps/step.h"

namespace kingpost::steps::package {

/// {"flights": {"data/flights.csv": sha256}} of the ingest that gave the tables of this run, found
/// by walking from each step's input tables back to the step that left them. Null where the journal
/// does not hold the whole way.
Result<Json> sources_of(const RunContext& context);

}  // namespace kingpost::steps::package
