// SPDX-License-Identifier: Apache-2.0
// Asking any ONNX model in the tensors of the Open Inference Protocol: every datatype, every shape,
// nothing copied on the way in but texts. `onnx::Model` beside it is for batches of curated rows.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "records/inference.h"

namespace kingpost::onnx {

/// What a model takes or gives.
struct TensorPort {
  std::string name;
  records::Datatype datatype = records::Datatype::kFp32;
  /// -1: any length.
  std::vector<std::int64_t> shape;
};

class Session {
 public:
  /// Loads a serialised model. It always runs with one thread, in order, without the runtime's
  /// rewrites, so a row has the same answer alone, in a batch, here and offline. Fails with
  /// `onnx.runtime_missing` when the library is not found, `onnx.invalid_model` in the runtime's
  /// words, or where the model takes or gives something that is no tensor of the protocol.
  static Result<std::unique_ptr<Session>> load(std::string_view bytes);
  virtual ~Session() = default;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  virtual const std::vector<TensorPort>& inputs() const = 0;
  virtual const std::vector<TensorPort>& outputs() const = 0;

  /// `inputs` are in the order of `inputs()`, and `outputs` are places in `outputs()`, each once.
  /// Appends the answers in the order of `outputs` to `into`, their parts in its arena; a text is
  /// never without a data pointer. Any number of threads may call it at once. Requires: each
  /// input's datatype is that of its port, and its values fill its shape. Fails with
  /// `onnx.run_failed` in the runtime's words, a shape that the model cannot take among them.
  virtual Status run(std::span<const records::InferTensor> inputs,
                     std::span<const std::size_t> outputs, records::InferResponse& into) const = 0;

 protected:
  Session() = default;
};

}  // namespace kingpost::onnx
