// SPDX-License-Identifier: Apache-2.0
// A few rows and what the packaged model answers for them, as a bundle keeps them: whoever opens
// the bundle can see that it answers the same bits here.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engines/onnx/graph.h"
#include "records/schema.h"
#include "records/tensor.h"
#include "steps/bundle.h"

namespace kingpost::steps {

inline constexpr std::string_view kExampleFile = "input_example.json";
inline constexpr std::string_view kAnswersFile = "input_example.answers.json";

struct InputExample {
  records::Batch rows;
  /// One tensor per output of the model, in its order.
  std::vector<records::Tensor> answers;
};

/// {"columns": [...], "data": [[...]]} of rows: null is null, times are ISO texts without a zone
/// (UTC), booleans true and false. `columns` say the curated types, in the order of the batch.
Json example_rows(const std::vector<records::Column>& columns, const records::Batch& rows);
/// The same of answers; an output of several columns is a list in its cell. Every float32 reads
/// back as it was.
Json example_answers(const std::vector<onnx::Port>& outputs,
                     const std::vector<records::Tensor>& answers);

/// Fails as Bundle::json does, and with `bundle.damaged` where a cell is not of its column's type.
Result<InputExample> read_input_example(const Bundle& bundle);

/// Runs model.onnx on the example and answers in words what differs from the answers that the
/// bundle keeps: `row 2, probability: 0.25, was 0.26`. None: equal to the last bit.
Result<std::vector<std::string>> differing_answers(const Bundle& bundle);

}  // namespace kingpost::steps
