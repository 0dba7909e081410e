// SPDX-License-Identifier: Apache-2.0
// Counts, ends, quantiles and moments of the number features, in one pass over the training rows.
#pragma once

#include <string>
#include <vector>

#include "steps/06_extract_features/fit.h"

namespace kingpost::steps::extract_features {

/// Number features and where their fits go, in the same order.
struct Numbers {
  std::vector<const Treatment*> features;
  std::vector<NumberFit*> fits;
};

/// With several threads no statement of `session` itself is run, so that others may be meanwhile.
/// Errors as those of fit_features, and `engine.query_failed`, which is for blame_for_fit.
Status fit_numbers(sql::Session& session, const FitRows& rows, const Numbers& numbers);

/// The value of a number feature, as SQL: a double, null or NaN where missing.
std::string number_sql(const Treatment& feature);

/// The error of a query over the expressions of `all`; where it is one of the values, it names the
/// first feature whose expression alone makes a query fail. Requires: `all` is not empty.
Error blame_for_fit(sql::Session& session, const FitRows& rows,
                    const std::vector<const Treatment*>& all, const Error& error);

}  // namespace kingpost::steps::extract_features
