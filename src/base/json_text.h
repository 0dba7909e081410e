// SPDX-License-Identifier: Apache-2.0
// Texts as JSON (RFC 8259) has them, for what is written piece by piece.
#pragma once

#include <string>
#include <string_view>

namespace kingpost {

/// `text` in quotes; bytes that are not UTF-8 become U+FFFD.
void add_json_text(std::string& out, std::string_view text);

}  // namespace kingpost
