// SPDX-License-Identifier: Apache-2.0
#include "records/inference.h"

#include <array>

namespace kingpost::records {

namespace {

struct Row {
  std::string_view word;
  std::size_t size;
};

// In the order of the enumeration.
constexpr std::array<Row, 14> kRows = {{{"BOOL", 1},
                                        {"UINT8", 1},
                                        {"UINT16", 2},
                                        {"UINT32", 4},
                                        {"UINT64", 8},
                                        {"INT8", 1},
                                        {"INT16", 2},
                                        {"INT32", 4},
                                        {"INT64", 8},
                                        {"FP16", 2},
                                        {"BF16", 2},
                                        {"FP32", 4},
                                        {"FP64", 8},
                                        {"BYTES", 0}}};
static_assert(kRows.size() == static_cast<std::size_t>(Datatype::kBytes) + 1);

}  // namespace

std::string_view datatype_word(Datatype datatype) {
  return kRows[static_cast<std::size_t>(datatype)].word;
}

std::optional<Datatype> datatype_of(std::string_view word) {
  for (std::size_t i = 0; i < kRows.size(); ++i) {
    if (kRows[i].word == word) return static_cast<Datatype>(i);
  }
  return std::nullopt;
}

std::size_t element_size(Datatype datatype) {
  return kRows[static_cast<std::size_t>(datatype)].size;
}

std::optional<std::int64_t> element_count(std::span<const std::int64_t> shape) {
  constexpr std::int64_t kLimit = std::int64_t{1} << 62;
  bool empty = false;
  for (const std::int64_t each : shape) {
    if (each < 0) return std::nullopt;
    empty = empty || each == 0;
  }
  if (empty) return 0;
  std::int64_t out = 1;
  for (const std::int64_t each : shape) {
    if (out > kLimit / each) return std::nullopt;
    out *= each;
  }
  return out;
}

void InferRequest::clear() {
  model = version = id = {};
  inputs.clear();
  outputs.clear();
  binary_outputs = false;
  timeout = std::chrono::microseconds(0);
  priority = 0;
  arena.reset();
}

void InferResponse::clear() {
  model = version = prediction_id = {};
  outputs.clear();
  arena.reset();
}

}  // namespace kingpost::records
