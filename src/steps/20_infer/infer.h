// SPDX-License-Identifier: Apache-2.0
// Step 20: rows become predictions, by the same graph in the same runtime that made the training
// matrix.
#pragma once

#include <memory>
#include <string>

#include "steps/20_infer/score_file.h"
#include "steps/bundle.h"

namespace kingpost::steps::infer {

/// A bundled model, ready to answer.
struct BundledModel {
  Signature signature;
  std::unique_ptr<onnx::Model> model;
};

/// Fails with `bundle.damaged`, `infer.signature_malformed`, or as the runtime does.
Result<BundledModel> open_model(const Bundle& bundle);

}  // namespace kingpost::steps::infer
