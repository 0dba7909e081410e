// SPDX-License-Identifier: Apache-2.0
// Parts of a time, and what lies between two times, by the name of the part.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "steps/06_extract_features/expression/builder.h"

namespace kingpost::steps::extract_features::expression {

/// The functions that are called as a part: their names and usage.
const std::vector<std::pair<std::string_view, std::string_view>>& part_functions();

/// extract(name FROM time); of an interval only the epoch.
MaybeTerm time_part(Builder& builder, const std::string& name, const Span& span, const Term& time);
/// date_trunc.
MaybeTerm truncated(Builder& builder, const std::string& name, const Span& span, const Term& time);
/// date_diff of two times of one type.
MaybeTerm boundaries_between(Builder& builder, const std::string& name, const Span& span,
                             const Terms& times);
/// date_sub of two times of one type.
MaybeTerm whole_units_between(Builder& builder, const std::string& name, const Span& span,
                              const Terms& times);

}  // namespace kingpost::steps::extract_features::expression
