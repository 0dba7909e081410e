// SPDX-License-Identifier: Apache-2.0
// Bodies of the Open Inference Protocol's infer request over HTTP: JSON, with tensors as bytes
// behind it where the binary tensor data extension is used.
// https://github.com/kserve/open-inference-protocol, and Triton's extension_binary_data.md.
#pragma once

#include <memory>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "records/inference.h"

namespace kingpost::open_inference {

class InferReader {
 public:
  InferReader();
  ~InferReader();
  InferReader(const InferReader&) = delete;
  InferReader& operator=(const InferReader&) = delete;

  /// Reads a body into a cleared request. What the request then points to is its own arena, the
  /// body and this reader, until the next `read`. `header` is the length of the JSON in front of
  /// the bytes of tensors; nothing where the body is all JSON.
  ///
  /// Keys that the protocol does not know are ignored, and of a key that stands twice the first
  /// counts. Numbers are taken for every datatype that holds them exactly, and rounded to FP32 and
  /// FP64; a whole number beyond 64 bits needs a point or an exponent. null is NaN for FP32 and
  /// FP64 and a text without a data pointer for BYTES.
  ///
  /// Fails with Code::kInvalidInput: `infer.json_malformed`, `infer.request_malformed`,
  /// `infer.datatype_unknown`, `infer.data_malformed` or `infer.data_size`, in Triton's words where
  /// those say enough, and with Code::kNotBuilt: `infer.shared_memory`.
  Status read(std::string_view body, std::optional<std::size_t> header,
              records::InferRequest& into);

 private:
  bool make_room(std::size_t size);

  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace kingpost::open_inference
