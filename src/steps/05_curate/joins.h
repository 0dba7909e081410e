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

/// One join's outcome for the report.
struct JoinCount {
  std::int64_t rows = 0;
  std::int64_t matched = 0;
  /// Left rows in which a match column is null.
  std::int64_t null_keys = 0;
};

/// Fails with `curate.join_not_unique` or `curate.asof_tie` and examples.
Status assert_unique(RunContext& context, const Join& join);

/// SELECT of all rows of `left_query` (columns `_kp_row`, `_kp_predict`, ...) with the taken
/// columns and a boolean `_kp_matched_<index>`. Order is not kept.
std::string join_query(const RunContext& context, const Join& join, std::size_t index,
                       const std::string& left_query);

}  // namespace kingpost::steps::curate
