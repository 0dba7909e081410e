// SPDX-License-Identifier: Apache-2.0
#include "base/environment.h"

#include <cstdlib>

namespace kingpost {

Result<std::string> with_environment(std::string text, std::string_view id) {
  constexpr std::string_view kOpen = "${env:";
  std::size_t open = 0;
  while ((open = text.find(kOpen, open)) != std::string::npos) {
    const std::size_t from = open + kOpen.size();
    const std::size_t close = text.find('}', from);
    if (close == std::string::npos) break;
    const std::string name = text.substr(from, close - from);
    const char* const value = std::getenv(name.c_str());
    if (value == nullptr) {
      return fail(Code::kInvalidInput, id, "the environment variable {} is not set", name)
          .hint("export it before the command");
    }
    const std::string_view put = value;
    text.replace(open, close - open + 1, put);
    open += put.size();
  }
  return text;
}

}  // namespace kingpost
