// SPDX-License-Identifier: Apache-2.0
// Files that the program carries in itself; cmake/embedded.cmake lists them.
#pragma once

#include <string_view>

namespace kingpost::steps::serve {

/// The bytes of "model.html" and so on; empty for a name that is not embedded.
std::string_view embedded(std::string_view name);

}  // namespace kingpost::steps::serve
