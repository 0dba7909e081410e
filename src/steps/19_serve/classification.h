// SPDX-License-Identifier: Apache-2.0
// The protocol's classification extension: an output's greatest values instead of all.
#pragma once

#include "base/json.h"
#include "base/result.h"
#include "records/inference.h"

namespace kingpost::steps::serve {

/// Of each output that `request` wants as so many classes, the greatest values of each row become
/// texts "value:index", with ":label" where `signature` names as many classes as the row has
/// values. Equal values come in the order of their index, NaN last. Fails with `serve.not_classes`
/// for an output that is no numbers.
Status classify(const records::InferRequest& request, const Json& signature,
                records::InferResponse& response);

}  // namespace kingpost::steps::serve
