// SPDX-License-Identifier: Apache-2.0
// Schema drift: the columns of a source against those of the last ingest.
#pragma once

#include "steps/01_ingest/source.h"

namespace kingpost::steps::ingest {

/// Adds a warning per change, and a verdict `ingest.schema_drift` where the source's policy is
/// fail.
void compare_schemas(const records::Dataset* previous, const Source& source,
                     const records::TableSchema& now, Outcome& outcome);

}  // namespace kingpost::steps::ingest
