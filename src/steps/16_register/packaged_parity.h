// SPDX-License-Identifier: Apache-2.0
// The packaged graph beside the model that was trained, before either is registered.
#pragma once

#include "base/json.h"
#include "base/result.h"
#include "steps/bundle.h"
#include "steps/step.h"

namespace kingpost::steps::registering {

struct ParityLimit {
  double max_abs = 1e-5;
  /// Beyond it nothing is registered.
  bool critical = true;
};

/// Asks the packaged graph for 1,000 of the curated rows by which the model was judged, evenly
/// spread, and answers what it found: {rows, largest, other_leaves, other_classes, other_features,
/// words}, or {words} of a model that has no form but the graph. `other_features` are cells that
/// differ from those of the matrix which training read, out-of-fold encodings of training rows left
/// out. Fails with `register.parity_failed`, and as reading and running them.
Result<Json> packaged_parity(RunContext& context, const Bundle& bundle, const ParityLimit& limit);

/// The same of the rows of the bundle's input example, for a bundle that comes without its run.
Result<Json> example_parity(const Bundle& bundle);

}  // namespace kingpost::steps::registering
