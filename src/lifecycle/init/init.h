// SPDX-License-Identifier: Apache-2.0
// A first pipeline file out of the data themselves: types, null tokens, keys, times, joins, target
// and split, each with the reason as a comment.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace kingpost::lifecycle {

struct InitOptions {
  /// Files; the first that has the target's column is the spine.
  std::vector<std::string> data;
  /// The column to predict; empty: the one whose name says so, else the last of the first file.
  std::string target;
  /// Where the file will stand: paths are written relative to its folder.
  std::string out;
};

/// The text of a pipeline file that passes its own check. Errors: those of ingest,
/// `init.unknown_target`, `init.no_label`. Requires: a file.
Result<std::string> draft_pipeline(const InitOptions& options);

}  // namespace kingpost::lifecycle
