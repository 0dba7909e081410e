// SPDX-License-Identifier: Apache-2.0
// The spine: the 22 steps in their order, one row each. Everything that goes through the steps
// (parsing, help, schema, plan, run, docs checks) goes through this table.
#pragma once

#include <string_view>
#include <vector>

#include "steps/step.h"

namespace kingpost::lifecycle {

/// How a step is started.
enum class Start {
  kByRun,      // by `kingpost run`
  kByCommand,  // by its own command, or by `up`
};

struct StepRow {
  int number = 0;
  std::string_view word{};
  std::string_view reads{};
  std::string_view writes{};
  Start start = Start::kByRun;
  /// Raised when the same inputs give other outputs than before.
  int version = 0;
  /// Null where the step has no field table yet.
  const Field& (*spec)() = nullptr;
  steps::Check check = nullptr;
  /// Null where the step is not built yet.
  steps::Run run = nullptr;
  steps::KeyParts key_parts = nullptr;
  /// The command that starts it, where there is one already.
  std::string_view command{};
  /// A step of `run` that is left out where the file has no section of its word.
  bool by_section = false;
  /// What is done where the step's output is used again; null where nothing is.
  steps::Restore restore = nullptr;

  bool built() const { return run != nullptr || !command.empty(); }
};

const std::vector<StepRow>& rows();
/// The row of a word, or nullptr.
const StepRow* find_row(std::string_view word);
std::vector<std::string> words();
/// The last step that `kingpost run` can do today.
const StepRow& last_built();

}  // namespace kingpost::lifecycle
