// SPDX-License-Identifier: Apache-2.0
// Rows of a query through a graph: the one way in which matrices, evaluations and batch predictions
// are made.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "engines/onnx/runtime.h"
#include "engines/sql/session.h"

namespace kingpost::steps {

/// Some rows, and what the graph answers for them: one tensor per output of the model.
struct Scored {
  /// Number of the first row, from 0.
  std::int64_t first = 0;
  const records::Batch& batch;
  const std::vector<records::Tensor>& outputs;
};

/// Runs the rows of `query` through `model` on `threads` threads (0: as many as the machine has)
/// and hands them to `take` in their order, some ten thousand at a time; memory does not grow with
/// the number of rows. The answers do not depend on the number of threads. Ends with the error of
/// the query, of the model or of `take`.
Status score_rows(sql::Session& session, const std::string& query, const onnx::Model& model,
                  int threads, const std::function<Status(const Scored&)>& take);

}  // namespace kingpost::steps
