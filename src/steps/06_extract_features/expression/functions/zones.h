// SPDX-License-Identifier: Apache-2.0
// A time zone as the engine knows it: its offset from UTC as a step function of time.
#pragma once

#include <optional>
#include <string>

#include "engines/sql/session.h"
#include "steps/06_extract_features/expression/builder.h"

namespace kingpost::steps::extract_features::expression {

enum class Direction { kToLocal, kToUtc };

/// What is added to a time in microseconds to go in `direction`, over the 285 years around 1970
/// that a float64 holds. Nothing when the engine does not know the zone. Found once per process.
std::optional<Steps> zone_offsets(sql::Session& session, const std::string& zone,
                                  Direction direction);

}  // namespace kingpost::steps::extract_features::expression
