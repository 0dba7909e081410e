// SPDX-License-Identifier: Apache-2.0
// One self-contained HTML page of the last run of a pipeline file. It shows what the steps left in
// manifests and files, and computes nothing anew. The page fetches nothing: its own policy forbids
// it, and runs no script but the program's, which it names by hash.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lifecycle/workspace.h"

namespace kingpost::lifecycle::report {

/// One of the 22 rows.
struct StepFacts {
  const StepRow* row = nullptr;
  /// What the step left; nothing when it has not run.
  std::optional<Manifest> manifest{};
  /// The manifest belongs to the file as it is now.
  bool current = false;
  /// The last run executed it; otherwise the execution that left the manifest.
  bool of_last_run = false;
  std::optional<store::Execution> execution{};

  /// What it left belongs to an earlier state of the file. A failure of the last run does not,
  /// though nothing is sealed for the file.
  bool is_stale() const;
};

struct Facts {
  const Pipeline* pipeline = nullptr;
  std::string version{};
  /// The last run of this file, with `broke off` as state when its process has died.
  std::optional<store::Run> run{};
  std::vector<StepFacts> steps{};
  /// JSON files that the steps left, by name: features.json, evaluation.json, version.json...
  std::map<std::string, Json> files{};

  const StepFacts& step(std::string_view word) const;
  /// What a step found; a null value when it has not run.
  const Json& report(std::string_view word) const;
  const Json& file(const std::string& name) const;
  bool any() const;
};

/// A step's manifest and whether it is current.
struct Left {
  const StepRow* row = nullptr;
  bool current = false;
  Manifest manifest{};
};

/// Reads journal and files. Fails as they do, with `store.object_missing` for one.
Result<Facts> facts_of(const Pipeline& pipeline, Workspace& workspace, std::vector<Left> left,
                       std::string version);

/// The page. Equal facts give equal bytes.
std::string page_of(const Facts& facts);

}  // namespace kingpost::lifecycle::report
