// SPDX-License-Identifier: Apache-2.0
// What a run would do, without doing it: one row per step.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lifecycle/workspace.h"

namespace kingpost::lifecycle {

struct RunOptions {
  /// Steps before it must be sealed already; it and those after it are done anew.
  std::string from;
  /// The last step; empty: the last that is built.
  std::string to;
  /// This step is done anew whatever is sealed.
  std::string force;
};

enum class PlanState {
  kSealed,  // nothing to do
  kRun,     // will run
  kAfter,   // depends on what an earlier step will give
  kNotBuilt,
  kByCommand,
  kNotAsked,  // behind --to
};
std::string_view plan_word(PlanState state);

struct PlanRow {
  const StepRow* step = nullptr;
  PlanState state = PlanState::kNotAsked;
  std::string reason;
  StepKey key;
  std::optional<Manifest> manifest;
  /// Digest of the manifest object; empty without one.
  std::string manifest_digest;
  /// Rows of the last sealed result, whatever its key.
  std::optional<std::int64_t> rows_expected;
};

/// Fails with `run.unknown_step` for a word that is no step, `run.step_not_built` for one that
/// cannot run, and as the steps' key parts do (a source that is missing).
Result<std::vector<PlanRow>> make_plan(const Pipeline& pipeline, Workspace& workspace,
                                       const RunOptions& options);

/// Checks the words of the options.
Status check_options(const RunOptions& options);

/// Whether a run of this file comes to the step, apart from --to: it is built, has
/// no command of its own, and the file has its section where it wants one.
bool is_asked(const StepRow& row, const Pipeline& pipeline);
/// The number of the last step that the run comes to. Requires: check_options passed.
/// The rows that `run` comes to, in order.
std::vector<const StepRow*> asked_steps(const Pipeline& pipeline, const RunOptions& options);
int last_step(const Pipeline& pipeline, const RunOptions& options);

/// Everything that can be known before a step runs: each step's own check, in order, over the
/// tables as they would be, and what the file names in the store; `journal` is null where there is
/// no store. Every fault is added. Answers the tables that step 1 would leave.
records::Catalog check_pipeline(const Pipeline& pipeline, sql::Session& session,
                                store::Journal* journal, Faults& faults);
/// The same for the steps behind step 1, over the tables that it really left.
void check_behind_ingest(const Pipeline& pipeline, records::Catalog catalog, sql::Session& session,
                         store::Journal* journal, Faults& faults);

/// What a check met that no change of the file would mend, such as a full disk; the other faults
/// may be its consequences.
std::optional<Error> obstacle_of(const Faults& faults);

}  // namespace kingpost::lifecycle
