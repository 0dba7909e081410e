// SPDX-License-Identifier: Apache-2.0
// Values of the runtime: numbers are looked at where they lie, texts are copied.
#include "engines/onnx/runtime_values.h"

#include <onnxruntime/onnxruntime_c_api.h>

#include <algorithm>

namespace kingpost::onnx {
namespace {

using records::Tensor;
using records::TensorType;
using Shape = std::vector<std::int64_t>;

Status ran(const RuntimeApi& runtime, OrtStatus* status) {
  return checked(*runtime.table, status, Code::kInvalidInput, kRunFailed);
}

struct Bytes {
  const void* at = nullptr;
  std::size_t size = 0;
};

// The runtime never writes to what it is given.
Status view(const RuntimeApi& runtime, const Bytes& bytes, const Shape& shape, TensorType type,
            Held<OrtValue>& into) {
  return ran(
      runtime,
      runtime.table->CreateTensorWithDataAsOrtValue(
          runtime.memory, const_cast<void*>(bytes.at), bytes.size, shape.data(), shape.size(),
          static_cast<ONNXTensorElementDataType>(element_of_type(type)), into.slot()));
}

Status copy_texts(const RuntimeApi& runtime, const std::string* texts, const Shape& shape,
                  Held<OrtValue>& into) {
  const OrtApi& api = *runtime.table;
  OrtAllocator* allocator = nullptr;
  TRY_STATUS(ran(runtime, api.GetAllocatorWithDefaultOptions(&allocator)));
  TRY_STATUS(
      ran(runtime, api.CreateTensorAsOrtValue(allocator, shape.data(), shape.size(),
                                              ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING, into.slot())));
  std::size_t count = 1;
  for (const std::int64_t each : shape) count *= static_cast<std::size_t>(each);
  // All at once, where none would end early.
  std::vector<const char*> starts(count);
  bool has_zero = false;
  for (std::size_t i = 0; i < count; ++i) {
    starts[i] = texts[i].c_str();
    has_zero = has_zero || texts[i].find('\0') != std::string::npos;
  }
  if (!has_zero) {
    return ran(runtime, api.FillStringTensor(into.get(), starts.data(), starts.size()));
  }
  for (std::size_t i = 0; i < count; ++i) {
    char* buffer = nullptr;
    TRY_STATUS(ran(
        runtime, api.GetResizedStringTensorElementBuffer(into.get(), i, texts[i].size(), &buffer)));
    std::copy(texts[i].begin(), texts[i].end(), buffer);
  }
  return {};
}

Status texts_out(const RuntimeApi& runtime, const OrtValue* value, std::size_t count,
                 std::vector<std::string>& texts) {
  texts.resize(count);
  if (count == 0) return {};
  const OrtApi& api = *runtime.table;
  std::size_t length = 0;
  TRY_STATUS(ran(runtime, api.GetStringTensorDataLength(value, &length)));
  std::string all(length, '\0');
  std::vector<std::size_t> starts(count);
  TRY_STATUS(
      ran(runtime, api.GetStringTensorContent(value, all.data(), length, starts.data(), count)));
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t end = i + 1 < count ? starts[i + 1] : length;
    texts[i] = all.substr(starts[i], end - starts[i]);
  }
  return {};
}

template <typename Number>
void numbers_out(const void* values, std::size_t count, std::vector<Number>& out) {
  const auto* begin = static_cast<const Number*>(values);
  out.assign(begin, begin + count);
}

}  // namespace

int element_of_type(TensorType type) {
  switch (type) {
    case TensorType::kFloat:
      return ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
    case TensorType::kDouble:
      return ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE;
    case TensorType::kInt64:
      return ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64;
    case TensorType::kBool:
      return ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL;
    case TensorType::kString:
      return ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING;
  }
  return ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
}

std::optional<TensorType> type_of_element(int element) {
  for (const TensorType type : {TensorType::kFloat, TensorType::kDouble, TensorType::kInt64,
                                TensorType::kBool, TensorType::kString}) {
    if (element_of_type(type) == element) return type;
  }
  return std::nullopt;
}

