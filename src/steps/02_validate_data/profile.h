// SPDX-License-Identifier: Apache-2.0
// A table's profile: what each column holds, and sketches of its distribution from a bounded
// sample.
#pragma once

#include "steps/02_validate_data/scan.h"

namespace kingpost::steps::validate_data {

/// The aggregates of the profile that ride on the one scan.
Part profile_part(const TableFacts& facts);

/// The profile as JSON: one object per column. Reads the sample.
Result<Json> read_profile(RunContext& context, const TableFacts& facts, const Part& part);

/// The rows and row groups of the sample, for the report.
Json sample_words(const TableFacts& facts);

}  // namespace kingpost::steps::validate_data
