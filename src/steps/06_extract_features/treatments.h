// SPDX-License-Identifier: Apache-2.0
// The features that a file asks for, or that its columns suggest, each as what is done to it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/node.h"
#include "records/features.h"
#include "records/schema.h"

namespace kingpost::steps::extract_features {

enum class Kind { kNumber, kCategory, kCyclic };
enum class Missing { kMedian, kMean, kConstant, kKeep };
enum class Scale { kNone, kZscore, kRobust };
enum class Encode { kNative, kOneHot, kOrdinal, kFrequency, kTarget };

struct Treatment {
  std::string name;
  /// The feature of the file: that of a part of a time is the time's.
  std::string feature;
  Kind kind = Kind::kNumber;
  /// A scalar whose text is the SQL expression; its mark is where the user wrote it.
  Node expression;
  /// Set when the expression is just this column.
  std::string column;
  bool is_boolean = false;
  /// Not asked for by the file: left out where its values show that it is no category.
  bool suggested = false;

  Missing missing = Missing::kMedian;
  double fill = 0;
  bool indicator = true;
  Scale scale = Scale::kNone;
  bool log1p = false;
  std::optional<double> clip_min;
  std::optional<double> clip_max;

  Encode encode = Encode::kNative;
  std::int64_t min_count = 1;
  std::int64_t max_levels = 1000;
  double smoothing = 10;
  bool unseen_is_missing = false;
  bool missing_is_other = false;

  std::int64_t period = 0;
};

/// A column that makes no feature, and why, in words.
struct LeftOut {
  std::string column;
  std::string why;
};

/// What the section asks for; with no `columns` in it, one feature for each column of a curated row
/// that is fit for it. `columns` are those of the table `training`; `held_back` are no features by
/// themselves: the target, the split's, weights.
struct Treatments {
  std::vector<Treatment> features;
  std::vector<LeftOut> left_out;
};

/// Asked for the type of the expression of a time, since only of an instant are the parts those of
/// a clock in `tz`; "" where it has none.
using TypeOf = std::function<std::string(const Node& expression)>;
Treatments treatments_of(const Node& section, const records::TableSchema& columns,
                         const std::vector<std::string>& held_back, const TypeOf& type_of);

}  // namespace kingpost::steps::extract_features
