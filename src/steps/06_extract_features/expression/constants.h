// SPDX-License-Identifier: Apache-2.0
// Subexpressions without a column: the engine itself says what they are.
#pragma once

#include <string>

#include "base/json.h"
#include "steps/06_extract_features/expression/builder.h"

namespace kingpost::steps::extract_features::expression {

/// The value of SQL text without columns. Nothing when the engine cannot compute it, or its type
/// has no place in a feature; no fault is added.
MaybeTerm evaluate(Builder& builder, const std::string& sql);
/// The same of a parse tree.
MaybeTerm evaluate(Builder& builder, const Json& tree);
/// A plain literal of the parse tree, without asking the engine; nothing when it is something else.
MaybeTerm literal(Builder& builder, const Json& tree);

}  // namespace kingpost::steps::extract_features::expression
