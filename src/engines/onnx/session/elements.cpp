// SPDX-License-Identifier: Apache-2.0
#include "engines/onnx/session/elements.h"

#include <onnxruntime/onnxruntime_c_api.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace kingpost::onnx {
namespace {

using records::Datatype;
using records::InferTensor;

constexpr std::string_view kFailed = "onnx.run_failed";

// In the order of Datatype.
constexpr std::array<ONNXTensorElementDataType, 14> kElements = {
    ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL,     ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8,
    ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT16,   ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32,
    ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT64,   ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8,
    ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16,    ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32,
    ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64,    ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16,
    ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT,
    ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE,   ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING};
static_assert(kElements.size() == static_cast<std::size_t>(Datatype::kBytes) + 1);

Status ran(const RuntimeApi& runtime, OrtStatus* status) {
  return checked(*runtime.table, status, Code::kInvalidInput, kFailed);
}

Status value_of_texts(const RuntimeApi& runtime, const InferTensor& tensor, OrtValue** into) {
  const OrtApi& api = *runtime.table;
  OrtAllocator* allocator = nullptr;
  TRY_STATUS(ran(runtime, api.GetAllocatorWithDefaultOptions(&allocator)));
  TRY_STATUS(
      ran(runtime, api.CreateTensorAsOrtValue(allocator, tensor.shape.data(), tensor.shape.size(),
                                              ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING, into)));
  for (std::size_t i = 0; i < tensor.texts.size(); ++i) {
    const std::string_view text = tensor.texts[i];
    // A new text is empty already.
    if (text.empty()) continue;
    char* buffer = nullptr;
    TRY_STATUS(
        ran(runtime, api.GetResizedStringTensorElementBuffer(*into, i, text.size(), &buffer)));
    std::copy(text.begin(), text.end(), buffer);
  }
  return {};
}

Status texts_of(const RuntimeApi& runtime, const OrtValue* value, std::size_t count, Arena& arena,
                InferTensor& into) {
  const std::span<std::string_view> texts = arena.array<std::string_view>(count);
  into.texts = texts;
  if (count == 0) return {};
  const OrtApi& api = *runtime.table;
  std::size_t length = 0;
  TRY_STATUS(ran(runtime, api.GetStringTensorDataLength(value, &length)));
  // One more, so that a text without a byte has a place too.
  const std::span<char> all = arena.array<char>(length + 1);
  const std::span<std::size_t> starts = arena.array<std::size_t>(count);
  TRY_STATUS(
      ran(runtime, api.GetStringTensorContent(value, all.data(), length, starts.data(), count)));
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t end = i + 1 < count ? starts[i + 1] : length;
    texts[i] = {all.data() + starts[i], end - starts[i]};
  }
  return {};
}

}  // namespace

std::optional<Datatype> datatype_of_element(int element) {
  const auto* const found = std::find(kElements.begin(), kElements.end(), element);
  if (found == kElements.end()) return std::nullopt;
  return static_cast<Datatype>(found - kElements.begin());
}

Status value_of(const RuntimeApi& runtime, const InferTensor& tensor, OrtValue** into) {
  if (tensor.datatype == Datatype::kBytes) return value_of_texts(runtime, tensor, into);
  // The runtime never writes to what it is given.
  auto* const data = const_cast<std::byte*>(tensor.data.data());
  return ran(runtime,
             runtime.table->CreateTensorWithDataAsOrtValue(
                 runtime.memory, data, tensor.data.size(), tensor.shape.data(), tensor.shape.size(),
                 kElements[static_cast<std::size_t>(tensor.datatype)], into));
}

Status tensor_of(const RuntimeApi& runtime, OrtValue* value, Arena& arena, InferTensor& into) {
  const OrtApi& api = *runtime.table;
  Held<OrtTensorTypeAndShapeInfo> info(api.ReleaseTensorTypeAndShapeInfo);
  TRY_STATUS(ran(runtime, api.GetTensorTypeAndShape(value, info.slot())));
  std::size_t rank = 0;
  TRY_STATUS(ran(runtime, api.GetDimensionsCount(info.get(), &rank)));
  const std::span<std::int64_t> shape = arena.array<std::int64_t>(rank);
  TRY_STATUS(ran(runtime, api.GetDimensions(info.get(), shape.data(), rank)));
  into.shape = shape;
  const auto count = static_cast<std::size_t>(records::element_count(shape).value_or(0));
  if (into.datatype == Datatype::kBytes) return texts_of(runtime, value, count, arena, into);
  void* values = nullptr;
  TRY_STATUS(ran(runtime, api.GetTensorMutableData(value, &values)));
  const std::size_t bytes = count * records::element_size(into.datatype);
  std::byte* const copy = arena.allocate(bytes, alignof(std::max_align_t));
  if (bytes > 0) std::memcpy(copy, values, bytes);
  into.data = {copy, bytes};
  return {};
}

}  // namespace kingpost::onnx
