// SPDX-License-Identifier: Apache-2.0
// Splits by category as thresholds. A column of codes is looked up in tables of ranks, in each of
// which the codes of some splits stand before the codes that go the other way. The runtime would
// search a hash set for every split; a threshold is its fastest test, if it is the only one.
#pragma once

#include <cstdint>
#include <vector>

#include "records/trees.h"

namespace kingpost::onnx {

/// Ranks of the codes of one feature, [codes + 1, width]; the last row is for all that is no code:
/// NaN, -1 and below, beyond the others.
struct RankTable {
  std::int32_t feature = 0;
  std::vector<float> ranks;
};

/// `trees` decide as the ensemble, over the features and, behind them, `width` looked-up columns of
/// each table.
struct OrderedTrees {
  records::TreeEnsemble trees;
  std::int64_t width = 0;
  std::vector<RankTable> tables;
};

/// Fractions count as the whole number towards 0. Splits stay sets where the tables would have more
/// than 2^20 ranks or 4096 columns, or a feature more than 4096 codes.
OrderedTrees order_categories(records::TreeEnsemble ensemble);

}  // namespace kingpost::onnx
