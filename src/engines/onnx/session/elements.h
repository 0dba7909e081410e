// SPDX-License-Identifier: Apache-2.0
// Tensors of the protocol as the runtime's values, and back. Included only by this folder's
// sources.
#pragma once

#include <optional>

#include "base/arena.h"
#include "engines/onnx/runtime_api.h"
#include "records/inference.h"

struct OrtValue;

namespace kingpost::onnx {

std::optional<records::Datatype> datatype_of_element(int element);

/// `tensor` as a value in `*into`, which the caller releases. What is no text is read where it
/// lies. Fails with `onnx.run_failed`.
Status value_of(const RuntimeApi& runtime, const records::InferTensor& tensor, OrtValue** into);

/// Shape and values of an answer of this tensor's datatype, copied into the arena.
Status tensor_of(const RuntimeApi& runtime, OrtValue* value, Arena& arena,
                 records::InferTensor& into);

}  // namespace kingpost::onnx
