// SPDX-License-Identifier: Apache-2.0
// Operators of a graph over whole columns, one value a row. Each gives the bits that ONNX Runtime
// gives: only such are here as IEEE 754 decides them.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

#include "base/arena.h"
#include "records/tensor.h"

namespace kingpost::onnx {

/// Values of one column: float, double, std::int64_t, std::uint8_t (booleans) or std::string_view.
struct Operand {
  const void* data = nullptr;
  /// The same value for all rows.
  bool is_one = false;

  template <typename T>
  const T* of() const {
    return static_cast<const T*>(data);
  }
};

struct Job {
  std::array<Operand, 3> in;
  void* out = nullptr;
  std::size_t rows = 0;
  /// Where new texts are put.
  Arena* texts = nullptr;

  template <typename T>
  T* to() const {
    return static_cast<T*>(out);
  }
};

/// Requires: at least one operand has a value for each row.
using Kernel = void (*)(const Job&);

/// Null where there is no such operator for these types here.
Kernel find_kernel(std::string_view op, std::span<const records::TensorType> inputs,
                   records::TensorType output);

/// Bytes of a value as a column has it.
std::size_t value_size(records::TensorType type);

/// Calls `work.template operator()<T>()` with the type that a column has its values in.
template <typename Work>
auto with_value_type(records::TensorType type, Work&& work) {
  using records::TensorType;
  switch (type) {
    case TensorType::kFloat:
      return work.template operator()<float>();
    case TensorType::kDouble:
      return work.template operator()<double>();
    case TensorType::kInt64:
      return work.template operator()<std::int64_t>();
    case TensorType::kBool:
      return work.template operator()<std::uint8_t>();
    case TensorType::kString:
      break;
  }
  return work.template operator()<std::string_view>();
}

}  // namespace kingpost::onnx
