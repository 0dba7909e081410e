// SPDX-License-Identifier: Apache-2.0
// What a bundled model takes and gives, as its signature.json says.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "engines/onnx/graph.h"
#include "records/features.h"

namespace kingpost::steps {

struct Signature {
  records::Target target;
  /// The columns that name a row; the model does not read them.
  std::vector<records::Column> key;
  /// The columns that the model reads, with their types after step 5.
  std::vector<records::Column> inputs;
  /// Types must be as they were in training.
  bool strict = true;

  /// The type of a column that the signature knows, or "".
  std::string_view type_of(std::string_view column) const;
};

/// Fails with `infer.signature_malformed` where it is none, or does not fit the graph's inputs.
Result<Signature> signature_from_json(const Json& json, const std::vector<onnx::Port>& inputs);

/// One column of what is written for a row: `probability_Adelie`.
struct AnswerColumn {
  std::string name;
  records::TensorType type = records::TensorType::kFloat;
  /// Which output of the graph, and which column of it.
  std::size_t output = 0;
  std::size_t column = 0;
  std::size_t columns = 1;
};
/// The prediction first, then what it rests on.
std::vector<AnswerColumn> answer_columns(const Signature& signature,
                                         const std::vector<onnx::Port>& outputs);

}  // namespace kingpost::steps
