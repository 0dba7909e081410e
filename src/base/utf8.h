// SPDX-License-Identifier: Apache-2.0
// What counts as UTF-8, and its byte order mark.
#pragma once

#include <string_view>

namespace kingpost {

/// Table 3-7 of the Unicode standard: no overlong forms, no surrogates, nothing above U+10FFFF.
bool is_utf8(std::string_view text);

/// A text without the byte order mark that it may begin with.
std::string_view without_bom(std::string_view text);

}  // namespace kingpost
