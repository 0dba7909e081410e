// SPDX-License-Identifier: Apache-2.0
// The number of each row goes along and is looked at.
#include "steps/ordered_rows.h"

#include <utility>

#include "base/text.h"

namespace kingpost::steps {

Status Ascending::take(const std::vector<double>& numbers) {
  for (const double number : numbers) {
    if (number <= last_) {
      return fail(Code::kInternal, "engine.rows_unordered", "row {} of a table came after row {}",
                  number, last_);
    }
    last_ = number;
  }
  return {};
}

Status stream_in_order(sql::Session& session, const OrderedRows& rows, const TakeBatch& take) {
  const std::string where = rows.where.empty() ? std::string() : " WHERE " + rows.where;
  Ascending order;
  return session.stream(
      format("SELECT {}, file_row_number AS _kp_number FROM {}{}", rows.items, rows.from, where),
      [&](records::Batch& batch) -> Status {
        TRY_STATUS(order.take(batch.columns.back().numbers));
        records::BatchColumn numbers = std::move(batch.columns.back());
        batch.columns.pop_back();
        TRY_STATUS(take(batch));
        batch.columns.push_back(std::move(numbers));
        return {};
      });
}

}  // namespace kingpost::steps
