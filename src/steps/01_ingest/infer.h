// SPDX-License-Identifier: Apache-2.0
// The types of a source's columns, told from a sample of its rows.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "steps/01_ingest/source.h"

namespace kingpost::steps::ingest {

/// The columns of `source`, each but the declared with the type that all values of the sample have.
/// `path` is a file with the start of a CSV source. Fails with `ingest.source_unreadable`.
Result<std::vector<PlannedColumn>> infer_csv_columns(sql::Session& session, const Source& source,
                                                     const std::string& path);

/// What `tell` answers, which is asked once per process for the same content: `run` looks at the
/// bytes that `check` has looked at. Errors are not kept.
Result<std::vector<PlannedColumn>> told_once(
    const std::string& content, const std::function<Result<std::vector<PlannedColumn>>()>& tell);

}  // namespace kingpost::steps::ingest
