// SPDX-License-Identifier: Apache-2.0
// Linear models: ridge regression, solved exactly, and logistic regression by LIBLINEAR (Fan et al.
// 2008). Categorical columns are spread into one column per code, numeric ones brought to mean 0
// and deviation 1; both are folded back into the weights. One thread, rows in order: the same bits
// always.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "records/samples.h"
#include "records/trees.h"

namespace kingpost::linear {

using Data = records::Samples;

// Both fail with `linear.data_invalid`, naming the column, on NaN or infinity in a numeric column,
// on a categorical value that is no code, and on labels and weights that do not fit; with
// `linear.setting_invalid` on a penalty that is not above 0; with `linear.too_wide` when the codes
// of the categories need more columns than can be solved.

/// Minimises sum of weight * (label - score)^2 + alpha * |w|^2 over standardised columns; the
/// intercept is free. Weights also count for mean and deviation.
Result<records::LinearModel> fit_ridge(const Data& data, double alpha);

/// Minimises c * sum of log(1 + exp(-y * score)) + |w|^2 / 2 over standardised columns; the
/// intercept is all but free. Two classes give one output (of class 1) and a sigmoid; more give one
/// model per class against the rest. A class that no row has, or all have, gets a constant score.
/// Sample weights are refused with `linear.weights_unsupported`: LIBLINEAR takes none.
Result<records::LinearModel> fit_logistic(const Data& data, std::int32_t classes, double c);

}  // namespace kingpost::linear
