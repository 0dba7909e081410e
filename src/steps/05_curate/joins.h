// SPDX-License-Identifier: Apache-2.0
// The joins of curate. A join never changes the number of rows on the left and never takes a value
// that was not known at the moment of prediction.
#pragma once

#include <string>
#include <vector>

#include "steps/step.h"

namespace kingpost::steps::curate {

/// What a join's section says, with the tables' schemas looked up.
struct Join {
  const Node* node = nullptr;
  std::string table;
  std::vector<std::string> left;
  std::vector<std::string> right;
  /// Columns taken, and their names afterwards.
  std::vector<std::string> take;
  std::vector<std::string> names;
  std::string asof;
  std::optional<Micros> ttl;
};
std::vector<Join> joins_of(const Node& section);

/// Fails with `curate.join_not_unique` or `curate.asof_tie` and examples.
Status assert_unique(RunContext& context, const Join& join);

/// SELECT of all rows of `left_query` (columns `_kp_row`, `_kp_predict`, ...) with two columns
/// more: `_kp_id_<index>`, the number of the right row that matches or null, and
/// `_kp_null_<index>`, whether a match column is null. `with_taken` adds the taken columns. Order
/// is not kept.
std::string join_query(const RunContext& context, const Join& join, std::size_t index,
                       const std::string& left_query, bool with_taken);

}  // namespace kingpost::steps::curate
