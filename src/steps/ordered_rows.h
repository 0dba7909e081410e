// SPDX-License-Identifier: Apache-2.0
// Rows of a sealed table in the order of its file, without a sort.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "engines/sql/session.h"
#include "records/tensor.h"

namespace kingpost::steps {

using TakeBatch = std::function<Status(records::Batch&)>;

/// Columns of a numbered table (`from_table(..., true)`), of the rows where a condition holds; an
/// empty one holds for all.
struct OrderedRows {
  std::string items;
  std::string from;
  std::string where{};
};

/// Hands the rows over as Session::stream does. The engine keeps the order of a plain scan; should
/// it ever not, that is the internal error `engine.rows_unordered`.
Status stream_in_order(sql::Session& session, const OrderedRows& rows, const TakeBatch& take);

/// Takes row numbers, batch by batch, as long as they ascend.
class Ascending {
 public:
  Status take(const std::vector<double>& numbers);

 private:
  double last_ = -1;
};

}  // namespace kingpost::steps