Status view_rows(const RuntimeApi& runtime, const records::BatchColumn& column,
                 const RowRange& range, Held<OrtValue>& into) {
  const auto from = static_cast<std::size_t>(range.from);
  const auto rows = static_cast<std::size_t>(range.rows);
  const Shape shape = {range.rows, 1};
  if (column.is_text) return copy_texts(runtime, column.texts.data() + from, shape, into);
  const Bytes bytes{column.numbers.data() + from, rows * sizeof(double)};
  return view(runtime, bytes, shape, TensorType::kDouble, into);
}

Status view_tensor(const RuntimeApi& runtime, const Tensor& tensor, Held<OrtValue>& into) {
  if (tensor.type() == TensorType::kString) {
    return copy_texts(runtime, tensor.texts().data(), tensor.shape, into);
  }
  const Bytes bytes = std::visit(
      [](const auto& values) { return Bytes{values.data(), values.size() * sizeof(values[0])}; },
      tensor.data);
  return view(runtime, bytes, tensor.shape, tensor.type(), into);
}

Status view_answer(const RuntimeApi& runtime, Tensor& tensor, const RowRange& range,
                   Held<OrtValue>& into) {
  const std::int64_t columns = tensor.shape.back();
  const auto from = static_cast<std::size_t>(range.from * columns);
  const auto count = static_cast<std::size_t>(range.rows * columns);
  const Bytes bytes = std::visit(
      [&](auto& values) { return Bytes{values.data() + from, count * sizeof(values[0])}; },
      tensor.data);
  return view(runtime, bytes, {range.rows, columns}, tensor.type(), into);
}

Status copy_rows_out(const RuntimeApi& runtime, OrtValue* value, const RowRange& range,
                     Tensor& out) {
  Tensor rows;
  TRY_STATUS(copy_out(runtime, value, out.type(), rows));
  const auto begin = static_cast<std::size_t>(range.from * out.shape.back());
  const auto count = static_cast<std::size_t>(range.rows * out.shape.back());
  return std::visit(
      [&](auto& to) -> Status {
        auto& made = std::get<std::decay_t<decltype(to)>>(rows.data);
        if (made.size() != count) {
          return fail(Code::kInternal, kRunFailed, "{} values for {} places", made.size(), count);
        }
        std::move(made.begin(), made.end(), to.begin() + static_cast<std::ptrdiff_t>(begin));
        return {};
      },
      out.data);
}

Status copy_out(const RuntimeApi& runtime, OrtValue* value, TensorType type, Tensor& out) {
  const OrtApi& api = *runtime.table;
  Held<OrtTensorTypeAndShapeInfo> info(api.ReleaseTensorTypeAndShapeInfo);
  TRY_STATUS(ran(runtime, api.GetTensorTypeAndShape(value, info.slot())));
  std::size_t rank = 0;
  TRY_STATUS(ran(runtime, api.GetDimensionsCount(info.get(), &rank)));
  out.shape.resize(rank);
  TRY_STATUS(ran(runtime, api.GetDimensions(info.get(), out.shape.data(), rank)));
  const auto count = static_cast<std::size_t>(out.size());
  if (type == TensorType::kString) return texts_out(runtime, value, count, out.data.emplace<4>());
  void* values = nullptr;
  TRY_STATUS(ran(runtime, api.GetTensorMutableData(value, &values)));
  switch (type) {
    case TensorType::kFloat:
      numbers_out(values, count, out.data.emplace<0>());
      break;
    case TensorType::kDouble:
      numbers_out(values, count, out.data.emplace<1>());
      break;
    case TensorType::kInt64:
      numbers_out(values, count, out.data.emplace<2>());
      break;
    default:
      numbers_out(values, count, out.data.emplace<3>());
  }
  return {};
}

}  // namespace kingpost::onnx
