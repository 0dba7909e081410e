// SPDX-License-Identifier: Apache-2.0
// Step 20: rows become predictions.
#include "steps/20_infer/infer.h"

namespace kingpost::steps::infer {

Result<BundledModel> open_model(const Bundle& bundle) {
  TRY(const Json json, bundle.json("signature.json"));
  // A registered file that takes tensors has a second graph, which takes rows.
  const char* name = bundle.find("rows.onnx") == nullptr ? "model.onnx" : "rows.onnx";
  TRY(const std::string graph, bundle.bytes(name));
  BundledModel out;
  TRY(out.model, onnx::Model::load(graph));
  TRY(out.signature, signature_from_json(json, out.model->inputs()));
  return out;
}

}  // namespace kingpost::steps::infer
