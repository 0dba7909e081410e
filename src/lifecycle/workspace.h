// SPDX-License-Identifier: Apache-2.0
// The store of one pipeline file, opened: objects and journal.
#pragma once

#include <memory>
#include <optional>

#include "lifecycle/lifecycle.h"
#include "lifecycle/manifest.h"
#include "lifecycle/pipeline_file.h"
#include "store/journal.h"
#include "store/objects.h"

namespace kingpost::lifecycle {

struct Workspace {
  store::Objects objects;
  std::unique_ptr<store::Journal> journal;

  static Result<Workspace> open(const Pipeline& pipeline);
};

/// What makes an execution what it is. Two executions with equal keys have equal outputs.
struct StepKey {
  std::string key;
  /// version, section, inputs, and what the step itself adds (sources, code, now).
  Json parts = Json::object();
};

Result<StepKey> step_key(const StepRow& row, const Pipeline& pipeline,
                         const records::Dataset& input, store::Journal& journal);

/// The step's version; a test may raise it: KINGPOST_TEST_STEP_VERSION=clean=99.
int version_of(const StepRow& row);

/// A step's sealed execution with all of its objects present, or the reason why there is none.
struct Sealed {
  std::optional<Manifest> manifest;
  store::Execution execution;
  std::string reason;
};
Result<Sealed> find_sealed(Workspace& workspace, const StepRow& row, const StepKey& key);

/// The parts of a step's key that differ, in words: `ingest.flights.nulls was ["NA"], is
/// ["","NA"]`. Keys of the file are named from their section on.
std::vector<std::string> differences(const StepRow& row, const Json& before, const Json& now);

/// Why no sealed execution fits: the differences to the one that is most like it, which is the one
/// with the fewest, and of those the newest.
Result<std::vector<std::string>> why_stale(Workspace& workspace, const StepRow& row,
                                           const StepKey& key);

}  // namespace kingpost::lifecycle
