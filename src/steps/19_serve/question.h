// SPDX-License-Identifier: Apache-2.0
// A request made ready for the model it is for.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "engines/onnx/session/session.h"
#include "records/inference.h"

namespace kingpost::steps::serve {

/// Parts lie in an arena.
struct Question {
  /// One for each input of the model, in its order.
  std::span<const records::InferTensor> inputs;
  /// Places among the model's outputs.
  std::span<const std::size_t> outputs;
  /// How many rows each input has, where the model answers by rows; else 1.
  std::int64_t rows = 1;
};

/// Every input and output has as its first dimension the rows.
bool says_rows(const onnx::Session& session);

/// Finds inputs and outputs by their names and holds datatypes and shapes against the model's.
/// `by_rows`: all inputs must have as many rows. `model` is for messages, which are Triton's. Fails
/// with `serve.input_unknown`, `serve.input_missing`, `serve.input_type`, `serve.input_shape` or
/// `serve.output_unknown`.
Result<Question> question_of(const records::InferRequest& request, const onnx::Session& session,
                             std::string_view model, bool by_rows, Arena& arena);

/// So many rows of zeros and empty texts; every other dimension that is free is 1.
Question made_up_question(const onnx::Session& session, std::int64_t rows, Arena& arena);

}  // namespace kingpost::steps::serve
