// SPDX-License-Identifier: Apache-2.0
// Rows of a query through a graph: the one way in which matrices and evaluations are made.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "engines/onnx/runtime.h"
#include "engines/sql/session.h"
#include "steps/ordered_rows.h"

namespace kingpost::steps {

/// Some rows, and what the graph answers for them: one tensor per output of the model.
struct Scored {
  /// Number of the first row, from 0.
  std::int64_t first = 0;
  const records::Batch& batch;
  const std::vector<records::Tensor>& outputs;
};

/// Hands batches of rows over until there are no more, or until it is answered an error.
using RowSource = std::function<Status(const TakeBatch&)>;

/// Runs the rows of `source` through `model` on `threads` threads (0: as many as the machine has)
/// and hands them to `take` in their order, some ten thousand at a time, on a thread of its own
/// while the source goes on; memory does not grow with the number of rows. The answers do not
/// depend on the number of threads. Ends with the error of the source, of the model or of `take`.
Status score_rows(const RowSource& source, const onnx::Model& model, int threads,
                  const std::function<Status(const Scored&)>& take);
/// The rows of a query.
Status score_rows(sql::Session& session, const std::string& query, const onnx::Model& model,
                  int threads, const std::function<Status(const Scored&)>& take);

}  // namespace kingpost::steps
