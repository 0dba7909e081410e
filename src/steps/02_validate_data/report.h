// SPDX-License-Identifier: Apache-2.0
// What the step says: the report as JSON, and the verdict in words.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "steps/02_validate_data/scan.h"

namespace kingpost::steps::validate_data {

/// One check of the report.
Json finding_json(const Finding& finding);

/// `flights: unique(time_hour, carrier, flight): 24 of 336,776 rows fail, e.g. ...`.
std::string finding_line(const Finding& finding);

/// The error that ends the run, when any finding asks for it.
std::optional<Error> verdict_of(const std::vector<Finding>& findings);

}  // namespace kingpost::steps::validate_data
