// SPDX-License-Identifier: Apache-2.0
#include "base/json_text.h"

#include "base/utf8.h"

namespace kingpost {

void add_json_text(std::string& out, std::string_view text) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  if (!is_utf8(text)) {
    // What is not ASCII cannot be told.
    std::string plain;
    for (const char c : text)
      plain += static_cast<unsigned char>(c) < 0x80 ? std::string(1, c) : "\xEF\xBF\xBD";
    return add_json_text(out, plain);
  }
  out.push_back('"');
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (byte < 0x20) {
      out += "\\u00";
      out.push_back(kHex[byte / 16]);
      out.push_back(kHex[byte % 16]);
    } else {
      out.push_back(c);
    }
  }
  out.push_back('"');
}

}  // namespace kingpost
