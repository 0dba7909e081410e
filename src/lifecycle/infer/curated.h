// SPDX-License-Identifier: Apache-2.0
// Source files through steps 1 to 5 of a pipeline file, for a model to answer: every row of the
// spine becomes a curated row, whatever its label, in a store that is thrown away.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "lifecycle/pipeline_file.h"

namespace kingpost::lifecycle {

struct CurateOptions {
  LoadOptions load;
  /// Table and path; tables that are not named are read from where the file says.
  std::vector<std::pair<std::string, std::string>> sources;
  /// Asked with every file that will be read, before the first is; its error ends all.
  std::function<Status(const std::vector<std::string>&)> spare = [](const auto&) {
    return Status();
  };
  /// Where the store goes; made and removed by the caller.
  std::string folder;
};

struct CuratedRows {
  /// The Parquet file of the rows, within the folder.
  std::string path;
  /// One line of JSON for each row that a step rejected or quarantined.
  std::vector<std::string> rejected;
};

/// A column that `known_at` says is known only later may be missing from a CSV source: it is taken
/// as null, since no input can depend on it. Faults of the file are added to `faults`, and the
/// answer is then an error `file.faulty`. Fails with `infer.source_unknown`, and as the steps do.
Result<CuratedRows> curate_sources(const CurateOptions& options, Faults& faults);

}  // namespace kingpost::lifecycle
