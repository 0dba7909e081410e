// SPDX-License-Identifier: Apache-2.0
// LightGBM's text format (version v4) as plain trees.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "records/trees.h"

namespace kingpost::lightgbm {

/// The trees decide for every float32 row as LightGBM does, and their leaves hold its values. Node
/// i is LightGBM's inner node i, and node (inner nodes + i) its leaf i. Covers are numbers of rows.
/// Fails with `lightgbm.malformed_model`, or `lightgbm.unsupported_model` (linear leaves, averaged
/// output, zero as missing, an objective whose link is not one of ours).
Result<records::TreeEnsemble> parse_model(std::string_view text);

/// The largest float32 that is not above a double, so that for float32 values `value <= threshold`
/// stays what it is. Requires: not NaN.
float float_not_above(double value);

/// Of the trees and of what they were trained with: the sha256 of the text before `parameters:` and
/// of `parameters` in canonical form. LightGBM's own block also names threads.
std::string model_digest(std::string_view text, const Json& parameters);

}  // namespace kingpost::lightgbm
