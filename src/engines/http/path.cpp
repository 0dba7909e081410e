// SPDX-License-Identifier: Apache-2.0
#include "engines/http/path.h"

#include "base/text.h"

namespace kingpost::http {
namespace {

int hex(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  const char small = static_cast<char>(digit | 0x20);
  return small >= 'a' && small <= 'f' ? small - 'a' + 10 : -1;
}

std::optional<std::string> decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const bool has_digits = i + 2 < text.size();
    const int high = has_digits ? hex(text[i + 1]) : -1;
    const int low = has_digits ? hex(text[i + 2]) : -1;
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

}  // namespace

std::optional<std::vector<std::string>> parts_of(std::string_view path) {
  if (path.empty() || path[0] != '/') return std::nullopt;
  std::vector<std::string> out;
  for (const std::string& part : split(path.substr(1), '/')) {
    auto plain = decoded(part);
    if (!plain) return std::nullopt;
    out.push_back(std::move(*plain));
  }
  if (out.size() > 1 && out.back().empty()) out.pop_back();
  return out;
}

}  // namespace kingpost::http
