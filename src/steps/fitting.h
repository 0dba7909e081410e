// SPDX-License-Identifier: Apache-2.0
// What the metric of the file asks of a training library, and raw scores as answers.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engines/lightgbm/lightgbm.h"
#include "records/features.h"
#include "records/trees.h"

namespace kingpost::steps {

/// Objective, number of classes and the metric of early stopping. The objective follows the metric:
/// mae and its kin ask for l1, rmse and its kin for l2, mape for mape; classes for logloss. Early
/// stopping goes by auc and pr_auc themselves where they are the metric.
lightgbm::Settings boosting_settings(const records::Target& target, std::string_view metric);

/// Columns of the scores: 1, or the number of classes.
std::int32_t outputs_of(const records::Target& target);

/// Raw scores [rows, outputs] to values or probabilities, in double precision.
std::vector<double> linked(records::Link link, std::vector<double> raw, std::int32_t outputs);

}  // namespace kingpost::steps
