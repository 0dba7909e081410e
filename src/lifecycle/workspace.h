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

/// A step's sealed execution with all of its objects present, or the reason why there is none.
struct Sealed {
  std::optional<Manifest> manifest;
  std::string manifest_digest;
  std::string reason;
};
Result<Sealed> find_sealed(Workspace& workspace, const StepRow& row, const StepKey& key);

/// The parts of `now` that differ from `before`, in words, most telling first:
/// `section: ingest.flights.nulls was ["NA"], is ["","NA"]`.
std::vector<std::string> differences(const Json& before, const Json& now);

/// Why no sealed execution fits: the differences to the one that is most like it.
Result<std::vector<std::string>> why_stale(Workspace& workspace, const StepRow& row,
                                           const StepKey& key);

}  // namespace kingpost::lifecycle
