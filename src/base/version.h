// SPDX-License-Identifier: Apache-2.0
// The version of this program.
#pragma once

#include <string_view>

namespace kingpost {

/// "0.1.0".
std::string_view kingpost_version();

}  // namespace kingpost
