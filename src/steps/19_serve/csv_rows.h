// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

#include "base/arena.h"
#include "base/result.h"
#include "protocols/scoring/scoring_reader.h"

namespace kingpost::steps::serve {

/// CSV (RFC 4180) in UTF-8 with the names of fields in its first record; an empty field is null.
/// Texts lie in `body` and in `arena`. Fails with `infer.csv_malformed`.
Result<scoring::Rows> rows_of_csv(std::string_view body,
                                  std::span<const scoring::WantedField> fields, Arena& arena);

}  // namespace kingpost::steps::serve
