// SPDX-License-Identifier: Apache-2.0
// Newline-delimited JSON (one object a line): its columns are the keys of its objects.
#pragma once

#include <string>
#include <vector>

#include "steps/01_ingest/source.h"

namespace kingpost::steps::ingest {

/// The keys of all objects of a file in order of their first appearance, with the type that all of
/// their values have. Lines that are no JSON objects are passed over.
Result<std::vector<PlannedColumn>> ndjson_columns(sql::Session& session, const std::string& path);

}  // namespace kingpost::steps::ingest
