// SPDX-License-Identifier: Apache-2.0
// Rules that look at columns alone, not at the target.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/node.h"
#include "steps/training_rows.h"

namespace kingpost::steps::select_features {

struct Rules {
  std::set<std::string> drop = {"constant", "near_empty", "duplicated", "correlated"};
  double near_empty_below = 0.01;
  double correlated_above = 0.98;
  /// Features or columns by name.
  std::set<std::string> always;
  std::set<std::string> never;
  /// Features kept at most, by permutation importance; 0 for all.
  std::int64_t most = 0;
  double alarm_share = 0.6;
};
/// `section` may be null.
Rules rules_of(const Node& section);

struct Verdict {
  std::string column;
  std::string feature;
  bool kept = true;
  /// The rule that decided; empty for a column that none touched.
  std::string rule;
  /// What the rule looks at; nothing where it is no number.
  std::optional<double> number;
  std::string words;
};

/// One verdict per column of the matrix. Of two equal or correlated columns the later goes, unless
/// it is always kept. Numbers are computed in the order of the rows.
std::vector<Verdict> judge_columns(const Matrices& matrices, std::int32_t fold, const Rules& rules);

/// Whether the list names the column or its feature.
bool names(const std::set<std::string>& list, const records::FeatureColumn& column);

}  // namespace kingpost::steps::select_features
