// SPDX-License-Identifier: Apache-2.0
// From a parse tree of the engine to terms.
#pragma once

#include <functional>
#include <string>

#include "base/json.h"
#include "steps/06_extract_features/expression/builder.h"
#include "steps/06_extract_features/expression/functions/functions.h"

namespace kingpost::steps::extract_features::expression {

class Walk {
 public:
  /// `column` answers the term of a column by its name.
  Walk(Builder& builder, std::function<MaybeTerm(const std::string&)> column)
      : builder_(builder), column_(std::move(column)) {}

  MaybeTerm term(const Json& tree);

 private:
  MaybeTerm made(const Json& tree);
  MaybeTerm constant(const Json& tree);
  MaybeTerm function(const Json& tree);
  MaybeTerm operation(const Json& tree);
  MaybeTerm comparison(const Json& tree);
  MaybeTerm conjunction(const Json& tree);
  MaybeTerm between(const Json& tree);
  MaybeTerm choice(const Json& tree);
  MaybeTerm cast(const Json& tree);
  MaybeTerm membership(const Terms& args, bool negated);
  MaybeTerm coalesce(const Terms& args);
  MaybeTerm nullif(const Terms& args);
  std::optional<Terms> terms(const Json& list);
  /// A boolean for a condition; else a refusal.
  MaybeTerm condition(const Json& tree);

  Builder& builder_;
  std::function<MaybeTerm(const std::string&)> column_;
};

}  // namespace kingpost::steps::extract_features::expression
