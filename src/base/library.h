// SPDX-License-Identifier: Apache-2.0
// Where libraries that are opened at run time are looked for.
#pragma once

#include <string>

namespace kingpost {

/// The path of a shared library: in the folder that KINGPOST_DRIVERS names, in `lib` beside the
/// program, or in `../lib`; an empty text when it is in none of them.
std::string find_library(const std::string& file);

}  // namespace kingpost
