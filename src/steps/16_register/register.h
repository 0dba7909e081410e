// SPDX-License-Identifier: Apache-2.0
// Step 16: the bundle becomes a version of a registered model. It is asked first whether it answers
// as it did when it was packaged.
#pragma once

#include "base/spec.h"
#include "steps/step.h"

namespace kingpost::steps::registering {

inline constexpr int kVersion = 3;

const Field& spec();
void check(CheckContext& context);
/// The name of the model, which may come from other sections.
Result<Json> key_parts(KeyContext& context);
/// Leaves version.json: {model, version, bundle, aliases, again}. The same bundle is the same
/// version, however often it is registered. Fails with `register.answers_differ` or
/// `register.not_valid`; then nothing is registered.
Result<Outcome> run(RunContext& context);

}  // namespace kingpost::steps::registering
