// SPDX-License-Identifier: Apache-2.0
// CAST and TRY_CAST: what does not fit is null in both.
#pragma once

#include "steps/06_extract_features/expression/builder.h"

namespace kingpost::steps::extract_features::expression {

MaybeTerm cast_to(Builder& builder, const Term& term, const Type& to);

}  // namespace kingpost::steps::extract_features::expression
