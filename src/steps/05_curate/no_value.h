// SPDX-License-Identifier: Apache-2.0
// A curated row says "no value" in one way: null. NaN and the empty text are made null when the row
// is written, and counted, because a graph cannot tell them apart.
#pragma once

#include <map>
#include <set>
#include <string>

#include "steps/step.h"

namespace kingpost::steps::curate {

/// Columns of `table` among `columns` that hold NaN or empty texts, with how many.
Result<std::map<std::string, std::int64_t>> count_no_value(RunContext& context,
                                                           const records::Table& table,
                                                           const std::set<std::string>& columns);

/// `value`, a column of the type, with NaN or "" as null.
std::string null_for_no_value(const std::string& value, std::string_view type);

}  // namespace kingpost::steps::curate
