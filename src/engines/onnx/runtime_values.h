// SPDX-License-Identifier: Apache-2.0
// Our tensors as the runtime's values, and back. Included only by this folder's sources.
#pragma once

#include <cstdint>
#include <optional>

#include "engines/onnx/runtime_api.h"
#include "records/tensor.h"

struct OrtValue;

namespace kingpost::onnx {

inline constexpr std::string_view kRunFailed = "onnx.run_failed";

/// The number that the runtime gives the type of an element, and back.
int element_of_type(records::TensorType type);
std::optional<records::TensorType> type_of_element(int element);

struct RowRange {
  std::int64_t from = 0;
  std::int64_t rows = 0;
};

/// Some rows of a column as [rows, 1]. Numbers are read where they lie, so the column must outlive
/// `into`; texts are copied. All fail with `onnx.run_failed`.
Status view_rows(const RuntimeApi& runtime, const records::BatchColumn& column,
                 const RowRange& range, Held<OrtValue>& into);
/// The same for a whole tensor.
Status view_tensor(const RuntimeApi& runtime, const records::Tensor& tensor, Held<OrtValue>& into);
/// Some rows of a tensor, where the runtime writes an answer. Requires: it holds no texts.
Status view_answer(const RuntimeApi& runtime, records::Tensor& tensor, const RowRange& range,
                   Held<OrtValue>& into);
/// Copies an answer, which must be of so many rows, to those rows of a tensor of its type.
Status copy_rows_out(const RuntimeApi& runtime, OrtValue* value, const RowRange& range,
                     records::Tensor& out);
/// Copies an answer of the runtime, which is of this type.
Status copy_out(const RuntimeApi& runtime, OrtValue* value, records::TensorType type,
                records::Tensor& out);

}  // namespace kingpost::onnx
