// SPDX-License-Identifier: Apache-2.0
// Under which name and aliases the file's model is registered, and who its champion is; for the
// steps select_best and register.
#pragma once

#include <optional>
#include <string>

#include "steps/step.h"
#include "store/registry.h"

namespace kingpost::steps {

/// The section `register` with its defaults, also where the file has none.
struct Registration {
  /// PROJECT_TARGET unless the file names it.
  std::string model;
  /// Given to each new version.
  std::string alias;
  /// The alias of the champion.
  std::string promote_to;
  /// Whether only a person may move it.
  bool approval = false;
};
Registration registration_of(const Node& pipeline, const Settings& settings);

/// Whom the winner of a contest must beat: the holder of the champion's alias. When that version
/// came out of this very contest, it is whom it was compared with then, so that a second run with
/// nothing changed finds the same contest again. Nobody when nobody holds the alias.
Result<std::optional<store::ModelVersion>> champion_of(const Registration& registration,
                                                       store::Registry& registry,
                                                       const std::string& contest);

/// The facts of a version that later contests read: those of `winner` (winner.json), the rows it
/// was judged on and its scores on them, before its refit. `objects` among them are kept by gc.
Result<Json> facts_of(const RunContext& context, const Json& winner);

/// The scores of a version on the rows that the models of `context` are judged on, kept from when
/// it was itself judged on the very same rows; empty when those were others.
Result<std::optional<std::string>> kept_scores(const RunContext& context,
                                               const store::ModelVersion& version);

}  // namespace kingpost::steps
