// SPDX-License-Identifier: Apache-2.0
// Environment variables in texts of the pipeline file, put in at the moment of use.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace kingpost {

/// `text` with each ${env:NAME} replaced by that variable, whose value is taken as it stands. Fails
/// with `id` where a variable is not set, naming it. Requires: each ${ has its }.
Result<std::string> with_environment(std::string text, std::string_view id);

}  // namespace kingpost
