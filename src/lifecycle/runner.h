// SPDX-License-Identifier: Apache-2.0
// Executes a pipeline file: step by step, sealed results first, each new result sealed before the
// journal names it.
#pragma once

#include <string>
#include <vector>

#include "lifecycle/plan.h"

namespace kingpost::lifecycle {

enum class EventKind { kSealed, kStarted, kDone, kFailed, kWarning, kProgress };

struct Event {
  EventKind kind;
  const StepRow* step = nullptr;
  /// Why the step runs, the warning, the counts, or how far it has come.
  std::string text;
  double seconds = 0;
};

/// Told of a run's progress, from the thread that runs it.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void on(const Event& event) = 0;
};

struct StepResult {
  const StepRow* step = nullptr;
  bool reused = false;
  double seconds = 0;
  Manifest manifest;
};

struct RunSummary {
  std::vector<StepResult> steps;
  double seconds = 0;
};

/// Takes the lock, runs, and keeps the journal. Nothing runs when the file has faults: they are
/// added to `faults` and the answer is an error `file.faulty`. Other errors: those of the steps,
/// `store.locked`, `run.cancelled`.
Result<RunSummary> run_pipeline(const Pipeline& pipeline, const RunOptions& options,
                                const std::string& command, Observer& observer, Faults& faults);

}  // namespace kingpost::lifecycle
