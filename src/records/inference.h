// SPDX-License-Identifier: Apache-2.0
// A question to a served model and its answer, as the Open Inference Protocol (version 2) has them,
// whatever wire they came by.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/arena.h"

namespace kingpost::records {

/// The protocol's datatypes. FP16 and BF16 are carried as two bytes.
enum class Datatype : std::uint8_t {
  kBool,
  kUint8,
  kUint16,
  kUint32,
  kUint64,
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kFp16,
  kBf16,
  kFp32,
  kFp64,
  kBytes,
};

/// "FP32", "BYTES": the word on the wire.
std::string_view datatype_word(Datatype datatype);
std::optional<Datatype> datatype_of(std::string_view word);
/// Bytes of one element; 0 for kBytes, whose elements have lengths of their own.
std::size_t element_size(Datatype datatype);

/// Calls `work.template operator()<T>()` with the C++ type of a number's datatype; false for
/// kBytes, kFp16 and kBf16, for which there is none.
template <typename Work>
bool with_number_type(Datatype datatype, Work&& work) {
  switch (datatype) {
    case Datatype::kBool:
      return work.template operator()<bool>(), true;
    case Datatype::kUint8:
      return work.template operator()<std::uint8_t>(), true;
    case Datatype::kUint16:
      return work.template operator()<std::uint16_t>(), true;
    case Datatype::kUint32:
      return work.template operator()<std::uint32_t>(), true;
    case Datatype::kUint64:
      return work.template operator()<std::uint64_t>(), true;
    case Datatype::kInt8:
      return work.template operator()<std::int8_t>(), true;
    case Datatype::kInt16:
      return work.template operator()<std::int16_t>(), true;
    case Datatype::kInt32:
      return work.template operator()<std::int32_t>(), true;
    case Datatype::kInt64:
      return work.template operator()<std::int64_t>(), true;
    case Datatype::kFp32:
      return work.template operator()<float>(), true;
    case Datatype::kFp64:
      return work.template operator()<double>(), true;
    case Datatype::kFp16:
    case Datatype::kBf16:
    case Datatype::kBytes:
      break;
  }
  return false;
}

/// A named tensor that owns nothing: its parts lie in an arena or in the bytes of a request.
struct InferTensor {
  std::string_view name;
  Datatype datatype = Datatype::kFp32;
  std::span<const std::int64_t> shape;
  /// Of all but kBytes: row-major, little-endian, aligned to the element. Booleans are 0 and 1.
  std::span<const std::byte> data;
  /// Of kBytes: any bytes. A null text of JSON has no data pointer; its length is 0.
  std::span<const std::string_view> texts;

  /// A number of it, whatever its alignment. Requires: its datatype's type, and that it is there.
  template <typename T>
  T element(std::size_t at) const {
    T value;
    std::memcpy(&value, data.data() + at * sizeof(T), sizeof value);
    return value;
  }
};

/// The product of a shape, or nothing where a dimension is negative or the product is beyond 2^62.
std::optional<std::int64_t> element_count(std::span<const std::int64_t> shape);

/// An output that is asked for.
struct WantedOutput {
  std::string_view name;
  /// HTTP: as bytes behind the JSON, not in it.
  bool binary = false;
  /// Above 0: instead of the values the so many greatest, as texts "value:index[:label]".
  std::int64_t classes = 0;
};

/// Made once and used again for one request after another: `clear` keeps its memory.
struct InferRequest {
  std::string_view model;
  /// Empty: the version that answers for the model.
  std::string_view version;
  /// Empty: none was given.
  std::string_view id;
  std::vector<InferTensor> inputs;
  /// Empty: all, and `binary_outputs` says how.
  std::vector<WantedOutput> outputs;
  bool binary_outputs = false;
  /// Zero: none. Of waiting and answering together.
  std::chrono::microseconds timeout{0};
  /// 0 is the default, 1 the highest.
  std::uint64_t priority = 0;
  Arena arena;

  void clear();
};

struct InferResponse {
  std::string_view model;
  std::string_view version;
  /// By which a label can be given to it later; empty where it is not kept.
  std::string_view prediction_id;
  std::vector<InferTensor> outputs;
  Arena arena;

  void clear();
};

}  // namespace kingpost::records
